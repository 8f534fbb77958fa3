"""Questions that a brand keeps: saved searches, which are collections that fill themselves, and
golden questions, of which the right answers are known. Every change to one goes through here."""

from __future__ import annotations

from collections.abc import Collection as Some
from dataclasses import replace

from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils import timezone

from assetbank import access
from assetbank.errors import NotAllowed
from assetbank.models import Asset, Brand, Collection, Membership
from assetbank.text import clean_text
from search.errors import InvalidQuestion
from search.forms import read_question
from search.models import GoldenQuestion, PictureQuestion, SavedSearch, SavedSearchVisit
from search.questions import Question, Shown

LONGEST_NAME = 120
MOST_EXPECTED = 200  # assets of one golden question
LONGEST_PINNED = 2_600  # characters of its address, which is unique: an index takes no longer ones


def saved_searches(person: access.Person) -> QuerySet[SavedSearch]:
    """Those of the brands that `person` belongs to."""
    seen = SavedSearch.objects.filter(brand__in=access.brands(person))
    return seen.select_related("brand", "created_by").order_by("brand__name", "name", "id")


def golden_questions(person: access.Person) -> QuerySet[GoldenQuestion]:
    seen = GoldenQuestion.objects.filter(brand__in=access.brands(person))
    return seen.select_related("brand", "created_by").order_by("brand__name", "id")


def may_change(person: access.Person, saved: SavedSearch) -> bool:
    """Who made it, while they may add to the brand, and its managers."""
    if access.may_manage(person, saved.brand):
        return True
    return saved.created_by_id == person.pk and access.may_create(person, saved.brand)


def require_change(person: access.Person, saved: SavedSearch) -> None:
    if not may_change(person, saved):
        raise NotAllowed(f"Only who saved “{saved}” and managers of {saved.brand} may do this.")


def key(question: Question) -> str:
    """As it is kept: without brands, since it is always asked within the brand that keeps it."""
    return replace(question, filters=question.filters.without("brands")).address()


def question_of(kept: SavedSearch | GoldenQuestion, person: access.Person) -> Question:
    """What it asks, of its brand. Raises InvalidQuestion when it cannot be asked any more."""
    return read_question(kept.question, person=person).within(kept.brand)


def address_of(kept: SavedSearch | GoldenQuestion) -> str:
    """The same as the parameters of an address, whether it can be asked or not."""
    brand = Question().within(kept.brand).address()
    return f"{kept.question}&{brand}" if kept.question else brand


# ------------------------------------------------------------------------ saved searches


@transaction.atomic
def save(*, brand: Brand, name: str, question: Question, by: User) -> SavedSearch:
    """Raises InvalidQuestion: for a name that is empty, too long or taken in the brand, for a
    question that asks nothing, or one that not everybody in the brand could ask."""
    if not key(question):
        raise InvalidQuestion("Ask something or choose a filter first: this would be everything.")
    saved = SavedSearch(
        brand=brand, name=_name(name), question=key(_kept_by(brand, question)), created_by=by
    )
    _write(saved)
    visit(saved=saved, person=by)
    return saved


@transaction.atomic
def change(
    *, saved: SavedSearch, name: str | None = None, question: Question | None = None
) -> SavedSearch:
    """Raises InvalidQuestion as `save`."""
    before = saved.question
    if name is not None:
        saved.name = _name(name)
    if question is not None:
        if not key(question):
            raise InvalidQuestion("Ask something or choose a filter: this would be everything.")
        saved.question = key(_kept_by(saved.brand, question))
    _write(saved)
    if saved.question != before:
        _release(saved.brand, before)
    return saved


@transaction.atomic
def delete(*, saved: SavedSearch) -> None:
    """What it found stays."""
    saved.delete()
    _release(saved.brand, saved.question)


@transaction.atomic
def merged(kept: Asset, copies: Some[Asset]) -> None:
    """What asks with a copy asks with the picture that it was merged into: a copy in the archive
    cannot be asked with by all. Golden questions stay, for they may expect just that picture."""
    gone = {str(copy.pk) for copy in copies}
    rows = SavedSearch.objects.select_for_update().filter(brand=kept.brand)
    for saved in rows.filter(question__contains="like="):
        given = QueryDict(saved.question, mutable=True)
        shown = [text.partition("*") for text in given.getlist("like")]
        if gone.isdisjoint(asset for asset, _, _ in shown):
            continue
        asked: dict[str, str] = {}  # each picture once
        for asset, star, weight in shown:
            now = str(kept.pk) if asset in gone else asset
            asked.setdefault(now, now + star + weight)
        given.setlist("like", list(asked.values()))
        saved.question = given.urlencode()
        saved.save(update_fields=["question"])
    parts = PictureQuestion.objects.filter(brand=kept.brand, asset__in=copies)
    parts.update(asset=kept)


def visit(*, saved: SavedSearch, person: User) -> None:
    """`person` looks at it now: only what comes in from here on is new to them."""
    SavedSearchVisit.objects.update_or_create(
        saved_search=saved, person=person, defaults={"visited_at": timezone.now()}
    )
    cache.delete(news_key(person))


def news_key(person: access.Person) -> str:
    """Of the cache: whether something new waits for this person."""
    return f"saved-search-news:{person.pk}"


def _name(name: str) -> str:
    name = " ".join(clean_text(name).split())
    if not name or len(name) > LONGEST_NAME:
        raise InvalidQuestion(f"A saved search has a name of at most {LONGEST_NAME} characters.")
    return name


def _write(saved: SavedSearch) -> None:
    try:
        with transaction.atomic():
            saved.save()
    except IntegrityError as error:
        raise InvalidQuestion(
            f"{saved.brand} has a saved search “{saved.name}” already: choose another name."
        ) from error


# ------------------------------------------------------------------------ golden questions


@transaction.atomic
def pin(*, brand: Brand, question: Question, expected: Some[Asset], by: User) -> GoldenQuestion:
    """Raises InvalidQuestion: without words and pictures nothing is ranked, and there must be
    assets to expect, all of the brand."""
    if question.browsing:
        raise InvalidQuestion(
            "A golden question has words or a picture: filters alone put nothing in order."
        )
    kept = key(_kept_by(brand, question))
    if len(kept) > LONGEST_PINNED:
        raise InvalidQuestion("This is too long to be pinned: ask it in fewer words.")
    golden = GoldenQuestion(brand=brand, question=kept, created_by=by)
    chosen = _expected(brand, expected)
    try:
        with transaction.atomic():
            golden.save()
    except IntegrityError as error:
        raise InvalidQuestion(
            f"{brand} has this golden question already: change that one."
        ) from error
    golden.expected.set(chosen)
    return golden


@transaction.atomic
def expect(*, golden: GoldenQuestion, expected: Some[Asset]) -> None:
    """Other assets than before. Raises InvalidQuestion as `pin`."""
    golden.expected.set(_expected(golden.brand, expected))
    golden.measured = {}  # of other answers
    golden.save(update_fields=["measured"])


@transaction.atomic
def unpin(*, golden: GoldenQuestion) -> None:
    golden.delete()
    _release(golden.brand, golden.question)


def _expected(brand: Brand, assets: Some[Asset]) -> list[Asset]:
    if not 0 < len(assets) <= MOST_EXPECTED:
        raise InvalidQuestion(
            f"Choose the pictures that it should find: one at least, at most {MOST_EXPECTED}."
        )
    if foreign := next((asset for asset in assets if asset.brand_id != brand.pk), None):
        raise InvalidQuestion(f"“{foreign}” belongs to another brand than {brand}.")
    return list(assets)


# ------------------------------------------------------------------------ what a brand can ask


def _kept_by(brand: Brand, question: Question) -> Question:
    """The question as everybody in the brand can ask it; pictures that somebody showed become the
    brand's, and are not forgotten after a day. Raises InvalidQuestion."""
    filters = question.filters
    if filters.brands and brand.slug not in filters.brands:
        raise InvalidQuestion(f"This asks for pictures of another brand than {brand}.")
    foreign = Asset.objects.filter(pk__in=question.assets).exclude(brand=brand).first()
    if foreign:
        raise InvalidQuestion(f"“{foreign}” belongs to another brand: not all could ask this.")
    inside = Collection.objects.filter(brand=brand)
    if filters.collection is not None and not inside.filter(pk=filters.collection).exists():
        raise InvalidQuestion(f"This collection belongs to another brand than {brand}.")
    members = Membership.objects.filter(brand=brand)
    if filters.created_by is not None and not members.filter(user=filters.created_by).exists():
        raise InvalidQuestion(f"This asks for pictures of somebody who is not in {brand}.")
    return replace(question, shown=tuple(_adopted(brand, shown) for shown in question.shown))


def _adopted(brand: Brand, shown: Shown) -> Shown:
    if shown.picture is None:
        return shown
    picture = PictureQuestion.objects.select_for_update().filter(pk=shown.picture).first()
    if picture is None:
        raise InvalidQuestion("This picture is not kept any more: please show it again.")
    if picture.brand_id not in (None, brand.pk):  # another brand keeps it: a copy of one's own
        picture = PictureQuestion.objects.create(
            asset_id=picture.asset_id,
            fingerprint=picture.fingerprint,
            vector_bytes=picture.vector_bytes,
            thumbnail=picture.thumbnail,
        )
    PictureQuestion.objects.filter(pk=picture.pk).update(brand=brand)
    return replace(shown, picture=picture.pk)


def _release(brand: Brand, question: str) -> None:
    """Pictures in it are forgotten like any other, unless another kept question holds them."""
    for text in QueryDict(question).getlist("picture"):
        picture = text.partition("*")[0]
        kept = (model.objects.filter(brand=brand) for model in (SavedSearch, GoldenQuestion))
        if not any(rows.filter(question__contains=picture).exists() for rows in kept):
            PictureQuestion.objects.filter(pk=picture, brand=brand).update(brand=None)

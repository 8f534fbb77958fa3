"""Questions that a brand keeps: saved searches, which are collections that fill themselves, and
golden questions, of which the right answers are known. Every change to one goes through here."""

from __future__ import annotations

from collections.abc import Collection as Some

from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils import timezone

from assetbank import permissions
from assetbank.errors import NotAllowed
from assetbank.models import Asset, Brand
from assetbank.text import clean_text
from search.errors import InvalidQuery
from search.models import PictureQuestion, SavedSearch, SavedSearchVisit
from search.query import SearchQuery
from search.saved.stored_query import for_brand, query_key, release_images

MAX_NAME_LENGTH = 120


def saved_searches(person: permissions.AnyUser) -> QuerySet[SavedSearch]:
    """Those of the brands that `person` belongs to."""
    seen = SavedSearch.objects.filter(brand__in=permissions.brands(person))
    return seen.select_related("brand", "created_by").order_by("brand__name", "name", "id")


def may_change(person: permissions.AnyUser, saved: SavedSearch) -> bool:
    """Who made it, while they may add to the brand, and its managers."""
    if permissions.can_manage(person, saved.brand):
        return True
    return saved.created_by_id == person.pk and permissions.can_edit(person, saved.brand)


def require_change(person: permissions.AnyUser, saved: SavedSearch) -> None:
    if not may_change(person, saved):
        raise NotAllowed(f"Only who saved “{saved}” and managers of {saved.brand} may do this.")


# ------------------------------------------------------------------------ saved searches


@transaction.atomic
def save_search(*, brand: Brand, name: str, question: SearchQuery, by: User) -> SavedSearch:
    """Raises InvalidQuestion: for a name that is empty, too long or taken in the brand, for a
    question that asks nothing, or one that not everybody in the brand could ask."""
    if not query_key(question):
        raise InvalidQuery("Ask something or choose a filter first: this would be everything.")
    saved = SavedSearch(
        brand=brand, name=_name(name), question=query_key(for_brand(brand, question)), created_by=by
    )
    _write(saved)
    record_visit(saved=saved, person=by)
    return saved


@transaction.atomic
def change_search(
    *, saved: SavedSearch, name: str | None = None, question: SearchQuery | None = None
) -> SavedSearch:
    """Raises InvalidQuestion as `save`."""
    before = saved.question
    if name is not None:
        saved.name = _name(name)
    if question is not None:
        if not query_key(question):
            raise InvalidQuery("Ask something or choose a filter: this would be everything.")
        saved.question = query_key(for_brand(saved.brand, question))
    _write(saved)
    if saved.question != before:
        release_images(saved.brand, before)
    return saved


@transaction.atomic
def delete_search(*, saved: SavedSearch) -> None:
    """What it found stays."""
    saved.delete()
    release_images(saved.brand, saved.question)


@transaction.atomic
def follow_merge(kept: Asset, copies: Some[Asset]) -> None:
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


def record_visit(*, saved: SavedSearch, person: User) -> None:
    """`person` looks at it now: only what comes in from here on is new to them."""
    SavedSearchVisit.objects.update_or_create(
        saved_search=saved, person=person, defaults={"visited_at": timezone.now()}
    )
    cache.delete(updates_cache_key(person))


def updates_cache_key(person: permissions.AnyUser) -> str:
    """Of the cache: whether something new waits for this person."""
    return f"saved-search-news:{person.pk}"


def _name(name: str) -> str:
    name = " ".join(clean_text(name).split())
    if not name or len(name) > MAX_NAME_LENGTH:
        raise InvalidQuery(f"A saved search has a name of at most {MAX_NAME_LENGTH} characters.")
    return name


def _write(saved: SavedSearch) -> None:
    try:
        with transaction.atomic():
            saved.save()
    except IntegrityError as error:
        raise InvalidQuery(
            f"{saved.brand} has a saved search “{saved.name}” already: choose another name."
        ) from error

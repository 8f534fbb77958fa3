"""Saved searches: queries that a brand saves. Every change to one goes through here."""

from __future__ import annotations

from collections.abc import Collection

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
from search.models import QueryImage, SavedSearch, SavedSearchVisit
from search.query import SearchQuery
from search.saved.stored_query import for_brand, query_key, release_images

MAX_NAME_LENGTH = 120  # characters


def saved_searches(person: permissions.AnyUser) -> QuerySet[SavedSearch]:
    """Return the saved searches of the brands that `person` belongs to."""
    seen = SavedSearch.objects.filter(brand__in=permissions.brands(person))
    return seen.select_related("brand", "created_by").order_by("brand__name", "name", "id")


def may_change(person: permissions.AnyUser, saved: SavedSearch) -> bool:
    """Return True if the user may change the saved search.

    They manage its brand, or created it and may still edit in the brand.
    """
    if permissions.can_manage(person, saved.brand):
        return True
    return saved.created_by_id == person.pk and permissions.can_edit(person, saved.brand)


def require_change(person: permissions.AnyUser, saved: SavedSearch) -> None:
    """Raise NotAllowed unless `person` may change the saved search."""
    if not may_change(person, saved):
        raise NotAllowed(
            f"Only the user who saved “{saved}” and managers of {saved.brand} can do this."
        )


@transaction.atomic
def save_search(*, brand: Brand, name: str, question: SearchQuery, by: User) -> SavedSearch:
    """Save a search.

    Raises InvalidQuery for a name that is empty, too long or taken in the brand, for an empty
    query, or for one that not every member of the brand could run.
    """
    if not query_key(question):
        raise InvalidQuery(
            "Enter a search or choose a filter first: without them, every asset matches."
        )
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
    """Change the name, the query, or both. Raises InvalidQuery as `save_search`."""
    before = saved.question
    if name is not None:
        saved.name = _name(name)
    if question is not None:
        if not query_key(question):
            raise InvalidQuery(
                "Enter a search or choose a filter: without them, every asset matches."
            )
        saved.question = query_key(for_brand(saved.brand, question))
    _write(saved)
    if saved.question != before:
        release_images(saved.brand, before)
    return saved


@transaction.atomic
def delete_search(*, saved: SavedSearch) -> None:
    """Delete a saved search, and release its query images. The assets that it finds stay."""
    saved.delete()
    release_images(saved.brand, saved.question)


@transaction.atomic
def follow_merge(kept: Asset, copies: Collection[Asset]) -> None:
    """Replace merged copies as query images by the asset that they were merged into.

    An archived copy is not visible to every member. Golden queries stay, for they may expect
    exactly that copy.
    """
    merged = {str(copy.pk) for copy in copies}
    rows = SavedSearch.objects.select_for_update().filter(brand=kept.brand)
    for saved in rows.filter(question__contains="like="):
        query = QueryDict(saved.question, mutable=True)
        images = [text.partition("*") for text in query.getlist("like")]
        if merged.isdisjoint(asset for asset, _, _ in images):
            continue
        like: dict[str, str] = {}  # each image once
        for asset, star, weight in images:
            current = str(kept.pk) if asset in merged else asset
            like.setdefault(current, current + star + weight)
        query.setlist("like", list(like.values()))
        saved.question = query.urlencode()
        saved.save(update_fields=["question"])
    regions = QueryImage.objects.filter(brand=kept.brand, asset__in=copies)
    regions.update(asset=kept)


def record_visit(*, saved: SavedSearch, person: User) -> None:
    """Record that the user views the saved search now: only later matches count as new to them."""
    SavedSearchVisit.objects.update_or_create(
        saved_search=saved, person=person, defaults={"visited_at": timezone.now()}
    )
    cache.delete(updates_cache_key(person))


def updates_cache_key(person: permissions.AnyUser) -> str:
    """Return the cache key of `has_updates` for this user."""
    return f"saved-search-news:{person.pk}"


def _name(name: str) -> str:
    """Return the cleaned name of a saved search. Raises InvalidQuery if it is empty or too long."""
    name = " ".join(clean_text(name).split())
    if not name or len(name) > MAX_NAME_LENGTH:
        raise InvalidQuery(f"A saved search needs a name of at most {MAX_NAME_LENGTH} characters.")
    return name


def _write(saved: SavedSearch) -> None:
    """Save the saved search. Raises InvalidQuery if its brand has another one of that name."""
    try:
        with transaction.atomic():
            saved.save()
    except IntegrityError as error:
        raise InvalidQuery(
            f"{saved.brand} already has a saved search “{saved.name}”. Choose another name."
        ) from error

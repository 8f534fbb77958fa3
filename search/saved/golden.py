"""Golden queries: a brand's search queries with known right answers, and all changes to them."""

from __future__ import annotations

from collections.abc import Collection

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from assetbank import permissions
from assetbank.models import Asset, Brand
from search.errors import InvalidQuery
from search.models import GoldenQuestion
from search.query import SearchQuery
from search.saved.stored_query import for_brand, query_key, release_images

MAX_EXPECTED = 200  # assets per golden query
MAX_PINNED_LENGTH = 2_600  # characters of the query string: the unique index takes no longer ones


def golden_queries(person: permissions.AnyUser) -> QuerySet[GoldenQuestion]:
    """Return the golden queries of the brands that `person` belongs to."""
    seen = GoldenQuestion.objects.filter(brand__in=permissions.brands(person))
    return seen.select_related("brand", "created_by").order_by("brand__name", "id")


@transaction.atomic
def add_golden_query(
    *, brand: Brand, question: SearchQuery, expected: Collection[Asset], by: User
) -> GoldenQuestion:
    """Add a golden query.

    Raises InvalidQuery for a query without words and images, which has no ranking, for one that the
    brand has already, and unless the expected assets are all of the brand.
    """
    if question.browsing:
        raise InvalidQuery(
            "A relevance test query needs text or an image: filters alone do not rank assets."
        )
    key = query_key(for_brand(brand, question))
    if len(key) > MAX_PINNED_LENGTH:
        raise InvalidQuery("This query is too long for the relevance test set. Shorten it.")
    golden = GoldenQuestion(brand=brand, question=key, created_by=by)
    chosen = _expected(brand, expected)
    try:
        with transaction.atomic():
            golden.save()
    except IntegrityError as error:
        raise InvalidQuery(
            f"This query is already in the relevance test set of {brand}. Edit the existing one."
        ) from error
    golden.expected.set(chosen)
    return golden


@transaction.atomic
def set_expected(*, golden: GoldenQuestion, expected: Collection[Asset]) -> None:
    """Replace the expected assets, and forget the metrics measured with the earlier ones.

    Raises InvalidQuery unless they are 1 to MAX_EXPECTED assets of the brand.
    """
    golden.expected.set(_expected(golden.brand, expected))
    golden.measured = {}  # it was measured with other answers
    golden.save(update_fields=["measured"])


@transaction.atomic
def delete_golden_query(*, golden: GoldenQuestion) -> None:
    """Delete a golden query, and release its query images."""
    golden.delete()
    release_images(golden.brand, golden.question)


def _expected(brand: Brand, assets: Collection[Asset]) -> list[Asset]:
    """Return the expected assets as a list.

    Raises InvalidQuery unless they are 1 to MAX_EXPECTED assets, all of the brand.
    """
    if not 0 < len(assets) <= MAX_EXPECTED:
        raise InvalidQuery(f"Choose the expected assets: at least one, at most {MAX_EXPECTED}.")
    if foreign := next((asset for asset in assets if asset.brand_id != brand.pk), None):
        raise InvalidQuery(f"“{foreign}” does not belong to {brand}. Remove it.")
    return list(assets)

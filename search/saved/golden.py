"""Questions that a brand keeps: saved searches, which are collections that fill themselves, and
golden questions, of which the right answers are known. Every change to one goes through here."""

from __future__ import annotations

from collections.abc import Collection as Some

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from assetbank import permissions
from assetbank.models import Asset, Brand
from search.errors import InvalidQuery
from search.models import GoldenQuestion
from search.query import SearchQuery
from search.saved.stored_query import for_brand, query_key, release_images

MAX_EXPECTED = 200  # assets of one golden question
MAX_PINNED_LENGTH = (
    2_600  # characters of its address, which is unique: an index takes no longer ones
)


def golden_queries(person: permissions.AnyUser) -> QuerySet[GoldenQuestion]:
    seen = GoldenQuestion.objects.filter(brand__in=permissions.brands(person))
    return seen.select_related("brand", "created_by").order_by("brand__name", "id")


# ------------------------------------------------------------------------ golden questions


@transaction.atomic
def add_golden_query(
    *, brand: Brand, question: SearchQuery, expected: Some[Asset], by: User
) -> GoldenQuestion:
    """Raises InvalidQuestion: without words and pictures nothing is ranked, and there must be
    assets to expect, all of the brand."""
    if question.browsing:
        raise InvalidQuery(
            "A golden question has words or a picture: filters alone put nothing in order."
        )
    kept = query_key(for_brand(brand, question))
    if len(kept) > MAX_PINNED_LENGTH:
        raise InvalidQuery("This is too long to be pinned: ask it in fewer words.")
    golden = GoldenQuestion(brand=brand, question=kept, created_by=by)
    chosen = _expected(brand, expected)
    try:
        with transaction.atomic():
            golden.save()
    except IntegrityError as error:
        raise InvalidQuery(f"{brand} has this golden question already: change that one.") from error
    golden.expected.set(chosen)
    return golden


@transaction.atomic
def set_expected(*, golden: GoldenQuestion, expected: Some[Asset]) -> None:
    """Other assets than before. Raises InvalidQuestion as `pin`."""
    golden.expected.set(_expected(golden.brand, expected))
    golden.measured = {}  # of other answers
    golden.save(update_fields=["measured"])


@transaction.atomic
def delete_golden_query(*, golden: GoldenQuestion) -> None:
    golden.delete()
    release_images(golden.brand, golden.question)


def _expected(brand: Brand, assets: Some[Asset]) -> list[Asset]:
    if not 0 < len(assets) <= MAX_EXPECTED:
        raise InvalidQuery(
            f"Choose the pictures that it should find: one at least, at most {MAX_EXPECTED}."
        )
    if foreign := next((asset for asset in assets if asset.brand_id != brand.pk), None):
        raise InvalidQuery(f"“{foreign}” belongs to another brand than {brand}.")
    return list(assets)

"""The search-gap board: questions that found nothing, or were left without a click."""

from __future__ import annotations

from django.contrib.auth.models import User

from assetbank.models import Brand
from assetbank.text import clean_text
from search.errors import InvalidQuery
from search.models import ShootListItem

# ------------------------------------------------------------------------ the shoot list


def add_item(*, words: str, brand: Brand | None, note: str, by: User) -> ShootListItem:
    """Raises InvalidQuestion without words."""
    words = " ".join(clean_text(words).split())
    if not words or len(words) > 1_000:
        raise InvalidQuery("Say in at most 1,000 characters what is missing.")
    return ShootListItem.objects.create(
        words=words, brand=brand, note=clean_text(note), created_by=by
    )


def set_done(*, item: ShootListItem, done: bool) -> None:
    ShootListItem.objects.filter(pk=item.pk).update(done=done)


def delete_item(*, item: ShootListItem) -> None:
    item.delete()

"""The shoot list: images that users searched for and the library lacks."""

from __future__ import annotations

from django.contrib.auth.models import User

from assetbank.models import Brand
from assetbank.text import clean_text
from search.errors import InvalidQuery
from search.models import ShootListItem


def add_item(*, words: str, brand: Brand | None, note: str, by: User) -> ShootListItem:
    """Add an item. Raises InvalidQuery without words, or with more than 1,000 characters."""
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

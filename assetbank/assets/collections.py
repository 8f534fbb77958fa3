"""Collections: ordered sets of a brand's assets. Every change to one goes through here."""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from assetbank.errors import InvalidAsset
from assetbank.models import Asset, Brand, Collection, CollectionItem
from assetbank.text import clean_text


@transaction.atomic
def add_assets(*, collection: Collection, assets: Iterable[Asset]) -> None:
    """Append `assets` in their order; those already inside stay where they are."""
    last = collection.items.order_by("-position").values_list("position", flat=True).first()
    start = 0 if last is None else last + 1
    CollectionItem.objects.bulk_create(
        [
            CollectionItem(collection=collection, asset=asset, position=start + index)
            for index, asset in enumerate(assets)
        ],
        ignore_conflicts=True,
    )


def create_collection(
    *, brand: Brand, name: str, by: User | None, description: str = ""
) -> Collection:
    """Raises InvalidAsset for a name that is empty, too long or taken in the brand."""
    name = clean_text(name)
    if not name or len(name) > 120:
        raise InvalidAsset("A collection has a name of at most 120 characters.")
    collection = Collection(
        brand=brand, name=name, description=clean_text(description), created_by=by
    )
    try:
        with transaction.atomic():
            collection.save()
    except IntegrityError as error:
        raise InvalidAsset(f"{brand} has a collection “{name}” already.") from error
    return collection


def delete_collection(*, collection: Collection) -> None:
    """Its assets stay."""
    collection.delete()


def remove_assets(*, collection: Collection, assets: Iterable[Asset]) -> None:
    collection.items.filter(asset__in=list(assets)).delete()


@transaction.atomic
def move_asset(*, collection: Collection, asset: Asset, step: int) -> None:
    """`step` places later, or earlier when negative; at the ends it stays."""
    items = list(collection.items.select_for_update())
    here = next((n for n, item in enumerate(items) if item.asset_id == asset.pk), None)
    if here is None:
        return
    items.insert(max(0, here + step), items.pop(here))
    for position, item in enumerate(items):
        item.position = position
    CollectionItem.objects.bulk_update(items, ["position"])

"""Every change to a collection: an ordered set of a brand's assets."""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from assetbank.errors import InvalidAsset
from assetbank.models import Asset, Brand, Collection, CollectionItem
from assetbank.text import clean_text


@transaction.atomic
def add_assets(*, collection: Collection, assets: Iterable[Asset]) -> None:
    """Append `assets` in their order; an asset that is in the collection keeps its position."""
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
    """Create a collection.

    Raises InvalidAsset if the name is empty, longer than 120 characters, or used in the brand.
    """
    name = clean_text(name)
    if not name or len(name) > 120:
        raise InvalidAsset("A collection needs a name of at most 120 characters.")
    collection = Collection(
        brand=brand, name=name, description=clean_text(description), created_by=by
    )
    try:
        with transaction.atomic():
            collection.save()
    except IntegrityError as error:
        raise InvalidAsset(
            f"{brand} already has a collection “{name}”. Choose another name."
        ) from error
    return collection


def delete_collection(*, collection: Collection) -> None:
    """Delete a collection, but not its assets."""
    collection.delete()


def remove_assets(*, collection: Collection, assets: Iterable[Asset]) -> None:
    collection.items.filter(asset__in=list(assets)).delete()


@transaction.atomic
def move_asset(*, collection: Collection, asset: Asset, step: int) -> None:
    """Move an asset `step` positions later, or earlier if negative, but not beyond either end.

    Assets in the trash, which nobody sees, are stepped over.
    """
    items = list(collection.items.select_for_update(of=("self",)).select_related("asset"))
    shown = [item for item in items if not item.asset.in_trash]
    index = next((n for n, item in enumerate(shown) if item.asset_id == asset.pk), None)
    if index is None:
        return
    target = shown[min(max(0, index + step), len(shown) - 1)]
    place = items.index(target)
    items.remove(shown[index])
    items.insert(place, shown[index])
    for position, item in enumerate(items):
        item.position = position
    CollectionItem.objects.bulk_update(items, ["position"])

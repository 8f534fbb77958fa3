"""Which of the known files of an import have something to get, found with a few queries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from assetbank.assets.folders import labels
from assetbank.assets.folders.options import FoldersAs, ImportOptions
from assetbank.assets.folders.walk import FoundFile
from assetbank.models import Asset, AssetSource, CollectionItem
from assetbank.text import clean_tags

Known = tuple[FoundFile, AssetSource]


def tags_for(file: FoundFile, options: ImportOptions) -> list[str]:
    """Return the tags that the options give to a file, without those of its row and sidecar."""
    folders = labels.folder_tags(file) if options.folders_as == FoldersAs.TAGS else []
    return clean_tags([*options.tags, *folders])


def folder_collection_for(file: FoundFile, options: ImportOptions) -> str:
    """Return the name of the collection that is made of a file's folder; empty: none."""
    return labels.folder_collection(file) if options.folders_as == FoldersAs.COLLECTIONS else ""


def has_changed_sidecar(file: FoundFile, source: AssetSource) -> bool:
    return file.sidecar is not None and file.sidecar.state != source.sidecar


def outside_trash(known: Sequence[Known]) -> list[Known]:
    """Return those whose assets are not in the trash."""
    ids = [source.asset_id for _, source in known]
    present = set(Asset.objects.filter(pk__in=ids).values_list("pk", flat=True))
    return [(file, source) for file, source in known if source.asset_id in present]


def is_in_trash(asset: Asset) -> bool:
    return not Asset.objects.filter(pk=asset.pk).exists()


def incomplete_places(known: Sequence[Known], options: ImportOptions) -> set[str]:
    """Return the places of known files whose assets lack something that the options give."""
    places = {
        file.place
        for file, source in known
        if file.place in options.rows
        or has_changed_sidecar(file, source)
        or (options.update and file.sidecar)
    }
    places |= {file.place for file in _without_tags(known, options)}
    places |= {file.place for file in _without_collection(known, options)}
    if options.approver:
        places |= {file.place for file, source in known if is_imported_draft(source.asset)}
    return places


def is_imported_draft(asset: Asset) -> bool:
    return asset.origin == Asset.Origin.IMPORT and asset.status == Asset.Status.DRAFT


def _without_tags(known: Sequence[Known], options: ImportOptions) -> Iterable[FoundFile]:
    if not options.tags and options.folders_as != FoldersAs.TAGS:
        return
    tagged = Asset.objects.with_tags().in_bulk([source.asset_id for _, source in known])
    for file, source in known:
        names = {name.upper().lower() for name in tagged[source.asset_id].tag_names}
        if any(tag.upper().lower() not in names for tag in tags_for(file, options)):
            yield file


def _without_collection(known: Sequence[Known], options: ImportOptions) -> Iterable[FoundFile]:
    if not options.collection and options.folders_as != FoldersAs.COLLECTIONS:
        return
    items = CollectionItem.objects.filter(
        collection__brand=options.brand, asset__in=[source.asset_id for _, source in known]
    )
    members = set(items.values_list("asset_id", "collection__name"))
    for file, source in known:
        wanted = {options.collection.name if options.collection else ""}
        wanted |= {folder_collection_for(file, options)}
        if any(name and (source.asset_id, name) not in members for name in wanted):
            yield file

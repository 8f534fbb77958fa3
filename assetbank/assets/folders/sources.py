"""Remember where imported files came from, so that a later import knows them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from django.utils import timezone

from assetbank.assets import ingest
from assetbank.assets.folders.walk import FoundFile
from assetbank.models import MAX_PATH_BYTES, Asset, AssetSource, Brand


def known_sources(*, brand: Brand, root: str, files: Sequence[FoundFile]) -> dict[str, AssetSource]:
    """Return the sources at the places of `files`, by place, each with its asset."""
    sources = AssetSource.objects.filter(
        brand=brand, root=root, path__in=[file.place for file in files]
    )
    return {source.path: source for source in sources.select_related("asset")}


def is_unchanged(source: AssetSource, file: FoundFile) -> bool:
    return (source.size, source.mtime_ns) == (file.size, file.mtime_ns)


def find_by_bytes(*, brand: Brand, checksum: str) -> tuple[Asset, int | None] | None:
    """Return the asset that has or had these bytes, as `ingest.find_by_bytes` does.

    A file that an import knows, and whose asset got another file since, is found by its source.
    """
    if found := ingest.find_by_bytes(brand=brand, checksum=checksum):
        return found
    known = Asset.objects.filter(sources__brand=brand, sources__checksum=checksum).first()
    return (known, None) if known else None


def remember(
    *, root: str, file: FoundFile, checksum: str, asset: Asset, sidecar: bool = True
) -> None:
    """Save the place and the state of a file that became `asset`.

    Without `sidecar`, its sidecar counts as not read. A place whose text is too long for the index
    is not remembered: its file is read again by the next import.
    """
    if max(len(root.encode()), len(file.place.encode())) > MAX_PATH_BYTES:
        return
    state = file.sidecar.state if file.sidecar and sidecar else ""
    source = AssetSource(
        brand_id=asset.brand_id,
        root=root,
        path=file.place,
        size=file.size,
        mtime_ns=file.mtime_ns,
        checksum=checksum,
        sidecar=state,
        asset=asset,
    )
    AssetSource.objects.bulk_create(
        [source],
        update_conflicts=True,
        unique_fields=["brand", "root", "path"],
        update_fields=["size", "mtime_ns", "checksum", "sidecar", "asset", "seen_at"],
    )


def forget_moved(*, root: str, asset: Asset, checksum: str, places: Collection[str]) -> bool:
    """Delete a source of these bytes that is not among `places` any more; return if there was one.

    The file was moved or renamed: its new place is remembered instead.
    """
    former = AssetSource.objects.filter(
        brand_id=asset.brand_id, root=root, asset=asset, checksum=checksum
    )
    gone = next((source for source in former.order_by("pk") if source.path not in places), None)
    if gone:
        gone.delete()
    return gone is not None


def mark_seen(sources: Iterable[AssetSource]) -> None:
    """Record that the files of these sources are still there."""
    AssetSource.objects.filter(pk__in=[source.pk for source in sources]).update(
        seen_at=timezone.now()
    )


def count_gone(*, brand: Brand, root: str, places: Collection[str]) -> int:
    """Return how many files of earlier imports are not at their places any more."""
    paths = AssetSource.objects.filter(brand=brand, root=root).values_list("path", flat=True)
    return sum(path not in places for path in paths.iterator())

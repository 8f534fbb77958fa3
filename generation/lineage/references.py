"""The files that generations use: a reference names the version of its asset that was sent."""

from __future__ import annotations

from collections.abc import Sequence

from assetbank.assets import versions
from assetbank.models import Asset
from generation.models import Output, Reference


def file_used(row: Reference) -> Asset | None:
    """Return the asset of a reference with the file that it was requested with, for reading; None
    if the asset was deleted. After a merge it is the file of the kept asset."""
    if row.asset is None:
        return None
    return versions.with_checksum(row.asset, row.checksum) or row.asset


def file_drawn(output: Output) -> Asset | None:
    """Return the asset of an output with the file that the model drew, for reading; None if the
    asset was deleted. After a merge it is the file of the kept asset."""
    if output.asset is None:
        return None
    return versions.with_checksum(output.asset, output.checksum) or output.asset


def follow_merge(kept: Asset, others: Sequence[Asset]) -> None:
    """Clear the version of references that now name `kept`, but were sent with the file of one of
    `others`."""
    files = [other.checksum for other in others]
    Reference.objects.filter(asset=kept, checksum__in=files).update(version=None)

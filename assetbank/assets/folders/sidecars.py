"""What the XMP sidecar of a file says: tags and fields of its asset."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from assetbank.assets.folders.read import read_file
from assetbank.assets.folders.walk import FoundFile
from assetbank.assets.metadata import from_file
from assetbank.media.metadata import parse_xmp
from assetbank.models import Brand

MAX_SIDECAR_BYTES = 20 * 2**20  # masks of raw developers make them large


def given_with(
    file: FoundFile, *, brand: Brand, root: str, tags: Sequence[str], fields: dict[str, Any]
) -> dict[str, Any]:
    """Return tags and fields for the asset of a file: the given ones, and those of its sidecar.

    A given value counts more than that of the sidecar, which counts more than that in the file, as
    in Lightroom and darktable. Keywords become tags. Raises FileNotRead and PictureTooLarge for a
    sidecar that cannot be read; one that is no XMP says nothing.
    """
    if file.sidecar is None:
        return {**fields, "tags": tags}
    said = parse_xmp(read_file(root, file.sidecar.path, limit=MAX_SIDECAR_BYTES))
    found = from_file.fields_from_file(said, filename=file.name, given=fields)
    if not said.title:
        found.pop("title", None)  # it is made of the file name
    custom = {**from_file.custom_from_file(said, brand), **fields.get("custom", {})}
    return {**found, **fields, "custom": custom, "tags": from_file.tags_from_file(said, tags)}

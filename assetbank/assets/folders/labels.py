"""What a file gets from its surroundings: labels of its folders, and what its sidecar says."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from assetbank.assets import collections
from assetbank.assets.folders.read import read_file
from assetbank.assets.folders.walk import FoundFile
from assetbank.assets.metadata import from_file
from assetbank.errors import InvalidAsset
from assetbank.media.metadata import parse_xmp
from assetbank.models import Brand, Collection
from assetbank.text import MAX_TAG_LENGTH, clean_text

MAX_COLLECTION_NAME = 120
MAX_SIDECAR_BYTES = 20 * 2**20  # masks of raw developers make them large


def folder_tags(file: FoundFile) -> list[str]:
    """Return a tag for each folder above a file, cut to the length of a tag.

    A comma separates tags wherever they are typed, so it becomes a space.
    """
    names = (" ".join(clean_text(name).replace(",", " ").split()) for name in file.folders)
    return [name[:MAX_TAG_LENGTH].strip() for name in names]


def folder_collection(file: FoundFile) -> str:
    """Return the name of the collection of a file's folder, like "Spring / Lookbook".

    A name that is too long loses its outer folders first. Empty for a file of the folder itself.
    """
    names = [clean_text(name) for name in file.folders]
    while len(names) > 1 and len(" / ".join(names)) > MAX_COLLECTION_NAME:
        del names[0]
    return " / ".join(names)[:MAX_COLLECTION_NAME].strip()


class Collections:
    """Collections of a brand by name; each is created when it is first needed."""

    def __init__(self, brand: Brand) -> None:
        self.brand = brand
        self._known: dict[str, Collection] = {}
        self._lock = threading.Lock()

    def get(self, name: str) -> Collection:
        """Return the collection. Raises InvalidAsset if the name cannot be used."""
        with self._lock:
            if name not in self._known:
                self._known[name] = self._find(name) or self._create(name)
            return self._known[name]

    def _find(self, name: str) -> Collection | None:
        return Collection.objects.filter(brand=self.brand, name=clean_text(name)).first()

    def _create(self, name: str) -> Collection:
        try:
            return collections.create_collection(brand=self.brand, name=name, by=None)
        except InvalidAsset:
            if created_meanwhile := self._find(name):
                return created_meanwhile
            raise


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

"""Tags and collections made of the names of folders."""

from __future__ import annotations

import threading

from assetbank.assets import collections
from assetbank.assets.folders.walk import FoundFile
from assetbank.errors import InvalidAsset
from assetbank.models import Brand, Collection
from assetbank.text import MAX_TAG_LENGTH, clean_text

MAX_COLLECTION_NAME = 120


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

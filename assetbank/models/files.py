"""Where the files of an asset are: their addresses, and their paths in the storage."""

from __future__ import annotations

import uuid
from functools import cache

from django.urls import get_script_prefix, reverse

EXTENSIONS = {"encoder": "jpg"}  # of renditions that are no WebP
# Of the rules by which renditions are made. Raised when renditions of existing assets would look
# different: they are then made again when they are asked for, or by `manage.py refresh_renditions`
RENDITION_RULES = 2


class ShownRenditions:
    """Addresses of the renditions that pages show."""

    @property
    def grid_url(self) -> str:
        return self.rendition_url("grid")

    @property
    def preview_url(self) -> str:
        return self.rendition_url("preview")

    def rendition_url(self, name: str) -> str:
        """Return the address of a rendition."""
        raise NotImplementedError


class FileAddresses(ShownRenditions):
    """Addresses and paths of an asset's original and renditions."""

    pk: int
    checksum: str
    digital_source_type: str
    folder: uuid.UUID

    @property
    def original_url(self) -> str:
        return _address("asset-original").replace("/0/", f"/{self.pk}/", 1)

    def rendition_url(self, name: str) -> str:
        """Return a rendition's address; its version lets browsers cache the rendition for ever."""
        address = _address("asset-rendition", name).replace("/0/", f"/{self.pk}/", 1)
        return f"{address}?v={self.rendition_version}"

    def rendition_path(self, name: str) -> str:
        """Return a rendition's path in the storage."""
        return self._rendition(self.rendition_version, name)

    def rendition_path_without_source_type(self, name: str) -> str:
        """Return the path that a rendition had before the asset got its digital source type."""
        return self._rendition(self._file_version, name)

    def _rendition(self, version: str, name: str) -> str:
        return f"renditions/{self.folder}/{version}-{name}.{EXTENSIONS.get(name, 'webp')}"

    def outdated_rendition_paths(self, name: str) -> set[str]:
        """Return the paths that a rendition had under earlier RENDITION_RULES."""
        rules = ["", *(f"-r{number}" for number in range(2, RENDITION_RULES))]
        sources = {"", self._source_suffix}
        return {
            f"renditions/{self.folder}/{self.checksum[:12]}{rule}{source}-{name}.webp"
            for rule in rules
            for source in sources
        }

    @property
    def rendition_version(self) -> str:
        """Version of the renditions' bytes, for their addresses.

        Changes with the original, with RENDITION_RULES, and with the digital source type, which
        renditions carry as XMP.
        """
        return f"{self._file_version}{self._source_suffix}"

    @property
    def _file_version(self) -> str:
        return f"{self.checksum[:12]}-r{RENDITION_RULES}"

    @property
    def _source_suffix(self) -> str:
        return f"-{self.digital_source_type}" if self.digital_source_type else ""


def _address(view: str, *more: str) -> str:
    """Return the address of `view` for asset 0, cached.

    A page of results has hundreds of addresses, and `reverse` is slow.
    """
    return _cached_address(get_script_prefix(), view, *more)


@cache
def _cached_address(prefix: str, view: str, *more: str) -> str:
    """Return the address; `prefix`, the path of the site, is a part of the cache key."""
    return reverse(view, args=[0, *more])

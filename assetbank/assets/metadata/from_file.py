"""From what a file says of itself to the fields of its asset, and back for downloads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.utils import timezone

from assetbank.assets import fields as asset_fields
from assetbank.assets.metadata import custom_fields
from assetbank.assets.metadata.titles import title_for
from assetbank.media.metadata import FileMetadata
from assetbank.models import UNTITLED, Asset, Brand
from assetbank.text import MAX_TAG_LENGTH, MAX_TAGS, clean_tags, clean_text

SAME_NAMES = (
    *("creator", "credit", "copyright", "usage_terms", "licence", "licensor_url", "headline"),
    *("city", "country", "captured_at", "captured_offset", "alt_text", "extended_description"),
    *("rating", "latitude", "longitude"),
)
PAIRS = {"captured_offset": "captured_at", "longitude": "latitude"}  # nothing without the other
_check_url = URLValidator(["http", "https"])


def fields_from_file(
    metadata: FileMetadata, *, filename: str, given: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the fields of an asset that its file fills: those that `given` has no value for.

    Values are cut to the lengths of the fields; invalid ones are left out. The title is made of
    `filename` where the file has none.
    """
    found: dict[str, Any] = {name: getattr(metadata, name) for name in SAME_NAMES}
    found["title"] = title_for(filename, metadata.title)
    found["description"] = metadata.caption
    found["terms_to_check"] = "; ".join(metadata.restrictions)
    found["licence"] = metadata.licence or metadata.usage_terms
    if len(clean_text(found["licence"])) > asset_fields.MAX_LENGTHS["licence"]:
        found["licence"] = ""
    given = given or {}
    filled = {
        name: _cut(name, value)
        for name, value in found.items()
        if not _says(given.get(name))
        and not _says(given.get(PAIRS.get(name, "")))
        and _says(value)
        and _is_valid(name, value)
    }
    if _says(given.get("longitude")):
        filled.pop("latitude", None)
    if "captured_at" not in filled:
        filled.pop("captured_offset", None)
    return filled


def tags_from_file(metadata: FileMetadata, given: Iterable[str] = ()) -> list[str]:
    """Return the given tags and the keywords of a file, as many as an asset may have.

    Raises InvalidAsset for given tags that are invalid; keywords are cut instead.
    """
    tags = clean_tags(given)
    keywords = (" ".join(clean_text(word).split()) for word in metadata.keywords)
    shortened = [word[:MAX_TAG_LENGTH].strip() for word in keywords]
    known = {tag.upper().lower() for tag in tags}
    for word in filter(None, shortened):
        if len(tags) < MAX_TAGS and (key := word.upper().lower()) not in known:
            known.add(key)
            tags.append(word)
    return tags


def custom_from_file(metadata: FileMetadata, brand: Brand) -> dict[str, Any]:
    """Return the values of the brand's custom fields that are mapped to XMP properties."""
    return custom_fields.custom_from_properties(brand, metadata.properties)


def metadata_for_file(asset: Asset, own: FileMetadata) -> FileMetadata:
    """Return what a file rendered from an asset says; `own` is what its original says.

    Only what differs from the original's values, as the library would take them, is changed. An
    asset whose original was never read (`metadata_read_at`) keeps what is empty in the library.
    """
    filled = fields_from_file(own, filename=asset.filename)
    keep_empty = asset.metadata_read_at is None
    names = {**{name: name for name in SAME_NAMES}, "description": "caption", "title": "title"}
    changes: dict[str, Any] = {}
    for name, target in names.items():
        value = getattr(asset, name)
        if value == filled.get(name, "" if isinstance(value, str) else None):
            continue
        if _says(value) or not keep_empty:
            changes[target] = value
    if asset.title == UNTITLED or (not own.title and asset.title == filled["title"]):
        changes["title"] = ""  # made of the file name
    if "licence" in changes and not changes.get("usage_terms", asset.usage_terms):
        changes["usage_terms"] = asset.licence  # where other programs look for a licence
    tags = asset.tag_names
    if set(tags) != set(tags_from_file(own)) and (tags or not keep_empty):
        changes["keywords"] = tuple(tags)
    return replace(own, **changes)


def _says(value: Any) -> bool:
    return value not in (None, "")


def _cut(name: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return clean_text(value)[: asset_fields.MAX_LENGTHS[name]].strip()


def _is_valid(name: str, value: Any) -> bool:
    if name == "captured_at":  # a camera's clock may be wrong
        return bool(asset_fields.FIRST_CAPTURE <= value <= timezone.now())
    if name == "licensor_url":
        try:
            _check_url(value)
        except ValidationError:
            return False
        return len(value) <= asset_fields.MAX_LENGTHS[name]
    return True

"""Validation of an asset's editable fields, and of changes of its status. Saves nothing."""

from __future__ import annotations

import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.utils import timezone

from assetbank.errors import InvalidAsset
from assetbank.models import Asset
from assetbank.rights import check_source_type, terms
from assetbank.text import clean_text

MAX_LENGTHS = {
    "title": 200,
    "headline": 300,
    "description": 10_000,
    "alt_text": 2_000,
    "extended_description": 10_000,
    "licence": 200,
    "credit": 200,
    "creator": 300,
    "copyright": 500,
    "usage_terms": 10_000,
    "licensor_url": 500,
    "terms_to_check": 500,
    "city": 200,
    "country": 200,
}
ONE_LINE = ("headline", "creator", "copyright", "city", "country", "terms_to_check")
RANGES = {  # minimum, maximum, and what a sentence says of them
    "rating": (-1, 5, "0 to 5 stars, or -1 for a rejected image"),
    "latitude": (-90, 90, "-90 to 90 degrees"),
    "longitude": (-180, 180, "-180 to 180 degrees"),
    "captured_offset": (-15 * 60, 15 * 60, "at most 15 hours, in minutes"),
}
FIRST_CAPTURE = datetime.datetime(1800, 1, 1, tzinfo=datetime.UTC)  # before any photograph
APPROVED_BY_DECISION = "Only managers can set the status, after the upload."
EDITABLE = {
    *MAX_LENGTHS,
    *RANGES,
    *("kind", "status", "captured_at", "expires_on", "derivatives_allowed", "territories"),
    *("consent", "consent_until", "digital_source_type"),
    "custom",  # Merged and validated before: see `metadata.custom_fields`
}
CHOICES = {"kind": Asset.Kind, "status": Asset.Status, "consent": Asset.Consent}
_check_url = URLValidator(["http", "https"])


def assign_fields(asset: Asset, fields: dict[str, Any]) -> list[str]:
    """Clean the values and assign them to `asset`, without saving it; return the assigned fields.

    With `captured_at`, also `captured_offset` is assigned: see `_with_offset`. Raises InvalidAsset
    for an invalid value, and TypeError for a field that is not EDITABLE.
    """
    unknown = fields.keys() - EDITABLE
    if unknown:
        raise TypeError(f"not an editable field of an asset: {', '.join(sorted(unknown))}")
    source_type = asset.digital_source_type
    fields = _with_offset(fields)
    for name, value in fields.items():
        setattr(asset, name, _clean(name, value) if isinstance(value, str) else value)
    if not asset.title:
        raise InvalidAsset("An asset needs a title.")
    for name, choices in CHOICES.items():
        if getattr(asset, name) not in choices.values:
            raise InvalidAsset(f"{name} must be one of {', '.join(choices.values)}.")
    if "territories" in fields:
        asset.territories = terms.clean_territories(asset.territories)
    if asset.digital_source_type != source_type:
        check_source_type(asset)
    for name, maximum in MAX_LENGTHS.items():
        if len(getattr(asset, name)) > maximum:
            raise InvalidAsset(f"{name} has more than {maximum:,} characters. Shorten it.")
    _check_metadata(asset, fields)
    return list(fields)


def _clean(name: str, value: str) -> str:
    cleaned = clean_text(value)
    return " ".join(cleaned.split()) if name in ONE_LINE else cleaned


def _with_offset(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields with `captured_at` in UTC, and its offset as `captured_offset`.

    The offset is that of the given time. A time without one is taken as UTC, and its offset is
    unknown, as it is for a time in UTC, unless the fields have a `captured_offset` of their own.
    """
    moment = fields.get("captured_at")
    if "captured_at" not in fields or not isinstance(moment, datetime.datetime | None):
        return fields
    if moment is None:
        return {**fields, "captured_offset": None}
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.UTC)
    offset = None
    if moment.tzname() != "UTC" and (apart := moment.utcoffset()) is not None:
        offset = round(apart.total_seconds() / 60)
    try:
        utc = moment.astimezone(datetime.UTC)
    except OverflowError as error:
        raise InvalidAsset("captured_at is no date of this calendar.") from error
    return {"captured_offset": offset, **fields, "captured_at": utc}


def _check_metadata(asset: Asset, fields: dict[str, Any]) -> None:
    for name in RANGES.keys() & fields.keys():
        minimum, maximum, said = RANGES[name]
        value = getattr(asset, name)
        if value is not None and not minimum <= value <= maximum:  # not a number is refused, too
            raise InvalidAsset(f"{name} must be {said}.")
    if {"latitude", "longitude"} & fields.keys() and (asset.latitude is None) != (
        asset.longitude is None
    ):
        raise InvalidAsset("A position needs both latitude and longitude.")
    if (moment := fields.get("captured_at")) and not (
        FIRST_CAPTURE <= moment <= timezone.now() + datetime.timedelta(days=1)
    ):
        raise InvalidAsset("captured_at must be a time from 1800 until today.")
    if fields.get("licensor_url"):
        try:
            _check_url(asset.licensor_url)
        except ValidationError as error:
            raise InvalidAsset(
                "licensor_url must be a web address that begins with https:// or http://."
            ) from error


def check_status(before: Asset, status: str, *, withdrawing: bool, deciding: bool) -> None:
    """Raise InvalidAsset if `before` may not change to `status`.

    Only a decision (`deciding`) approves an asset. Only a withdrawal of usage rights, and lifting
    it (`withdrawing`), moves an asset into quarantine or out of it.
    """
    quarantined, approved = Asset.Status.QUARANTINED, Asset.Status.APPROVED
    if status == approved != before.status and not (deciding or withdrawing):
        raise InvalidAsset(APPROVED_BY_DECISION)
    if withdrawing or (before.status == quarantined) == (status == quarantined):
        return
    if status == quarantined:
        raise InvalidAsset(
            "An asset is quarantined by revoking its usage rights, which records the reason."
        )
    raise InvalidAsset(
        f"“{before}” is quarantined: its usage rights were revoked. Reinstate them first."
    )

"""What may be said about an asset, and when its status may change. `intake` saves it."""

from __future__ import annotations

from typing import Any

from assetbank.errors import InvalidAsset
from assetbank.models import Asset
from assetbank.rights import check_source_type, terms
from assetbank.text import clean_text

MAX_LENGTHS = {"title": 200, "licence": 200, "credit": 200, "description": 10_000}
APPROVED_BY_DECISION = "A manager approves a picture, once it is in the library."
EDITABLE = {
    "title",
    "description",
    "kind",
    "status",
    "licence",
    "credit",
    "expires_on",
    "derivatives_allowed",
    "territories",
    "consent",
    "consent_until",
    "digital_source_type",
}
CHOICES = {"kind": Asset.Kind, "status": Asset.Status, "consent": Asset.Consent}


def assign_fields(asset: Asset, fields: dict[str, Any]) -> None:
    """Raises InvalidAsset, and TypeError for a field that is not EDITABLE."""
    unknown = fields.keys() - EDITABLE
    if unknown:
        raise TypeError(f"not an editable field of an asset: {', '.join(sorted(unknown))}")
    source_type = asset.digital_source_type
    for name, value in fields.items():
        setattr(asset, name, clean_text(value) if isinstance(value, str) else value)
    if not asset.title:
        raise InvalidAsset("An asset needs a title.")
    for name, choices in CHOICES.items():
        if getattr(asset, name) not in choices.values:
            raise InvalidAsset(f"{name} is one of {', '.join(choices.values)}.")
    if "territories" in fields:
        asset.territories = terms.clean_territories(asset.territories)
    if asset.digital_source_type != source_type:
        check_source_type(asset)
    for name, most in MAX_LENGTHS.items():
        if len(getattr(asset, name)) > most:
            raise InvalidAsset(f"{name} has at most {most} characters.")


def check_status(before: Asset, status: str, *, withdrawing: bool, deciding: bool) -> None:
    """Who withdraws a right, or decides, may do what others may not. Raises InvalidAsset."""
    quarantined, approved = Asset.Status.QUARANTINED, Asset.Status.APPROVED
    if status == approved != before.status and not (deciding or withdrawing):
        raise InvalidAsset(APPROVED_BY_DECISION)
    if withdrawing or (before.status == quarantined) == (status == quarantined):
        return
    if status == quarantined:
        raise InvalidAsset("Withdraw its rights to quarantine a picture: that says why.")
    raise InvalidAsset(
        f"“{before}” is quarantined: a right that it needs was withdrawn. Lift that first."
    )

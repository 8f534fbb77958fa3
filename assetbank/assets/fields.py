"""Validation of an asset's editable fields, and of changes of its status. Saves nothing."""

from __future__ import annotations

from typing import Any

from assetbank.errors import InvalidAsset
from assetbank.models import Asset
from assetbank.rights import check_source_type, terms
from assetbank.text import clean_text

MAX_LENGTHS = {"title": 200, "licence": 200, "credit": 200, "description": 10_000}
APPROVED_BY_DECISION = "Only managers can set the status, after the upload."
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
    "custom",  # Merged and validated before: see `metadata.custom_fields`
}
CHOICES = {"kind": Asset.Kind, "status": Asset.Status, "consent": Asset.Consent}


def assign_fields(asset: Asset, fields: dict[str, Any]) -> None:
    """Clean the values and assign them to `asset`, without saving it.

    Raises InvalidAsset for an invalid value, and TypeError for a field that is not EDITABLE.
    """
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
            raise InvalidAsset(f"{name} must be one of {', '.join(choices.values)}.")
    if "territories" in fields:
        asset.territories = terms.clean_territories(asset.territories)
    if asset.digital_source_type != source_type:
        check_source_type(asset)
    for name, maximum in MAX_LENGTHS.items():
        if len(getattr(asset, name)) > maximum:
            raise InvalidAsset(f"{name} has more than {maximum} characters. Shorten it.")


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

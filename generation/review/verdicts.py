"""Verdicts of users on outputs: keep, reject with a reason, or clear the verdict."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import transaction

from assetbank import permissions, text
from assetbank.assets import update_asset
from assetbank.models import Asset
from generation.errors import InvalidRequest
from generation.models import Output

# Frequent reasons; a user may enter any other
REASONS = ["Product wrong", "Off brand", "Text wrong", "Anatomy"]
MAX_REASON_LENGTH = 300  # characters

Verdict = Output.Verdict


def keep(*, person: User, output: Output) -> Output:
    """Mark an output as kept. Raises InvalidRequest and NotAllowed."""
    return _decide(person, output, Verdict.KEPT)


def reject(*, person: User, output: Output, reason: str) -> Output:
    """Mark an output as rejected and archive its draft. An approved asset cannot be rejected: a
    manager must revoke the approval first. Raises InvalidRequest and NotAllowed."""
    reason = text.clean_text(reason)
    if not reason:
        raise InvalidRequest("Enter a reason for the rejection.", code="reason_missing")
    if len(reason) > MAX_REASON_LENGTH:
        raise InvalidRequest(
            f"The reason has more than {MAX_REASON_LENGTH} characters. Shorten it."
        )
    return _decide(person, output, Verdict.REJECTED, reason)


def clear_verdict(*, person: User, output: Output) -> Output:
    """Remove the verdict on an output; an asset that its rejection archived is a draft again.
    Raises InvalidRequest and NotAllowed."""
    return _decide(person, output, "")


@transaction.atomic
def _decide(person: User, output: Output, verdict: str, reason: str = "") -> Output:
    permissions.require_editor(person, output.generation.brand)
    locked = Output.objects.select_for_update().defer("data").select_related(None)
    output = locked.get(pk=output.pk)
    asset = output.asset
    if asset is None:
        raise InvalidRequest("This image is no longer in the library.", code="picture_gone")
    if verdict == Verdict.REJECTED != output.verdict:
        _require_draft(asset)
    before, output.verdict = output.verdict, verdict
    output.verdict_reason, output.verdict_by = reason, person if verdict else None
    output.save(update_fields=["verdict", "verdict_reason", "verdict_by"])
    if Verdict.REJECTED in (before, verdict):
        _update_status(asset)
    return output


def _require_draft(asset: Asset) -> None:
    """Raise InvalidRequest if an asset is approved or archived, so that clearing its rejection can
    make it a draft again."""
    if asset.status == Asset.Status.APPROVED:
        raise InvalidRequest(
            f"“{asset}” is approved. A manager must revoke the approval before it can be rejected.",
            code="approved",
        )
    if asset.status == Asset.Status.ARCHIVED:
        raise InvalidRequest(f"“{asset}” is already archived.", code="archived")


def _update_status(asset: Asset) -> None:
    """Archive a generated draft if all its outputs are rejected; make it a draft again if not all
    of them are any more.

    Several outputs may have the same bytes, and so the same asset. Any other status was set for
    another reason, and stays.
    """
    if asset.origin != Asset.Origin.GENERATED:
        return
    rejected = not Output.objects.filter(asset=asset).exclude(verdict=Verdict.REJECTED).exists()
    before, after = (
        (Asset.Status.DRAFT, Asset.Status.ARCHIVED)
        if rejected
        else (Asset.Status.ARCHIVED, Asset.Status.DRAFT)
    )
    if asset.status == before:
        update_asset(asset=asset, status=after)

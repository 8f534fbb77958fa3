"""Looking through what came back: keep a picture, reject it with a reason, or undo that."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import transaction

from assetbank import permissions, text
from assetbank.assets import update_asset
from assetbank.models import Asset
from generation.errors import InvalidRequest
from generation.models import Output

# What is mostly wrong; anything else is said in words
REASONS = ["Product wrong", "Off brand", "Text wrong", "Anatomy"]
MAX_REASON_LENGTH = 300

Verdict = Output.Verdict


def keep(*, person: User, output: Output) -> Output:
    """Raises InvalidRequest and NotAllowed, as the others do."""
    return _decide(person, output, Verdict.KEPT)


def reject(*, person: User, output: Output, reason: str) -> Output:
    """Its asset is archived. An approved one is not rejected here: a manager decides on it."""
    reason = text.clean_text(reason)
    if not reason:
        raise InvalidRequest("Enter a reason for the rejection.", code="reason_missing")
    if len(reason) > MAX_REASON_LENGTH:
        raise InvalidRequest(
            f"The reason has more than {MAX_REASON_LENGTH} characters. Shorten it."
        )
    return _decide(person, output, Verdict.REJECTED, reason)


def clear_verdict(*, person: User, output: Output) -> Output:
    """As if nothing had been said; what rejecting archived is a draft again."""
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
        _follow(asset)
    return output


def _require_draft(asset: Asset) -> None:
    """So that undoing knows what it was."""
    if asset.status == Asset.Status.APPROVED:
        raise InvalidRequest(
            f"“{asset}” is approved. A manager must revoke the approval before it can be rejected.",
            code="approved",
        )
    if asset.status == Asset.Status.ARCHIVED:
        raise InvalidRequest(f"“{asset}” is already archived.", code="archived")


def _follow(asset: Asset) -> None:
    """A draft is archived while every output that it is was rejected: the same bytes may have come
    twice. What somebody archived, approved or put aside for another reason stays as it is."""
    if asset.origin != Asset.Origin.GENERATED:
        return
    unwanted = not Output.objects.filter(asset=asset).exclude(verdict=Verdict.REJECTED).exists()
    was, becomes = (
        (Asset.Status.DRAFT, Asset.Status.ARCHIVED)
        if unwanted
        else (Asset.Status.ARCHIVED, Asset.Status.DRAFT)
    )
    if asset.status == was:
        update_asset(asset=asset, status=becomes)

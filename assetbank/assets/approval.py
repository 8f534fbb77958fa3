"""Deciding about an asset: approved, sent back, or archived. The only way to be approved; every
decision is a row that says who, when and why, and is taken back by another decision.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Exists, OuterRef, Subquery

from assetbank import hooks, notifications, permissions, text
from assetbank.assets import update
from assetbank.errors import AssetGone, CannotApprove, Conflict, InvalidAsset
from assetbank.models import Asset, AssetQuerySet, Decision
from assetbank.rights import terms

Status, Verdict = Asset.Status, Decision.Verdict

MAX_REASON_LENGTH = 500
STATUS_AFTER: dict[str, str] = {
    Verdict.APPROVED: Status.APPROVED,
    Verdict.REJECTED: Status.DRAFT,
    Verdict.ARCHIVED: Status.ARCHIVED,
}
NOTICE_SENTENCES: dict[str, str] = {
    Verdict.APPROVED: "“{asset}” was approved by {by}.",
    Verdict.REJECTED: "“{asset}” was sent back by {by}: {reason}",
    Verdict.ARCHIVED: "“{asset}” was archived by {by}.",
}

_LAST = Decision.objects.filter(asset=OuterRef(OuterRef("pk"))).order_by("-at", "-id")
CHANGES_REQUESTED = Exists(
    Decision.objects.filter(asset=OuterRef("pk"), verdict=Verdict.REJECTED).filter(
        pk=Subquery(_LAST.values("pk")[:1])
    )
)


@transaction.atomic
def decide(
    *, asset: Asset, by: User, verdict: str, reason: str = "", tell: bool = True
) -> Decision:
    """Managers only. `asset` has its new status afterwards; with `tell`, who made it hears of it.

    Raises NotAllowed, CannotApprove, InvalidAsset, AssetGone, and Conflict where somebody decided
    the same before.
    """
    if verdict not in STATUS_AFTER:
        raise InvalidAsset(f"verdict is one of {', '.join(Verdict.values)}.")
    reason = text.clean_text(reason)
    locked = Asset.objects.select_for_update(of=("self",)).select_related("brand", "created_by")
    now = locked.filter(pk=asset.pk).first()
    if now is None:
        raise AssetGone(f"“{asset}” was deleted meanwhile.")
    permissions.require_manager(by, now.brand)
    _check(now, verdict, reason)
    if verdict == Verdict.APPROVED and (problems := approval_blockers(now, by=by)):
        raise CannotApprove(" ".join(problems))
    update.update_asset(asset=now, status=STATUS_AFTER[verdict], deciding=True)
    asset.status, asset.updated_at = now.status, now.updated_at
    decision = Decision.objects.create(asset=now, verdict=verdict, reason=reason, by=by)
    if tell:
        _tell(decision)
    hooks.asset_decided(decision)
    return decision


def change_status(*, asset: Asset, by: User, status: str, reason: str = "") -> Decision | None:
    """The same, for who names the status that it should have; None if it has that already."""
    if status == asset.status:
        return None
    if status == Status.QUARANTINED:
        raise InvalidAsset("Withdraw its rights to quarantine a picture: that says why.")
    verdicts = {becomes: verdict for verdict, becomes in STATUS_AFTER.items()}
    if status not in verdicts:
        raise InvalidAsset(f"status is one of {', '.join(Status.values)}.")
    return decide(asset=asset, by=by, verdict=verdicts[status], reason=reason)


def approval_blockers(asset: Asset, *, by: User, checks: bool = True) -> list[str]:
    """Why `by`, who manages its brand, cannot approve it, in sentences; without `checks`, only
    what the asset itself tells."""
    found: list[str] = []
    if asset.brand.four_eyes and asset.created_by_id == by.pk:
        found.append(
            f"You made or uploaded “{asset}” yourself, and {asset.brand} wants a second person to "
            "approve it. Ask another manager."
        )
    if problem := terms.usage_problem(asset):
        found.append(problem)
    if checks:
        found += chain.from_iterable(hooks.approval_checks(asset))
    return found


def pending_review(person: permissions.AnyUser) -> AssetQuerySet:
    """Drafts that this person may decide on and nobody has sent back, the oldest first."""
    return _drafts(person).exclude(CHANGES_REQUESTED)


def changes_requested(person: permissions.AnyUser) -> AssetQuerySet:
    return _drafts(person).filter(CHANGES_REQUESTED)


def decisions(assets: Sequence[Asset]) -> dict[int, list[Decision]]:
    """By asset, the latest first, each with who decided."""
    found: dict[int, list[Decision]] = {asset.pk: [] for asset in assets}
    for decision in Decision.objects.filter(asset__in=assets).select_related("by"):
        found[decision.asset_id].append(decision)
    return found


def _drafts(person: permissions.AnyUser) -> AssetQuerySet:
    drafts = Asset.objects.filter(status=Status.DRAFT)
    if not permissions.has_full_access(person):
        drafts = drafts.filter(brand__in=permissions.brands(person, *permissions.MANAGERS))
    return drafts.order_by("created_at", "pk")


def _check(asset: Asset, verdict: str, reason: str) -> None:
    if len(reason) > MAX_REASON_LENGTH:
        raise InvalidAsset(f"A reason has at most {MAX_REASON_LENGTH} characters.")
    sends_back = verdict == Verdict.REJECTED and asset.status == Status.DRAFT
    if sends_back and not reason:
        raise InvalidAsset("Say why it is sent back, so that who made it knows what to change.")
    if asset.status == STATUS_AFTER[verdict] and not sends_back:
        raise Conflict(f"“{asset}” is {asset.get_status_display().lower()} already.")


def _tell(decision: Decision) -> None:
    asset, by = decision.asset, decision.by
    if asset.created_by is None or by is None or asset.created_by_id == by.pk:
        return
    said = NOTICE_SENTENCES[decision.verdict]
    reason = decision.reason or "no reason was given."
    sentence = said.format(asset=asset, by=by.get_full_name() or by.username, reason=reason)
    if decision.verdict != Verdict.REJECTED and decision.reason:
        sentence = f"{sentence} {decision.reason}"
    notifications.notify(asset.created_by, sentence, asset.get_absolute_url())

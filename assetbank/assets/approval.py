"""Decisions about assets: approve, request changes, archive, or confirm that terms are checked.

An asset is approved by a decision only. Each decision is a row with user, time and reason; it is
never changed, and is revoked by another decision.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count, Exists, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from assetbank import hooks, notifications, permissions, text
from assetbank.assets import update
from assetbank.errors import AssetGone, CannotApprove, Conflict, InvalidAsset
from assetbank.models import Asset, AssetQuerySet, Brand, Decision
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
    Verdict.REJECTED: "{by} requested changes to “{asset}”: {reason}",
    Verdict.ARCHIVED: "“{asset}” was archived by {by}.",
}

_LATEST = (
    Decision.objects.filter(asset=OuterRef(OuterRef("pk")))
    .exclude(verdict=Verdict.CHECKED)
    .order_by("-at", "-id")
)
CHANGES_REQUESTED = Exists(
    Decision.objects.filter(asset=OuterRef("pk"), verdict=Verdict.REJECTED).filter(
        pk=Subquery(_LATEST.values("pk")[:1])
    )
)


@transaction.atomic
def decide(
    *, asset: Asset, by: User, verdict: str, reason: str = "", notify: bool = True
) -> Decision:
    """Record a manager's decision about an asset and set the status that follows from it.

    `verdict` is a key of STATUS_AFTER, `reason` has at most MAX_REASON_LENGTH characters, and
    requesting changes to a draft needs one. `asset` has its new status afterwards. With `notify`,
    the user who created the asset gets a notification.

    Raises:
        NotAllowed: `by` is not a manager of the brand.
        CannotApprove: there are approval blockers; the message lists them.
        InvalidAsset: the verdict is unknown, or the reason is missing or too long.
        AssetGone: the asset was deleted in the meantime.
        Conflict: the asset has that status already.
    """
    if verdict not in STATUS_AFTER:
        raise InvalidAsset(f"verdict must be one of {', '.join(STATUS_AFTER)}.")
    reason = text.clean_text(reason)
    current = _locked(asset)
    permissions.require_manager(by, current.brand)
    _check(current, verdict, reason)
    if verdict == Verdict.APPROVED and (problems := approval_blockers(current, by=by)):
        raise CannotApprove(" ".join(problems))
    update.update_asset(asset=current, status=STATUS_AFTER[verdict], deciding=True)
    asset.status, asset.updated_at = current.status, current.updated_at
    decision = Decision.objects.create(asset=current, verdict=verdict, reason=reason, by=by)
    if notify:
        _notify_creator(decision)
    hooks.asset_decided(decision)
    return decision


def ask_again(*, asset: Asset, by: User | None, reason: str) -> None:
    """End the decision that was about another file: make an approved asset a draft, unless its
    brand keeps approvals, and let a draft with requested changes await a decision again.

    Runs in the transaction that replaces the file. The asset's creator and the user who approved it
    are notified that it is no longer approved.
    """
    latest = asset.decisions.exclude(verdict=Verdict.CHECKED).select_related("by").first()
    policy = asset.brand.replacement_policy
    if asset.status == Status.APPROVED and policy == Brand.ReplacementPolicy.ASK_AGAIN:
        update.update_asset(asset=asset, status=Status.DRAFT)
        approvers = [latest.by] if latest else []
        for user in {asset.created_by, *approvers} - {by, None}:
            assert user
            notifications.notify(user, _replaced_sentence(asset, by), asset.get_absolute_url())
    elif not (asset.status == Status.DRAFT and latest and latest.verdict == Verdict.REJECTED):
        return
    decision = Decision.objects.create(asset=asset, verdict=Verdict.REPLACED, reason=reason, by=by)
    hooks.asset_decided(decision)


def _replaced_sentence(asset: Asset, by: User | None) -> str:
    user = f" by {by.get_full_name() or by.username}" if by else ""
    return f"The file of “{asset}” was replaced{user}. It is a draft until it is approved again."


@transaction.atomic
def confirm_terms(*, asset: Asset, by: User, derivatives_allowed: bool, note: str = "") -> Decision:
    """Record that somebody has checked the terms of an asset; new images may be made from it, if
    `derivatives_allowed`.

    `note` has at most MAX_REASON_LENGTH characters. `asset` has its new terms afterwards.

    Raises:
        NotAllowed: `by` may not edit in the brand.
        InvalidAsset: the note is too long, or the sources of the asset have stricter terms.
        AssetGone: the asset was deleted in the meantime.
        Conflict: it has no terms to check; somebody else was first.
    """
    note = text.clean_text(note)
    if len(note) > MAX_REASON_LENGTH:
        raise InvalidAsset(f"The note has more than {MAX_REASON_LENGTH} characters. Shorten it.")
    current = _locked(asset)
    permissions.require_editor(by, current.brand)
    if not current.terms_to_check:
        raise Conflict(f"“{current}” has no terms to check: somebody has checked them already.")
    allowed = "Derivatives allowed." if derivatives_allowed else "No derivatives."
    reason = " ".join(filter(None, (allowed, note, f"To check was: {current.terms_to_check}")))
    changes: dict[str, Any] = {"terms_to_check": "", "derivatives_allowed": derivatives_allowed}
    update.update_asset(asset=current, **changes)
    for name in (*changes, "updated_at"):
        setattr(asset, name, getattr(current, name))
    return Decision.objects.create(
        asset=current, verdict=Verdict.CHECKED, reason=reason[:MAX_REASON_LENGTH], by=by
    )


def change_status(*, asset: Asset, by: User, status: str, reason: str = "") -> Decision | None:
    """Make the decision that leads to `status`; return None if the asset has that status already.

    Raises InvalidAsset for a status that no decision leads to, and all that `decide` raises.
    """
    if status == asset.status:
        return None
    if status == Status.QUARANTINED:
        raise InvalidAsset(
            "An asset is quarantined by revoking its usage rights, which records the reason."
        )
    verdicts = {after: verdict for verdict, after in STATUS_AFTER.items()}
    if status not in verdicts:
        raise InvalidAsset(f"status must be one of {', '.join(Status.values)}.")
    return decide(asset=asset, by=by, verdict=verdicts[status], reason=reason)


def approval_blockers(asset: Asset, *, by: User, checks: bool = True) -> list[str]:
    """Return the reasons why a manager cannot approve an asset, as sentences; empty: none.

    Without `checks`, the registered `hooks.approval_checks` are skipped, and only the asset's own
    fields count.
    """
    found: list[str] = []
    if asset.brand.four_eyes and _has_made(by, asset):
        found.append(
            f"You generated or uploaded “{asset}”, and {asset.brand} requires a second "
            "approver. Ask another manager."
        )
    if problem := terms.usage_problem(asset):
        found.append(problem)
    if checks:
        found += chain.from_iterable(hooks.approval_checks(asset))
    return found


def _has_made(user: User, asset: Asset) -> bool:
    """Return True if the user added the asset, or its current file."""
    if asset.created_by_id == user.pk:
        return True
    replaced = asset.version > 1
    return replaced and asset.versions.filter(number=asset.version, created_by=user).exists()


def pending_review(user: permissions.AnyUser) -> AssetQuerySet:
    """Return drafts that this user may decide on, without requested changes, oldest first."""
    return _drafts(user).exclude(CHANGES_REQUESTED)


def changes_requested(user: permissions.AnyUser) -> AssetQuerySet:
    """Return the drafts that this user may decide on and that await changes, oldest first."""
    return _drafts(user).filter(CHANGES_REQUESTED)


def decisions(assets: Sequence[Asset]) -> dict[int, list[Decision]]:
    """Return the decisions of each asset by its id, latest first, each with its user loaded."""
    found: dict[int, list[Decision]] = {asset.pk: [] for asset in assets}
    for decision in Decision.objects.filter(asset__in=assets).select_related("by"):
        found[decision.asset_id].append(decision)
    return found


def sets_status(decision: Decision) -> bool:
    """Return whether a decision is about the status of its asset, and not about its terms."""
    return decision.verdict != Verdict.CHECKED


def count_terms_to_check(brands: QuerySet[Brand]) -> QuerySet[Brand]:
    """Annotate brands with `terms_to_check`: how many of their assets in use have such terms."""
    waiting = Asset.objects.filter(brand=OuterRef("pk")).exclude(terms_to_check="")
    waiting = waiting.exclude(status__in=(Status.ARCHIVED, Status.QUARANTINED)).order_by()
    counts = waiting.values("brand").values_list(Count("pk"))
    return brands.annotate(terms_to_check=Coalesce(Subquery(counts), 0))


def _drafts(user: permissions.AnyUser) -> AssetQuerySet:
    drafts = Asset.objects.filter(status=Status.DRAFT)
    if not permissions.has_full_access(user):
        drafts = drafts.filter(brand__in=permissions.brands(user, *permissions.MANAGERS))
    return drafts.order_by("created_at", "pk")


def _locked(asset: Asset) -> Asset:
    """Return the asset as it is now, locked. Raises AssetGone."""
    locked = Asset.objects.select_for_update(of=("self",)).select_related("brand", "created_by")
    current = locked.filter(pk=asset.pk).first()
    if current is None:
        raise AssetGone(f"“{asset}” was deleted in the meantime.")
    return current


def _check(asset: Asset, verdict: str, reason: str) -> None:
    if len(reason) > MAX_REASON_LENGTH:
        raise InvalidAsset(f"The reason has more than {MAX_REASON_LENGTH} characters. Shorten it.")
    requests_changes = verdict == Verdict.REJECTED and asset.status == Status.DRAFT
    if requests_changes and not reason:
        raise InvalidAsset("Enter a reason, so that the creator knows what to change.")
    if asset.status == STATUS_AFTER[verdict] and not requests_changes:
        raise Conflict(f"“{asset}” is already {asset.get_status_display().lower()}.")


def _notify_creator(decision: Decision) -> None:
    asset, by = decision.asset, decision.by
    if asset.created_by is None or by is None or asset.created_by_id == by.pk:
        return
    template = NOTICE_SENTENCES[decision.verdict]
    reason = decision.reason or "no reason given."
    sentence = template.format(asset=asset, by=by.get_full_name() or by.username, reason=reason)
    if decision.verdict != Verdict.REJECTED and decision.reason:
        sentence = f"{sentence} {decision.reason}"
    notifications.notify(asset.created_by, sentence, asset.get_absolute_url())

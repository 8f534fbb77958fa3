"""Withdrawing the rights to a picture: it, and whatever was made of it, is put aside; the people
concerned are told; lifting that brings everything back."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from assetbank import notifications, permissions, text
from assetbank.errors import InvalidAsset
from assetbank.models import Asset, Brand, Membership
from generation import webhooks
from generation.lineage import graph, quarantine
from generation.models import Generation, Withdrawal
from generation.pipeline import cancel_generation

logger = logging.getLogger(__name__)

MAX_REASON_LENGTH = 500
MAX_NAMED = 3
CANCELLED = "Cancelled: the usage rights of one of its references were revoked."


@dataclass(frozen=True)
class Affected:
    """What was made of a picture."""

    seen: list[Asset]  # by the person who asks, newest first
    unseen: int  # pictures of other brands
    waiting: int  # generations that would be cancelled


def affected_by(*, person: permissions.AnyUser, asset: Asset) -> Affected:
    pks = graph.descendants([asset.pk])
    seen = list(
        permissions.assets(person).filter(pk__in=pks).select_related("brand").order_by("-pk")
    )
    waiting = len(unfinished([asset.pk, *pks]))
    return Affected(seen, len(pks) - len(seen), waiting)


def active_withdrawal(asset: Asset) -> Withdrawal | None:
    """The withdrawal of `asset` itself that nobody has lifted."""
    rows = Withdrawal.objects.filter(asset=asset, lifted_at=None)
    return rows.select_related("by").first()


@transaction.atomic
def withdraw_rights(*, person: User, asset: Asset, reason: str) -> Withdrawal:
    """Quarantine `asset` and all descendants, in every brand: rights do not end where a brand does.
    Generations that wait with one of them are cancelled. Managers only.

    Raises NotAllowed and InvalidAsset.
    """
    permissions.require_manager(person, asset.brand)
    reason = text.clean_text(reason)
    if not reason:
        raise InvalidAsset("Enter a reason: it is shown to all affected users.")
    if len(reason) > MAX_REASON_LENGTH:
        raise InvalidAsset(f"The reason has more than {MAX_REASON_LENGTH} characters. Shorten it.")
    locked = _lock_all(asset)
    if active_withdrawal(asset):
        raise InvalidAsset(f"The usage rights of “{asset}” are already revoked.")
    withdrawal = Withdrawal.objects.create(
        asset=asset,
        brand=asset.brand,
        title=asset.title,
        checksum=asset.checksum,
        reason=reason,
        by=person,
    )
    for each in locked:
        quarantine.quarantine(each, withdrawal)
    cancelled = _cancel([each.pk for each in locked])
    _tell(withdrawal, asset, locked)
    webhooks.rights_withdrawn(asset, reason, locked)
    logger.info(
        "%s withdrew asset %d: %d quarantined, %d cancelled",
        person,
        asset.pk,
        len(locked),
        cancelled,
    )
    asset.refresh_from_db()
    return withdrawal


def liftable_withdrawal(*, person: permissions.AnyUser, asset: Asset) -> Withdrawal | None:
    """What `person` may lift where `asset` is: its own withdrawal, or that of a source that was
    deleted since, and so has no page of its own."""
    here = Withdrawal.objects.filter(Q(asset=asset) | Q(asset=None), quarantined__asset=asset)
    rows = here.filter(lifted_at=None).select_related("brand").order_by("asset_id", "pk")
    return next((row for row in rows if permissions.can_manage(person, row.brand)), None)


def reinstate_rights(*, person: User, asset: Asset) -> list[Asset]:
    """Lift what is `liftable` there. Managers only. Raises NotAllowed and InvalidAsset."""
    withdrawal = liftable_withdrawal(person=person, asset=asset)
    if withdrawal is None:
        permissions.require_manager(person, asset.brand)
        raise InvalidAsset(f"The usage rights of “{asset}” are not revoked.")
    released = lift_withdrawal(person=person, withdrawal=withdrawal)
    asset.refresh_from_db()
    return released


@transaction.atomic
def lift_withdrawal(*, person: User, withdrawal: Withdrawal) -> list[Asset]:
    """What nothing else holds back has its status of before. Managers of the source's brand only.

    Raises NotAllowed and InvalidAsset.
    """
    permissions.require_manager(person, withdrawal.brand)
    locked = Withdrawal.objects.select_for_update().get(pk=withdrawal.pk)
    if locked.lifted_at:  # by somebody else, since it was read
        raise InvalidAsset(f"The usage rights of “{locked.title}” are not revoked.")
    released = quarantine.release_quarantined(locked)
    locked.lifted_at, locked.lifted_by = timezone.now(), person
    locked.save(update_fields=["lifted_at", "lifted_by"])
    for owner, pictures in _owners(released, but=person).items():
        named = _named(pictures)
        notifications.notify(
            owner, f"Usage rights reinstated; released from quarantine: {named}.", _where(pictures)
        )
    return released


def unfinished(asset_ids: Iterable[int]) -> list[Generation]:
    """Generations that wait, or draw, with one of these pictures."""
    pks = list(asset_ids)
    uses = Q(reference_rows__asset__in=pks) | Q(refines__asset__in=pks) | Q(draft__asset__in=pks)
    return list(Generation.objects.filter(uses, state__in=Generation.UNFINISHED).distinct())


def _lock_all(asset: Asset) -> list[Asset]:
    """The picture and its descendants. Pictures that are being stored lock what they are made of:
    once nothing new turns up, all of them are here."""
    known: set[int] = set()
    rows: list[Asset] = []
    pks = {asset.pk}
    while pks != known:
        known = pks
        locked = Asset.objects.select_for_update(of=("self",)).filter(pk__in=known)
        rows = list(locked.select_related("brand", "created_by").order_by("pk"))
        pks = known | graph.descendants(known)
    return rows


def _cancel(asset_ids: Sequence[int]) -> int:
    waiting = list(unfinished(asset_ids))
    for generation in waiting:
        cancel_generation(person=permissions.system_user(), generation=generation, reason=CANCELLED)
    return len(waiting)


# ------------------------------------------------------------------------ telling


def _tell(withdrawal: Withdrawal, source: Asset, quarantined: Sequence[Asset]) -> None:
    """Whoever made one of the pictures, and the managers of other brands that have some."""
    told = _owners(quarantined, but=withdrawal.by)
    elsewhere: dict[Brand, list[Asset]] = {}
    for asset in quarantined:
        if asset.brand_id != source.brand_id:
            elsewhere.setdefault(asset.brand, []).append(asset)
    for brand, pictures in elsewhere.items():
        managers = Membership.objects.filter(brand=brand, role=Membership.Role.MANAGER)
        for membership in managers.select_related("user"):
            if membership.user != withdrawal.by:
                mine = told.setdefault(membership.user, [])
                mine += [picture for picture in pictures if picture not in mine]
    for person, pictures in told.items():
        notifications.notify(
            person, _sentence(person, source, withdrawal.reason, pictures), _where(pictures)
        )


def _sentence(person: User, source: Asset, reason: str, pictures: Sequence[Asset]) -> str:
    """Who may not see the source learns neither its name nor the reason."""
    if permissions.assets(person).filter(pk=source.pk).exists():
        short = reason if len(reason) <= 160 else f"{reason[:159]}…"
        what = f"The usage rights of “{source}” were revoked: {short.rstrip('.')}."
    else:
        what = "The usage rights of a source of your assets were revoked."
    return f"{what} Quarantined: {_named(pictures)}."


def _owners(assets: Iterable[Asset], *, but: User | None) -> dict[User, list[Asset]]:
    owners: dict[User, list[Asset]] = {}
    for asset in assets:
        if asset.created_by and asset.created_by != but and asset.created_by.is_active:
            owners.setdefault(asset.created_by, []).append(asset)
    return {
        owner: seen
        for owner, made in owners.items()
        if (seen := list(permissions.assets(owner).filter(pk__in=[asset.pk for asset in made])))
    }


def _named(pictures: Sequence[Asset]) -> str:
    named = ", ".join(f"“{str(picture)[:60]}”" for picture in pictures[:MAX_NAMED])
    more = len(pictures) - MAX_NAMED
    return f"{named} and {more} more" if more > 0 else named


def _where(pictures: Sequence[Asset]) -> str:
    if len(pictures) == 1:
        return pictures[0].get_absolute_url()
    return f"{reverse('library')}?status={Asset.Status.QUARANTINED}"

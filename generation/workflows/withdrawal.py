"""Withdrawal of an asset's usage rights: the asset and its descendants are quarantined, and the
users concerned are notified. Lifting the withdrawal releases them."""

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
from assetbank.models import Asset, Brand
from generation import webhooks
from generation.lineage import graph, quarantine
from generation.models import Generation, Withdrawal
from generation.pipeline import cancel_generation

logger = logging.getLogger(__name__)

MAX_REASON_LENGTH = 500
MAX_NAMED = 3  # assets that a notification lists by title
CANCELLED = "Cancelled: the usage rights of one of its references were revoked."


@dataclass(frozen=True)
class Affected:
    """Effect of a withdrawal of an asset's rights: its descendants, and generations that
    would be cancelled."""

    seen: list[Asset]  # descendants that the user may view, newest first
    unseen: int  # number of other descendants, which belong to other brands
    waiting: int  # number of generations that would be cancelled


def affected_by(*, person: permissions.AnyUser, asset: Asset) -> Affected:
    """Return what a withdrawal of `asset` would affect, as far as `person` may view it."""
    pks = graph.descendants([asset.pk], in_trash=False)
    seen = list(
        permissions.assets(person).filter(pk__in=pks).select_related("brand").order_by("-pk")
    )
    waiting = len(unfinished([asset.pk, *pks]))
    return Affected(seen, len(pks) - len(seen), waiting)


def active_withdrawal(asset: Asset) -> Withdrawal | None:
    """Return the withdrawal of `asset` itself that is in force, if any."""
    rows = Withdrawal.objects.filter(asset=asset, lifted_at=None)
    return rows.select_related("by").first()


@transaction.atomic
def withdraw_rights(*, person: User, asset: Asset, reason: str) -> Withdrawal:
    """Quarantine `asset` and its descendants in all brands, cancel unfinished generations that use
    one of them, and notify the users concerned. Managers only.

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
        title=asset.display_title,
        checksum=asset.checksum,
        reason=reason,
        by=person,
    )
    for each in locked:
        quarantine.quarantine(each, withdrawal)
    cancelled = _cancel([each.pk for each in locked])
    _notify_users(withdrawal, asset, locked)
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
    """Return the withdrawal that `person` may lift on the page of `asset`, if any: that of `asset`
    itself, or one of a source that was deleted since and so has no page of its own."""
    quarantining = Withdrawal.objects.filter(
        Q(asset=asset) | Q(asset=None), quarantined__asset=asset
    )
    rows = quarantining.filter(lifted_at=None).select_related("brand").order_by("asset_id", "pk")
    return next((row for row in rows if permissions.can_manage(person, row.brand)), None)


def reinstate_rights(*, person: User, asset: Asset) -> list[Asset]:
    """Lift the withdrawal that `liftable_withdrawal` returns; return the released assets.

    Managers only. Raises NotAllowed and InvalidAsset.
    """
    withdrawal = liftable_withdrawal(person=person, asset=asset)
    if withdrawal is None:
        permissions.require_manager(person, asset.brand)
        raise InvalidAsset(f"The usage rights of “{asset}” are not revoked.")
    released = lift_withdrawal(person=person, withdrawal=withdrawal)
    asset.refresh_from_db()
    return released


@transaction.atomic
def lift_withdrawal(*, person: User, withdrawal: Withdrawal) -> list[Asset]:
    """Lift a withdrawal, and return the released assets: those that no other withdrawal holds
    have their previous status again. Managers of the source's brand only.

    Raises NotAllowed and InvalidAsset.
    """
    permissions.require_manager(person, withdrawal.brand)
    locked = Withdrawal.objects.select_for_update().get(pk=withdrawal.pk)
    if locked.lifted_at:  # by another user in the meantime
        raise InvalidAsset(f"The usage rights of “{locked.title}” are not revoked.")
    released = quarantine.release_quarantined(locked)
    locked.lifted_at, locked.lifted_by = timezone.now(), person
    locked.save(update_fields=["lifted_at", "lifted_by"])
    for owner, pictures in _owners(released, exclude=person).items():
        named = _named(pictures)
        notifications.notify(
            owner, f"Usage rights reinstated; released from quarantine: {named}.", _where(pictures)
        )
    return released


def unfinished(asset_ids: Iterable[int]) -> list[Generation]:
    """Return the waiting and running generations that use one of these assets, given by id, as a
    reference, a draft, or the image to edit."""
    pks = list(asset_ids)
    uses = Q(reference_rows__asset__in=pks) | Q(refines__asset__in=pks) | Q(draft__asset__in=pks)
    return list(Generation.objects.filter(uses, state__in=Generation.UNFINISHED).distinct())


def _lock_all(asset: Asset) -> list[Asset]:
    """Return the asset and its descendants, also those in the trash, in the order of ids; they are
    locked until the transaction ends.

    The graph is read again after each locking, until it has no more descendants than are locked.
    No further one can then be added: storing a generated asset begins with locking its sources.
    """
    known: set[int] = set()
    rows: list[Asset] = []
    pks = {asset.pk}
    while pks != known:
        known = pks
        locked = Asset.all_objects.select_for_update(of=("self",)).filter(pk__in=known)
        rows = list(locked.select_related("brand", "created_by").order_by("pk"))
        pks = known | graph.descendants(known)
    return rows


def _cancel(asset_ids: Sequence[int]) -> int:
    waiting = list(unfinished(asset_ids))
    for generation in waiting:
        cancel_generation(person=permissions.system_user(), generation=generation, reason=CANCELLED)
    return len(waiting)


# ------------------------------------------------------------------------ notifications


def _notify_users(withdrawal: Withdrawal, source: Asset, quarantined: Sequence[Asset]) -> None:
    """Notify the creators of the quarantined assets, and the managers of each other brand to which
    some of them belong; never the user who withdrew the rights."""
    affected = _owners(quarantined, exclude=withdrawal.by)
    elsewhere: dict[Brand, list[Asset]] = {}
    for asset in quarantined:
        if asset.brand_id != source.brand_id and not asset.in_trash:
            elsewhere.setdefault(asset.brand, []).append(asset)
    for brand, pictures in elsewhere.items():
        for manager in permissions.managers_of(brand):
            if manager != withdrawal.by:
                listed = affected.setdefault(manager, [])
                listed += [picture for picture in pictures if picture not in listed]
    for person, pictures in affected.items():
        notifications.notify(
            person, _sentence(person, source, withdrawal.reason, pictures), _where(pictures)
        )


def _sentence(person: User, source: Asset, reason: str, pictures: Sequence[Asset]) -> str:
    """Return the notification for `person` of a withdrawal: what was revoked, why, and which
    `pictures` are quarantined for that. The source's title and the reason are left out if `person`
    may not view the source."""
    if permissions.assets(person).filter(pk=source.pk).exists():
        short = reason if len(reason) <= 160 else f"{reason[:159]}…"
        what = f"The usage rights of “{source}” were revoked: {short.rstrip('.')}."
    else:
        what = "The usage rights of a source of your assets were revoked."
    return f"{what} Quarantined: {_named(pictures)}."


def _owners(assets: Iterable[Asset], *, exclude: User | None) -> dict[User, list[Asset]]:
    """Return the active creators of `assets`, without `exclude`, each with those of their assets
    that they may still view."""
    owners: dict[User, list[Asset]] = {}
    for asset in assets:
        if asset.created_by and asset.created_by != exclude and asset.created_by.is_active:
            owners.setdefault(asset.created_by, []).append(asset)
    return {
        owner: visible
        for owner, made in owners.items()
        if (visible := list(permissions.assets(owner).filter(pk__in=[asset.pk for asset in made])))
    }


def _named(pictures: Sequence[Asset]) -> str:
    """Return the titles of assets in quotes, at most MAX_NAMED, then “and 2 more” if more."""
    named = ", ".join(f"“{str(picture)[:60]}”" for picture in pictures[:MAX_NAMED])
    more = len(pictures) - MAX_NAMED
    return f"{named} and {more} more" if more > 0 else named


def _where(pictures: Sequence[Asset]) -> str:
    """Return the path of the page to which a notification leads: that of the asset if it is the
    only one, else the library's list of quarantined assets."""
    if len(pictures) == 1:
        return pictures[0].get_absolute_url()
    return f"{reverse('library')}?status={Asset.Status.QUARANTINED}"

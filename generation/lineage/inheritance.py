"""Pictures inherit from what they were made of: the strictest terms, and the earliest end."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q
from django.utils.formats import date_format

from assetbank import notifications, permissions
from assetbank.assets import fields, update_asset
from assetbank.models import Asset
from assetbank.rights import terms as rights
from generation.lineage import graph, quarantine
from generation.models import Generation

JOINED = ("licence", "credit")
BETWEEN = "; "
TERM_NAMES = {
    "derivatives_allowed": "derivatives",
    "territories": "territories",
    "consent": "consent",
    "consent_until": "consent",
    "expires_on": "expiry date",
}
MAX_NAMED = 3


def sources(generation: Generation) -> list[Asset]:
    """What its pictures are made of: references, the picture that it goes on from, the draft."""
    used = Q(reference_rows__generation=generation)
    for output in (generation.refines_id, generation.draft_id):
        if output:
            used |= Q(made_as=output)
    return list(Asset.objects.filter(used).distinct().order_by("pk"))


def source_assets(asset: Asset) -> list[Asset]:
    """The same of a picture: of all generations that made it."""
    making = Generation.objects.filter(outputs__asset=asset).distinct()
    return [one for each in making for one in sources(each) if one.pk != asset.pk]


def terms(assets: Sequence[Asset]) -> dict[str, Any]:
    """Of a picture made of these, as fields of `intake.store`."""
    joined = {name: _joined((getattr(a, name) for a in assets), name) for name in JOINED}
    return {**rights.strictest_terms(assets), **joined}


def no_common_territory(assets: Sequence[Asset]) -> str:
    """A sentence if there is no country in which a picture made of these may be used, else ""."""
    if rights.strictest_terms(assets)["territories"] != rights.NOWHERE:
        return ""
    bound = [f"“{a}” ({', '.join(a.territories)})" for a in assets if a.territories]
    return f"These assets have no territory in common: {', '.join(bound)}. Remove one of them."


def terms_preview(assets: Sequence[Asset]) -> str:
    """Until when and where a picture made of these may be used; empty where nothing limits it."""
    gets = rights.strictest_terms(assets)
    ends = min(filter(None, (gets["expires_on"], gets["consent_until"])), default=None)
    limits = [f"until {date_format(ends, 'j F Y')}"] if ends else []
    if gets["territories"]:
        limits.append(f"in {', '.join(gets['territories'])}")
    return f"Images generated from these may be used {' and '.join(limits)} only." if limits else ""


def inherit_terms(*, asset: Asset, generation: Generation) -> None:
    """Give `asset` the terms of what `generation` made it of, as they are now.

    In the transaction that stores it: the sources are locked, so that whoever makes their terms
    stricter, or withdraws one, comes before and is heeded, or after and finds this picture.
    """
    pks = [source.pk for source in sources(generation) if source.pk != asset.pk]
    made_of = list(Asset.objects.select_for_update().filter(pk__in=pks).order_by("pk"))
    if made_of:
        _apply(asset, terms([asset, *made_of]))
    deleted = generation.reference_rows.filter(asset=None).values_list("checksum", flat=True)
    quarantine.quarantine_if_withdrawn(asset, made_of, list(deleted))


@transaction.atomic
def propagate_terms(asset: Asset, stricter: Collection[str]) -> None:
    """These terms of `asset` have become stricter: whatever was made of it follows, at any remove.
    Those who made the pictures are told."""
    pks = graph.descendants([asset.pk])
    locked = Asset.objects.select_for_update(of=("self",)).select_related("created_by")
    changed: dict[User, list[Asset]] = {}
    # the youngest first: to change one passes on to what was made of it, and that is done then
    for made in reversed(locked.filter(pk__in=pks).order_by("pk")):
        gets = rights.strictest_terms([made, asset])
        if _apply(made, {name: gets[name] for name in stricter}) and made.created_by:
            changed.setdefault(made.created_by, []).append(made)
    for person, pictures in changed.items():
        notifications.notify(
            person, _told(person, asset, pictures, stricter), pictures[0].get_absolute_url()
        )


def _apply(asset: Asset, gets: dict[str, Any]) -> bool:
    changes = {name: value for name, value in gets.items() if getattr(asset, name) != value}
    if changes:
        update_asset(asset=asset, **changes)
    return bool(changes)


def _told(person: User, source: Asset, pictures: Sequence[Asset], stricter: Collection[str]) -> str:
    seen = permissions.assets(person).filter(pk=source.pk).exists()
    which = f"“{source}”" if seen else "an asset of another brand"
    what = " and ".join(dict.fromkeys(TERM_NAMES[name] for name in stricter))
    named = ", ".join(f"“{picture}”" for picture in pictures[:MAX_NAMED])
    if len(pictures) > MAX_NAMED:
        named += f" and {len(pictures) - MAX_NAMED} more"
    return (
        f"The usage rights of {which} became stricter ({what}), and so did those of your "
        f"derivatives: {named}."
    )


def _joined(values: Iterable[str], name: str) -> str:
    """Each once, in their order; cut where there is no more room."""
    parts = dict.fromkeys(part for value in values for part in value.split(BETWEEN) if part)
    joined, most = BETWEEN.join(parts), fields.MAX_LENGTHS[name]
    return joined if len(joined) <= most else f"{joined[: most - 1]}…"

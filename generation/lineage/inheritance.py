"""Inheritance of terms: a generated asset gets the strictest terms of its sources, and the earliest
end of their rights."""

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
from assetbank.rights import terms
from generation.lineage import graph, quarantine
from generation.models import Generation

JOINED = ("licence", "credit")  # Text fields that an asset inherits from all sources, joined
SEPARATOR = "; "
TERM_NAMES = {
    "derivatives_allowed": "derivatives",
    "territories": "territories",
    "consent": "consent",
    "consent_until": "consent",
    "expires_on": "expiry date",
    "terms_to_check": "terms to check",
}
MAX_NAMED = 3  # Assets named in a notification


def sources(generation: Generation) -> list[Asset]:
    """Return the assets from which a generation makes its images: its references, the image it
    refines and its draft; also those in the trash, whose terms still bind."""
    used = Q(reference_rows__generation=generation)
    for output in (generation.refines_id, generation.draft_id):
        if output:
            used |= Q(made_as=output)
    return list(Asset.all_objects.filter(used).distinct().order_by("pk"))


def source_assets(asset: Asset) -> list[Asset]:
    """Return the sources of an asset, from all generations that produced it."""
    generations = Generation.objects.filter(outputs__asset=asset).distinct()
    return [source for each in generations for source in sources(each) if source.pk != asset.pk]


def inherited_terms(assets: Sequence[Asset]) -> dict[str, Any]:
    """Return the terms of an image generated from these assets, as fields of `update_asset`."""
    joined = {name: _joined((getattr(a, name) for a in assets), name) for name in JOINED}
    return {**terms.strictest_terms(assets), **joined}


def no_common_territory(assets: Sequence[Asset]) -> str:
    """Return a sentence if an image generated from these may be used in no country, else ""."""
    if terms.strictest_terms(assets)["territories"] != terms.NOWHERE:
        return ""
    limited = [f"“{a}” ({', '.join(a.territories)})" for a in assets if a.territories]
    return f"These assets have no territory in common: {', '.join(limited)}. Remove one of them."


def terms_preview(assets: Sequence[Asset]) -> str:
    """Return a sentence that states until when and in which countries an image generated from these
    may be used; "" if nothing limits it."""
    inherited = terms.strictest_terms(assets)
    ends = min(filter(None, (inherited["expires_on"], inherited["consent_until"])), default=None)
    limits = [f"until {date_format(ends, 'j F Y')}"] if ends else []
    if inherited["territories"]:
        limits.append(f"in {', '.join(inherited['territories'])}")
    return f"Images generated from these may be used {' and '.join(limits)} only." if limits else ""


def inherit_terms(*, asset: Asset, generation: Generation) -> None:
    """Give `asset` the present terms of the sources of `generation`, and quarantine it if one of
    these is withdrawn.

    Runs in the transaction that stores the asset. It locks the sources: a change of their terms or
    a withdrawal is committed before, and is applied here, or waits, and then finds this asset.
    """
    pks = [source.pk for source in sources(generation) if source.pk != asset.pk]
    locked = list(Asset.all_objects.select_for_update().filter(pk__in=pks).order_by("pk"))
    if locked:
        _apply(asset, inherited_terms([asset, *locked]))
    deleted = generation.reference_rows.filter(asset=None).values_list("checksum", flat=True)
    quarantine.quarantine_if_withdrawn(asset, locked, list(deleted))


@transaction.atomic
def propagate_terms(asset: Asset, stricter: Collection[str]) -> None:
    """Apply the terms of `asset` that have become stricter to all its descendants, also those in
    the trash, and notify the users who generated the others.

    `stricter` are names of fields.
    """
    pks = graph.descendants([asset.pk])
    locked = Asset.all_objects.select_for_update(of=("self",)).select_related("created_by")
    changed: dict[User, list[Asset]] = {}
    # Newest first: a change is passed on to descendants, and these then have nothing left to change
    for made in reversed(locked.filter(pk__in=pks).order_by("pk")):
        strictest = terms.strictest_terms([made, asset])
        applied = _apply(made, {name: strictest[name] for name in stricter})
        if applied and made.created_by and not made.in_trash:
            changed.setdefault(made.created_by, []).append(made)
    for person, assets in changed.items():
        notifications.notify(
            person, _message(person, asset, assets, stricter), assets[0].get_absolute_url()
        )


def _apply(asset: Asset, new_terms: dict[str, Any]) -> bool:
    """Update those terms of an asset that differ from `new_terms`; return True if any did."""
    changes = {name: value for name, value in new_terms.items() if getattr(asset, name) != value}
    if changes:
        update_asset(asset=asset, **changes)
    return bool(changes)


def _message(
    person: User, source: Asset, assets: Sequence[Asset], stricter: Collection[str]
) -> str:
    """Return the notification for a user that these assets of theirs got stricter terms, because a
    source did."""
    visible = permissions.assets(person).filter(pk=source.pk).exists()
    which = f"“{source}”" if visible else "an asset of another brand"
    names = " and ".join(dict.fromkeys(TERM_NAMES[name] for name in stricter))
    named = ", ".join(f"“{asset}”" for asset in assets[:MAX_NAMED])
    if len(assets) > MAX_NAMED:
        named += f" and {len(assets) - MAX_NAMED} more"
    return (
        f"The usage rights of {which} became stricter ({names}), and so did those of your "
        f"derivatives: {named}."
    )


def _joined(values: Iterable[str], name: str) -> str:
    """Return the distinct parts of several values of a text field of assets, in order, joined, and
    cut off at the maximum length of that field."""
    parts = dict.fromkeys(part for value in values for part in value.split(SEPARATOR) if part)
    joined, max_length = SEPARATOR.join(parts), fields.MAX_LENGTHS[name]
    return joined if len(joined) <= max_length else f"{joined[: max_length - 1]}…"

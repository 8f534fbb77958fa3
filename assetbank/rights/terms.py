"""Terms of use: may an asset be used today, and may new images be made from it.

The rules exist twice: in Python for one asset, with a sentence, and in SQL for many.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, NamedTuple

from django.db.models import Q
from django.utils import timezone
from django.utils.formats import date_format

from assetbank.errors import InvalidAsset
from assetbank.models import Asset, AssetQuerySet

# An empty list of territories means "everywhere", so "nowhere" needs a code of its own: ZZ is no
# country in ISO 3166 and never will be. It is for assets whose sources share no territory
NOWHERE = ["ZZ"]
TO_CHECK = "Terms to check"
MAX_TO_CHECK = 500  # characters that the field holds
WORST_CONSENT_FIRST = (Asset.Consent.MISSING, Asset.Consent.GIVEN)


class UsageProblem(NamedTuple):
    """The reason why an asset may not be used."""

    word: str  # the problem in one or two words, for a badge
    sentence: str


def usage_problem(asset: Asset, *, derive: bool = False) -> str | None:
    """Return a sentence that says why the asset may not be used today; None: it may be.

    With `derive`, for making new images from it. `usable` is the equivalent for many assets.
    """
    problem = usage_problem_badge(asset, derive=derive)
    return problem.sentence if problem else None


def usage_problem_badge(asset: Asset, *, derive: bool = False) -> UsageProblem | None:
    """Return the problem that `usage_problem` reports, with one or two words for a badge."""
    if asset.status == Asset.Status.QUARANTINED:
        sentence = f"“{asset}” is quarantined: its usage rights were revoked."
        return UsageProblem("Quarantined", sentence)
    if asset.expired:
        ended = f"its usage rights expired on {_day(asset.expires_on)}."
        return UsageProblem("Expired", f"“{asset}” may no longer be used: {ended}")
    if asset.consent == Asset.Consent.MISSING:
        return UsageProblem(
            "No consent", f"The people shown in “{asset}” have not consented to its use."
        )
    if asset.consent == Asset.Consent.GIVEN and _past(asset.consent_until):
        until = f"until {_day(asset.consent_until)} only."
        return UsageProblem(
            "Consent expired", f"The people shown in “{asset}” consented to its use {until}"
        )
    if asset.territories == NOWHERE:
        sentence = f"“{asset}” has no territory: its sources have no country in common."
        return UsageProblem("No territory", sentence)
    if derive and not asset.derivatives_allowed:
        sentence = f"The licence of “{asset}” does not allow derivatives."
        return UsageProblem("No derivatives", sentence)
    if derive and asset.terms_to_check:
        sentence = f"“{asset}” is not cleared for new images: check its terms first"
        return UsageProblem(TO_CHECK, f"{sentence} ({asset.terms_to_check.rstrip('. ')}).")
    return None


def usable(assets: AssetQuerySet, *, derive: bool = False) -> AssetQuerySet:
    """Return the assets that have no `usage_problem`."""
    return assets.filter(usage_conditions(derive=derive))


def usage_conditions(*, derive: bool = False) -> Q:
    """Return the condition that `usable` filters by, for use in other queries of assets."""
    today = timezone.localdate()
    given = Asset.Consent.GIVEN
    allowed = (
        ~Q(status=Asset.Status.QUARANTINED)
        & (Q(expires_on=None) | Q(expires_on__gte=today))
        & ~Q(consent=Asset.Consent.MISSING)
        & (~Q(consent=given) | Q(consent_until=None) | Q(consent_until__gte=today))
        & ~Q(territories=NOWHERE)
    )
    return allowed & Q(derivatives_allowed=True, terms_to_check="") if derive else allowed


def usable_until(asset: Asset) -> datetime.date | None:
    """Return the last day on which the asset may be used; None: no limit is known.

    `datetime.date.min` if it may not be used at all.
    """
    never = (
        asset.status == Asset.Status.QUARANTINED
        or asset.consent == Asset.Consent.MISSING
        or asset.territories == NOWHERE
    )
    if never:
        return datetime.date.min
    agreed = asset.consent_until if asset.consent == Asset.Consent.GIVEN else None
    return min((day for day in (asset.expires_on, agreed) if day), default=None)


def strictest_terms(assets: Sequence[Asset]) -> dict[str, Any]:
    """Return terms, as fields of an asset, for an image that needs the rights of all `assets`."""
    limited = [set(asset.territories) for asset in assets if asset.territories]
    common = sorted(set.intersection(*limited)) or NOWHERE if limited else []
    consents = {asset.consent for asset in assets}
    worst = next((c for c in WORST_CONSENT_FIRST if c in consents), Asset.Consent.NOT_NEEDED)
    agreed = (a.consent_until for a in assets if a.consent == Asset.Consent.GIVEN)
    return {
        "derivatives_allowed": all(asset.derivatives_allowed for asset in assets),
        "territories": common,
        "consent": worst,
        "consent_until": min(filter(None, agreed), default=None),
        "expires_on": min((a.expires_on for a in assets if a.expires_on), default=None),
        "terms_to_check": _all_to_check(assets),
    }


def _all_to_check(assets: Sequence[Asset]) -> str:
    """Return all that is to be checked of `assets`, each once, in the length of the field."""
    parts = dict.fromkeys(
        part for asset in assets for part in asset.terms_to_check.split("; ") if part
    )
    joined = "; ".join(parts)
    return joined if len(joined) <= MAX_TO_CHECK else f"{joined[: MAX_TO_CHECK - 1]}…"


def tightened_terms(before: Asset, after: Asset) -> list[str]:
    """Return the names of the terms that are stricter in `after` than in `before`."""
    both = strictest_terms([before, after])
    return [name for name, value in both.items() if getattr(before, name) != value]


def loosening_error(before: Asset, after: Asset, sources: Sequence[Asset]) -> str:
    """Return a sentence if `after` has looser terms than `before` and than its `sources`.

    Empty: no term is too loose. Consent is not compared: whether people can be recognised differs
    from image to image.
    """
    source, both = strictest_terms(sources), strictest_terms([before, after])
    bound = strictest_terms([after, *sources])
    limits = {
        "expires_on": f"until {_day(source['expires_on'])} only",
        "territories": f"in {', '.join(source['territories'])} only",
        "derivatives_allowed": "without derivatives only",
        "terms_to_check": "after a check of their terms only",
    }
    if source["territories"] == NOWHERE:
        limits["territories"] = "nowhere, because its sources have no country in common"
    exceeded = [
        limit for name, limit in limits.items() if both[name] != getattr(after, name) != bound[name]
    ]
    if not exceeded:
        return ""
    return (
        f"The sources of “{after}” may be used {' and '.join(exceeded)}, and it cannot be less "
        "strict. Change the usage rights of its sources first."
    )


@cache
def country_codes() -> frozenset[str]:
    """Return the two-letter codes of ISO 3166-1, as officially assigned."""
    import pycountry  # takes 40 ms, and most processes read no codes

    return frozenset(country.alpha_2 for country in pycountry.countries)


def clean_territories(given: str | Iterable[str]) -> list[str]:
    """Return country codes in capitals, sorted, each once; from a list, or a text like "DE, at".

    Raises InvalidAsset for a code that is not in ISO 3166-1.
    """
    words = re.split(r"[\s,;]+", given) if isinstance(given, str) else given
    codes = sorted({word.strip().upper() for word in words if word.strip()})
    if codes == NOWHERE:
        return codes
    for code in codes:
        if code not in country_codes():
            raise InvalidAsset(
                f"“{code[:20]}” is not a country code. Use two letters for each country, for "
                "example DE, AT, GB."
            )
    return codes


def _past(day: datetime.date | None) -> bool:
    return day is not None and day < timezone.localdate()


def _day(day: datetime.date | None) -> str:
    return date_format(day, "j F Y") if day else ""

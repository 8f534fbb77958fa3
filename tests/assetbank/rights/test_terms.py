"""Terms of use: the sentence and the SQL agree for all combinations of terms."""

from __future__ import annotations

import datetime
import itertools
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from django.utils import timezone

from assetbank.assets import update_asset
from assetbank.errors import InvalidAsset
from assetbank.models import Asset
from assetbank.rights import terms as rights
from tests.conftest import Cast

MakeAsset = Callable[..., Asset]


def combinations(pattern: Asset) -> Iterator[Asset]:
    today = timezone.localdate()
    days = [None, *(today + datetime.timedelta(days=n) for n in (-1, 0, 1))]
    terms: dict[str, Sequence[Any]] = {
        "status": Asset.Status.values,
        "expires_on": days,
        "consent": Asset.Consent.values,
        "consent_until": days,
        "derivatives_allowed": (True, False),
        "territories": ([], ["DE"], rights.NOWHERE),
        "terms_to_check": ("", "Editorial use only"),
    }
    kept = {f.attname: getattr(pattern, f.attname) for f in Asset._meta.concrete_fields}
    del kept["id"]
    for n, values in enumerate(itertools.product(*terms.values())):
        unique = {"folder": uuid.uuid4(), "checksum": f"{n:064d}"}
        yield Asset(**{**kept, **unique, **dict(zip(terms, values, strict=True))})


@pytest.mark.slow
def test_sentence_and_sql_agree_on_every_combination_of_terms(make_asset: MakeAsset) -> None:
    Asset.objects.bulk_create(combinations(make_asset()))
    every = list(Asset.objects.all())
    for derive in (False, True):
        said = {asset.pk for asset in every if not rights.usage_problem(asset, derive=derive)}
        found = rights.usable(Asset.objects.all(), derive=derive)
        assert said == set(found.values_list("pk", flat=True))
        assert 0 < len(said) < len(every)


def test_the_end_of_its_rights_is_the_day_after_which_it_may_not_be_used(
    make_asset: MakeAsset,
) -> None:
    today = timezone.localdate()
    for asset in combinations(make_asset()):
        end = rights.usable_until(asset)
        assert (end is None or end >= today) == (rights.usage_problem(asset) is None)


def test_countries_are_taken_as_people_type_them(make_asset: MakeAsset) -> None:
    asset = update_asset(asset=make_asset(), territories=["gb", "DE", " at", "DE"])
    assert asset.territories == ["AT", "DE", "GB"]
    assert rights.clean_territories("de, AT;gb") == ["AT", "DE", "GB"]
    assert rights.clean_territories(" ") == []


def test_the_countries_are_those_that_iso_3166_assigns() -> None:
    """Fail when a release of pycountry adds or removes a country, so that somebody checks it."""
    codes = rights.country_codes()
    assert len(codes) == 249
    assert all(len(code) == 2 and code.isascii() and code.isupper() for code in codes)
    assert codes >= {"AX", "BQ", "DE", "GB", "HK", "PS", "SS", "TW", "UM", "VA"}
    assert rights.NOWHERE[0] not in codes


@pytest.mark.parametrize("given", ["UK", "DE, Austria", "DE, ZZ", "\0", "XK", "EU", "\u212aE"])
def test_what_is_no_country_is_refused(cast: Cast, make_asset: MakeAsset, given: str) -> None:
    with pytest.raises(InvalidAsset, match="not a country code"):
        update_asset(asset=make_asset(), territories=given.split(","))

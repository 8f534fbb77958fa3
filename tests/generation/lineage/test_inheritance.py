"""Generated assets inherit the strictest terms and the earliest end of their sources."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from assetbank.assets import approval, merge, update_asset
from assetbank.errors import InvalidAsset
from assetbank.models import Asset, Membership
from assetbank.rights import terms
from generation.errors import InvalidRequest
from generation.pipeline import execute, run_generation
from tests.conftest import Cast
from tests.generation.workflows.test_withdrawal import ask, drawn, sentences
from tests.support.api import client_of

MakeAsset = Callable[..., Asset]


def soon(days: int) -> datetime.date:
    return timezone.localdate() + datetime.timedelta(days=days)


def test_the_strictest_of_all_sources_holds(cast: Cast, make_asset: MakeAsset) -> None:
    cape = make_asset(
        expires_on=soon(30), territories=["DE", "AT"], licence="Editorial", credit="Ana"
    )
    model = make_asset(
        expires_on=soon(60), consent="given", consent_until=soon(20), licence="Editorial"
    )
    beach = make_asset(territories=["AT", "CH"], credit="Ben", consent="given")
    made = drawn(ask(cape, model, beach, by=cast.creator))
    assert made.expires_on == soon(30)
    assert (made.consent, made.consent_until) == ("given", soon(20))
    assert made.territories == ["AT"]
    assert (made.licence, made.credit) == ("Editorial", "Ana; Ben")
    assert made.digital_source_type == "algorithmicMedia"  # drawn by the sketch engine


def test_a_draft_hands_its_terms_on(cast: Cast, make_asset: MakeAsset) -> None:
    first = ask(make_asset(expires_on=soon(30)), by=cast.creator)
    drawn(first)
    again = ask(make_asset(territories=["DE"]), by=cast.creator, draft=first.outputs.get())
    made = drawn(again)
    assert (made.expires_on, made.territories) == (soon(30), ["DE"])


def test_what_may_be_used_nowhere_together_is_refused_before_it_is_paid(
    cast: Cast, make_asset: MakeAsset
) -> None:
    here, there = (
        make_asset(title="A", territories=["DE"]),
        make_asset(title="B", territories=["US"]),
    )
    with pytest.raises(InvalidRequest, match=r"no territory in common: “A” \(DE\), “B” \(US\)"):
        ask(here, there, by=cast.creator)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"derivatives_allowed": False}, "does not allow derivatives"),
        ({"consent": "missing"}, "have not consented"),
        ({"consent": "given", "consent_until": datetime.date(2020, 1, 1)}, "until 1 January 2020"),
        ({"expires_on": datetime.date(2020, 1, 1)}, "expired on 1 January 2020"),
    ],
)
def test_choosing_what_may_not_be_used_is_refused_with_the_reason(
    cast: Cast, make_asset: MakeAsset, fields: dict[str, Any], said: str
) -> None:
    asset = make_asset(title="Cape")
    waiting = ask(asset, by=cast.creator)
    update_asset(asset=asset, **fields)
    with pytest.raises(InvalidRequest, match=said):
        ask(asset, by=cast.creator)
    run_generation(generation_id=waiting.pk)  # a generation that was queued is not drawn
    waiting.refresh_from_db()
    assert waiting.state == "failed"
    assert "rights have expired or changed" in waiting.reason


def test_stricter_terms_of_a_source_reach_whatever_was_made_of_it(
    cast: Cast, make_asset: MakeAsset
) -> None:
    source = make_asset(title="Cape")
    child = drawn(ask(source, by=cast.creator))
    grandchild = drawn(ask(child, by=cast.creator))
    update_asset(asset=child, expires_on=soon(5))
    update_asset(asset=source, expires_on=soon(10), territories=["DE"])
    child.refresh_from_db()
    grandchild.refresh_from_db()
    assert (child.expires_on, child.territories) == (soon(5), ["DE"])  # its own end is earlier
    assert (grandchild.expires_on, grandchild.territories) == (soon(5), ["DE"])
    assert (
        sum(
            "The usage rights of “Cape” became stricter" in said for said in sentences(cast.creator)
        )
        == 1
    )


def test_what_was_made_of_a_merged_copy_follows_the_terms_of_the_one_that_is_kept(
    cast: Cast, make_asset: MakeAsset
) -> None:
    keep, copy = make_asset(territories=["DE"]), make_asset(expires_on=soon(10))
    child = drawn(ask(copy, by=cast.creator))
    merge.merge_assets(keep=keep, others=[copy], by=cast.manager)
    child.refresh_from_db()
    assert (child.expires_on, child.territories) == (soon(10), ["DE"])


def test_a_loosened_source_loosens_nothing(cast: Cast, make_asset: MakeAsset) -> None:
    source = make_asset(expires_on=soon(10))
    child = drawn(ask(source, by=cast.creator))
    update_asset(asset=source, expires_on=None)
    child.refresh_from_db()
    assert child.expires_on == soon(10)


@pytest.mark.parametrize(
    ("strict", "loose", "said"),
    [
        (
            {"expires_on": soon(10)},
            {"expires_on": None},
            "until .* only, and it cannot be less strict",
        ),
        ({"expires_on": soon(10)}, {"expires_on": soon(11)}, "until .* only"),
        ({"territories": ["AT", "DE"]}, {"territories": ["DE", "US"]}, "in AT, DE only"),
        ({"territories": ["AT", "DE"]}, {"territories": []}, "in AT, DE only"),
    ],
)
def test_nobody_loosens_a_picture_beyond_what_it_was_made_from(
    cast: Cast,
    make_asset: MakeAsset,
    strict: dict[str, Any],
    loose: dict[str, Any],
    said: str,
) -> None:
    source = make_asset(**strict)
    made = drawn(ask(source, by=cast.creator))
    with pytest.raises(InvalidAsset, match=said):
        update_asset(asset=made, **loose)
    answer = client_of(cast, "manager").patch(f"/api/v1/assets/{made.pk}/", loose)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_asset")
    made.refresh_from_db()
    update_asset(asset=made, title="New", licence="Paid for")  # not loosened
    update_asset(asset=made, territories=["AT"], expires_on=soon(5))  # not loosened either
    update_asset(asset=made, territories=source.territories, expires_on=source.expires_on)
    update_asset(asset=source, territories=[], expires_on=None)
    update_asset(asset=made, **loose)


def test_derivatives_of_a_picture_stay_forbidden_with_those_of_its_source(
    cast: Cast, make_asset: MakeAsset
) -> None:
    source = make_asset()
    made = drawn(ask(source, by=cast.creator))
    update_asset(asset=source, derivatives_allowed=False)
    made.refresh_from_db()
    with pytest.raises(InvalidAsset, match="without derivatives"):
        update_asset(asset=made, derivatives_allowed=True)


def test_who_is_seen_in_a_picture_is_said_of_each(cast: Cast, make_asset: MakeAsset) -> None:
    made = drawn(ask(make_asset(consent="given", consent_until=soon(9)), by=cast.creator))
    update_asset(asset=made, consent="not_needed", consent_until=None)
    assert terms.usable_until(made) is None


def test_terms_are_inherited_as_they_are_when_the_picture_arrives(
    cast: Cast, make_asset: MakeAsset
) -> None:
    here, there = make_asset(territories=["DE"]), make_asset()
    generation = ask(here, there, by=cast.creator)
    began = execute._begin(generation.pk)
    assert began
    from generation.pipeline import draw, outputs

    draw.draw_missing(began)
    update_asset(asset=there, territories=["US"])  # while the image was drawn
    outputs.store_outputs(began)
    made = began.outputs.get().asset
    assert made
    assert made.territories == terms.NOWHERE
    assert "no country in common" in (terms.usage_problem(made) or "")


def test_who_may_not_see_the_source_is_not_told_its_name(cast: Cast, make_asset: MakeAsset) -> None:
    member = Membership.objects.create(brand=cast.other, user=cast.creator, role="creator")
    theirs = make_asset(title="Secret cape", brand=cast.other)
    made = drawn(ask(theirs, by=cast.creator, brand=cast.acme))
    member.delete()
    update_asset(asset=theirs, expires_on=soon(3))
    made.refresh_from_db()
    assert made.expires_on == soon(3)
    (said,) = sentences(cast.creator)
    assert said.startswith("The usage rights of an asset of another brand became stricter")


def test_only_what_was_changed_is_passed_on(cast: Cast, make_asset: MakeAsset) -> None:
    source = make_asset()
    child = drawn(ask(source, by=cast.creator))
    stale = Asset.objects.get(pk=source.pk)
    update_asset(asset=source, consent="given", consent_until=soon(10))
    update_asset(asset=child, consent="not_needed", consent_until=None)  # the image shows no people
    update_asset(asset=stale, territories=["DE"])
    child.refresh_from_db()
    assert (child.consent, child.territories) == ("not_needed", ["DE"])


def test_the_studio_says_the_limits_before_anything_is_made(
    cast: Cast, make_asset: MakeAsset
) -> None:
    here, until = make_asset(territories=["DE"]), make_asset(expires_on=datetime.date(2199, 5, 1))
    client = Client()
    client.force_login(cast.creator)

    def said(*references: Asset) -> str:
        form = {"prompt": "A cape", "brand": "acme", "model": "sketch", "aspect_ratio": "1:1"}
        sent = {**form, "count": "1", "references": [asset.pk for asset in references]}
        return client.post("/studio/beside/", sent, headers={"HX-Request": "true"}).content.decode()

    assert "may be used until 1 May 2199 and in DE only" in said(here, until)
    assert "may be used until" not in said(make_asset())
    elsewhere = make_asset(title="There", territories=["US"])
    assert "These assets have no territory in common" in said(here, elsewhere)


def test_terms_to_check_of_a_source_reach_what_was_made_from_it(
    cast: Cast, make_asset: MakeAsset
) -> None:
    source = make_asset(title="Cape")
    made = drawn(ask(source, by=cast.creator))
    update_asset(asset=source, terms_to_check="Editorial use only")
    made.refresh_from_db()
    assert made.terms_to_check == "Editorial use only"
    assert any("terms to check" in sentence for sentence in sentences(cast.creator))
    with pytest.raises(InvalidRequest, match="check its terms first"):
        ask(made, by=cast.creator)
    with pytest.raises(InvalidAsset, match="sources first"):
        approval.confirm_terms(asset=made, by=cast.creator, derivatives_allowed=True)
    approval.confirm_terms(asset=source, by=cast.creator, derivatives_allowed=True)
    approval.confirm_terms(asset=made, by=cast.creator, derivatives_allowed=True)
    drawn(ask(made, by=cast.creator))

"""Decisions about assets: permissions, approval blockers, records and notifications."""

from __future__ import annotations

import datetime
from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from assetbank import hooks
from assetbank.assets import approval, ingest_asset, read_original, update_asset
from assetbank.errors import CannotApprove, Conflict, InvalidAsset, NotAllowed
from assetbank.models import Asset, Decision, Notice
from tests.conftest import Cast
from tests.support.api import client_of

MakeAsset = Callable[..., Asset]
APPROVED, REJECTED, ARCHIVED = list(approval.STATUS_AFTER)

decided: list[Decision] = []


def block_green_hats(asset: Asset) -> list[str]:
    return ["The hat is green."] if asset.title == "Green hat" else []


def record_decision(decision: Decision) -> None:
    decided.append(decision)


@pytest.fixture(autouse=True)
def checks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks.approval_checks, "functions", [block_green_hats])
    monkeypatch.setattr(hooks.asset_decided, "functions", [record_decision])
    decided.clear()


def test_a_decision_says_who_when_and_why_and_is_told_to_who_made_it(
    cast: Cast, make_asset: MakeAsset
) -> None:
    asset = make_asset(status="draft", title="Hat")
    decision = approval.decide(asset=asset, by=cast.manager, verdict=APPROVED, reason="Fine.")
    asset.refresh_from_db()
    assert (asset.status, decision.by, decision.reason) == ("approved", cast.manager, "Fine.")
    notice = Notice.objects.get(person=cast.creator)
    assert notice.sentence == "“Hat” was approved by manager. Fine."
    assert notice.address == asset.get_absolute_url()
    assert decided == [decision]


def test_a_decision_is_taken_back_by_another_and_both_stay(
    cast: Cast, make_asset: MakeAsset
) -> None:
    asset = make_asset(status="draft")
    approval.decide(asset=asset, by=cast.manager, verdict=APPROVED)
    approval.decide(asset=asset, by=cast.staff, verdict=REJECTED, reason="Too soon.")
    approval.decide(asset=asset, by=cast.manager, verdict=ARCHIVED)
    asset.refresh_from_db()
    assert asset.status == "archived"
    kept = approval.decisions([asset])[asset.pk]
    assert [each.verdict for each in kept] == [ARCHIVED, REJECTED, APPROVED]


@pytest.mark.parametrize("name", ["creator", "viewer", "outsider"])
def test_only_managers_decide(cast: Cast, make_asset: MakeAsset, name: str) -> None:
    asset = make_asset(status="draft")
    with pytest.raises(NotAllowed):
        approval.decide(asset=asset, by=getattr(cast, name), verdict=APPROVED)
    assert not Decision.objects.exists()


@pytest.mark.parametrize("name", ["manager", "staff"])
def test_with_four_eyes_nobody_approves_what_they_made(
    cast: Cast, make_asset: MakeAsset, name: str
) -> None:
    person = getattr(cast, name)
    cast.acme.four_eyes = True
    cast.acme.save()
    asset = make_asset(status="draft", by=person)
    with pytest.raises(CannotApprove, match="Ask another manager"):
        approval.decide(asset=asset, by=person, verdict=APPROVED)
    other = cast.staff if person == cast.manager else cast.manager
    approval.decide(asset=asset, by=other, verdict=APPROVED)
    assert asset.status == "approved"


def test_what_its_brand_does_not_let_pass_and_ended_rights_are_not_approved(
    cast: Cast, make_asset: MakeAsset
) -> None:
    ended = make_asset(status="draft", expires_on=datetime.date(2020, 1, 1))
    hat = make_asset(status="draft", title="Green hat")
    quarantined = make_asset(status="quarantined")
    for asset, why in (
        (ended, "usage rights expired"),
        (hat, "The hat is green."),
        (quarantined, "quarantined"),
    ):
        with pytest.raises(CannotApprove, match=why):
            approval.decide(asset=asset, by=cast.staff, verdict=APPROVED)
    with pytest.raises(InvalidAsset, match="quarantined"):
        approval.decide(asset=quarantined, by=cast.staff, verdict=ARCHIVED)
    assert not Decision.objects.exists()


def test_a_draft_is_sent_back_with_a_reason_only_and_then_waits_no_more(
    cast: Cast, make_asset: MakeAsset
) -> None:
    asset, other = make_asset(status="draft"), make_asset(status="draft")
    with pytest.raises(InvalidAsset, match="Enter a reason"):
        approval.decide(asset=asset, by=cast.manager, verdict=REJECTED)
    approval.decide(asset=asset, by=cast.manager, verdict=REJECTED, reason="Wrong hat.")
    assert list(approval.pending_review(cast.manager)) == [other]
    assert list(approval.changes_requested(cast.manager)) == [asset]
    assert not approval.pending_review(cast.creator).exists()
    approval.decide(asset=asset, by=cast.manager, verdict=APPROVED)
    assert not approval.changes_requested(cast.manager).exists()


def test_the_second_of_two_managers_hears_that_it_was_decided(
    cast: Cast, make_asset: MakeAsset
) -> None:
    asset = make_asset(status="draft")
    stale = Asset.objects.get(pk=asset.pk)
    approval.decide(asset=asset, by=cast.manager, verdict=APPROVED)
    with pytest.raises(Conflict, match="already approved"):
        approval.decide(asset=stale, by=cast.staff, verdict=APPROVED)


def test_nothing_else_makes_an_asset_approved(cast: Cast, make_asset: MakeAsset) -> None:
    asset = make_asset(status="draft")
    with pytest.raises(InvalidAsset, match="Only managers"):
        update_asset(asset=asset, status="approved")
    with pytest.raises(InvalidAsset, match="Only managers"):
        ingest_asset(
            brand=cast.acme,
            file=read_original(make_asset(status="draft", brand=cast.other)),
            filename="a.png",
            by=cast.manager,
            status="approved",
        )
    assert not Asset.objects.filter(status="approved").exists()


def test_page_api_and_admin_decide(cast: Cast, client: Client, make_asset: MakeAsset) -> None:
    cast.staff.is_superuser = True
    cast.staff.save()
    by_page, by_api, by_admin, by_form = (make_asset(status="draft") for _ in range(4))
    client.force_login(cast.manager)
    words = {"title": "Hat", "kind": "product", "status": "approved"}
    assert client.post(reverse("asset-edit", args=[by_page.pk]), words).status_code == 302
    manager = client_of(cast, "manager")
    patched = manager.patch(f"/api/v1/assets/{by_api.pk}/", {"status": "approved"})
    assert patched.json()["status"] == "approved"
    client.force_login(cast.staff)
    action = {"action": "approve", "_selected_action": [by_admin.pk]}
    client.post(reverse("admin:assetbank_asset_changelist"), action)
    address = reverse("admin:assetbank_asset_change", args=[by_form.pk])
    answer = client.post(address, {**words, "consent": "not_needed", "tags": ""})
    assert answer.status_code == 302, answer.context["errors"]
    assert "Approved by staff" in client.get(address).text
    for asset, by in (
        (by_page, cast.manager),
        (by_api, cast.manager),
        (by_admin, cast.staff),
        (by_form, cast.staff),
    ):
        assert [(d.verdict, d.by) for d in asset.decisions.all()] == [(APPROVED, by)]


def test_page_api_and_admin_say_why_not(cast: Cast, client: Client, make_asset: MakeAsset) -> None:
    cast.staff.is_superuser = True
    cast.staff.save()
    hat = make_asset(status="draft", title="Green hat")
    answer = client_of(cast, "manager").patch(f"/api/v1/assets/{hat.pk}/", {"status": "approved"})
    assert (answer.status_code, answer.json()["code"]) == (409, "cannot_approve")
    assert answer.json()["detail"] == "The hat is green."
    client.force_login(cast.manager)
    words = {"title": "Green hat", "kind": "product", "status": "approved"}
    page = client.post(reverse("asset-edit", args=[hat.pk]), words)
    assert (page.status_code, "The hat is green." in page.text) == (400, True)
    client.force_login(cast.staff)
    action = {"action": "approve", "_selected_action": [hat.pk]}
    page = client.post(reverse("admin:assetbank_asset_changelist"), action, follow=True)
    assert "The hat is green." in page.text
    hat.refresh_from_db()
    assert hat.status == "draft"


def test_decisions_over_rest(cast: Cast, make_asset: MakeAsset) -> None:
    asset = make_asset(status="draft")
    address = f"/api/v1/assets/{asset.pk}/decisions/"
    assert client_of(cast, "creator").post(address, {"verdict": "approved"}).status_code == 403
    manager = client_of(cast, "manager")
    assert manager.post(address, {"verdict": "rejected"}).status_code == 400
    back = manager.post(address, {"verdict": "rejected", "reason": "Wrong hat."})
    assert (back.status_code, back.json()["by"]) == (201, "manager")
    assert manager.post(address, {"verdict": "approved"}).status_code == 201
    told = client_of(cast, "creator").get(address).json()
    assert [each["verdict"] for each in told] == ["approved", "rejected"]
    assert client_of(cast, "viewer").get(address).status_code == 403
    assert client_of(cast, "outsider").get(address).status_code == 404


def test_the_review_page_shows_what_waits_and_decides_several(
    cast: Cast, client: Client, make_asset: MakeAsset
) -> None:
    hat, cap, theirs = (
        make_asset(status="draft", title="Green hat"),
        make_asset(status="draft", title="Red cap"),
        make_asset(status="draft", title="Theirs", brand=cast.other),
    )
    client.force_login(cast.manager)
    page = client.get(reverse("review")).text
    assert "Green hat" in page
    assert "Red cap" in page
    assert "Theirs" not in page
    chosen = {"asset": [hat.pk, cap.pk, theirs.pk], "verdict": "approved"}
    page = client.post(reverse("decide"), chosen, follow=True).text
    assert "“Red cap” is approved." in page
    assert "“Green hat”: The hat is green." in page
    theirs.refresh_from_db()
    assert theirs.status == "draft"
    client.post(reverse("decide"), {"asset": hat.pk, "verdict": "rejected", "reason": "Green."})
    assert "No drafts are pending." in client.get(reverse("review")).text
    assert "Green." in client.get(reverse("review") + "?show=sent-back").text


def test_a_reviewer_is_never_sent_to_another_site(
    cast: Cast, client: Client, make_asset: MakeAsset
) -> None:
    client.force_login(cast.manager)
    answer = client.post(
        reverse("decide"),
        {
            "asset": make_asset(status="draft").pk,
            "verdict": "approved",
            "next": "https://evil.invalid/",
        },
    )
    assert answer.headers["Location"] == reverse("review")


def test_the_badge_is_one_query_and_the_link_is_there_for_managers_only(
    cast: Cast,
    client: Client,
    make_asset: MakeAsset,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    make_asset(status="draft")
    with django_assert_num_queries(1):
        assert approval.pending_review(cast.manager).count() == 1
    client.force_login(cast.manager)
    assert ">1</span>" in client.get(reverse("review-count")).text
    assert reverse("review") in client.get(reverse("collections")).text
    client.force_login(cast.creator)
    assert reverse("review") not in client.get(reverse("collections")).text
    assert client.get(reverse("review-count")).text.strip() == ""


def test_the_asset_page_shows_decisions_to_those_who_work_on_it(
    cast: Cast, client: Client, make_asset: MakeAsset
) -> None:
    asset = make_asset(status="draft")
    approval.decide(asset=asset, by=cast.manager, verdict=APPROVED, reason="Lovely.")
    client.force_login(cast.creator)
    assert "Lovely." in client.get(asset.get_absolute_url()).text
    client.force_login(cast.viewer)
    assert "Lovely." not in client.get(asset.get_absolute_url()).text

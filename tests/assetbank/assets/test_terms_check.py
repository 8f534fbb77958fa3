"""Terms to be checked: they block new images, not viewing, until somebody confirms them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from assetbank.assets import approval, downloads, merge, update_asset
from assetbank.errors import Conflict, InvalidAsset, NotAllowed
from assetbank.models import Asset, Decision
from assetbank.rights import terms
from tests.conftest import Cast
from tests.support.api import client_of

MakeAsset = Callable[..., Asset]
WHY = "Usage terms say “editorial only”"


@pytest.fixture
def unclear(make_asset: MakeAsset) -> Asset:
    return make_asset(title="The cape", terms_to_check=WHY)


def test_it_may_be_viewed_and_downloaded_and_no_image_made_from_it(
    cast: Cast, unclear: Asset
) -> None:
    assert terms.usage_problem(unclear) is None
    problem = terms.usage_problem_badge(unclear, derive=True)
    assert problem is not None
    assert problem.word == "Terms to check"
    assert "“The cape” is not cleared for new images: check its terms first" in problem.sentence
    assert WHY in problem.sentence
    assert terms.usable(Asset.objects.all()).exists()
    assert not terms.usable(Asset.objects.all(), derive=True).exists()
    assert downloads.may_download(cast.viewer, unclear)


@pytest.mark.parametrize("allowed", [True, False])
def test_who_checks_them_is_recorded(cast: Cast, unclear: Asset, allowed: bool) -> None:
    decision = approval.confirm_terms(
        asset=unclear, by=cast.creator, derivatives_allowed=allowed, note="Ana agreed by mail."
    )
    fresh = Asset.objects.get(pk=unclear.pk)
    assert (fresh.terms_to_check, fresh.derivatives_allowed) == ("", allowed)
    assert (unclear.terms_to_check, unclear.derivatives_allowed) == ("", allowed)
    assert (terms.usage_problem(fresh, derive=True) is None) == allowed
    assert (decision.verdict, decision.by) == (Decision.Verdict.CHECKED, cast.creator)
    assert "Ana agreed by mail." in decision.reason
    assert WHY in decision.reason
    with pytest.raises(Conflict):
        approval.confirm_terms(asset=unclear, by=cast.manager, derivatives_allowed=True)


def test_only_editors_check_terms(cast: Cast, unclear: Asset) -> None:
    for person in (cast.viewer, cast.outsider):
        with pytest.raises(NotAllowed):
            approval.confirm_terms(asset=unclear, by=person, derivatives_allowed=True)
    with pytest.raises(InvalidAsset):
        approval.confirm_terms(
            asset=unclear, by=cast.creator, derivatives_allowed=True, note="x" * 501
        )
    assert Asset.objects.get().terms_to_check == WHY


def test_a_check_changes_no_decision_about_the_status(cast: Cast, make_asset: MakeAsset) -> None:
    draft = make_asset(status="draft", terms_to_check=WHY)
    approval.decide(asset=draft, by=cast.manager, verdict="rejected", reason="Too dark")
    approval.confirm_terms(asset=draft, by=cast.creator, derivatives_allowed=True)
    assert list(approval.changes_requested(cast.manager)) == [draft]
    assert not approval.pending_review(cast.manager)
    client = Client()
    client.force_login(cast.manager)
    assert "Too dark" in client.get("/review/?show=sent-back").content.decode()
    with pytest.raises(InvalidAsset):
        approval.decide(asset=draft, by=cast.manager, verdict="checked")


def test_an_undone_merge_repeats_the_decision_before_the_check(
    cast: Cast, make_asset: MakeAsset
) -> None:
    keep, other = make_asset(), make_asset(status="draft")
    approval.decide(asset=other, by=cast.manager, verdict="rejected", reason="Too dark")
    merged = merge.merge_assets(keep=keep, others=[other], by=cast.manager)
    update_asset(asset=other, terms_to_check=WHY)
    approval.confirm_terms(asset=other, by=cast.creator, derivatives_allowed=True)
    merge.undo_merge(merged.archived, by=cast.manager)
    assert list(approval.changes_requested(cast.manager)) == [other]


def test_programs_check_terms(cast: Cast, unclear: Asset) -> None:
    address = f"/api/v1/assets/{unclear.pk}/terms-check/"
    creator = client_of(cast, "creator")
    shown = creator.get(f"/api/v1/assets/{unclear.pk}/").json()
    assert (shown["terms_to_check"], shown["rights_problem"]) == (WHY, None)
    assert creator.post(address, {}, format="json").status_code == 400
    body = {"derivatives_allowed": False, "note": "No."}
    answer = creator.post(address, body, format="json")
    assert (answer.status_code, answer.json()["verdict"]) == (201, "checked")
    assert creator.post(address, body, format="json").status_code == 409
    told = creator.get(f"/api/v1/assets/{unclear.pk}/").json()
    assert (told["terms_to_check"], told["derivatives_allowed"]) == ("", False)


def test_no_request_sets_or_clears_them_otherwise(cast: Cast, unclear: Asset) -> None:
    creator = client_of(cast, "creator")
    address = f"/api/v1/assets/{unclear.pk}/"
    assert creator.patch(address, {"terms_to_check": ""}, format="json").status_code == 200
    assert creator.get(address).json()["terms_to_check"] == WHY


def test_the_page_says_what_to_check_and_lets_editors_confirm(cast: Cast, unclear: Asset) -> None:
    viewing, editing = Client(), Client()
    viewing.force_login(cast.viewer)
    editing.force_login(cast.creator)
    address = unclear.get_absolute_url()
    assert WHY in viewing.get(address).content.decode()
    assert "Terms checked" not in viewing.get(address).content.decode()
    assert "Terms checked" in editing.get(address).content.decode()
    post = f"/assets/{unclear.pk}/terms-check/"
    answer = editing.post(post, {"derivatives_allowed": "yes"}, follow=True)
    assert "New images may be made from it." in answer.content.decode()
    assert WHY not in answer.content.decode().partition("Decisions</h2>")[0]
    assert "nothing to check" not in answer.content.decode()
    again = editing.post(post, {"derivatives_allowed": "yes"}, follow=True)
    assert "somebody has checked them already" in again.content.decode()


def test_managers_see_how_many_wait(cast: Cast, make_asset: MakeAsset, unclear: Asset) -> None:
    make_asset(terms_to_check=WHY, status="archived")
    make_asset(brand=cast.other, by=cast.outsider, terms_to_check=WHY)
    client = Client()
    client.force_login(cast.manager)
    page = client.get("/review/").content.decode()
    assert 'Terms to check <span class="dim">1</span>' in page
    assert "/?terms_to_check=1&amp;brand=acme" in page
    found = client.get("/?terms_to_check=1&brand=acme").content.decode()
    assert "The cape" in found
    assert found.count('class="badge warn"') == 1

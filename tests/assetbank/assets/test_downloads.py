"""Downloads, AI labels, notifications and terms of an asset, on pages and over REST."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.core.files.storage import default_storage
from django.test import Client
from PIL import Image

from assetbank import notifications
from assetbank.assets import GenerationProvenance, update_asset
from assetbank.models import Asset
from tests.conftest import Cast, picture_bytes
from tests.support.api import client_of
from tests.support.credentials import signed

MakeAsset = Callable[..., Asset]
MARK = ">Made with AI</span>"
AI = GenerationProvenance(7, "nano", "A cape", digital_source_type="trainedAlgorithmicMedia")


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def page(client: Client, asset: Asset, more: str = "") -> str:
    return client.get(f"{asset.get_absolute_url()}{more}").content.decode()


def approved(asset: Asset) -> Asset:
    """Approve the asset, so that viewers see it."""
    return update_asset(asset=asset, status="approved", deciding=True)


class TestFiles:
    def test_another_size_and_format_comes_as_a_download(
        self, cast: Cast, make_asset: MakeAsset
    ) -> None:
        asset = approved(make_asset(file=picture_bytes(size=(900, 600)), filename="Red cape.png"))
        answer = signed_in(cast.viewer).get(f"/assets/{asset.pk}/download/?format=jpeg&side=300")
        assert answer["Content-Disposition"] == 'attachment; filename="Red cape-300.jpg"'
        assert answer["Content-Type"] == "image/jpeg"
        assert "sandbox" in answer["Content-Security-Policy"]
        with Image.open(io.BytesIO(answer.content)) as image:
            assert image.size == (300, 200)

    @pytest.mark.parametrize(
        ("asked", "status"),
        [
            ("format=gif", 400),
            ("format=jpeg&side=9", 400),
            ("format=jpeg&side=8001", 400),
            ("format=jpeg&side=many", 400),
            ("format=jpeg&side=1%00", 400),
            ("", 200),
        ],
    )
    def test_what_cannot_be_drawn_is_refused(
        self, cast: Cast, make_asset: MakeAsset, asked: str, status: int
    ) -> None:
        answer = signed_in(cast.creator).get(f"/assets/{make_asset().pk}/download/?{asked}")
        assert answer.status_code == status

    def test_others_brands_have_no_downloads(self, cast: Cast, make_asset: MakeAsset) -> None:
        asset = make_asset()
        for what in ("download/", "credentials/", "original/"):
            assert signed_in(cast.outsider).get(f"/assets/{asset.pk}/{what}").status_code == 404

    def test_what_is_quarantined_leaves_only_with_managers(
        self, cast: Cast, make_asset: MakeAsset
    ) -> None:
        asset = update_asset(asset=make_asset(), status="quarantined", withdrawing=True)
        for what in ("original/", "download/?format=png"):
            for user, status in ((cast.creator, 403), (cast.manager, 200)):
                got = signed_in(user).get(f"/assets/{asset.pk}/{what}")
                assert (what, got.status_code) == (what, status)
        assert "Download original" not in page(signed_in(cast.creator), asset)


class TestAssetPage:
    def test_it_says_what_was_made_with_ai(self, cast: Cast, make_asset: MakeAsset) -> None:
        made = make_asset(provenance=AI)
        assert MARK in page(signed_in(cast.creator), made)
        assert MARK in signed_in(cast.creator).get("/").content.decode()
        assert MARK not in page(signed_in(cast.creator), make_asset())

    def test_terms_are_edited_and_shown(self, cast: Cast, make_asset: MakeAsset) -> None:
        asset, client = make_asset(), signed_in(cast.creator)
        words = {"title": "Cape", "kind": "product", "tags": ""}
        terms = {
            "derivatives_allowed": "no",
            "territories": "de, at",
            "consent": "given",
            "consent_until": "2099-05-01",
        }
        assert client.post(f"/assets/{asset.pk}/edit/", {**words, **terms}).status_code == 302
        asset.refresh_from_db()
        assert (asset.derivatives_allowed, asset.territories) == (False, ["AT", "DE"])
        shown = page(client, asset)
        assert "does not allow new pictures" in shown
        assert "AT, DE" in shown
        # a form without these fields does not change them
        client.post(f"/assets/{asset.pk}/edit/", words)
        asset.refresh_from_db()
        assert (asset.derivatives_allowed, asset.consent) == (False, "given")

    def test_people_say_how_a_file_was_made_but_not_how_the_studio_made_one(
        self, cast: Cast, make_asset: MakeAsset
    ) -> None:
        asset, client = make_asset(), signed_in(cast.creator)
        before = asset.rendition_path("grid")
        words = {"title": "Cape", "kind": "product", "tags": ""}
        sent = {**words, "digital_source_type": "compositeWithTrainedAlgorithmicMedia"}
        assert client.post(f"/assets/{asset.pk}/edit/", sent).status_code == 302
        assert MARK in page(client, asset)
        assert client.get(Asset.objects.get(pk=asset.pk).grid_url).status_code == 200
        made = make_asset(provenance=AI)
        client.post(f"/assets/{made.pk}/edit/", {**words, "digital_source_type": ""})
        assert MARK in page(client, made)
        refused = client_of(cast, "creator").patch(
            f"/api/v1/assets/{made.pk}/", {"digital_source_type": ""}
        )
        assert refused.json()["code"] == "invalid_asset"
        assert before != Asset.objects.get(pk=asset.pk).rendition_path("grid")

    def test_a_country_that_is_none_is_explained(self, cast: Cast, make_asset: MakeAsset) -> None:
        sent = {"title": "Cape", "kind": "product", "tags": "", "territories": "UK"}
        answer = signed_in(cast.creator).post(f"/assets/{make_asset().pk}/edit/", sent)
        assert answer.status_code == 400
        assert "“UK” is not a country code" in answer.content.decode()

    def test_content_credentials_are_shown_in_plain_words(
        self, cast: Cast, make_asset: MakeAsset
    ) -> None:
        shown = page(
            signed_in(cast.creator), make_asset(file=signed(picture_bytes())), "credentials/"
        )
        assert "Signed, and unchanged since." in shown
        assert "Acme Camera Test" in shown
        assert page(signed_in(cast.creator), make_asset(), "credentials/").strip() == ""

    def test_a_lost_original_says_so(self, cast: Cast, make_asset: MakeAsset) -> None:
        asset = make_asset((11, 22, 33))  # no credentials of these bytes are cached
        default_storage.delete(asset.path)
        assert "is gone from the storage" in page(signed_in(cast.creator), asset, "credentials/")


class TestNotices:
    def test_they_are_counted_read_and_are_nobody_elses(self, cast: Cast) -> None:
        notifications.notify(cast.viewer, "Something <b>happened</b>.", "/assets/1/")
        client = signed_in(cast.viewer)
        assert "1 new notice" in client.get("/notices/count/").content.decode()
        shown = client.get("/notices/").content.decode()
        assert "Something &lt;b&gt;happened" in shown
        assert 'href="/assets/1/"' in shown
        assert client.post("/notices/").status_code == 302
        assert client.get("/notices/count/").content.decode().strip() == ""
        assert "Nothing to tell" in signed_in(cast.creator).get("/notices/").content.decode()

    def test_a_title_of_two_lines_makes_no_second_header(self, cast: Cast) -> None:
        User.objects.filter(pk=cast.viewer.pk).update(email="viewer@example.com")
        told = notifications.notify(cast.viewer, "The rights to “Cape\nBcc: x@example.com” ended.")
        notifications.send_email(notice_id=told.pk)
        (sent,) = mail.outbox
        assert sent.subject == "Assetbank: The rights to “Cape Bcc: x@example.com” ended."
        assert sent.recipients() == ["viewer@example.com"]


class TestRest:
    def test_terms_are_sent_and_told(self, cast: Cast, make_asset: MakeAsset) -> None:
        asset, client = make_asset(provenance=AI), client_of(cast, "creator")
        sent = {"territories": ["de"], "consent": "missing", "derivatives_allowed": False}
        told = client.patch(f"/api/v1/assets/{asset.pk}/", sent).json()
        assert told["territories"] == ["DE"]
        assert told["rights_problem"].startswith("The people shown in")
        assert told["digital_source_type"] == "trainedAlgorithmicMedia"
        wrong = client.patch(f"/api/v1/assets/{asset.pk}/", {"territories": ["Germany"]})
        assert (wrong.status_code, wrong.json()["code"]) == (400, "invalid_asset")

    def test_an_upload_that_says_nothing_of_its_terms_has_the_loosest(self, cast: Cast) -> None:
        sent = {"file": io.BytesIO(picture_bytes((3, 2, 1))), "brand": "acme"}
        told = client_of(cast, "creator").post("/api/v1/assets/", sent, format="multipart").json()
        assert (told["derivatives_allowed"], told["rights_problem"]) == (True, None)

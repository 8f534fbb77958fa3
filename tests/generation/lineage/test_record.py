"""Provenance records, and withdrawals on pages, over REST and in the admin."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from assetbank.assets import approval
from assetbank.models import Asset, Membership
from generation.models import Withdrawal
from generation.pipeline import submit
from generation.workflows import withdrawal
from tests.conftest import Cast
from tests.gemini_server import GeminiServer
from tests.generation.workflows.test_withdrawal import ask, drawn, statuses
from tests.support.api import EVERYBODY, client_of
from tests.support.pages import signed_in
from tests.support.trash import delete_asset

MakeAsset = Callable[..., Asset]


def painted(cast: Cast, *references: Asset) -> Asset:
    """Return an asset of `acme` that the stand-in has drawn."""
    generation = submit(
        person=cast.creator,
        brand=cast.acme,
        prompt="A red cape on the beach",
        references=references,
        model="gemini-nano-banana-2.1",
        aspect_ratio="1:1",
    )
    return drawn(generation)


def read(client: Client, asset: Asset) -> dict[str, Any]:
    answer = client.get(f"/assets/{asset.pk}/record.json")
    assert answer["Content-Type"] == "application/json"
    found: dict[str, Any] = json.loads(answer.content)
    return found


def test_a_record_says_how_a_picture_came_to_be(
    cast: Cast, make_asset: MakeAsset, server: GeminiServer
) -> None:
    cape = make_asset(title="Cape", licence="Editorial", territories=["DE"])
    made = painted(cast, cape)
    approval.decide(asset=made, by=cast.manager, verdict="approved", reason="Lovely.")
    said = read(signed_in(cast.manager), made)
    how = said["made"]
    assert isinstance(how, dict)
    assert (how["model"], how["prompt"]) == ("gemini-nano-banana-2.1", "A red cape on the beach")
    assert "Calm light." in how["prompt_as_sent"]
    assert how["asked_by"] == "creator"
    (reference,) = how["references"]
    assert (reference["asset"], reference["sha256"]) == (cape.pk, cape.checksum)
    assert (reference["terms"]["licence"], reference["terms"]["territories"]) == (
        "Editorial",
        ["DE"],
    )
    assert how["model_version"]
    assert float(how["cost_usd"]) > 0
    assert said["digital_source_type"] == (
        "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
    )
    decisions: Any = said["decisions"]
    assert [(each["verdict"], each["by"], each["reason"]) for each in decisions] == [
        ("approved", "manager", "Lovely.")
    ]
    assert said["asset"]["sha256"] == made.checksum
    theirs = read(signed_in(cast.manager), cape)
    assert theirs["made"] is None
    assert theirs["made_with_it"] == [
        {"asset": made.pk, "title": made.title, "sha256": made.checksum}
    ]


def test_what_a_model_made_is_marked_large_and_small(
    cast: Cast, server: GeminiServer, make_asset: MakeAsset
) -> None:
    source, copy = make_asset(), make_asset((1, 2, 3))
    made, client = painted(cast, source), signed_in(cast.creator)
    for address in (
        f"/generations/{made.generation_id}/",
        f"/compare/?a={made.pk}",
        f"/duplicates/compare/?asset={made.pk}&asset={copy.pk}",
        f"/assets/{made.pk}/",
        f"/assets/{made.pk}/record/",
    ):
        assert client.get(address).content.decode().count(">Made with AI<") == 1, address
    for pk in (made.pk, source.pk):  # as the root of the tree, and next to it
        page = client.get(f"/assets/{pk}/lineage/").content.decode()
        assert page.count('title="Made with AI">AI<') == 1


def test_what_it_cost_is_for_managers(
    cast: Cast, make_asset: MakeAsset, server: GeminiServer
) -> None:
    made = painted(cast)
    assert "cost_usd" in read(signed_in(cast.manager), made)["made"]
    assert "cost_usd" not in read(signed_in(cast.creator), made)["made"]


def test_references_of_other_brands_are_counted_and_not_told(
    cast: Cast, make_asset: MakeAsset
) -> None:
    Membership.objects.create(brand=cast.other, user=cast.creator, role="creator")
    secret, open_one = make_asset(title="Secret", brand=cast.other), make_asset(title="Open")
    made = drawn(ask(secret, open_one, by=cast.creator, brand=cast.acme))
    withdrawal.withdraw_rights(person=cast.outsider, asset=secret, reason="A private reason.")
    for address in ("record/", "record.json"):
        shown = signed_in(cast.manager).get(f"/assets/{made.pk}/{address}").content.decode()
        assert "Open" in shown
        assert "Secret" not in shown
        assert "private" not in shown
        assert secret.checksum not in shown
    assert read(signed_in(cast.manager), made)["made"]["references_unseen"] == 1
    with zipfile.ZipFile(as_file(signed_in(cast.manager), made)) as packed:
        assert all(b"Secret" not in packed.read(name) for name in packed.namelist())
    assert "Secret" in signed_in(cast.creator).get(f"/assets/{made.pk}/record/").content.decode()


def as_file(client: Client, asset: Asset) -> io.BytesIO:
    answer = client.get(f"/assets/{asset.pk}/record.zip")
    assert "attachment" in answer["Content-Disposition"]
    return io.BytesIO(b"".join(answer.streaming_content))  # type: ignore[attr-defined]


def test_an_original_comes_with_its_record(cast: Cast, make_asset: MakeAsset) -> None:
    asset = make_asset(title="Cape & <hat>", filename="cape.png")
    with zipfile.ZipFile(as_file(signed_in(cast.creator), asset)) as packed:
        assert set(packed.namelist()) == {"cape.png", "record.json", "record.html"}
        assert hashlib.sha256(packed.read("cape.png")).hexdigest() == asset.checksum
        assert json.loads(packed.read("record.json"))["asset"]["title"] == "Cape & <hat>"
        page = packed.read("record.html").decode()
    assert "Cape &amp; &lt;hat&gt;" in page
    assert "<script" not in page
    assert "src=" not in page


def test_a_record_of_a_deleted_reference_keeps_its_name_and_checksum(
    cast: Cast, make_asset: MakeAsset
) -> None:
    source = make_asset(title="Gone")
    checksum, made = source.checksum, drawn(ask(source, by=cast.creator))
    delete_asset(asset=source)
    how = read(signed_in(cast.creator), made)["made"]
    (reference,) = how["references"]
    assert (reference["title"], reference["sha256"], reference["asset"]) == ("Gone", checksum, None)


def test_others_see_no_record(cast: Cast, make_asset: MakeAsset) -> None:
    asset = make_asset()
    for what in ("record/", "record.json", "record.zip", "rights/", "withdraw/"):
        assert signed_in(cast.outsider).get(f"/assets/{asset.pk}/{what}").status_code == 404


class TestPages:
    def test_withdrawing_asks_first_and_lists_what_goes_with_it(
        self, cast: Cast, make_asset: MakeAsset
    ) -> None:
        source = make_asset(title="Cape")
        made = drawn(ask(source, by=cast.creator))
        address, client = f"/assets/{source.pk}/withdraw/", signed_in(cast.manager)
        shown = client.get(address).content.decode()
        assert "1 derivative</h2>" in shown
        assert made.get_absolute_url() in shown
        assert statuses(source, made) == ["approved", "draft"]
        refused = client.post(address, {"reason": " "})
        assert refused.status_code == 400
        assert "Enter a reason" in refused.content.decode()
        assert client.post(address, {"reason": "No licence."}).status_code == 302
        assert statuses(source, made) == ["quarantined", "quarantined"]
        said = client.get(f"/assets/{made.pk}/rights/").content.decode()
        assert "were revoked" in said
        assert "No licence." in said
        assert client.post(f"/assets/{source.pk}/reinstate/").status_code == 302
        assert statuses(source, made) == ["approved", "draft"]

    def test_a_deleted_source_is_still_said_to_be_withdrawn_and_by_whom(
        self, cast: Cast, make_asset: MakeAsset
    ) -> None:
        source = make_asset(title="Cape")
        made, checksum = drawn(ask(source, by=cast.creator)), source.checksum
        withdrawal.withdraw_rights(person=cast.manager, asset=source, reason="No licence.")
        delete_asset(asset=Asset.objects.get(pk=source.pk))
        for person, may_lift in ((cast.creator, False), (cast.manager, True)):
            said = signed_in(person).get(f"/assets/{made.pk}/rights/").content.decode()
            assert "“Cape” (since deleted)" in said
            assert "No licence." in said
            assert ("Reinstate usage rights of “Cape”" in said) == may_lift
        client = signed_in(cast.manager)
        assert client.get(f"/assets/{made.pk}/record/").content.decode().count("since deleted") == 2
        (data,) = read(client, made)["withdrawals"]
        assert data["source"] == {"asset": None, "title": "Cape", "sha256": checksum}
        assert (data["reason"], data["by"]) == ("No licence.", "manager")
        assert client.post(f"/assets/{made.pk}/reinstate/").status_code == 302
        assert statuses(made) == ["draft"]

    def test_an_asset_says_from_what_it_has_its_terms(
        self, cast: Cast, make_asset: MakeAsset
    ) -> None:
        made = drawn(ask(make_asset(title="Cape"), by=cast.creator))
        shown = signed_in(cast.creator).get(f"/assets/{made.pk}/rights/").content.decode()
        assert "the strictest of its sources" in shown
        assert "Cape" in shown
        assert "Revoke usage rights" not in shown  # users without permission get no link

    def test_creators_do_not_withdraw(self, cast: Cast, make_asset: MakeAsset) -> None:
        source, client = make_asset(), signed_in(cast.creator)
        assert client.post(f"/assets/{source.pk}/withdraw/", {"reason": "x"}).status_code == 403
        assert client.post(f"/assets/{source.pk}/reinstate/").status_code == 403


class TestRest:
    def test_withdrawing_and_lifting(self, cast: Cast, make_asset: MakeAsset) -> None:
        source = make_asset()
        made = drawn(ask(source, by=cast.creator))
        client, address = client_of(cast, "manager"), f"/api/v1/assets/{source.pk}"
        concerned = client.get(f"{address}/withdraw/").json()
        assert concerned == {"assets": [made.pk], "elsewhere": 0, "unfinished": 0}
        done = client.post(f"{address}/withdraw/", {"reason": "No licence."})
        assert done.status_code == 201
        assert done.json() == {"quarantined": [source.pk, made.pk], "elsewhere": 0}
        again = client.post(f"{address}/withdraw/", {"reason": "No licence."})
        assert (again.status_code, again.json()["code"]) == (400, "invalid_asset")
        lifted = client.post(f"{address}/reinstate/").json()
        assert lifted == {"released": [source.pk, made.pk], "elsewhere": 0}

    @pytest.mark.parametrize(
        ("method", "what", "statuses"),
        [
            ("get", "record", (401, 404, 200, 200, 200, 200)),
            ("get", "credentials", (401, 404, 200, 200, 200, 200)),
            ("get", "download", (401, 404, 200, 200, 200, 200)),
            ("get", "withdraw", (401, 404, 403, 403, 200, 200)),
            ("post", "withdraw", (401, 404, 403, 403, 201, 400)),
            # viewers do not see quarantined assets
            ("post", "reinstate", (401, 404, 404, 403, 200, 400)),
        ],
    )
    def test_who_may(
        self,
        cast: Cast,
        make_asset: MakeAsset,
        method: str,
        what: str,
        statuses: tuple[int, ...],
    ) -> None:
        asset = make_asset()
        if what == "reinstate":
            withdrawal.withdraw_rights(person=cast.manager, asset=asset, reason="x")
        address, sent = f"/api/v1/assets/{asset.pk}/{what}/", {"reason": "x"}
        got = []
        for name in EVERYBODY:
            client = client_of(cast, name)
            answer = client.get(address) if method == "get" else client.post(address, sent)
            got.append(answer.status_code)
        assert tuple(got) == statuses

    def test_the_record_is_the_same_as_on_the_page(self, cast: Cast, make_asset: MakeAsset) -> None:
        made = drawn(ask(make_asset(), by=cast.creator))
        data = client_of(cast, "creator").get(f"/api/v1/assets/{made.pk}/record/").json()
        shown = read(signed_in(cast.creator), made)
        for said in (data, shown):
            said.pop("recorded_at")
        assert data == shown

    def test_a_download_has_the_format_that_is_asked_for(
        self, cast: Cast, make_asset: MakeAsset
    ) -> None:
        address = f"/api/v1/assets/{make_asset().pk}/download/"
        client = client_of(cast, "creator")
        assert client.get(address, {"format": "webp"})["Content-Type"] == "image/webp"
        assert client.get(address, {"format": "svg"}).json()["code"] == "invalid"

    def test_notices_are_listed_and_read(self, cast: Cast, make_asset: MakeAsset) -> None:
        withdrawal.withdraw_rights(
            person=cast.manager, asset=make_asset(title="Cape"), reason="No."
        )
        client = client_of(cast, "creator")
        (notice,) = client.get("/api/v1/notices/").json()["results"]
        assert notice["sentence"].startswith("The usage rights of “Cape” were revoked")
        assert client.post("/api/v1/notices/read/").json() == {"read": 1}
        assert client_of(cast, "manager").get("/api/v1/notices/").json()["results"] == []


class TestAdmin:
    @pytest.fixture
    def client(self, cast: Cast) -> Client:
        User.objects.filter(pk=cast.staff.pk).update(is_superuser=True)
        return signed_in(User.objects.get(pk=cast.staff.pk))

    def test_several_are_withdrawn_after_asking_and_lifted(
        self, cast: Cast, make_asset: MakeAsset, client: Client
    ) -> None:
        cape, hat = make_asset(title="Cape"), make_asset(title="Hat")
        made = drawn(ask(cape, by=cast.creator))
        chosen = {"action": "withdraw", "_selected_action": [cape.pk, hat.pk]}
        shown = client.post("/admin/assetbank/asset/", chosen).content.decode()
        assert "2 assets and 1 derived from them will be quarantined" in shown
        assert statuses(cape, hat, made) == ["approved", "approved", "draft"]
        client.post("/admin/assetbank/asset/", {**chosen, "reason": "No licence."})
        assert statuses(cape, hat, made) == ["quarantined"] * 3
        listed = client.get("/admin/generation/withdrawal/").content.decode()
        assert "In force" in listed
        row = Withdrawal.objects.get(asset=cape)
        delete_asset(asset=Asset.objects.get(pk=cape.pk))
        for address in ("", f"{row.pk}/change/"):
            listed = client.get(f"/admin/generation/withdrawal/{address}").content.decode()
            assert "Cape, since deleted" in listed
        lift = {"action": "lift", "_selected_action": [row.pk]}
        client.post("/admin/generation/withdrawal/", lift)
        assert statuses(hat, made) == ["quarantined", "draft"]

    def test_notices_are_listed(self, cast: Cast, make_asset: MakeAsset, client: Client) -> None:
        withdrawal.withdraw_rights(person=cast.manager, asset=make_asset(), reason="No licence.")
        shown = client.get("/admin/assetbank/notice/").content.decode()
        assert "The usage rights of" in shown

    def test_terms_are_edited(self, make_asset: MakeAsset, client: Client) -> None:
        asset = make_asset()
        sent = {
            "title": "Cape",
            "kind": "product",
            "status": "draft",
            "tags": "",
            "territories": "de, uk",
            "consent": "given",
        }
        address = f"/admin/assetbank/asset/{asset.pk}/change/"
        assert "is not a country code" in client.post(address, sent).content.decode()
        assert client.post(address, {**sent, "territories": "de, gb"}).status_code == 302
        asset.refresh_from_db()
        assert (asset.territories, asset.derivatives_allowed) == (["DE", "GB"], False)

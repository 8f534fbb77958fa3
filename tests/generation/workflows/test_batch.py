"""Batches of a matrix: submitted as a whole, followed on one page, stopped and retried."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from pytest_django import DjangoAssertNumQueries

from assetbank.assets import collections
from assetbank.errors import NotAllowed
from assetbank.models import Asset, Notice
from generation.errors import InvalidRequest
from generation.models import Batch, Generation, LedgerEntry, Output, Preset, SpendingCap
from generation.pipeline import run_generation
from generation.prompting import presets
from generation.review import verdicts
from generation.workflows import (
    MAX_CELLS,
    BatchProgress,
    Matrix,
    batch_progress,
    bulk_orders,
    estimate_batch,
    retry_batch,
    stop_batch,
    submit_batch,
)
from tests.conftest import Cast
from tests.gemini_server import GeminiServer
from tests.generation.requests import answered
from tests.support.api import Row, client_of, statuses
from tests.support.pages import signed_in, text

MakeAsset = Callable[..., Asset]
MODEL = "gemini-nano-banana-2.1"


def ask(cast: Cast, matrix: Matrix, **options: Any) -> Batch:
    given = {"person": cast.creator, "model": "sketch", "aspect_ratio": "1:1", **options}
    return submit_batch(brand=cast.acme, matrix=matrix, **given)


def colours(*values: str, **options: Any) -> Matrix:
    return Matrix("A {colour} cape", variable="colour", values=values, **options)


def cells(batch: Batch) -> list[Generation]:
    return list(batch.generations.order_by("pk"))


def draw(batch: Batch) -> list[Generation]:
    for generation in cells(batch):
        run_generation(generation_id=generation.pk)
    return cells(batch)


def progress(batch: Batch) -> BatchProgress:
    return batch_progress(batch.generations.prefetch_related("outputs"))


def queued_jobs() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM procrastinate_jobs WHERE queue_name = 'generate'")
        return int(cursor.fetchone()[0])


class TestAsking:
    def test_one_base_picture_with_each_product(
        self, cast: Cast, server: GeminiServer, make_asset: MakeAsset
    ) -> None:
        base, cape, hat = (
            make_asset(title="Desk"),
            make_asset(title="Cape"),
            make_asset(title="Hat"),
        )
        matrix = Matrix("On the desk", base=[base], products=[cape, hat, cape])
        batch = ask(cast, matrix, model=MODEL)
        made = draw(batch)
        assert [generation.label for generation in made] == ["Cape", "Hat"]
        assert [[r.title for r in each.reference_rows.all()] for each in made] == [
            ["Desk", "Cape"],
            ["Desk", "Hat"],
        ]
        assert made[0].reference_rows.get(title="Cape").role == "product"
        assert [len(sent.references) for sent in server.requests] == [2, 2]
        assert (batch.kind, batch.title, progress(batch).made) == ("products", "On the desk", 2)

    def test_values_of_a_blank_in_the_prompt(self, cast: Cast, make_asset: MakeAsset) -> None:
        batch = ask(cast, colours("scarlet", " navy  blue ", "", "scarlet", base=[make_asset()]))
        assert [(each.label, each.prompt, each.variables) for each in cells(batch)] == [
            ("scarlet", "A scarlet cape", {"colour": "scarlet"}),
            ("navy blue", "A navy blue cape", {"colour": "navy blue"}),
        ]
        assert queued_jobs() == 2

    def test_values_of_a_blank_of_a_preset(self, cast: Cast) -> None:
        version = presets.save_preset(
            preset=Preset.objects.create(slug="a-place", name="A place"),
            by=None,
            template="A cape on {place} at {time}",
            variables=[{"name": "place"}, {"name": "time", "default": "noon"}],
            roles=[],
        )
        matrix = Matrix("Wide view.", version, variable="place", values=["a beach", "a pier"])
        batch = ask(cast, matrix)
        assert [each.prompt for each in cells(batch)] == [
            "A cape on a beach at noon\n\nWide view.",
            "A cape on a pier at noon\n\nWide view.",
        ]
        assert cells(batch)[1].variables == {"place": "a pier", "time": "noon"}
        assert cells(batch)[1].preset_version == version
        with pytest.raises(InvalidRequest, match="no variable “colour”"):
            ask(cast, Matrix("", version, variable="colour", values=["red"]))

    @pytest.mark.parametrize(
        ("matrix", "options", "code"),
        [
            (Matrix("A cape"), {}, "invalid_request"),
            (Matrix(" ", variable="colour", values=["red"]), {}, "empty_prompt"),
            (Matrix("A cape", variable="colour", values=["red"]), {}, "invalid_request"),
            (colours(), {}, "invalid_request"),
            (colours("x" * 300), {}, "invalid_request"),
            (colours(*map(str, range(MAX_CELLS + 1))), {}, "too_many_cells"),
            (colours("red", "blue"), {"aspect_ratio": "7:1"}, "unknown_aspect_ratio"),
            (colours("red"), {"count": 9}, "invalid_request"),
            (colours("red"), {"in_bulk": True}, "cannot_batch"),
        ],
    )
    def test_what_cannot_be_drawn_is_refused_as_a_whole(
        self, cast: Cast, matrix: Matrix, options: dict[str, Any], code: str
    ) -> None:
        with pytest.raises(InvalidRequest) as refused:
            ask(cast, matrix, **options)
        assert refused.value.code == code
        assert not Batch.objects.exists()

    def test_one_product_that_may_not_be_used_refuses_all(
        self, cast: Cast, make_asset: MakeAsset
    ) -> None:
        theirs = make_asset(brand=cast.other, by=cast.outsider)
        with pytest.raises(InvalidRequest) as refused:
            ask(cast, Matrix("A shelf", products=[make_asset(), make_asset(), theirs]))
        assert refused.value.code == "unknown_reference"
        assert not Generation.objects.exists()
        assert queued_jobs() == 0

    def test_the_money_reaches_for_all_or_for_none(self, cast: Cast, server: GeminiServer) -> None:
        estimated = estimate_batch(matrix=colours("red", "blue", "green"), model=MODEL)
        assert (estimated.cells, estimated.pictures) == (3, 3)
        assert estimated.usd_in_bulk == pytest.approx(estimated.usd / 2, abs=Decimal("1e-6"))
        cap = SpendingCap.objects.create(brand=cast.acme, monthly_usd=Decimal("0.10"))
        assert estimated.usd > cap.monthly_usd > estimated.usd / 3
        with pytest.raises(InvalidRequest) as refused:
            ask(cast, colours("red", "blue", "green"), model=MODEL)
        assert refused.value.code == "spending_cap"
        assert refused.value.message.startswith(
            "The spending limit does not cover the whole batch."
        )
        assert not LedgerEntry.objects.exists()
        assert cells(ask(cast, colours("red", "blue"), model=MODEL))

    def test_in_bulk_it_is_one_order_at_the_lower_price(
        self, cast: Cast, server: GeminiServer
    ) -> None:
        batch = ask(cast, colours("red", "blue"), model=MODEL, in_bulk=True)
        job = batch.jobs.get()
        reserved = sum(LedgerEntry.objects.values_list("usd", flat=True))
        estimated = estimate_batch(matrix=colours("red", "blue"), model=MODEL)
        assert reserved == pytest.approx(estimated.usd_in_bulk, abs=Decimal("1e-5"))
        page = text(signed_in(cast.creator).get(f"/batches/{batch.pk}/"))
        assert "The bulk order is being sent" in page
        bulk_orders.advance_order(job.pk)
        assert server.requests, "sent"
        stop_batch(person=cast.creator, batch=batch)
        assert {each.state for each in cells(batch)} == {"cancelled"}

    def test_a_second_click_finds_the_first_ones(self, cast: Cast) -> None:
        key = uuid.uuid4()
        assert ask(cast, colours("red"), key=key) == ask(cast, colours("red"), key=key)
        assert Generation.objects.count() == 1

    def test_only_creators(self, cast: Cast) -> None:
        batch = ask(cast, colours("red"))
        for person in (cast.viewer, cast.outsider):
            with pytest.raises(NotAllowed):
                ask(cast, colours("red"), person=person)
            with pytest.raises(NotAllowed):
                stop_batch(person=person, batch=batch)
            with pytest.raises(NotAllowed):
                retry_batch(person=person, batch=batch)


class TestFollowing:
    def test_it_counts_what_came_what_was_refused_and_what_failed(
        self, cast: Cast, server: GeminiServer
    ) -> None:
        batch = ask(cast, colours("red", "blue", "green", "white"), model=MODEL)
        server.script("success", "refuse_picture", "bad_argument")
        for generation in cells(batch)[:3]:
            run_generation(generation_id=generation.pk)
        far = progress(batch)
        assert (far.asked, far.settled, far.made) == (4, 3, 1)
        assert (far.refused, far.failed, far.waiting, far.finished) == (1, 1, 1, False)

    def test_stopping_cancels_what_waits_and_keeps_what_came(self, cast: Cast) -> None:
        batch = ask(cast, colours("red", "blue", "green"))
        first, second, _ = cells(batch)
        run_generation(generation_id=first.pk)
        Generation.objects.filter(pk=second.pk).update(state="running")
        stop_batch(person=cast.creator, batch=batch)
        assert [each.state for each in cells(batch)] == ["succeeded", "running", "cancelled"]
        assert cells(batch)[1].cancel_requested
        assert progress(batch).made == 1

    def test_failed_cells_are_tried_again_and_refused_ones_are_not(
        self, cast: Cast, server: GeminiServer
    ) -> None:
        batch = ask(cast, colours("red", "blue", "green"), model=MODEL)
        server.script("success", "refuse_picture", "bad_argument")
        draw(batch)
        assert retry_batch(person=cast.creator, batch=batch) == 1
        assert [each.state for each in cells(batch)] == ["succeeded", "refused", "queued"]
        draw(batch)
        assert [each.state for each in cells(batch)] == ["succeeded", "refused", "succeeded"]
        assert len(server.requests) == 4
        with pytest.raises(InvalidRequest, match="no failed or cancelled variations"):
            retry_batch(person=cast.creator, batch=batch)


def marks(page: str) -> list[str]:
    return re.findall(r'name="m" value="([^"]+)"', page)


class TestPage:
    def test_pictures_come_one_by_one_and_only_what_changed_is_sent(self, cast: Cast) -> None:
        batch = ask(cast, colours("red", "blue"))
        first, second = cells(batch)
        client, address = signed_in(cast.creator), f"/batches/{batch.pk}/"
        page = text(client.get(address))
        assert "0 of 2 images" in page
        assert page.index(">red<") < page.index(">blue<")
        have = marks(page)
        assert client.get(f"{address}progress/", {"m": have}).status_code == 204
        run_generation(generation_id=second.pk)
        sent = text(client.get(f"{address}progress/", {"m": have}))
        assert "1 of 2 images" in sent
        assert f'id="cell-{second.pk}" hx-swap-oob="true"' in sent
        assert f'id="cell-{first.pk}"' not in sent, "what stands there stays"
        output = Output.objects.get()
        assert f'id="picture-{output.pk}" hx-preserve' in sent
        assert "every 2s" in sent
        run_generation(generation_id=first.pk)
        done = text(client.get(f"{address}progress/", {"m": have}))
        assert "every 2s" not in done, "polling ends"

    def test_why_a_cell_has_no_picture_stands_in_it(self, cast: Cast, server: GeminiServer) -> None:
        batch = ask(cast, colours("red", "blue"), model=MODEL)
        server.script("refuse_picture", "bad_argument")
        refused, failed = draw(batch)
        page = text(signed_in(cast.creator).get(f"/batches/{batch.pk}/"))
        assert refused.reason in page.replace("&quot;", '"').replace("&#x27;", "'")
        assert failed.reason in page.replace("&quot;", '"').replace("&#x27;", "'")
        assert "1 was refused" in page
        assert "Retry failed" in page
        assert signed_in(cast.viewer).get(f"/batches/{batch.pk}/").status_code == 404

    def test_several_pictures_in_one_answer_are_no_further_than_one(
        self, cast: Cast, server: GeminiServer
    ) -> None:
        batch = ask(cast, colours("red", "blue"), model=MODEL)
        server.script("several_images")
        run_generation(generation_id=cells(batch)[0].pk)
        assert (progress(batch).made, progress(batch).asked) == (1, 2)
        assert text(signed_in(cast.creator).get(f"/batches/{batch.pk}/")).count('id="output-') == 3

    def test_it_stops_and_goes_on(self, cast: Cast) -> None:
        batch, client = ask(cast, colours("red", "blue")), signed_in(cast.creator)
        client.post(f"/batches/{batch.pk}/stop/")
        first, _ = cells(batch)
        assert {each.state for each in cells(batch)} == {"cancelled"}
        Generation.objects.filter(pk=first.pk).update(state="failed")
        page = text(client.get(f"/batches/{batch.pk}/"))
        assert "Retry the rest</span>" in page, "and not only with what failed"
        Batch.objects.update(in_bulk=True)
        page = text(client.get(f"/batches/{batch.pk}/"))
        assert "Retry the rest now, at full price</span>" in page
        assert "2 queued again" in text(client.post(f"/batches/{batch.pk}/retry/", follow=True))

    def test_only_those_of_one_verdict(self, cast: Cast) -> None:
        batch = ask(cast, colours("red", "blue", "green"))
        draw(batch)
        one, two, three = Output.objects.order_by("pk")
        verdicts.keep(person=cast.creator, output=one)
        verdicts.reject(person=cast.creator, output=two, reason="Text wrong")
        client = signed_in(cast.creator)

        def shown(choice: str) -> list[int]:
            page = text(client.get(f"/batches/{batch.pk}/?show={choice}"))
            return [int(pk) for pk in re.findall(r'id="output-(\d+)"', page)]

        assert shown("") == [one.pk, two.pk, three.pk]
        assert (shown("kept"), shown("rejected"), shown("undecided")) == (
            [one.pk],
            [two.pk],
            [three.pk],
        )
        verdicts.clear_verdict(person=cast.creator, output=one)
        assert "No images are kept" in text(client.get(f"/batches/{batch.pk}/?show=kept"))

    def test_products_that_one_may_not_see_are_not_named(
        self, cast: Cast, make_asset: MakeAsset
    ) -> None:
        cast.other.memberships.create(user=cast.creator, role="viewer")
        foreign = make_asset(brand=cast.other, by=cast.outsider, title="Secret", status="approved")
        batch = ask(cast, Matrix("A shelf", products=[foreign]))
        (cell,) = cells(batch)
        manager, rest = signed_in(cast.manager), client_of(cast, "manager")
        told = [
            text(manager.get(f"/batches/{batch.pk}/")),
            text(manager.get(cell.get_absolute_url())),
            str(rest.get(f"/api/v1/batches/{batch.pk}/").json()),
        ]
        for each in told:
            assert "An asset that you cannot access" in each
            assert "Secret" not in each
        assert "Secret" in text(signed_in(cast.creator).get(f"/batches/{batch.pk}/"))

    def test_viewers_see_what_is_approved(self, cast: Cast) -> None:
        batch = ask(cast, colours("red", "blue"))
        draw(batch)
        approved, draft = Output.objects.order_by("pk")
        Asset.objects.filter(made_as=approved).update(status="approved")
        page = text(signed_in(cast.viewer).get(f"/batches/{batch.pk}/"))
        assert f'id="output-{approved.pk}"' in page
        assert f'id="output-{draft.pk}"' not in page
        assert "You see approved images only" in page
        assert "Keep</span>" not in page
        rest = client_of(cast, "viewer")
        told = rest.get(f"/api/v1/batches/{batch.pk}/").json()
        assert [len(each["outputs"]) for each in told["generations"]] == [1]
        Asset.objects.filter(made_as=approved).update(status="archived")
        for client, address in ((signed_in(cast.viewer), "/batches/"), (rest, "/api/v1/batches/")):
            assert "A {colour} cape" not in text(client.get(address))
            assert client.get(f"{address}{batch.pk}/").status_code == 404

    def test_kept_pictures_go_to_the_tray_a_collection_and_the_managers(self, cast: Cast) -> None:
        batch = ask(cast, colours("red", "blue"))
        draw(batch)
        client, address = signed_in(cast.creator), f"/batches/{batch.pk}/kept/"
        assert client.post(address, {"to": "tray"}).status_code == 400
        for output in Output.objects.all():
            verdicts.keep(person=cast.creator, output=output)
        assets = [output.asset for output in Output.objects.order_by("pk")]
        assert "2 images are selected" in text(client.post(address, {"to": "tray"}, follow=True))
        assert client.session["tray"] == [asset.pk for asset in assets if asset]
        client.post(address, {"to": "collection", "name": "Capes"})
        assert list(cast.acme.collections.get().assets.order_by("collection_items")) == assets
        client.post(address, {"to": "approval"})
        notice = Notice.objects.get()
        assert notice.person == cast.manager
        assert "2 of “A {colour} cape”" in notice.sentence
        assert notice.address == f"/batches/{batch.pk}/?show=kept"
        Asset.objects.update(status="approved")
        assert signed_in(cast.viewer).post(address, {"to": "tray"}).status_code == 403

    def test_other_brands_have_none(self, cast: Cast) -> None:
        batch, client = ask(cast, colours("red")), signed_in(cast.outsider)
        for end in ("", "progress/", "choices/"):
            assert client.get(f"/batches/{batch.pk}/{end}").status_code == 404
        for end in ("stop/", "retry/", "kept/"):
            assert client.post(f"/batches/{batch.pk}/{end}").status_code == 404
        assert "No batches yet" in text(client.get("/batches/"))
        assert f"/batches/{batch.pk}/" in text(signed_in(cast.manager).get("/batches/"))

    @pytest.mark.slow
    def test_the_same_queries_however_many_pictures(
        self, cast: Cast, make_asset: MakeAsset, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        client, base = signed_in(cast.creator), make_asset()
        few = ask(cast, colours("red", "blue", base=[base]))
        draw(few)
        many = ask(cast, colours(*map(str, range(60)), base=[base]))
        for number, generation in enumerate(cells(many)):  # drawing sixty images takes a while
            Generation.objects.filter(pk=generation.pk).update(state="succeeded")
            asset = make_asset(title=f"cape {number}", origin="generated")
            generation.outputs.create(
                take=answered(generation), position=0, mime="image/jpeg", asset=asset
            )
        client.get(f"/batches/{few.pk}/")
        with CountedQueries() as first:
            client.get(f"/batches/{few.pk}/")
        with django_assert_num_queries(len(first)):
            page = text(client.get(f"/batches/{many.pk}/"))
        assert page.count('class="output"') == 60
        assert len(first) < 22


class CountedQueries:
    def __enter__(self) -> CountedQueries:
        from django.test.utils import CaptureQueriesContext

        self.captured = CaptureQueriesContext(connection)
        self.captured.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self.captured.__exit__(*error)

    def __len__(self) -> int:
        return len(self.captured)


class TestForm:
    ASKED = {
        "kind": "values",
        "prompt": "A {colour} cape",
        "brand": "acme",
        "model": "sketch",
        "aspect_ratio": "1:1",
        "image_size": "1K",
        "count": "1",
        "variable": "colour",
        "values": "scarlet\r\nnavy\r\n",
        "token": "one",
    }

    def test_values_one_on_each_line(self, cast: Cast) -> None:
        client = signed_in(cast.creator)
        answers = [client.post("/batches/new/", self.ASKED) for _ in range(2)]
        batch = Batch.objects.get()
        assert {answer["Location"] for answer in answers} == {f"/batches/{batch.pk}/"}
        assert [each.label for each in cells(batch)] == ["scarlet", "navy"]

    def test_the_tray_is_the_base_and_the_products_and_a_collection_adds_more(
        self, cast: Cast, make_asset: MakeAsset
    ) -> None:
        desk, cape, hat = (
            make_asset(title="Desk"),
            make_asset(title="Cape"),
            make_asset(title="Hat"),
        )
        summer = collections.create_collection(brand=cast.acme, name="Summer", by=cast.creator)
        collections.add_assets(collection=summer, assets=[desk, hat])
        client = signed_in(cast.creator)
        for each in (desk, cape):
            client.post("/tray/change/", {"add": each.pk})
        page = text(client.get("/batches/new/"))
        assert f'name="base" value="{desk.pk}" checked' in page
        assert f'name="base" value="{cape.pk}">' in page
        asked = {
            **self.ASKED,
            "kind": "products",
            "references": [desk.pk, cape.pk],
            "base": [desk.pk],
            "collection": summer.pk,
        }
        client.post("/batches/new/", asked)
        assert [each.label for each in cells(Batch.objects.get())] == ["Cape", "Hat"]

    def test_it_says_what_it_would_cost(self, cast: Cast, server: GeminiServer) -> None:
        asked = {**self.ASKED, "model": MODEL, "estimate": "1"}
        page = text(signed_in(cast.creator).post("/batches/new/", asked))
        assert "<strong>2 images</strong> in 2 variations, about $0.07" in page
        assert "as a bulk order about $0.04" in page
        assert not Batch.objects.exists()

    def test_it_says_which_of_them_were_made_before(self, cast: Cast) -> None:
        client = signed_in(cast.creator)
        client.post("/batches/new/", self.ASKED)
        first = cells(Batch.objects.get())[0]
        assert "exists already" not in text(
            client.post("/batches/new/", {**self.ASKED, "estimate": "1"})
        )
        run_generation(generation_id=first.pk)
        page = text(client.post("/batches/new/", {**self.ASKED, "estimate": "1"}))
        assert "1 variation exists already" in page
        assert first.get_absolute_url() in page
        Asset.objects.filter(origin="generated").update(status="archived")
        assert "exists already" not in text(
            client.post("/batches/new/", {**self.ASKED, "estimate": "1"})
        )

    @pytest.mark.parametrize(
        ("wrong", "sentence"),
        [
            ({"values": ""}, "Enter at least one value"),
            ({"variable": ""}, "Enter the variable"),
            ({"variable": "a b"}, "Use letters, digits and _ only"),
            ({"prompt": "A cape"}, "Write {colour} in the prompt"),
            ({"kind": "products"}, "Enter at least one product"),
            ({"references": ["999999"]}, "no longer exists"),
        ],
    )
    def test_what_is_wrong_is_said_and_what_was_typed_stays(
        self, cast: Cast, wrong: dict[str, Any], sentence: str
    ) -> None:
        answer = signed_in(cast.creator).post("/batches/new/", {**self.ASKED, **wrong})
        assert answer.status_code == 400
        assert sentence in text(answer)
        assert not Batch.objects.exists()

    def test_viewers_have_no_matrix(self, cast: Cast) -> None:
        client = signed_in(cast.viewer)
        assert client.get("/batches/new/").status_code == 403
        assert client.post("/batches/new/", self.ASKED).status_code == 403

    def test_a_collection_counts_what_one_may_see(self, cast: Cast, make_asset: MakeAsset) -> None:
        cast.other.memberships.create(user=cast.viewer, role="creator")
        capes = [make_asset(status="approved"), make_asset(status="draft")]
        into = collections.create_collection(brand=cast.acme, name="Capes", by=cast.creator)
        collections.add_assets(collection=into, assets=capes)
        for person, many in ((cast.viewer, 1), (cast.creator, 2)):
            assert f"Capes ({many})" in text(signed_in(person).get("/batches/new/"))


BATCHES = "/api/v1/batches/"
MATRIX = {
    "prompt": "A {colour} cape",
    "brand": "acme",
    "model": "sketch",
    "variable": "colour",
    "values": ["red", "blue"],
}


@pytest.mark.parametrize(
    "row",
    [
        Row("get", BATCHES, (401, 200, 200, 200, 200, 200)),
        Row("post", BATCHES, (401, 400, 403, 202, 202, 202), MATRIX),
        Row("get", f"{BATCHES}{{batch}}/", (401, 404, 404, 200, 200, 200)),
        Row("post", f"{BATCHES}{{batch}}/stop/", (401, 404, 404, 200, 200, 200)),
        Row("post", f"{BATCHES}{{batch}}/retry/", (401, 404, 404, 400, 400, 400)),
    ],
    ids=str,
)
def test_who_may_do_what_over_rest(row: Row, cast: Cast) -> None:
    batch = ask(cast, colours("red"))
    assert statuses(cast, row, batch=batch.pk) == row.statuses


def test_a_matrix_over_rest(cast: Cast, make_asset: MakeAsset) -> None:
    client, base, hat = client_of(cast, "creator"), make_asset(), make_asset(title="Hat")
    answer = client.post(BATCHES, MATRIX, headers={"Idempotency-Key": '"once"'})
    told = answer.json()
    assert answer["Location"] == f"http://testserver{BATCHES}{told['id']}/"
    assert [each["label"] for each in told["generations"]] == ["red", "blue"]
    assert (told["kind"], told["progress"]["waiting"]) == ("values", 2)
    again = client.post(BATCHES, MATRIX, headers={"Idempotency-Key": '"once"'})
    assert again.json()["id"] == told["id"]
    draw(Batch.objects.get())
    told = client.get(answer["Location"]).json()
    assert (told["progress"]["made"], told["progress"]["finished"]) == (2, True)
    assert told["generations"][0]["outputs"][0]["verdict"] == ""
    place = {"asset": base.pk, "role": "background"}
    shelf = {"prompt": "A shelf", "brand": "acme", "base": [place], "products": [hat.pk]}
    (cell,) = client.post(BATCHES, shelf).json()["generations"]
    assert cell["label"] == "Hat"
    rows = Generation.objects.get(pk=cell["id"]).reference_rows.all()
    assert [(row.asset, row.role) for row in rows] == [(base, "background"), (hat, "product")]
    assert len(client.get(BATCHES).json()["results"]) == 2
    for wrong, code in (
        ({"values": []}, "invalid_request"),
        ({"variable": "a b"}, "invalid"),
        ({"base": [999_999]}, "unknown_reference"),
        ({"preset": "nonsense"}, "unknown_preset"),
    ):
        answer = client.post(BATCHES, {**MATRIX, **wrong})
        assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_a_matrix_over_rest_has_the_format_of_its_preset_unless_it_says_otherwise(
    cast: Cast,
) -> None:
    presets.save_preset(
        preset=Preset.objects.create(slug="a-place", name="A place"),
        by=cast.manager,
        template="A cape on {place}.",
        variables=[{"name": "place", "label": "Where", "default": "a beach"}],
        roles=[],
        aspect_ratio="4:5",
        image_size="2K",
    )
    client = client_of(cast, "creator")
    asked = {"brand": "acme", "preset": "a-place", "variable": "place", "values": ["a pier"]}
    for said, expected in (
        ({}, ("4:5", "2K")),
        ({"aspect_ratio": "1:1", "image_size": "1K"}, ("1:1", "1K")),
    ):
        batch = Batch.objects.get(pk=client.post(BATCHES, {**asked, **said}).json()["id"])
        assert [(each.aspect_ratio, each.image_size) for each in cells(batch)] == [expected]


@pytest.mark.slow
def test_a_batch_over_rest_takes_as_many_queries_for_sixty_pictures_as_for_one(
    cast: Cast, make_asset: MakeAsset, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client = client_of(cast, "creator")
    few, many = ask(cast, colours("red")), ask(cast, colours(*map(str, range(60))))
    for generation in (*cells(few), *cells(many)):
        generation.outputs.create(
            take=answered(generation), position=0, mime="image/jpeg", asset=make_asset()
        )
    # token and user, permissions, batch, cells, takes, references, outputs, findings
    for batch in (few, many):
        with django_assert_num_queries(9):
            answer = client.get(f"{BATCHES}{batch.pk}/")
        assert answer.status_code == 200


def test_staff_see_how_far_batches_are_and_stop_them(cast: Cast) -> None:
    batch = ask(cast, colours("red", "blue"))
    run_generation(generation_id=cells(batch)[0].pk)
    cast.staff.is_superuser = True
    cast.staff.save()
    client, address = signed_in(cast.staff), "/admin/generation/batch/"
    assert "1 of 2, 1 waiting" in text(client.get(address))
    client.post(address, {"action": "stop", "_selected_action": [batch.pk]})
    assert [each.state for each in cells(batch)] == ["succeeded", "cancelled"]
    page = text(client.get(f"{address}{batch.pk}/change/"))
    assert "Cancelled before it started." in page
    client.post(address, {"action": "retry", "_selected_action": [batch.pk]})
    assert cells(batch)[1].state == "queued"

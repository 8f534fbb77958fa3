"""Pages of the tray, the studio and its generations."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.conf import settings
from django.db import connections
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from assetbank.models import Asset
from generation.composer import form_state, tray
from generation.models import EngineModel, Generation, Preset
from generation.pipeline import cancel_generation, draw, run_generation
from generation.prompting import presets
from tests.conftest import Cast
from tests.generation.requests import answered, ask
from tests.support.api import client_of
from tests.support.pages import signed_in, text

MakeAsset = Callable[..., Asset]
ASKED = {
    "prompt": "A red cape",
    "brand": "acme",
    "model": "sketch",
    "aspect_ratio": "4:5",
    "image_size": "1K",
    "count": "1",
}


def in_tray(page: str) -> list[int]:
    return [int(number) for number in re.findall(r'data-in-tray="(\d+)"', page)]


class TestTray:
    def test_it_keeps_an_order_that_can_be_changed(self, cast: Cast, make_asset: MakeAsset) -> None:
        one, two, three = (make_asset().pk for _ in range(3))
        client, htmx = signed_in(cast.creator), {"HX-Request": "true"}
        for pk in (one, two, three, two):
            client.post("/tray/change/", {"add": pk}, headers=htmx)
        assert in_tray(text(client.get("/tray/"))) == [one, two, three]
        for change, order in (
            ({"earlier": three}, [one, three, two]),
            ({"later": one}, [three, one, two]),
            ({"earlier": three}, [three, one, two]),
            ({"remove": one}, [three, two]),
            ({"remove": "x"}, [three, two]),
            ({"clear": "1"}, []),
        ):
            assert in_tray(text(client.post("/tray/change/", change, headers=htmx))) == order

    def test_it_holds_fourteen(self, cast: Cast, make_asset: MakeAsset) -> None:
        client = signed_in(cast.creator)
        for _ in range(15):
            answer = client.post(
                "/tray/change/", {"add": make_asset().pk}, headers={"HX-Request": "true"}
            )
        assert "The maximum of 14 selected images" in text(answer)
        assert len(in_tray(text(answer))) == 14

    @pytest.mark.django_db(transaction=True)
    def test_of_clicks_at_the_same_time_none_is_lost(
        self, cast: Cast, make_asset: MakeAsset
    ) -> None:
        wanted = [make_asset().pk for _ in range(6)]
        client, key = signed_in(cast.creator), settings.SESSION_COOKIE_NAME

        def add(pk: int) -> None:
            other = Client()
            other.cookies[key] = client.cookies[key].value
            other.post("/tray/change/", {"add": pk}, headers={"HX-Request": "true"})
            connections.close_all()

        with ThreadPoolExecutor(6) as hands:
            list(hands.map(add, wanted))
        assert sorted(tray.selected_ids(client.session)) == wanted

    def test_what_one_may_not_see_any_more_is_not_shown(
        self, cast: Cast, make_asset: MakeAsset
    ) -> None:
        asset, foreign = make_asset(), make_asset(brand=cast.other, by=cast.outsider)
        client = signed_in(cast.creator)
        assert client.post("/tray/change/", {"add": foreign.pk}).status_code == 404
        client.post("/tray/change/", {"add": asset.pk})
        cast.acme.memberships.filter(user=cast.creator).update(brand=cast.other)
        assert in_tray(text(client.get("/tray/"))) == []

    def test_viewers_have_none(self, cast: Cast, make_asset: MakeAsset) -> None:
        client = signed_in(cast.viewer)
        assert text(client.get("/tray/")) == ""
        assert client.post("/tray/change/", {"add": make_asset().pk}).status_code == 403

    def test_without_a_script_it_leads_to_the_studio(
        self, cast: Cast, make_asset: MakeAsset
    ) -> None:
        asset = make_asset()
        client = signed_in(cast.creator)
        response = client.post("/tray/change/", {"add": asset.pk}, follow=True)
        assert response.redirect_chain == [("/studio/", 302)]
        assert in_tray(text(response)) == [asset.pk]


class TestStudio:
    def test_it_says_that_drafts_are_sketches(self, cast: Cast, settings: Settings) -> None:
        client = signed_in(cast.creator)
        assert "No image model is configured" in text(client.get("/studio/"))
        settings.GEMINI_API_KEY = "key"
        page = text(client.get("/studio/"))
        assert "No image model is configured" not in page
        assert "Nano Banana Pro" in page

    def test_a_request_is_queued_with_its_references_in_order(
        self, cast: Cast, make_asset: MakeAsset
    ) -> None:
        first, second = make_asset(), make_asset()
        data = {**ASKED, "references": [second.pk, first.pk]}
        response = signed_in(cast.creator).post("/studio/", data)
        made = Generation.objects.get()
        assert response.headers["Location"] == f"/generations/{made.pk}/"
        rows = made.reference_rows.values_list("asset_id", flat=True)
        assert list(rows) == [second.pk, first.pk]
        assert (made.aspect_ratio, made.image_size, made.count) == ("4:5", "1K", 1)

    @pytest.mark.parametrize(
        ("wrong", "sentence"),
        [
            ({"prompt": " "}, "Enter a prompt"),
            ({"aspect_ratio": "7:5"}, "does not support the aspect ratio"),
            ({"image_size": "9K"}, "does not support the size"),
            ({"model": "gemini-3-pro-image"}, "There is no model"),
            ({"count": "9"}, "less than or equal to 8"),
            ({"brand": "other"}, "Select a valid choice"),
            ({"references": "999999"}, "One of the references no longer exists"),
        ],
    )
    def test_a_wrong_request_is_400_and_keeps_what_was_written(
        self, cast: Cast, wrong: dict[str, str], sentence: str
    ) -> None:
        response = signed_in(cast.creator).post("/studio/", {**ASKED, **wrong})
        assert response.status_code == 400
        assert sentence in text(response)
        assert "prompt" in wrong or "A red cape" in text(response)
        assert not Generation.objects.exists()

    def test_viewers_may_not(self, cast: Cast) -> None:
        client = signed_in(cast.viewer)
        assert client.get("/studio/").status_code == 403
        assert client.post("/studio/", ASKED).status_code == 403
        cast.other.memberships.create(user=cast.viewer, role="creator")
        assert client.post("/studio/", ASKED).status_code == 403

    def test_it_starts_from_a_past_generation(self, cast: Cast, make_asset: MakeAsset) -> None:
        asset = make_asset()
        past = ask(cast, prompt="A blue hat", references=[asset], aspect_ratio="16:9", count=3)
        again = f"/generations/{past.pk}/again/"
        assert signed_in(cast.viewer).post(again).status_code == 403
        assert signed_in(cast.outsider).post(again).status_code == 404
        page = text(signed_in(cast.creator).post(again, follow=True))
        assert "A blue hat</textarea>" in page
        assert 'value="16:9" checked' in page
        assert in_tray(page) == [asset.pk]
        assert signed_in(cast.outsider).get(f"/studio/?from={past.pk}").status_code == 404

    def test_it_stays_as_it_was_left(self, cast: Cast, make_asset: MakeAsset) -> None:
        client = signed_in(cast.creator)
        left = {**ASKED, "prompt": "Half a thought", "aspect_ratio": "16:9", "preset": "beach"}
        client.post("/studio/beside/", {**left, "var_place": "a rocky shore"})
        page = text(client.get("/studio/"))
        assert "Half a thought</textarea>" in page
        assert 'value="16:9" checked' in page
        assert 'value="a rocky shore"' in page
        cleared = text(client.post("/studio/clear/", follow=True))
        assert "Half a thought" not in cleared
        assert "Half a thought" in text(client.post("/studio/undo/", follow=True))

    def test_a_slow_look_beside_it_loses_no_reference(
        self, cast: Cast, make_asset: MakeAsset
    ) -> None:
        client, asset = signed_in(cast.creator), make_asset()
        slow = client.session
        assert tray.selected_ids(slow) == []
        client.post("/tray/change/", {"add": asset.pk})
        form_state.save_fields_now(slow, {"prompt": "Half a thought"})
        page = text(client.get("/studio/"))
        assert in_tray(page) == [asset.pk]
        assert "Half a thought</textarea>" in page
        assert not slow.modified, "nothing is saved again at its end"

    def test_a_preset_is_asked_with(self, cast: Cast, make_asset: MakeAsset) -> None:
        one, two = make_asset(), make_asset()
        client, htmx = signed_in(cast.creator), {"HX-Request": "true"}
        client.post("/tray/change/", {"add": one.pk}, headers=htmx)
        chosen = {**ASKED, "prompt": "", "preset": "pack-shot"}
        shown = text(client.post("/studio/preset/", chosen))
        assert "1 to 4 products" in shown
        assert 'data-preset-ratio="1:1"' in shown
        assert re.search(r'value="product" selected', shown), "the reference becomes a product"
        few = client.post("/studio/", chosen)
        assert few.status_code == 400
        assert "Pack-shot needs 1 to 4 products; 0 chosen" in text(few)
        client.post("/studio/beside/", chosen)
        added = text(client.post("/tray/change/", {"add": two.pk, "in_studio": 1}, headers=htmx))
        assert added.count('value="product" selected') == 2
        sent = {
            **chosen,
            "references": [one.pk, two.pk],
            f"role_{one.pk}": "product",
            f"role_{two.pk}": "logo",
            "var_shadow": "no shadow",
        }
        client.post("/studio/", sent)
        made = Generation.objects.get()
        assert made.preset_version
        assert made.preset_version.preset.slug == "pack-shot"
        assert made.variables["shadow"] == "no shadow"
        assert "no shadow" in made.prompt
        assert [row.role for row in made.reference_rows.all()] == ["product", "logo"]

    def test_another_preset_makes_something_else_of_the_references(
        self, cast: Cast, make_asset: MakeAsset
    ) -> None:
        client, htmx = signed_in(cast.creator), {"HX-Request": "true"}
        one, two, three = (make_asset().pk for _ in range(3))
        for pk in (one, two, three):
            client.post("/tray/change/", {"add": pk}, headers=htmx)
        client.post("/tray/change/", {"role_of": three, f"role_{three}": "logo"}, headers=htmx)

        def roles(preset: str) -> dict[int, str]:
            client.post("/studio/preset/", {"brand": "acme", "preset": preset})
            return tray.roles(client.session)

        assert roles("outfit-swap") == {one: "character", two: "outfit", three: "logo"}
        assert roles("pack-shot") == {one: "product", two: "product", three: "logo"}
        assert roles("") == {three: "logo"}

    def test_what_is_missing_and_what_is_sent_stand_beside_it(
        self, cast: Cast, make_asset: MakeAsset
    ) -> None:
        EngineModel.objects.filter(pk="sketch").update(max_references=1)
        mood, cape = make_asset(title="Mood"), make_asset(title="Cape")
        form = {**ASKED, "references": [mood.pk, cape.pk], f"role_{cape.pk}": "product"}
        client = signed_in(cast.creator)
        shown = text(client.post("/studio/beside/", form))
        assert "“Mood” is not used" in shown
        assert "Image 1, the product: Cape." in shown
        made = client.post("/studio/", form).headers["Location"]
        assert "“Mood” is not used" in text(client.get(made))
        request = draw.draw_request(Generation.objects.get())
        assert [reference.title for reference in request.references] == ["Cape"]

    def test_references_are_suggested_as_one_writes(
        self, cast: Cast, make_asset: MakeAsset
    ) -> None:
        cape = make_asset(title="Silk cape")
        Asset.objects.filter(pk=cape.pk).update(digital_source_type="trainedAlgorithmicMedia")
        client = signed_in(cast.creator)
        assert "appear here as you type a prompt" in text(
            client.post("/studio/suggestions/", {"brand": "acme"})
        )
        about = {**ASKED, "prompt": "A silk cape", "brand": "acme"}
        shown = text(client.post("/studio/suggestions/", about))
        assert f'name="add" value="{cape.pk}"' in shown
        assert 'aria-label="Add Silk cape (Made with AI)"' in shown
        client.post("/tray/change/", {"add": cape.pk})
        assert f'value="{cape.pk}"' not in text(client.post("/studio/suggestions/", about))
        preset = {**about, "prompt": "", "preset": "pack-shot", "var_background": "a silk cape"}
        client.post("/tray/change/", {"clear": "1"})
        assert 'name="add"' in text(client.post("/studio/suggestions/", preset))
        version = presets.latest_version(Preset.objects.get(slug="pack-shot"))
        version.variables[1]["default"] = "a silk cape"
        version.save()
        assert "appear here as you type a prompt" in text(
            client.post("/studio/suggestions/", preset)
        ), "nobody wrote that"
        odd = {"prompt": "a\0b", "preset": "x\0:²", "brand": "\0", "references": "²", "role_1": "x"}
        for page in ("suggestions", "beside", "preset"):
            assert client.post(f"/studio/{page}/", {**ASKED, **odd}).status_code == 200
            assert signed_in(cast.viewer).post(f"/studio/{page}/", about).status_code == 403


class TestUsingAgain:
    @pytest.fixture
    def past(self, cast: Cast, make_asset: MakeAsset) -> Generation:
        cape = make_asset(title="Cape")
        version = Preset.objects.get(slug="pack-shot").versions.get()
        given = {"shadow": "a long shadow"}
        return ask(
            cast,
            prompt=presets.fill_prompt(version, given, "In autumn."),
            references=[cape],
            roles={cape.pk: "product"},
            preset_version=version,
            variables=presets.variable_values(version, given),
            aspect_ratio="16:9",
            count=3,
        )

    @pytest.fixture
    def client(self, cast: Cast, make_asset: MakeAsset) -> Client:
        """Return a client whose form and tray are not empty."""
        client = signed_in(cast.creator)
        client.post("/tray/change/", {"add": make_asset(title="Mine").pk})
        client.post("/studio/beside/", {**ASKED, "prompt": "My own words"})
        return client

    @pytest.mark.parametrize("part", ["all", "prompt", "references", "settings"])
    def test_it_comes_back_and_what_else_is_set_stays(
        self, past: Generation, client: Client, part: str
    ) -> None:
        prompt, references, options = (
            part in ("all", each) for each in ("prompt", "references", "settings")
        )
        mine = in_tray(text(client.get("/tray/")))
        again = client.post(f"/generations/{past.pk}/again/", {"part": part}, follow=True)
        page = text(again)
        assert ("In autumn.</textarea>" in page) == prompt
        assert ('value="a long shadow"' in page) == prompt
        assert ("My own words</textarea>" in page) == (not prompt)
        assert ('value="16:9" checked' in page) == options
        assert ('value="4:5" checked' in page) == (not options)
        used = list(past.reference_rows.values_list("asset_id", flat=True))
        assert in_tray(page) == (used if references else mine)
        assert ('value="product" selected' in page) == references
        before = text(client.post("/studio/undo/", follow=True))
        assert "My own words</textarea>" in before
        assert 'value="4:5" checked' in before
        assert in_tray(before) == mine

    def test_the_version_that_was_used_is_used_again(
        self, past: Generation, client: Client, cast: Cast
    ) -> None:
        preset = Preset.objects.get(slug="pack-shot")
        presets.save_preset(preset=preset, by=None, template="Another.", variables=[], roles=[])
        page = text(client.post(f"/generations/{past.pk}/again/", follow=True))
        assert 'value="pack-shot:1" checked' in page
        assert "Pack-shot, version 1" in page

    def test_what_is_gone_is_said(self, past: Generation, client: Client) -> None:
        Asset.objects.get(title="Cape").delete()
        Generation.objects.filter(pk=past.pk).update(model="gemini-2.5-flash-image")
        page = text(client.post(f"/generations/{past.pk}/again/", follow=True))
        assert "1 of its 1 references can no longer be used" in page
        assert "Nano Banana was retired by Google" in page


class TestGeneration:
    def test_it_is_followed_until_it_is_done(self, cast: Cast, make_asset: MakeAsset) -> None:
        made = ask(cast, references=[make_asset(title="The reference")])
        client, state = signed_in(cast.creator), f"/generations/{made.pk}/state/"
        page = text(client.get(made.get_absolute_url()))
        assert "Queued" in page
        assert 'hx-trigger="every 1s"' in page
        assert "The reference" in page
        run_generation(generation_id=made.pk)
        done = text(client.get(state))
        assert "Done" in done
        assert "every 1s" not in done, "polling ends"
        output = Asset.objects.get(origin="generated")
        assert output.get_absolute_url() in done

    @pytest.mark.parametrize(
        ("state", "word"),
        [("refused", "Refused"), ("failed", "Failed"), ("cancelled", "Cancelled")],
    )
    def test_an_end_without_pictures_says_why(self, cast: Cast, state: str, word: str) -> None:
        made = ask(cast)
        Generation.objects.filter(pk=made.pk).update(state=state, reason="Because <b>.")
        page = text(signed_in(cast.creator).get(made.get_absolute_url()))
        assert word in page
        assert "Because &lt;b&gt;." in page
        assert ("Retry" in page) == (state != "refused"), "that would be refused again"
        assert signed_in(cast.viewer).get(made.get_absolute_url()).status_code == 404

    def test_it_is_cancelled_and_tried_again(self, cast: Cast, make_asset: MakeAsset) -> None:
        made, client = ask(cast), signed_in(cast.creator)
        client.post(f"/generations/{made.pk}/cancel/")
        made.refresh_from_db()
        assert made.state == "cancelled"
        client.post(f"/generations/{made.pk}/retry/")
        made.refresh_from_db()
        assert made.state == "queued"
        viewer = signed_in(cast.viewer)
        assert viewer.post(f"/generations/{made.pk}/cancel/").status_code == 404
        made.outputs.create(take=answered(made), position=0, asset=make_asset())
        assert viewer.post(f"/generations/{made.pk}/cancel/").status_code == 403
        assert client.post(f"/generations/{made.pk}/retry/").status_code == 400

    def test_strangers_do_not_see_it(self, cast: Cast) -> None:
        made, client = ask(cast), signed_in(cast.outsider)
        for end in ("", "state/", "cancel/", "retry/"):
            address = f"/generations/{made.pk}/{end}"
            assert client.get(address).status_code in (404, 405)
            assert client.post(address).status_code in (404, 405)

    def test_references_that_one_may_not_see_are_not_told(
        self, cast: Cast, make_asset: MakeAsset
    ) -> None:
        cast.other.memberships.create(user=cast.creator, role="viewer")
        foreign = make_asset(brand=cast.other, by=cast.outsider, title="Foreign")
        made = ask(cast, references=[foreign])
        Generation.objects.filter(pk=made.pk).update(full_prompt="Image 1: Foreign")
        output = make_asset()
        made.outputs.create(take=answered(made), position=0, asset=output)
        viewer = signed_in(cast.viewer)
        for address in (made.get_absolute_url(), f"/assets/{output.pk}/lineage/"):
            page = text(viewer.get(address))
            assert re.search("An asset (that you cannot access|of another brand)", page)
            assert "Foreign" not in page
            assert foreign.get_absolute_url() not in page
        assert "Image 1: Foreign" in text(signed_in(cast.creator).get(made.get_absolute_url()))


class TestHistory:
    def test_newest_first_searched_filtered_and_paged(self, cast: Cast) -> None:
        rows = [ask(cast, prompt=f"Cape {number}") for number in range(23)]
        cancel_generation(person=cast.creator, generation=rows[3])
        client = signed_in(cast.creator)

        def shown(query: str, **headers: str) -> list[int]:
            page = text(client.get(f"/generations/{query}", headers=headers))
            return [int(pk) for pk in re.findall(r'href="/generations/(\d+)/"', page)]

        newest = [row.pk for row in reversed(rows)]
        assert shown("") == newest[:20]
        assert shown(f"?before={newest[19]}", **{"HX-Request": "true"}) == newest[20:]
        assert shown("?q=7+cape") == [rows[7].pk]
        assert shown("?q=cap+1&model=sketch&person=creator") == [*newest[3:13], rows[1].pk]
        assert shown("?q=(.*") == []
        assert shown("?person=viewer") == []
        today = timezone.localdate()
        assert shown(f"?q=7&since={today}&until={today}") == [rows[7].pk]
        assert shown(f"?since={today + datetime.timedelta(days=1)}") == []
        assert shown("?state=cancelled") == [rows[3].pk]
        assert client.get("/generations/?state=x").status_code == 400
        assert "No generations yet" in text(signed_in(cast.outsider).get("/generations/"))

    def test_viewers_find_what_made_a_picture_that_they_see(
        self, cast: Cast, make_asset: MakeAsset
    ) -> None:
        draft, approved = ask(cast, prompt="A secret plan"), ask(cast, prompt="A known cape")
        for made, status in ((draft, "draft"), (approved, "approved")):
            made.outputs.create(take=answered(made), position=0, asset=make_asset(status=status))
        cast.other.memberships.create(user=cast.viewer, role="creator")  # of another brand only
        for client, address in (
            (signed_in(cast.viewer), "/generations/"),
            (client_of(cast, "viewer"), "/api/v1/generations/"),
        ):
            told = text(client.get(address))
            assert "A known cape" in told
            assert "A secret plan" not in told
            assert client.get(f"{address}{approved.pk}/").status_code == 200
            assert client.get(f"{address}{draft.pk}/").status_code == 404

    def test_the_same_queries_however_many(
        self,
        cast: Cast,
        make_asset: MakeAsset,
        django_assert_max_num_queries: DjangoAssertNumQueries,
    ) -> None:
        for number in range(4):
            made = ask(cast, prompt=f"Hat {number}", references=[make_asset()], count=2)
            run_generation(generation_id=made.pk)
        client = signed_in(cast.creator)
        with django_assert_max_num_queries(11):
            client.get("/generations/")


class TestLineage:
    def test_made_from_and_made_with(self, cast: Cast, make_asset: MakeAsset) -> None:
        reference = make_asset(title="The reference")
        made = ask(cast, prompt="A cape of dawn", references=[reference])
        run_generation(generation_id=made.pk)
        output = Asset.objects.get(origin="generated")
        client = signed_in(cast.creator)
        before = text(client.get(f"/assets/{reference.pk}/lineage/"))
        assert "Derivatives" in before
        assert output.grid_url in before
        after = text(client.get(f"/assets/{output.pk}/lineage/"))
        assert "A cape of dawn" in after
        assert reference.get_absolute_url() in after
        assert signed_in(cast.outsider).get(f"/assets/{output.pk}/lineage/").status_code == 404

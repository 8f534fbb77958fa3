"""Edits by instruction, over HTTP with a stand-in that requires its signatures."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import connection
from pytest_django import DjangoAssertNumQueries

from assetbank.assets import merge, read_original
from assetbank.errors import NotAllowed
from assetbank.models import Asset
from generation import conversation
from generation.composer import tray
from generation.errors import InvalidRequest
from generation.models import EngineModel, Generation, Output, Turn
from generation.pipeline import run_generation, submit
from generation.workflows import refine
from tests.conftest import Cast, picture_bytes
from tests.gemini_server import GeminiServer
from tests.support.api import Row, client_of, statuses
from tests.support.pages import signed_in, text
from tests.support.trash import delete_asset

MakeAsset = Callable[..., Asset]
MODEL = "gemini-nano-banana-2.1"


def drawn(cast: Cast, *references: Asset, model: str = MODEL, **options: object) -> Output:
    given = {"aspect_ratio": "1:1", "prompt": "A woman in a red hat", **options}
    asked = submit(
        person=cast.creator,
        brand=cast.acme,
        references=references,
        model=model,
        **given,  # type: ignore[arg-type]
    )
    return run(asked)


def edit(cast: Cast, output: Output, words: str, *references: Asset) -> Output:
    asked = refine.submit_refinement(
        person=cast.creator, output=output, words=words, references=references
    )
    return run(asked)


def run(asked: Generation) -> Output:
    run_generation(generation_id=asked.pk)
    asked.refresh_from_db()
    assert (asked.state, asked.reason) == ("succeeded", "")
    output = asked.outputs.select_related("asset", "generation").first()
    assert output
    return output


def kept_bytes(output: Output) -> bytes:
    assert output.asset
    return read_original(output.asset)


def test_the_conversation_is_said_again_with_every_byte_and_signature(
    cast: Cast, server: GeminiServer, make_asset: MakeAsset
) -> None:
    hat, scarf = make_asset(title="Hat"), make_asset(title="Scarf")
    first = drawn(cast, hat, aspect_ratio="3:4", image_size="2K")
    second = edit(cast, first, "Swap the hat for a beret", scarf)
    third = edit(cast, second, "Now at night")
    sent = server.requests[-1]
    assert sent.asked
    assert [said.role for said in sent.asked.history] == ["user", "model", "user", "model"]
    asked_first, drew_first, asked_second, drew_second = sent.asked.history
    assert asked_first.text == server.requests[0].prompt
    assert [each.data for each in asked_first.images] == [read_original(hat)]
    assert [each.data for each in drew_first.images] == [kept_bytes(first)]
    assert "Swap the hat for a beret" in asked_second.text
    assert [each.data for each in asked_second.images] == [read_original(scarf)]
    assert [each.data for each in drew_second.images] == [kept_bytes(second)]
    assert "Now at night" in sent.prompt
    assert (sent.asked.aspect_ratio, sent.asked.image_size) == ("3:4", "2K")
    assert third.generation.refines == second


def test_any_output_can_be_gone_on_from_and_branches_know_nothing_of_each_other(
    cast: Cast, server: GeminiServer
) -> None:
    first = drawn(cast)
    edit(cast, first, "Swap the hat")
    edit(cast, first, "Take the hat off")
    assert server.requests[-1].asked
    said = " ".join(said.text for said in server.requests[-1].asked.history)
    assert "Swap" not in said
    assert first.refined_in.count() == 2


@pytest.mark.parametrize(
    "scenario", ["thought_drafts", "only_thoughts", "snake_case", "url_safe_base64"]
)
def test_however_the_answer_was_spelt_it_can_be_gone_on_from(
    cast: Cast, server: GeminiServer, scenario: str
) -> None:
    server.script(scenario)
    edit(cast, drawn(cast), "Swap the hat")
    assert server.requests[-1].asked
    assert len(server.requests[-1].asked.history[1].images) == 1


def test_of_several_pictures_the_one_that_is_meant_is_pointed_out(
    cast: Cast, server: GeminiServer
) -> None:
    server.script("several_images")
    first = drawn(cast)
    middle = first.generation.outputs.get(position=1)
    edit(cast, middle, "Swap the hat")
    assert server.requests[-1].prompt.startswith("Go on from picture 2 of the 3")
    siblings = first.generation.outputs.exclude(pk=middle.pk)
    assert siblings[0].asset
    delete_asset(asset=siblings[0].asset)
    edit(cast, middle, "Take the hat off")  # a deleted sibling is left out
    assert server.requests[-1].asked
    assert len(server.requests[-1].asked.history[1].images) == 2


def test_a_picture_that_was_merged_into_another_can_still_be_gone_on_from(
    cast: Cast, server: GeminiServer, make_asset: MakeAsset
) -> None:
    first = drawn(cast)
    assert first.asset
    data = kept_bytes(first)
    merge.merge_assets(keep=make_asset(title="A cut of it"), others=[first.asset], by=cast.manager)
    first.refresh_from_db()
    assert first.asset.title == "A cut of it"
    edit(cast, first, "Swap the hat")
    assert server.requests[-1].asked
    assert server.requests[-1].asked.history[1].images[0].data == data


def test_what_is_kept_repeats_no_picture(cast: Cast, server: GeminiServer) -> None:
    drawn(cast)
    (turn,) = Turn.objects.all()
    assert len(str(turn.content)) < 5000
    assert [set(part) >= {"thoughtSignature"} for part in turn.content["parts"]] == [True, True]


def test_a_turn_without_its_signatures_is_found_before_it_is_sent(
    cast: Cast, server: GeminiServer
) -> None:
    first = drawn(cast)
    asked = refine.submit_refinement(person=cast.creator, output=first, words="Swap the hat")
    turn = Turn.objects.get()
    del turn.content["parts"][0]
    turn.content["parts"][0]["thoughtSignature"] = ""
    turn.save()
    with pytest.raises(InvalidRequest):
        refine.submit_refinement(person=cast.creator, output=first, words="Swap the hat")
    run_generation(generation_id=asked.pk)
    asked.refresh_from_db()
    assert (asked.state, asked.reason_code) == ("failed", "no_turn")
    assert len(server.requests) == 1


NEXT_WEEK = """
import sys
import django
from django.conf import settings
settings.DATABASES["default"]["NAME"], folder, settings.GEMINI_BASE_URL, pk = sys.argv[1:]
settings.STORAGES["default"]["OPTIONS"] = {"location": folder}
settings.GEMINI_API_KEY = "AIza-a-key-for-tests"
django.setup()
from generation.pipeline import run_generation
run_generation(generation_id=int(pk))
"""


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_another_process_goes_on_next_week_from_the_database_alone(
    cast: Cast, server: GeminiServer, make_asset: MakeAsset, media: Path
) -> None:
    first = drawn(cast, make_asset())
    asked = refine.submit_refinement(person=cast.creator, output=first, words="Swap the hat")
    place = [str(connection.settings_dict["NAME"]), str(media), server.url, str(asked.pk)]
    command = [sys.executable, "-c", NEXT_WEEK, *place]
    subprocess.run(command, timeout=60, check=True)
    asked.refresh_from_db()
    assert (asked.state, asked.reason) == ("succeeded", "")
    assert server.requests[-1].asked
    assert len(server.requests[-1].asked.history) == 2


def lose_picture(output: Output, reference: Asset) -> None:
    assert output.asset
    delete_asset(asset=output.asset)
    output.refresh_from_db()


def lose_reference(output: Output, reference: Asset) -> None:
    delete_asset(asset=reference)


def lose_turn(output: Output, reference: Asset) -> None:
    Turn.objects.all().delete()


def end_rights(output: Output, reference: Asset) -> None:
    Asset.objects.filter(pk=reference.pk).update(expires_on="2020-01-01")


def retire(output: Output, reference: Asset) -> None:
    EngineModel.objects.filter(pk=MODEL).update(retires_on="2026-01-01")


@pytest.mark.parametrize(
    ("happens", "code"),
    [
        (lose_picture, "picture_gone"),
        (lose_reference, "reference_gone"),
        (lose_turn, "no_turn"),
        (end_rights, "rights"),
        (retire, "model_retired"),
    ],
)
def test_what_is_in_the_way_is_said_before_anything_is_sent(
    cast: Cast,
    server: GeminiServer,
    make_asset: MakeAsset,
    happens: Callable[[Output, Asset], None],
    code: str,
) -> None:
    reference = make_asset()
    first = drawn(cast, reference)
    waiting = refine.submit_refinement(person=cast.creator, output=first, words="Swap the hat")
    happens(first, reference)
    with pytest.raises(InvalidRequest) as error:
        refine.submit_refinement(person=cast.creator, output=first, words="Swap the hat")
    assert error.value.code == code
    run_generation(generation_id=waiting.pk)
    waiting.refresh_from_db()
    assert (waiting.state, waiting.reason_code) == ("failed", code)
    assert len(server.requests) == 1


def test_a_file_that_is_not_what_came_is_not_sent_for_it(cast: Cast, server: GeminiServer) -> None:
    first = drawn(cast)
    assert first.asset
    waiting = refine.submit_refinement(person=cast.creator, output=first, words="Swap the hat")
    with first.asset.file.open("wb") as file:
        file.write(picture_bytes())
    run_generation(generation_id=waiting.pk)
    waiting.refresh_from_db()
    assert waiting.reason_code == "picture_changed"
    assert len(server.requests) == 1


def test_a_sketch_cannot_be_gone_on_from_and_that_is_said(cast: Cast) -> None:
    sketch = drawn(cast, model="sketch")
    with pytest.raises(InvalidRequest, match="as a reference instead") as error:
        refine.submit_refinement(person=cast.creator, output=sketch, words="Swap the hat")
    assert error.value.code == "cannot_refine"


def test_a_conversation_holds_no_more_pictures_than_the_model_looks_at(
    cast: Cast, server: GeminiServer, make_asset: MakeAsset
) -> None:
    first = drawn(cast, *[make_asset() for _ in range(13)])
    refine.submit_refinement(person=cast.creator, output=first, words="Swap the hat")
    with pytest.raises(InvalidRequest, match="15 images"):
        refine.submit_refinement(
            person=cast.creator, output=first, words="Swap", references=[make_asset()]
        )


def test_only_those_who_may_create_go_on(cast: Cast, server: GeminiServer) -> None:
    first = drawn(cast)
    for person in (cast.viewer, cast.outsider):
        with pytest.raises(NotAllowed):
            refine.submit_refinement(person=person, output=first, words="Swap the hat")
    assert Generation.objects.count() == 1


# ------------------------------------------------------------------------ pages and REST


def test_a_page_shows_the_conversation_and_asks_for_the_next_turn(
    cast: Cast, server: GeminiServer, make_asset: MakeAsset
) -> None:
    first = drawn(cast)
    second = edit(cast, first, "Swap the hat")
    edit(cast, first, "Take the hat off")
    client = signed_in(cast.creator)
    page = text(client.get(f"/outputs/{second.pk}/refine/"))
    for words in ("A woman in a red hat", "Swap the hat", "Take the hat off", "about $0.0"):
        assert words in page
    posted = {"words": "Now at night", "image_size": "2K", "count": "1", "token": "t"}
    answers = [client.post(f"/outputs/{second.pk}/refine/", posted) for _ in range(2)]
    third = Generation.objects.get(
        prompt="Now at night"
    )  # a second click returns the first generation
    assert [answer["Location"] for answer in answers] == [third.get_absolute_url()] * 2
    assert (third.refines, third.image_size) == (second, "2K")
    thread = text(client.get(f"/generations/{third.pk}/thread/"))
    assert thread.index("A woman in a red hat") < thread.index("Swap the hat")
    onward = text(client.get(f"/generations/{first.generation_id}/thread/"))
    assert "Further edits" in onward
    assert "Take the hat off" in onward
    fragment = client.get(f"/assets/{second.asset_id}/lineage/", headers={"HX-Request": "true"})
    assert f"/outputs/{second.pk}/refine/" in text(fragment)
    assert re.search(r'name="token" value="[0-9a-f-]{36}"', text(fragment)), "asked once there, too"


@pytest.mark.slow
def test_a_long_conversation_is_read_in_as_many_queries_as_a_short_one(
    cast: Cast, server: GeminiServer, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    output = drawn(cast)
    for turn in range(4):
        edit(cast, output, f"Branch {turn}")
        output = edit(cast, output, f"Turn {turn}")
    with django_assert_max_num_queries(6):
        steps = refine.thread(output, cast.creator)
    assert [len(step.branches) for step in steps] == [2, 2, 2, 2, 0]
    assert conversation.image_count(output) == 5


def test_the_pictures_in_the_tray_can_be_shown_to_the_model_too(
    cast: Cast, server: GeminiServer, make_asset: MakeAsset
) -> None:
    first, scarf = drawn(cast), make_asset(title="Scarf")
    client = signed_in(cast.creator)
    client.post("/tray/change/", {"add": scarf.pk})
    client.post(f"/outputs/{first.pk}/refine/", {"words": "With this scarf", "with_tray": "on"})
    asked = Generation.objects.get(prompt="With this scarf")
    assert list(asked.references.all()) == [scarf]


def test_what_cannot_be_gone_on_from_becomes_the_first_reference(
    cast: Cast, make_asset: MakeAsset
) -> None:
    sketch = drawn(cast, model="sketch")
    client = signed_in(cast.creator)
    page = client.get(f"/outputs/{sketch.pk}/refine/")
    assert "cannot edit images" in text(page)
    assert "Use as reference instead" in text(page)
    client.post("/tray/change/", {"add": make_asset().pk})
    words = "Swap the hat" * 600
    studio_page = client.post(f"/outputs/{sketch.pk}/as-reference/", {"words": words}, follow=True)
    assert f"{words}</textarea>" in text(studio_page)
    assert studio_page.redirect_chain[0][0] == "/studio/", "servers cut long addresses off"
    assert client.session["tray"][0] == sketch.asset_id


def test_a_refused_turn_says_why_on_the_page(cast: Cast, server: GeminiServer) -> None:
    first = drawn(cast)
    Turn.objects.all().delete()
    answer = signed_in(cast.creator).post(f"/outputs/{first.pk}/refine/", {"words": "Swap"})
    assert answer.status_code == 400
    assert "was not stored" in text(answer)


def test_a_turn_is_asked_again_in_its_conversation_or_from_its_picture_in_the_studio(
    cast: Cast, server: GeminiServer, make_asset: MakeAsset
) -> None:
    first, scarf = drawn(cast), make_asset(title="Scarf")
    server.script("refuse_picture")
    asked = refine.submit_refinement(
        person=cast.creator, output=first, words="Swap the hat", references=[scarf], count=2
    )
    run_generation(generation_id=asked.pk)
    client = signed_in(cast.creator)
    assert 'name="part" value="turn"' in text(client.get(f"/generations/{asked.pk}/"))
    turn = client.post(f"/generations/{asked.pk}/again/", {"part": "turn"}, follow=True)
    assert turn.redirect_chain[0][0] == f"/outputs/{first.pk}/refine/?again={asked.pk}"
    for shown in ("Swap the hat</textarea>", "<option selected>2<", 'name="with_tray" checked'):
        assert shown in text(turn)
    assert tray.selected_ids(client.session) == [scarf.pk]
    page = text(client.post(f"/generations/{asked.pk}/again/", {"part": "all"}, follow=True))
    assert "The image that it edited is its first reference." in page
    assert tray.selected_ids(client.session) == [first.asset_id, scarf.pk]
    assert first.asset
    delete_asset(asset=first.asset)
    gone = client.post(f"/generations/{asked.pk}/again/", {"part": "turn"})
    assert gone.headers["Location"] == "/studio/"


def test_whose_page_it_is(cast: Cast, server: GeminiServer) -> None:
    first = drawn(cast)
    pages = (f"/outputs/{first.pk}/refine/", f"/generations/{first.generation_id}/thread/")
    assert [signed_in(cast.outsider).get(page).status_code for page in pages] == [404, 404]
    assert signed_in(cast.viewer).get(pages[0]).status_code in (403, 404)


def test_over_rest_a_picture_is_gone_on_from_and_followed(
    cast: Cast, server: GeminiServer, make_asset: MakeAsset
) -> None:
    first, scarf = drawn(cast), make_asset(title="Scarf")
    client = client_of(cast, "creator")
    answer = client.post(
        f"/api/v1/outputs/{first.pk}/refine/",
        {"words": "With this scarf", "references": [scarf.pk]},
        format="json",
    )
    assert answer.status_code == 202
    asked = Generation.objects.get(pk=answer.json()["id"])
    assert answer["Location"].endswith(f"/generations/{asked.pk}/")
    second = run(asked)
    steps = client.get(f"/api/v1/outputs/{second.pk}/thread/").json()["results"]
    assert [step["words"] for step in steps] == ["A woman in a red hat", "With this scarf"]
    assert steps[0]["branches"][0]["generation"] == asked.pk
    told = client.get(f"/api/v1/assets/{second.asset_id}/lineage/").json()
    assert [(each["asset"], each["how"]) for each in told["made_from"]] == [
        (first.asset_id, "refined"),
        (scarf.pk, "reference"),
    ]
    gone = client.post(f"/api/v1/outputs/{first.pk}/refine/", {"words": " "}, format="json")
    assert gone.status_code == 400


@pytest.mark.parametrize(
    "row",
    [
        Row(
            "post", "/api/v1/outputs/{output}/refine/", (401, 404, 0, 202, 202, 202), {"words": "x"}
        ),
        Row("get", "/api/v1/outputs/{output}/thread/", (401, 404, 0, 200, 200, 200)),
        Row("get", "/api/v1/assets/{asset}/lineage/", (401, 404, 0, 200, 200, 200)),
    ],
    ids=str,
)
def test_who_may_do_what_over_rest(row: Row, cast: Cast, server: GeminiServer) -> None:
    first = drawn(cast)
    got = statuses(cast, row, output=first.pk, asset=first.asset_id or 0)
    assert (*got[:2], *got[3:]) == (*row.statuses[:2], *row.statuses[3:])
    assert got[2] in (403, 404)  # a viewer does not see a draft

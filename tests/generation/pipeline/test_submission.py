"""From submission to library: the real SDK over HTTP to the stand-in, PostgreSQL, real files."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection

from assetbank.assets import read_original
from assetbank.errors import NotAllowed
from assetbank.models import Asset
from generation.engines import DrawRequest, dispatch
from generation.errors import EngineUnavailable, GenerationError, InvalidRequest
from generation.models import Generation, Output
from generation.pipeline import (
    cancel_generation,
    conclude_generation,
    draw,
    execute,
    finish,
    outputs,
    retry_generation,
    run_generation,
    submit,
    takes,
)
from tests.conftest import Cast, picture_bytes
from tests.gemini_server import GeminiServer
from tests.generation.requests import run
from tests.support.trash import delete_asset

MakeAsset = Callable[..., Asset]
MODEL = "gemini-nano-banana-2.1"


def ask(cast: Cast, *references: Asset, model: str = MODEL, **options: object) -> Generation:
    given = {"aspect_ratio": "1:1", "prompt": "A red cape on the beach", **options}
    return submit(
        person=cast.creator,
        brand=cast.acme,
        references=references,
        model=model,
        **given,  # type: ignore[arg-type]
    )


def made(generation: Generation) -> list[Asset]:
    return [output.asset for output in generation.outputs.all() if output.asset]


def test_asking_queues_a_job_with_the_row(cast: Cast, server: GeminiServer) -> None:
    generation = ask(cast)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT task_name, args, lock FROM procrastinate_jobs WHERE queue_name = %s",
            ["generate"],
        )
        (job,) = cursor.fetchall()
    assert job[0] == "generation.tasks.run"
    assert str(generation.pk) in str(job[1])
    assert generation.state == "queued"
    assert server.requests == []


def test_a_picture_made_from_references_comes_back_into_the_library(
    cast: Cast, server: GeminiServer, make_asset: MakeAsset
) -> None:
    first, second = make_asset(title="Cape"), make_asset(title="Beach")
    generation = run(ask(cast, second, first, aspect_ratio="16:9", image_size="2K"))
    assert (generation.state, generation.reason) == ("succeeded", "")
    (asset,) = made(generation)
    assert (asset.origin, asset.kind, asset.status) == ("generated", "render", "draft")
    assert (asset.generation_id, asset.engine_model) == (generation.pk, MODEL)
    assert asset.prompt == "A red cape on the beach"
    assert asset.created_by == cast.creator
    assert asset.width > asset.height
    (sent,) = server.requests
    assert [r.data for r in sent.references] == [
        read_original(second),
        read_original(first),
    ]
    assert "Image 1: Beach" in sent.prompt
    assert "Calm light." in sent.prompt
    assert "#c81c26" in sent.prompt
    assert generation.usage["totalTokenCount"] > 0
    assert [row.title for row in generation.reference_rows.all()] == ["Beach", "Cape"]
    assert Output.objects.get().data is None  # only the library has the bytes now


def test_the_engines_bytes_are_kept_untouched(cast: Cast, server: GeminiServer) -> None:
    drawn = dispatch.draw(
        DrawRequest(prompt="x", references=(), model=MODEL, aspect_ratio="1:1", image_size="1K")
    )
    server.clear()  # restarts its images: the same prompt gives the same image again
    generation = ask(cast, prompt="x")
    began = execute._begin(generation.pk)
    assert began
    draw.draw_take(began, 0, DrawRequest("x", (), MODEL, "1:1", "1K"))
    outputs.store_outputs(began)
    (asset,) = made(generation)
    assert read_original(asset) == drawn.images[0].data


def test_several_pictures_are_several_calls_and_all_are_kept(
    cast: Cast, server: GeminiServer
) -> None:
    server.script("success", "several_images")
    generation = run(ask(cast, count=2))
    assert len(server.requests) == 2
    assert len(made(generation)) >= 3
    assert [take.number for take in generation.ended_takes] == [0, 1]


def test_formats_that_engines_do_not_take_are_sent_as_jpeg(
    cast: Cast, server: GeminiServer, make_asset: MakeAsset
) -> None:
    generation = run(ask(cast, make_asset(file=picture_bytes(fmt="TIFF"))))
    assert generation.state == "succeeded"
    assert server.requests[0].references[0].mime_type == "image/jpeg"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"prompt": "  "}, "empty_prompt"),
        ({"prompt": "x" * 9000}, "invalid_request"),
        ({"aspect_ratio": "banana"}, "unknown_aspect_ratio"),
        ({"image_size": "16K"}, "unknown_image_size"),
        ({"count": 0}, "invalid_request"),
        ({"count": 9}, "invalid_request"),
        ({"model": "gemini-2.5-flash-image"}, "model_retired"),
        ({"model": "gemini-1"}, "unknown_model"),
    ],
)
def test_what_cannot_be_drawn_is_refused_before_anything_is_sent(
    cast: Cast, server: GeminiServer, options: dict[str, object], code: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        ask(cast, **options)  # type: ignore[arg-type]
    assert refused.value.code == code
    assert not Generation.objects.exists()
    assert server.requests == []


def test_references_must_be_visible_and_within_their_rights(
    cast: Cast, server: GeminiServer, make_asset: MakeAsset
) -> None:
    import datetime

    theirs = make_asset(brand=cast.other)
    ended = make_asset(expires_on=datetime.date(2020, 1, 1))
    for asset, code in ((theirs, "unknown_reference"), (ended, "rights_expired")):
        with pytest.raises(GenerationError) as refused:
            ask(cast, asset)
        assert refused.value.code == code


@pytest.mark.parametrize("name", ["viewer", "outsider"])
def test_only_creators_may_ask_cancel_and_retry(
    cast: Cast, server: GeminiServer, name: str
) -> None:
    person = getattr(cast, name)
    generation = ask(cast)
    with pytest.raises(NotAllowed):
        submit(person=person, brand=cast.acme, prompt="x", model=MODEL, aspect_ratio="1:1")
    for verb in (cancel_generation, retry_generation):
        with pytest.raises(NotAllowed):
            verb(person=person, generation=generation)


def test_a_refusal_is_final_and_says_why(cast: Cast, server: GeminiServer) -> None:
    server.script("refuse_prompt")
    generation = run(ask(cast))
    assert generation.state == "refused"
    assert "policy" in generation.reason
    assert generation.reason_code == "prohibited_content"
    assert len(server.requests) == 1
    run_generation(generation_id=generation.pk)  # a second run of the job costs nothing
    assert len(server.requests) == 1


def test_a_prompt_that_is_refused_is_not_sent_again_for_the_other_pictures(
    cast: Cast, server: GeminiServer
) -> None:
    server.script("refuse_prompt")
    generation = run(ask(cast, count=3))
    assert generation.state == "refused"
    assert len(server.requests) == 1


def test_one_refusal_among_several_does_not_lose_the_others(
    cast: Cast, server: GeminiServer
) -> None:
    server.script("success", "refuse_picture", "success")
    generation = run(ask(cast, count=3))
    assert generation.state == "succeeded"
    assert len(made(generation)) == 2
    assert generation.reason.startswith("1 of 3 refused.")


@pytest.mark.parametrize(
    "scenario", ["rate_limited", "overloaded", "internal_error", "bad_gateway"]
)
def test_a_busy_engine_is_asked_again_later(
    cast: Cast, server: GeminiServer, scenario: str
) -> None:
    server.script("success", scenario)
    generation = ask(cast, count=2)
    with pytest.raises(EngineUnavailable) as error:
        run(generation)
    generation.refresh_from_db()
    assert generation.state == "queued"
    assert "retried" in generation.reason
    assert len(made(generation)) == 1  # outputs that have arrived are stored
    assert finish.backoff(attempts=0, error=error.value) >= 2
    if scenario == "rate_limited":
        assert finish.backoff(attempts=0, error=error.value) >= 10
    generation = run(generation)
    assert generation.state == "succeeded"
    assert len(server.requests) == 3  # the first image was not requested again


def test_it_is_not_tried_for_ever(cast: Cast, server: GeminiServer) -> None:
    generation = ask(cast)
    for _ in range(finish.MAX_ATTEMPTS - 1):
        server.script("overloaded")
        with pytest.raises(EngineUnavailable):
            run(generation)
    server.script("overloaded")
    generation = run(generation)
    assert generation.state == "failed"
    assert generation.reason


def test_what_may_have_been_paid_is_not_paid_again_without_being_asked(
    cast: Cast, server: GeminiServer
) -> None:
    server.script("dropped")
    generation = run(ask(cast))
    assert (generation.state, generation.reason_code) == ("failed", "connection_lost")
    assert len(server.requests) == 1
    retry_generation(person=cast.creator, generation=generation)
    assert run(generation).state == "succeeded"


@pytest.mark.parametrize("scenario", ["truncated_image", "not_an_image"])
def test_bytes_that_are_no_picture_are_kept_and_said_to_be_so(
    cast: Cast, server: GeminiServer, scenario: str
) -> None:
    server.script(scenario)
    generation = run(ask(cast))
    assert generation.state == "failed"
    assert "cannot be read" in generation.reason
    output = Output.objects.get()
    assert output.data
    assert output.problem


def test_cancelling_what_waits_ends_it(cast: Cast, server: GeminiServer) -> None:
    generation = ask(cast)
    assert cancel_generation(person=cast.creator, generation=generation).state == "cancelled"
    assert run(generation).state == "cancelled"
    assert server.requests == []


def test_cancelling_what_runs_keeps_what_has_arrived(cast: Cast, server: GeminiServer) -> None:
    generation = ask(cast, count=2)
    server.script("success", "overloaded")
    with pytest.raises(EngineUnavailable):
        run(generation)
    Generation.objects.filter(pk=generation.pk).update(state="running")
    cancel_generation(person=cast.creator, generation=generation)
    generation = run(generation)
    assert generation.state == "cancelled"
    assert generation.reason == "Cancelled; 1 of 2 generated."
    assert len(made(generation)) == 1


def test_a_worker_that_died_after_the_answer_arrived_does_not_pay_twice(
    cast: Cast, server: GeminiServer
) -> None:
    generation = ask(cast)
    began = execute._begin(generation.pk)
    assert began
    draw.draw_take(began, 0, draw.draw_request(began))  # the worker is killed here
    assert made(generation) == []
    generation = run(generation)
    assert generation.state == "succeeded"
    assert len(server.requests) == 1
    assert len(made(generation)) == 1


@pytest.mark.parametrize("asked_again", [False, True])
def test_an_answer_that_comes_after_its_worker_was_given_up_is_kept_and_charged_once(
    cast: Cast, server: GeminiServer, asked_again: bool
) -> None:
    generation = ask(cast)
    began = execute._begin(generation.pk)
    assert began
    request = draw.draw_request(began)
    takes.record_asked(began, 0, request)
    generation = run(generation)  # by a worker that considers the first one dead
    assert (generation.state, generation.reason_code) == ("failed", "worker_ended")
    if asked_again:
        generation = retry_generation(person=cast.creator, generation=generation)
    takes.record_answer(began, 0, dispatch.draw(request))
    conclude_generation(began, None)
    assert len(made(generation)) == 1
    assert generation.ledger.filter(kind="charged").count() == 1
    generation.refresh_from_db()
    assert generation.state == "succeeded"


def test_sketches_need_no_key_and_differ(cast: Cast, make_asset: MakeAsset) -> None:
    generation = run(ask(cast, make_asset(), model="sketch", count=3, aspect_ratio="4:5"))
    assert generation.state == "succeeded"
    assert len({asset.pk for asset in made(generation)}) == 3
    assert generation.full_prompt == generation.prompt


def test_a_deleted_reference_fails_with_its_name(
    cast: Cast, server: GeminiServer, make_asset: MakeAsset
) -> None:
    asset = make_asset(title="Cape")
    generation = ask(cast, asset)
    delete_asset(asset=asset)
    generation = run(generation)
    assert generation.state == "failed"
    assert "Cape" in generation.reason
    assert server.requests == []

"""The Gemini engine, with the real SDK, over real HTTP, against the stand-in."""

from __future__ import annotations

import base64
import io
import json
import multiprocessing
import socket
import subprocess
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image
from pytest_django import Settings

from generation.engines import Drawing, DrawRequest, ReferenceImage, dispatch
from generation.engines.gemini import client
from generation.errors import EngineError, EngineFailed, EngineUnavailable, InvalidRequest, Refused
from tests.gemini_server import GeminiServer
from tests.gemini_server.scenarios import BLOCK_REASONS, FINISH_REASONS, NOT_SHOWN, WORDS

KEY = "AIza-a-key-for-tests-0123456789"


@pytest.fixture(autouse=True)
def server(server: GeminiServer, settings: Settings) -> GeminiServer:
    settings.GEMINI_API_KEY = KEY
    settings.GEMINI_API_VERSION = "v1beta"
    settings.GEMINI_TIMEOUT_S = 20
    settings.GEMINI_USE_VERTEX = False
    settings.GEMINI_VERTEX_PROJECT = ""
    settings.GEMINI_VERTEX_LOCATION = "global"
    return server


def picture(kind: str = "JPEG", colour: str = "teal") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (60, 80), colour).save(out, kind)
    return out.getvalue()


REQUEST = DrawRequest(
    prompt="A red silk cape with gold trim",
    references=(
        ReferenceImage(picture("JPEG"), "image/jpeg", "Cape"),
        ReferenceImage(picture("PNG", "gold"), "image/png", "Trim"),
        ReferenceImage(picture("WEBP", "navy"), "image/webp", "Lining"),
    ),
    model="gemini-3-pro-image",
    aspect_ratio="16:9",
    image_size="2K",
)
PLAIN = replace(REQUEST, references=(), aspect_ratio="1:1", image_size="1K")


def draw_scenario(server: GeminiServer, name: str) -> Drawing:
    server.clear()  # so that it draws what it drew for the same prompt before
    server.script(name)
    return client.draw(PLAIN)


def failure(server: GeminiServer, name: str) -> EngineError:
    with pytest.raises(EngineError) as raised:
        draw_scenario(server, name)
    assert len(server.requests) == 1, "one drawing is one paid call: the SDK must not retry"
    return raised.value


# --- what is sent -------------------------------------------------------------------------------


def test_prompt_comes_first_then_the_references_in_order(server: GeminiServer) -> None:
    client.draw(REQUEST)

    (sent,) = server.requests
    assert sent.path == "/v1beta/models/gemini-3-pro-image:generateContent"
    assert sent.headers["x-goog-api-key"] == KEY
    assert [*sent.body["contents"][0]["parts"][0]] == ["text"]
    assert sent.prompt == REQUEST.prompt
    assert [(each.mime_type, each.data) for each in sent.references] == [
        (each.mime_type, each.data) for each in REQUEST.references
    ]
    assert sent.body["generationConfig"] == {
        "responseModalities": ["TEXT", "IMAGE"],
        "imageConfig": {"aspectRatio": "16:9", "imageSize": "2K"},
    }


def test_an_empty_size_is_not_sent(server: GeminiServer) -> None:
    client.draw(replace(PLAIN, image_size=""))

    config = server.requests[0].body["generationConfig"]
    assert config["imageConfig"] == {"aspectRatio": "1:1"}


def test_a_model_with_one_size_is_asked_without_a_size(server: GeminiServer, shipped: None) -> None:
    dispatch.draw(replace(PLAIN, model="gemini-3.1-flash-lite-image", image_size="1K"))

    config = server.requests[0].body["generationConfig"]
    assert config["imageConfig"] == {"aspectRatio": "1:1"}


@pytest.mark.parametrize(("seconds", "announced"), [(20, "20"), (10.2, "11"), (0.5, "10")])
def test_the_announced_deadline_is_never_below_what_google_takes(
    server: GeminiServer, settings: Settings, seconds: float, announced: str
) -> None:
    settings.GEMINI_TIMEOUT_S = seconds
    client.draw(PLAIN)
    assert server.requests[0].headers["x-server-timeout"] == announced


def test_vertex_with_a_key_goes_to_the_publisher_path(
    server: GeminiServer, settings: Settings
) -> None:
    settings.GEMINI_USE_VERTEX = True
    client.draw(REQUEST)

    (sent,) = server.requests
    path = "/v1beta1/publishers/google/models/gemini-3-pro-image:generateContent"
    assert sent.path == path
    assert len(sent.references) == 3


def test_vertex_without_credentials_fails_for_good(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nonexistent/credentials.json")
    settings.GEMINI_USE_VERTEX = True
    settings.GEMINI_VERTEX_PROJECT = "a-project"
    with pytest.raises(EngineFailed) as raised:
        client.draw(PLAIN)
    assert raised.value.code == "bad_key"
    assert "credentials" in raised.value.message


def test_the_environment_does_not_choose_the_service(
    server: GeminiServer, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    monkeypatch.setenv("GOOGLE_GENAI_USE_VERTEXAI", "true")
    monkeypatch.setenv("GOOGLE_API_KEY", "another-key")
    settings.GEMINI_TIMEOUT_S = 21  # a new client
    client.draw(PLAIN)

    assert server.requests[0].path.startswith("/v1beta/models/")
    assert server.requests[0].headers["x-goog-api-key"] == KEY


# --- what comes back ----------------------------------------------------------------------------


def test_a_drawing_keeps_the_engines_bytes_and_the_untouched_body(server: GeminiServer) -> None:
    drawing = client.draw(REQUEST)

    body = json.loads(drawing.raw)
    parts = body["candidates"][0]["content"]["parts"]
    (image,) = drawing.images
    assert image.data == base64.b64decode(parts[1]["inlineData"]["data"])
    assert image.mime_type == "image/jpeg"
    assert Image.open(io.BytesIO(image.data)).size == (2752, 1536)
    assert drawing.text == parts[0]["text"]
    assert drawing.usage == body["usageMetadata"]
    assert drawing.usage["totalTokenCount"] > 1680
    assert drawing.model_version == "gemini-3-pro-image"
    assert drawing.response_id == body["responseId"]


def test_several_final_images_all_come_back_in_order(server: GeminiServer) -> None:
    drawing = draw_scenario(server, "several_images")
    assert len({image.data for image in drawing.images}) == 3
    parts = json.loads(drawing.raw)["candidates"][0]["content"]["parts"]
    assert [base64.b64encode(image.data).decode() for image in drawing.images] == [
        part["inlineData"]["data"] for part in parts
    ]


def test_drafts_and_thoughts_are_left_out(server: GeminiServer) -> None:
    expected = client.draw(PLAIN).images
    drawing = draw_scenario(server, "thought_drafts")
    assert drawing.images == expected
    assert drawing.text == "Done."


def test_the_last_image_counts_when_all_are_flagged_as_thoughts(server: GeminiServer) -> None:
    expected = client.draw(PLAIN).images
    assert draw_scenario(server, "only_thoughts").images == expected


@pytest.mark.parametrize(
    "scenario",
    ["url_safe_base64", "snake_case", "image_without_data", "picture_and_odd_finish", "slow"],
)
def test_a_picture_in_an_odd_answer_is_kept(server: GeminiServer, scenario: str) -> None:
    expected = client.draw(PLAIN)
    drawing = draw_scenario(server, scenario)
    assert drawing.images == expected.images
    assert drawing.usage == expected.usage
    assert drawing.response_id == expected.response_id


# --- refusals -----------------------------------------------------------------------------------

CODES = {
    "SAFETY": "safety",
    "IMAGE_SAFETY": "safety",
    "PROHIBITED_CONTENT": "prohibited_content",
    "IMAGE_PROHIBITED_CONTENT": "prohibited_content",
    "RECITATION": "recitation",
    "IMAGE_RECITATION": "recitation",
    "BLOCKLIST": "blocklist",
    "SPII": "personal_data",
    "LANGUAGE": "language",
    "MAX_TOKENS": "too_long",
    "NO_IMAGE": "no_image",
    "OTHER": "not_drawn",
    "IMAGE_OTHER": "not_drawn",
    "MALFORMED_FUNCTION_CALL": "malformed",
    "MALFORMED_RESPONSE": "malformed",
    "UNEXPECTED_TOOL_CALL": "malformed",
    "TOO_MANY_TOOL_CALLS": "malformed",
    "MODEL_ARMOR": "policy_filter",
    "JAILBREAK": "policy_filter",
    "ESCALATION": "policy_filter",
    "PUP_LIMITED_DISABLED": "account_limited",
    "MISSING_THOUGHT_SIGNATURE": "cannot_continue",
    "CONTINUATION": "unfinished",
}


@pytest.mark.parametrize(
    ("scenario", "reason"),
    [
        *((f"block_{reason.lower()}", reason) for reason in BLOCK_REASONS),
        *((f"finish_{reason.lower()}", reason) for reason in FINISH_REASONS),
    ],
)
def test_every_reason_is_a_refusal_in_plain_words(
    server: GeminiServer, scenario: str, reason: str
) -> None:
    error = failure(server, scenario)
    assert isinstance(error, Refused)
    assert error.code == CODES[reason]
    assert not error.retryable
    assert reason in error.detail
    if error.code != "refused":
        assert reason not in error.message, "people are told what to change, not Gemini's names"
    assert error.message.endswith(".")


@pytest.mark.parametrize("scenario", ["block_reason_added_later", "finish_reason_added_later"])
def test_an_unknown_reason_is_a_refusal_that_names_it(server: GeminiServer, scenario: str) -> None:
    error = failure(server, scenario)
    assert isinstance(error, Refused)
    assert error.code == "refused"
    assert "REASON_ADDED_LATER" in error.message


def test_the_services_own_sentence_is_quoted(server: GeminiServer) -> None:
    error = failure(server, "finish_message")
    assert NOT_SHOWN in error.message
    assert error.message != NOT_SHOWN


def test_words_instead_of_a_picture_are_quoted(server: GeminiServer) -> None:
    error = failure(server, "text_only")
    assert isinstance(error, Refused)
    assert error.code == "text_only"
    assert WORDS in error.message


@pytest.mark.parametrize(
    ("scenario", "code"),
    [
        ("content_absent", "no_image"),
        ("content_empty", "no_image"),
        ("parts_null", "no_image"),
        ("empty_answer", "empty_answer"),
        ("no_candidates", "empty_answer"),
    ],
)
def test_an_answer_without_content_is_a_refusal(
    server: GeminiServer, scenario: str, code: str
) -> None:
    error = failure(server, scenario)
    assert isinstance(error, Refused)
    assert error.code == code


# --- failures -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scenario", "code", "words"),
    [
        ("bad_key", "bad_key", "API key"),
        ("no_key", "bad_key", "API key"),
        ("suspended_key", "bad_key", "API key"),
        ("leaked_key", "leaked_key", "made public"),
        ("no_permission", "no_permission", "does not have permission"),
        ("location", "location", "country"),
        ("bad_argument", "bad_argument", "Request contains an invalid argument."),
        ("bad_reference", "bad_reference", "references"),
        ("deadline_too_short", "timeout_too_short", "GEMINI_TIMEOUT_S"),
        ("model_not_found", "model_not_found", "gemini-3-pro-image"),
        ("model_retired", "model_retired", "gemini-3-pro-image"),
        ("daily_quota", "daily_quota", "tomorrow"),
        ("no_quota", "no_quota", "quota"),
        ("spending_cap", "no_credit", "pay"),
        ("too_large", "references_too_large", "too large"),
        ("no_content", "unexpected_answer", "204"),
    ],
)
def test_what_waiting_cannot_mend_fails_for_good(
    server: GeminiServer, scenario: str, code: str, words: str
) -> None:
    error = failure(server, scenario)
    assert isinstance(error, EngineFailed)
    assert error.code == code
    assert words in error.message
    assert not error.retryable
    assert not error.may_have_been_paid
    assert error.detail


@pytest.mark.parametrize(
    ("scenario", "code", "retry_after"),
    [
        ("rate_limited", "rate_limited", 10.0),
        ("rate_limited_in_words", "rate_limited", 10.67),
        ("internal_error", "service_error", None),
        ("bad_gateway", "service_error", None),
        ("overloaded", "overloaded", None),
        ("error_in_200", "overloaded", None),
        ("deadline_exceeded", "service_slow", None),
        ("html", "bad_answer", None),
        ("empty_body", "bad_answer", None),
    ],
)
def test_what_may_pass_is_worth_another_try(
    server: GeminiServer, scenario: str, code: str, retry_after: float | None
) -> None:
    error = failure(server, scenario)
    assert isinstance(error, EngineUnavailable)
    assert error.code == code
    assert error.retry_after == retry_after
    assert error.retryable
    assert not error.may_have_been_paid


@pytest.mark.parametrize(
    ("scenario", "code"),
    [
        ("dropped", "connection_lost"),
        ("half_body", "connection_lost"),
        ("cut_json", "bad_answer"),
        ("bad_base64", "bad_image"),
    ],
)
def test_a_picture_lost_on_the_way_may_have_been_paid(
    server: GeminiServer, scenario: str, code: str
) -> None:
    error = failure(server, scenario)
    assert isinstance(error, EngineUnavailable)
    assert error.code == code
    assert error.may_have_been_paid


@pytest.mark.parametrize("scenario", ["truncated_image", "not_an_image"])
def test_bytes_that_are_no_picture_are_handed_over_as_they_came(
    server: GeminiServer, scenario: str
) -> None:
    server.script(scenario)
    (image,) = client.draw(PLAIN).images
    assert image.data
    with pytest.raises(OSError):
        Image.open(io.BytesIO(image.data)).load()


def test_silence_ends_at_the_time_limit(server: GeminiServer, settings: Settings) -> None:
    settings.GEMINI_TIMEOUT_S = 0.4
    error = failure(server, "hang")
    assert isinstance(error, EngineUnavailable)
    assert error.code == "timeout"
    assert error.may_have_been_paid
    assert "0.4 seconds" in error.message


def test_nobody_listening_costs_nothing(settings: Settings) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        settings.GEMINI_BASE_URL = f"http://127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(EngineUnavailable) as raised:
            client.draw(PLAIN)
    assert raised.value.code == "unreachable"
    assert not raised.value.may_have_been_paid


def test_an_address_that_is_none_fails_for_good(settings: Settings) -> None:
    settings.GEMINI_BASE_URL = "gopher://127.0.0.1"
    with pytest.raises(EngineFailed) as raised:
        client.draw(PLAIN)
    assert raised.value.code == "not_configured"


def test_version_v1_is_reported_as_a_bad_argument(server: GeminiServer, settings: Settings) -> None:
    settings.GEMINI_API_VERSION = "v1"
    with pytest.raises(EngineFailed, match="Cannot find field") as raised:
        client.draw(PLAIN)
    assert raised.value.code == "bad_argument"


def test_the_key_is_in_no_message_and_no_traceback(server: GeminiServer) -> None:
    server.script("suspended_key")
    try:
        client.draw(PLAIN)
    except EngineFailed as error:
        told = "\n".join([error.message, error.detail, traceback.format_exc()])
    assert "api_key:(the key)" in told
    assert KEY not in told


# --- before anything is sent --------------------------------------------------------------------


def test_references_gemini_does_not_take_are_named(server: GeminiServer) -> None:
    animated = ReferenceImage(picture("GIF"), "image/gif", "Waving cape")
    with pytest.raises(InvalidRequest, match="Waving cape") as raised:
        client.draw(replace(PLAIN, references=(animated,)))
    assert raised.value.code == "unsupported_reference"
    assert not server.requests


def test_references_beyond_googles_limit_are_not_sent(server: GeminiServer) -> None:
    huge = ReferenceImage(bytes(38_000_000), "image/png", "Billboard")
    with pytest.raises(InvalidRequest) as raised:
        client.draw(replace(PLAIN, references=(huge, huge)))
    assert raised.value.code == "references_too_large"
    assert not server.requests


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"GEMINI_API_KEY": ""}, "GEMINI_API_KEY is not set"),
        ({"GEMINI_API_KEY": "schl\u00fcssel"}, "no key has"),
        ({"GEMINI_API_KEY": "two words"}, "no key has"),
        ({"GEMINI_BASE_URL": "https://proxy.example/v1beta/"}, "GEMINI_API_VERSION"),
        ({"GEMINI_API_KEY": "", "GEMINI_USE_VERTEX": True}, "GEMINI_VERTEX_PROJECT"),
    ],
)
def test_the_check_says_what_is_missing_and_drawing_says_the_same(
    server: GeminiServer, settings: Settings, changes: dict[str, Any], words: str
) -> None:
    assert client.check() is None
    for name, value in changes.items():
        setattr(settings, name, value)
    assert words in (client.check() or "")
    with pytest.raises(EngineFailed, match=words) as raised:
        client.draw(PLAIN)
    assert raised.value.code == "not_configured"
    assert not server.requests


# --- the client ---------------------------------------------------------------------------------


def test_one_client_serves_until_the_settings_change(settings: Settings) -> None:
    with ThreadPoolExecutor(8) as pool:
        clients = set(pool.map(lambda _: id(client.open_client()), range(16)))
    assert len(clients) == 1
    kept = client.open_client()
    settings.GEMINI_API_KEY = "AIza-another-key"
    assert client.open_client() is not kept


def test_threads_draw_side_by_side(server: GeminiServer) -> None:
    requests = [replace(PLAIN, prompt=f"Cape number {number}") for number in range(6)]
    with ThreadPoolExecutor(6) as pool:
        drawings = list(pool.map(client.draw, requests))
    assert len({drawing.images[0].data for drawing in drawings}) == 6
    assert {sent.prompt for sent in server.requests} == {each.prompt for each in requests}


def test_a_forked_worker_draws_with_a_client_of_its_own(server: GeminiServer) -> None:
    client.draw(PLAIN)
    child = multiprocessing.get_context("fork").Process(target=client.draw, args=(PLAIN,))
    child.start()
    child.join(20)
    assert child.exitcode == 0
    client.draw(PLAIN)
    assert len(server.requests) == 3


@pytest.mark.slow
def test_importing_the_engine_does_not_import_the_sdk(settings: Settings) -> None:
    program = (
        "import os, sys, django;"
        "os.environ['DJANGO_SETTINGS_MODULE'] = 'assetbank.settings'; django.setup();"
        "import generation.gemini, generation.engines, generation.errors;"
        "print([name for name in sys.modules if name.startswith('google.genai')])"
    )
    run = subprocess.run(
        [sys.executable, "-c", program],
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == "[]"

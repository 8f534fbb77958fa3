"""Stand-in for Gemini: as strict as the API, and with the same answers."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import httpx2
import pytest
from google.ai import generativelanguage_v1beta as protos
from google.genai import types
from google.protobuf import json_format
from PIL import Image, ImageChops

from tests.gemini_server import GeminiServer
from tests.gemini_server.rules import MODELS, ParsedRequest
from tests.gemini_server.scenarios import SCENARIOS

ROOT = Path(__file__).resolve().parents[3]
PRO = "gemini-3-pro-image"
REQUEST = ParsedRequest(PRO, "A red silk cape", (), "1:1", "1K")


def picture(colour: str = "teal", kind: str = "PNG") -> str:
    out = io.BytesIO()
    Image.new("RGB", (60, 80), colour).save(out, kind)
    return base64.urlsafe_b64encode(out.getvalue()).decode()


def body(prompt: str = "A red silk cape", *images: tuple[str, str], **config: Any) -> Any:
    parts: list[dict[str, Any]] = [{"text": prompt}]
    parts += [{"inlineData": {"mime_type": kind, "data": data}} for kind, data in images]
    return {
        "contents": [{"role": "user", "parts": parts}],
        "generationConfig": {"responseModalities": ["TEXT", "IMAGE"], **config},
    }


def post(
    server: GeminiServer,
    sent: Any,
    *,
    model: str = PRO,
    version: str = "v1beta",
    headers: dict[str, str] | None = None,
) -> httpx2.Response:
    return httpx2.post(
        f"{server.url}/{version}/models/{model}:generateContent",
        json=sent,
        headers={"x-goog-api-key": "a-key"} if headers is None else headers,
        timeout=10,
    )


def drawn(response: httpx2.Response) -> Image.Image:
    parts = response.json()["candidates"][0]["content"]["parts"]
    data = next(part["inlineData"]["data"] for part in parts if "inlineData" in part)
    return Image.open(io.BytesIO(base64.b64decode(data, validate=True)))


def error_message(response: httpx2.Response, status: int) -> str:
    assert response.status_code == status, response.text
    error = response.json()["error"]
    assert error["code"] == status
    return str(error["message"])


# --- images -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ratio", "size", "pixels"),
    [
        ("1:1", "1K", (1024, 1024)),
        ("16:9", "1K", (1376, 768)),
        ("9:16", "2K", (1536, 2752)),
        ("21:9", "4K", (6336, 2688)),
    ],
)
def test_a_picture_has_the_pixels_of_its_format_and_size(
    server: GeminiServer, ratio: str, size: str, pixels: tuple[int, int]
) -> None:
    sent = body(imageConfig={"aspectRatio": ratio, "imageSize": size})
    picture = drawn(post(server, sent))
    assert picture.size == pixels
    assert picture.format == "JPEG"
    picture.load()


def test_other_prompts_and_other_references_give_other_pictures(server: GeminiServer) -> None:
    first = drawn(post(server, body("A red cape")))
    second = drawn(post(server, body("A red cape")))
    server.clear()
    again = drawn(post(server, body("A red cape")))
    other = drawn(post(server, body("A blue coat")))
    shown = drawn(post(server, body("A red cape", ("image/png", picture("lime")))))
    assert ImageChops.difference(first, second).getbbox() is not None
    assert ImageChops.difference(first, again).getbbox() is None
    assert ImageChops.difference(first, other).getbbox() is not None
    near_lime = shown.getpixel((512, 384))
    assert isinstance(near_lime, tuple)
    assert near_lime[1] > 240
    assert near_lime[0] < 20


def test_requests_are_recorded_as_they_came(server: GeminiServer) -> None:
    sent = body("A cape", ("image/png", picture()), imageConfig={"aspectRatio": "4:5"})
    post(server, sent, headers={"X-Goog-Api-Key": "a-key", "X-Server-Timeout": "180"})

    (record,) = server.requests
    assert record.body == sent
    assert record.headers["x-server-timeout"] == "180"
    assert record.prompt == "A cape"
    assert record.asked is not None
    assert record.asked.aspect_ratio == "4:5"
    assert Image.open(io.BytesIO(record.references[0].data)).size == (60, 80)
    assert (record.scenario, record.status) == ("success", 200)


def test_everything_the_sdk_can_send_is_taken(server: GeminiServer) -> None:
    sent = body(
        "Both spellings",
        ("image/webp", picture(kind="WEBP")),
        seed=7,
        thinkingConfig={"include_thoughts": True, "thinking_level": "HIGH"},
        imageConfig={"aspectRatio": "16:9", "imageSize": "2K"},
    )
    sent["systemInstruction"] = {"parts": [{"text": "Be brief"}], "role": "user"}
    sent["safetySettings"] = [
        {"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_ONLY_HIGH"}
    ]
    sent["serviceTier"] = "flex"
    assert post(server, sent).status_code == 200


# --- rejections ---------------------------------------------------------------------------------


def test_keys_are_asked_for(server: GeminiServer) -> None:
    assert "unregistered callers" in error_message(post(server, body(), headers={}), 403)
    refused = post(server, body(), headers={"x-goog-api-key": "bad-key"})
    assert "API key not valid" in error_message(refused, 400)
    assert refused.json()["error"]["details"][0]["reason"] == "API_KEY_INVALID"


def test_models_that_are_unknown_or_retired_are_not_found(server: GeminiServer) -> None:
    unknown = error_message(post(server, body(), model="gemini-9-image"), 404)
    assert "models/gemini-9-image is not found for API version v1beta" in unknown
    retired = error_message(post(server, body(), model="gemini-2.5-flash-image"), 404)
    assert "no longer available" in retired


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (body(foo=1), "Unknown name \"foo\" at 'generation_config': Cannot find field."),
        (body(imageConfig={"banana": 1}), "at 'generation_config.image_config'"),
        (body(imageConfig={"aspectRatio": "7:3"}), "aspect_ratio must be one of '1:1'"),
        (body(imageConfig={"aspectRatio": "8:1"}), "aspect_ratio must be one of '1:1'"),
        (body(imageConfig={"imageSize": "2k"}), "image_size must be one of '1K'"),
        (body("Too many", *[("image/png", picture())] * 15), "At most 14 images"),
        (body("Wrong kind", ("image/gif", picture(kind="GIF"))), "Unsupported MIME type"),
        (body("Not a picture", ("image/png", "bm9wZQ==")), "Unable to process input image"),
        ({"contents": []}, "contents is not specified"),
        ([1, 2], "Invalid JSON payload"),
    ],
)
def test_what_google_rejects_is_rejected(server: GeminiServer, sent: Any, message: str) -> None:
    server.script("text_only")
    assert message in error_message(post(server, sent), 400)
    assert server.requests[-1].scenario == "rejected"
    assert "inlineData" not in post(server, body()).text, "a rejection must not use up the script"


def test_extreme_formats_are_for_the_models_that_have_them(server: GeminiServer) -> None:
    sent = body(imageConfig={"aspectRatio": "8:1"})
    assert drawn(post(server, sent, model="gemini-nano-banana-2.1")).size == (3072, 384)


def test_the_stable_version_lacks_what_image_models_need(server: GeminiServer) -> None:
    message = error_message(post(server, body(), version="v1"), 400)
    assert "Unknown name \"responseModalities\" at 'generation_config'" in message


def test_announced_deadlines_under_ten_seconds_are_rejected(server: GeminiServer) -> None:
    headers = {"x-goog-api-key": "a-key", "x-server-timeout": "9"}
    assert "too short" in error_message(post(server, body(), headers=headers), 400)


def test_models_are_listed_for_those_with_a_key(server: GeminiServer) -> None:
    url = f"{server.url}/v1beta/models"
    assert httpx2.get(url).status_code == 403
    listed = httpx2.get(url, headers={"x-goog-api-key": "a-key"}).json()["models"]
    assert {each["name"] for each in listed} == {f"models/{name}" for name in MODELS}


# --- answers ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_every_answer_has_the_shape_of_the_real_one(name: str) -> None:
    reply = SCENARIOS[name](REQUEST, "a-key")
    text = reply.body.decode()
    if reply.status != 200:
        assert name in {"bad_gateway", "too_large", "no_content"} or json.loads(text)["error"]
        return
    if name in {"html", "empty_body", "cut_json"}:
        with pytest.raises(ValueError):
            json.loads(text)
        return
    answer = json.loads(text)
    if name == "error_in_200":
        assert answer["error"]["code"] == 503
        return
    if name == "bad_base64":
        with pytest.raises(ValueError):
            types.GenerateContentResponse.model_validate(answer)
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the SDK warns of reasons that it does not know
        parsed = types.GenerateContentResponse.model_validate(answer)
    assert parsed.response_id
    assert parsed.usage_metadata is not None


@pytest.mark.parametrize("name", ["success", "several_images", "thought_drafts", "refuse_prompt"])
def test_answers_fit_the_published_protos(name: str) -> None:
    answer = json.loads(SCENARIOS[name](REQUEST, "a-key").body)
    message = json_format.ParseDict(answer, protos.GenerateContentResponse.pb()())
    assert message.model_version == PRO


# --- conversations ------------------------------------------------------------------------------


def conversation(server: GeminiServer) -> Any:
    """Return a request that repeats an earlier one and its answer, and adds a prompt."""
    first = body()
    answer = post(server, first).json()["candidates"][0]["content"]
    asked = {"role": "user", "parts": [{"text": "Swap the hat"}]}
    return {**first, "contents": [*first["contents"], answer, asked]}


def test_a_conversation_goes_on_with_what_the_model_said(server: GeminiServer) -> None:
    sent = conversation(server)
    image = sent["contents"][1]["parts"][1]
    for name in ("data", "thoughtSignature"):  # as the SDK spells it
        holder = image["inlineData"] if name == "data" else image
        holder[name] = holder[name].translate(str.maketrans("+/", "-_"))
    assert post(server, sent).status_code == 200
    record = server.requests[-1]
    assert record.prompt == "Swap the hat"
    assert record.asked
    assert [each.role for each in record.asked.history] == ["user", "model"]


def test_what_the_model_said_must_come_back_signed_and_unchanged(server: GeminiServer) -> None:
    sent = conversation(server)
    text, image = sent["contents"][1]["parts"]
    signature = image.pop("thoughtSignature")
    assert error_message(post(server, sent), 400) == (
        "Image part is missing a thought_signature in content position 2, part position 2."
    )
    image["thoughtSignature"] = text["thoughtSignature"]
    assert "not valid" in error_message(post(server, sent), 400)
    image["thoughtSignature"] = signature
    image["inlineData"]["data"] = picture()
    assert "not valid" in error_message(post(server, sent), 400)
    sent = conversation(server)
    del sent["contents"][1]["parts"][0]["thoughtSignature"]
    assert error_message(post(server, sent), 400).startswith(
        "Text part is missing a thought_signature"
    )
    assert error_message(post(server, conversation(server), model="gemini-nano-banana-2.1"), 400)


# --- orders in bulk -----------------------------------------------------------------------------


def test_an_order_looks_like_googles(server: GeminiServer) -> None:
    rows = [{"request": body(), "metadata": {"key": "a"}}]
    sent = {"batch": {"inputConfig": {"requests": {"requests": rows}}, "displayName": "b1"}}
    headers = {"x-goog-api-key": "a-key"}
    address = f"{server.url}/v1beta/models/{PRO}:batchGenerateContent"
    placed = httpx2.post(address, json=sent, headers=headers).json()
    assert placed["metadata"]["state"] == "BATCH_STATE_PENDING"
    assert "done" not in placed
    order = httpx2.get(f"{server.url}/v1beta/{placed['name']}", headers=headers).json()
    assert (order["done"], order["metadata"]["state"]) == (True, "BATCH_STATE_SUCCEEDED")
    (row,) = order["metadata"]["output"]["inlinedResponses"]["inlinedResponses"]
    assert row["metadata"] == {"key": "a"}
    types.GenerateContentResponse.model_validate(row["response"])
    rows[0]["request"] = body("x" * 21_000_000)
    assert "20971520 bytes" in error_message(httpx2.post(address, json=sent, headers=headers), 400)


# --- control ------------------------------------------------------------------------------------


def test_scripted_scenarios_come_in_order_and_then_success(server: GeminiServer) -> None:
    server.script("overloaded", "text_only")
    answers = [post(server, body()) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [503, 200, 200]
    assert [record.scenario for record in server.requests] == ["overloaded", "text_only", "success"]


def test_a_prompt_can_name_its_scenario(server: GeminiServer) -> None:
    server.script("overloaded")
    blocked = post(server, body("A cape [scenario:block_safety] in the wind")).json()
    assert blocked["promptFeedback"]["blockReason"] == "SAFETY"
    assert "refuse_prompt" in error_message(post(server, body("[scenario:no_such_thing]")), 400)
    assert post(server, body()).status_code == 503, "the script waits for its own request"


def test_unknown_scenarios_are_named_at_once(server: GeminiServer) -> None:
    with pytest.raises(ValueError, match="No scenario 'sucess'"):
        server.script("sucess")


def test_closing_frees_the_port_and_whoever_hangs() -> None:
    with GeminiServer(scenario="hang") as server, pytest.raises(httpx2.ReadTimeout):
        httpx2.post(
            f"{server.url}/v1beta/models/{PRO}:generateContent",
            json=body(),
            headers={"x-goog-api-key": "a-key"},
            timeout=0.2,
        )
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(server.url)


def test_it_runs_by_itself_and_without_django() -> None:
    program = "-m", "tests.gemini_server", "--port", "0", "--scenario", "text_only"
    with subprocess.Popen(
        [sys.executable, "-X", "importtime", *program],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        url = process.stdout.readline().split()[-1]
        answer = httpx2.post(
            f"{url}/v1beta/models/{PRO}:generateContent",
            json=body(),
            headers={"x-goog-api-key": "a-key"},
            timeout=10,
        )
        process.terminate()
        imported = process.stderr.read()
    assert answer.json()["candidates"][0]["finishReason"] == "STOP"
    assert "inlineData" not in answer.text
    assert "tests.gemini_server.rules" in imported
    assert "django" not in imported

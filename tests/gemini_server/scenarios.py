"""Answers that the Gemini API is known to give to generateContent, by name."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
from collections.abc import Callable

from tests.gemini_server import drawing
from tests.gemini_server.replies import ERRORS, Json, Reply, as_json, error
from tests.gemini_server.rules import ParsedRequest, signature

Scenario = Callable[[ParsedRequest, str], Reply]  # From a request and its key

BLOCK_REASONS = (
    "SAFETY",
    "OTHER",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "IMAGE_SAFETY",
    "MODEL_ARMOR",
    "JAILBREAK",
)
FINISH_REASONS = (
    "MAX_TOKENS",
    "SAFETY",
    "RECITATION",
    "LANGUAGE",
    "OTHER",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "SPII",
    "MALFORMED_FUNCTION_CALL",
    "IMAGE_SAFETY",
    "IMAGE_PROHIBITED_CONTENT",
    "IMAGE_OTHER",
    "NO_IMAGE",
    "IMAGE_RECITATION",
    "UNEXPECTED_TOOL_CALL",
    "TOO_MANY_TOOL_CALLS",
    "MISSING_THOUGHT_SIGNATURE",
    "MALFORMED_RESPONSE",
    "ESCALATION",
    "PUP_LIMITED_DISABLED",
    "CONTINUATION",
)
NEW_REASON = "REASON_ADDED_LATER"
NOT_SHOWN = (
    "Unable to show the generated image. The model could not generate the image based on the "
    "prompt provided. You will not be charged for this request. Try rephrasing the prompt."
)
WORDS = "I can describe a picture like that for you, but here is only text."
TOKENS = {"": 1120, "1K": 1120, "2K": 1680, "4K": 3780}


def _picture(parsed: ParsedRequest, variant: int = 0) -> bytes:
    earlier = [image.data for turn in parsed.history for image in turn.images[-1:]]
    references = [*earlier[-1:], *(reference.data for reference in parsed.references)]
    return drawing.jpeg(
        parsed.prompt,
        references,
        parsed.aspect_ratio,
        parsed.image_size,
        variant=variant + 10 * parsed.turn,
    )


def _signature(parsed: ParsedRequest, data: bytes) -> str:
    return base64.b64encode(signature(parsed.model, data)).decode()


def _image_part(parsed: ParsedRequest, data: bytes, **more: object) -> Json:
    encoded = base64.b64encode(data).decode()
    blob = {"mimeType": "image/jpeg", "data": encoded}
    return {"inlineData": blob, "thoughtSignature": _signature(parsed, data), **more}


def _text_part(parsed: ParsedRequest, text: str, **more: object) -> Json:
    return {"text": text, "thoughtSignature": _signature(parsed, text.encode()), **more}


def _frame(parsed: ParsedRequest, images: int) -> Json:
    """Return the fields of every answer but its candidates; `images` is their number."""
    prompt = 6 + len(parsed.prompt.split())
    images_in = sum(len(turn.images) for turn in parsed.history) + len(parsed.references)
    tokens_in = 258 * images_in
    drawn, thoughts = images * TOKENS[parsed.image_size], 174
    details: list[Json] = [{"modality": "TEXT", "tokenCount": prompt}]
    if tokens_in:
        details.append({"modality": "IMAGE", "tokenCount": tokens_in})
    usage: Json = {
        "promptTokenCount": prompt + tokens_in,
        "totalTokenCount": prompt + tokens_in + drawn + thoughts + (16 if images else 0),
        "promptTokensDetails": details,
        "thoughtsTokenCount": thoughts,
        "candidatesTokenCount": drawn + 16 if images else thoughts,
    }
    if images:
        usage["candidatesTokensDetails"] = [{"modality": "IMAGE", "tokenCount": drawn}]
    named = f"{parsed.model}{parsed.prompt}{parsed.turn}"
    identity = hashlib.sha256(named.encode("utf-8", "replace"))
    return {
        "usageMetadata": usage,
        "modelVersion": parsed.model,
        "responseId": base64.urlsafe_b64encode(identity.digest()[:17]).decode().rstrip("="),
    }


def _answer(
    parsed: ParsedRequest, parts: list[Json], finish: str = "STOP", **candidate: object
) -> Reply:
    first: Json = {
        "content": {"parts": parts, "role": "model"},
        "finishReason": finish,
        "index": 0,
        **candidate,
    }
    images = sum("data" in part.get("inlineData", {}) for part in parts)
    return as_json({"candidates": [first], **_frame(parsed, images)})


def success(parsed: ParsedRequest, key: str) -> Reply:
    """Answer with one sentence and one image."""
    return _answer(
        parsed, [_text_part(parsed, "Here is your picture."), _image_part(parsed, _picture(parsed))]
    )


def _several(parsed: ParsedRequest, key: str) -> Reply:
    return _answer(parsed, [_image_part(parsed, _picture(parsed, variant)) for variant in range(3)])


def _thought_drafts(parsed: ParsedRequest, key: str) -> Reply:
    draft, final = _picture(parsed, 1), _picture(parsed)
    thinking = _text_part(parsed, "I consider the composition.", thought=True)
    return _answer(
        parsed,
        [
            thinking,
            _image_part(parsed, draft, thought=True),
            _text_part(parsed, "Done."),
            _image_part(parsed, final),
        ],
    )


def _only_thoughts(parsed: ParsedRequest, key: str) -> Reply:
    drafts = [_image_part(parsed, _picture(parsed, variant), thought=True) for variant in (1, 0)]
    return _answer(parsed, drafts)


def _url_safe(parsed: ParsedRequest, key: str) -> Reply:
    part = _image_part(parsed, _picture(parsed))
    part["inlineData"]["data"] = part["inlineData"]["data"].translate(str.maketrans("+/", "-_"))
    return _answer(parsed, [part])


def _snake_case(parsed: ParsedRequest, key: str) -> Reply:
    reply = success(parsed, key).body.decode()
    for camel, snake in (
        ("inlineData", "inline_data"),
        ("mimeType", "mime_type"),
        ("usageMetadata", "usage_metadata"),
        ("modelVersion", "model_version"),
        ("responseId", "response_id"),
    ):
        reply = reply.replace(f'"{camel}"', f'"{snake}"')
    return Reply(body=reply.encode())


def _without_data(parsed: ParsedRequest, key: str) -> Reply:
    empty: Json = {"inlineData": {"mimeType": "image/jpeg"}}
    return _answer(parsed, [empty, _image_part(parsed, _picture(parsed))])


def _picture_and_odd_finish(parsed: ParsedRequest, key: str) -> Reply:
    return _answer(parsed, [_image_part(parsed, _picture(parsed))], "MAX_TOKENS")


def _odd_json(parsed: ParsedRequest, key: str) -> Reply:
    """Return a good image with text and counts that JSON allows and PostgreSQL cannot store."""
    reply = success(parsed, key).body.decode()
    reply = reply.replace("Here is your picture.", r"Here\u0000 is your \ud83d picture.")
    body = json.loads(reply)
    body["usageMetadata"] |= {
        "totalTokenCount": 10**30,
        "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": -1}],
    }
    return Reply(body=json.dumps(body).encode())


def _text_only(parsed: ParsedRequest, key: str) -> Reply:
    return _answer(parsed, [_text_part(parsed, WORDS)])


def _bytes_instead(change: Callable[[bytes], bytes]) -> Scenario:
    return lambda parsed, key: _answer(parsed, [_image_part(parsed, change(_picture(parsed)))])


def _bad_base64(parsed: ParsedRequest, key: str) -> Reply:
    part = _image_part(parsed, _picture(parsed))
    part["inlineData"]["data"] = "$$$ this is not base64 $$$"
    return _answer(parsed, [part])


def _blocked(reason: str) -> Scenario:
    def scenario(parsed: ParsedRequest, key: str) -> Reply:
        count = 6 + len(parsed.prompt.split())
        usage = {"promptTokenCount": count, "totalTokenCount": count}
        frame = {**_frame(parsed, 0), "usageMetadata": usage}
        return as_json({"promptFeedback": {"blockReason": reason}, **frame})

    return scenario


def _finished(reason: str, *, content: object = None, message: str = "") -> Scenario:
    """Return a scenario whose candidate has no image. `content` None leaves the field out."""

    def scenario(parsed: ParsedRequest, key: str) -> Reply:
        candidate: Json = {"finishReason": reason, "index": 0}
        if content is not None:
            candidate["content"] = content
        if message:
            candidate["finishMessage"] = message
        return as_json({"candidates": [candidate], **_frame(parsed, 0)})

    return scenario


def _failed(name: str) -> Scenario:
    return lambda parsed, key: error(name, model=parsed.model, key=key)


def _constant(reply: Reply) -> Scenario:
    return lambda parsed, key: reply


def _ending(**changes: object) -> Scenario:
    return lambda parsed, key: dataclasses.replace(success(parsed, key), **changes)  # type: ignore[arg-type]


def _cut_json(parsed: ParsedRequest, key: str) -> Reply:
    whole = success(parsed, key).body
    return Reply(body=whole[: len(whole) // 2])


def _error_in_200(parsed: ParsedRequest, key: str) -> Reply:
    return as_json(json.loads(error("overloaded").body))


GATEWAY = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
PORTAL = b"<!doctype html><html><body>Please log in to the guest network.</body></html>"

SCENARIOS: dict[str, Scenario] = {
    "success": success,
    "several_images": _several,
    "thought_drafts": _thought_drafts,
    "only_thoughts": _only_thoughts,
    "url_safe_base64": _url_safe,
    "snake_case": _snake_case,
    "image_without_data": _without_data,
    "picture_and_odd_finish": _picture_and_odd_finish,
    "odd_json": _odd_json,
    "text_only": _text_only,
    "refuse_prompt": _blocked("PROHIBITED_CONTENT"),
    "refuse_picture": _finished("IMAGE_SAFETY", content={}, message=NOT_SHOWN),
    **{f"block_{reason.lower()}": _blocked(reason) for reason in (*BLOCK_REASONS, NEW_REASON)},
    **{
        f"finish_{reason.lower()}": _finished(reason, content={"role": "model"})
        for reason in (*FINISH_REASONS, NEW_REASON)
    },
    "finish_message": _finished("IMAGE_OTHER", content={}, message=NOT_SHOWN),
    "content_absent": _finished("NO_IMAGE"),
    "content_empty": _finished("NO_IMAGE", content={}),
    "parts_null": _finished("NO_IMAGE", content={"parts": None}),
    "empty_answer": _finished("STOP", content={"role": "model"}),
    "no_candidates": lambda parsed, key: as_json(_frame(parsed, 0)),
    **{name: _failed(name) for name in ERRORS},
    "bad_gateway": _constant(Reply(body=GATEWAY, status=502, kind="text/html")),
    "too_large": _constant(
        Reply(body=b"413 Request Entity Too Large", status=413, kind="text/plain")
    ),
    "no_content": _constant(Reply(status=204)),
    "html": _constant(Reply(body=PORTAL, kind="text/html")),
    "empty_body": _constant(Reply()),
    "error_in_200": _error_in_200,
    "bad_base64": _bad_base64,
    "truncated_image": _bytes_instead(lambda data: data[: len(data) // 2]),
    "not_an_image": _bytes_instead(lambda data: b"This is no picture at all."),
    "cut_json": _cut_json,
    "slow": success,  # the server waits first: see GeminiServer.slow_s
    "hang": _ending(ending="hang"),
    "dropped": _ending(ending="dropped"),
    "half_body": _ending(ending="half"),
}

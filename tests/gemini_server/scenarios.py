"""Everything the Gemini API is known to answer to generateContent, by name."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
from collections.abc import Callable

from tests.gemini_server import drawing
from tests.gemini_server.replies import ERRORS, Json, Reply, as_json, error
from tests.gemini_server.rules import Asked, signature

Scenario = Callable[[Asked, str], Reply]  # the request and its key

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


def _picture(asked: Asked, variant: int = 0) -> bytes:
    earlier = [image.data for said in asked.history for image in said.images[-1:]]
    references = [*earlier[-1:], *(reference.data for reference in asked.references)]
    return drawing.jpeg(
        asked.prompt,
        references,
        asked.aspect_ratio,
        asked.image_size,
        variant=variant + 10 * asked.turn,
    )


def _signature(asked: Asked, data: bytes) -> str:
    return base64.b64encode(signature(asked.model, data)).decode()


def _image_part(asked: Asked, data: bytes, **more: object) -> Json:
    encoded = base64.b64encode(data).decode()
    blob = {"mimeType": "image/jpeg", "data": encoded}
    return {"inlineData": blob, "thoughtSignature": _signature(asked, data), **more}


def _text_part(asked: Asked, text: str, **more: object) -> Json:
    return {"text": text, "thoughtSignature": _signature(asked, text.encode()), **more}


def _frame(asked: Asked, images: int) -> Json:
    """What every answer carries beside its candidates."""
    prompt = 6 + len(asked.prompt.split())
    seen = sum(len(said.images) for said in asked.history) + len(asked.references)
    pictures = 258 * seen
    drawn, thoughts = images * TOKENS[asked.image_size], 174
    details: list[Json] = [{"modality": "TEXT", "tokenCount": prompt}]
    if pictures:
        details.append({"modality": "IMAGE", "tokenCount": pictures})
    usage: Json = {
        "promptTokenCount": prompt + pictures,
        "totalTokenCount": prompt + pictures + drawn + thoughts + (16 if images else 0),
        "promptTokensDetails": details,
        "thoughtsTokenCount": thoughts,
        "candidatesTokenCount": drawn + 16 if images else thoughts,
    }
    if images:
        usage["candidatesTokensDetails"] = [{"modality": "IMAGE", "tokenCount": drawn}]
    identity = hashlib.sha256(f"{asked.model}{asked.prompt}{asked.turn}".encode("utf-8", "replace"))
    return {
        "usageMetadata": usage,
        "modelVersion": asked.model,
        "responseId": base64.urlsafe_b64encode(identity.digest()[:17]).decode().rstrip("="),
    }


def _answer(asked: Asked, parts: list[Json], finish: str = "STOP", **candidate: object) -> Reply:
    first: Json = {
        "content": {"parts": parts, "role": "model"},
        "finishReason": finish,
        "index": 0,
        **candidate,
    }
    images = sum("data" in part.get("inlineData", {}) for part in parts)
    return as_json({"candidates": [first], **_frame(asked, images)})


def success(asked: Asked, key: str) -> Reply:
    return _answer(
        asked, [_text_part(asked, "Here is your picture."), _image_part(asked, _picture(asked))]
    )


def _several(asked: Asked, key: str) -> Reply:
    return _answer(asked, [_image_part(asked, _picture(asked, variant)) for variant in range(3)])


def _thought_drafts(asked: Asked, key: str) -> Reply:
    draft, final = _picture(asked, 1), _picture(asked)
    thinking = _text_part(asked, "I consider the composition.", thought=True)
    return _answer(
        asked,
        [
            thinking,
            _image_part(asked, draft, thought=True),
            _text_part(asked, "Done."),
            _image_part(asked, final),
        ],
    )


def _only_thoughts(asked: Asked, key: str) -> Reply:
    drafts = [_image_part(asked, _picture(asked, variant), thought=True) for variant in (1, 0)]
    return _answer(asked, drafts)


def _url_safe(asked: Asked, key: str) -> Reply:
    part = _image_part(asked, _picture(asked))
    part["inlineData"]["data"] = part["inlineData"]["data"].translate(str.maketrans("+/", "-_"))
    return _answer(asked, [part])


def _snake_case(asked: Asked, key: str) -> Reply:
    reply = success(asked, key).body.decode()
    for camel, snake in (
        ("inlineData", "inline_data"),
        ("mimeType", "mime_type"),
        ("usageMetadata", "usage_metadata"),
        ("modelVersion", "model_version"),
        ("responseId", "response_id"),
    ):
        reply = reply.replace(f'"{camel}"', f'"{snake}"')
    return Reply(body=reply.encode())


def _without_data(asked: Asked, key: str) -> Reply:
    empty: Json = {"inlineData": {"mimeType": "image/jpeg"}}
    return _answer(asked, [empty, _image_part(asked, _picture(asked))])


def _picture_and_odd_finish(asked: Asked, key: str) -> Reply:
    return _answer(asked, [_image_part(asked, _picture(asked))], "MAX_TOKENS")


def _odd_json(asked: Asked, key: str) -> Reply:
    """A good picture, and beside it what JSON allows and no database takes."""
    reply = success(asked, key).body.decode()
    reply = reply.replace("Here is your picture.", r"Here\u0000 is your \ud83d picture.")
    body = json.loads(reply)
    body["usageMetadata"] |= {
        "totalTokenCount": 10**30,
        "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": -1}],
    }
    return Reply(body=json.dumps(body).encode())


def _text_only(asked: Asked, key: str) -> Reply:
    return _answer(asked, [_text_part(asked, WORDS)])


def _bytes_instead(change: Callable[[bytes], bytes]) -> Scenario:
    return lambda asked, key: _answer(asked, [_image_part(asked, change(_picture(asked)))])


def _bad_base64(asked: Asked, key: str) -> Reply:
    part = _image_part(asked, _picture(asked))
    part["inlineData"]["data"] = "$$$ this is not base64 $$$"
    return _answer(asked, [part])


def _blocked(reason: str) -> Scenario:
    def scenario(asked: Asked, key: str) -> Reply:
        count = 6 + len(asked.prompt.split())
        usage = {"promptTokenCount": count, "totalTokenCount": count}
        frame = {**_frame(asked, 0), "usageMetadata": usage}
        return as_json({"promptFeedback": {"blockReason": reason}, **frame})

    return scenario


def _finished(reason: str, *, content: object = None, said: str = "") -> Scenario:
    """A candidate without a picture. `content` None leaves the field out."""

    def scenario(asked: Asked, key: str) -> Reply:
        candidate: Json = {"finishReason": reason, "index": 0}
        if content is not None:
            candidate["content"] = content
        if said:
            candidate["finishMessage"] = said
        return as_json({"candidates": [candidate], **_frame(asked, 0)})

    return scenario


def _failed(name: str) -> Scenario:
    return lambda asked, key: error(name, model=asked.model, key=key)


def _sent(reply: Reply) -> Scenario:
    return lambda asked, key: reply


def _ending(**changes: object) -> Scenario:
    return lambda asked, key: dataclasses.replace(success(asked, key), **changes)  # type: ignore[arg-type]


def _cut_json(asked: Asked, key: str) -> Reply:
    whole = success(asked, key).body
    return Reply(body=whole[: len(whole) // 2])


def _error_in_200(asked: Asked, key: str) -> Reply:
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
    "refuse_picture": _finished("IMAGE_SAFETY", content={}, said=NOT_SHOWN),
    **{f"block_{reason.lower()}": _blocked(reason) for reason in (*BLOCK_REASONS, NEW_REASON)},
    **{
        f"finish_{reason.lower()}": _finished(reason, content={"role": "model"})
        for reason in (*FINISH_REASONS, NEW_REASON)
    },
    "finish_message": _finished("IMAGE_OTHER", content={}, said=NOT_SHOWN),
    "content_absent": _finished("NO_IMAGE"),
    "content_empty": _finished("NO_IMAGE", content={}),
    "parts_null": _finished("NO_IMAGE", content={"parts": None}),
    "empty_answer": _finished("STOP", content={"role": "model"}),
    "no_candidates": lambda asked, key: as_json(_frame(asked, 0)),
    **{name: _failed(name) for name in ERRORS},
    "bad_gateway": _sent(Reply(body=GATEWAY, status=502, kind="text/html")),
    "too_large": _sent(Reply(body=b"413 Request Entity Too Large", status=413, kind="text/plain")),
    "no_content": _sent(Reply(status=204)),
    "html": _sent(Reply(body=PORTAL, kind="text/html")),
    "empty_body": _sent(Reply()),
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

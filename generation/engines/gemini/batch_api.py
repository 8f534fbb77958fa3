"""Gemini's batch interface: many requests in one order, answered within a day at half the price.

An order's answers are read from its untouched body: the SDK shows only a part of it, keeps quiet
about an order that failed, and gives up on an answer with one broken image in it.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from generation.engines.base import Drawing, DrawRequest
from generation.engines.gemini import client as gemini
from generation.engines.gemini import response as answer
from generation.engines.gemini.json_fields import Json, dict_of, dicts, either, loads
from generation.errors import EngineError, EngineFailed

if TYPE_CHECKING:
    from google.genai import Client, types

MAX_INLINE_BYTES = 18_000_000  # bytes on the wire; Google takes 20 MB, and files beyond
PAGE = 100  # orders that are listed at once
MAX_PAGES = 50
# google.rpc.Code, which the answers in an order carry, as the HTTP status that live ones have
HTTP_STATUS = {1: 499, 3: 400, 4: 504, 5: 404, 7: 403, 8: 429, 9: 400, 13: 500, 14: 503, 16: 401}

Answer = tuple[str, Drawing | EngineError]  # with the key of its request


@dataclass(frozen=True)
class BatchOrder:
    """How an order is. `state`: PENDING, RUNNING, SUCCEEDED, FAILED, CANCELLED or EXPIRED;
    `said`: why it failed, in the service's words."""

    name: str
    state: str
    said: str
    body: Json

    @property
    def done(self) -> bool:
        return self.state in ("SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED")


def find_batch(display_name: str) -> str:
    """The name of the order that we gave that display name; "" where there is none.

    Raises EngineError.
    """
    client = _client()
    try:
        pages = client.batches.list(config={"page_size": PAGE})
        for number, order in enumerate(pages):
            if order.display_name == display_name:
                return order.name or ""
            if number > PAGE * MAX_PAGES:
                break
    except Exception as error:
        raise gemini.engine_error(error, "") from None
    return ""


def create_batch(
    *, display_name: str, model: str, requests: Iterable[tuple[str, DrawRequest]]
) -> str | None:
    """Place an order; returns its name, or None where there were no requests.

    `requests` come with a key each, one in memory at a time once they are too many to go inline.
    Raises EngineError; after one that `may_have_been_paid`, look for the order before placing it
    again.
    """
    client = _client()
    with tempfile.TemporaryFile() as file:
        inline = _inline(requests, file)
        if not inline and not file.tell():
            return None
        try:
            source = inline or _uploaded(client, file, display_name)
            order = client.batches.create(
                model=model, src=source, config={"display_name": display_name}
            )
        except Exception as error:
            raise gemini.engine_error(error, model) from None
    if not order.name:
        raise EngineFailed(
            "Gemini accepted a bulk order without giving it a name.", code="bad_answer"
        )
    return order.name


def get_batch(name: str) -> BatchOrder:
    """Raises EngineError."""
    client = _client()
    try:
        # The SDK's own reading of it leaves out why an order failed
        response = client._api_client.request("get", name, {}, None)
        body = dict_of(loads(response.body or "{}"))
    except Exception as error:
        raise gemini.engine_error(error, "") from None
    metadata = dict_of(body.get("metadata"))
    state = str(metadata.get("state") or "").removeprefix("BATCH_STATE_").removeprefix("JOB_STATE_")
    said = str(dict_of(body.get("error")).get("message") or "")
    if body.get("done") and state in ("PENDING", "RUNNING", ""):
        state = "FAILED" if said else "SUCCEEDED"
    return BatchOrder(name, state, gemini.without_key(said), body)


def cancel_batch(name: str) -> None:
    """Ask for an end of the order; `look` tells when there is one. Raises EngineError."""
    client = _client()
    try:
        client.batches.cancel(name=name)
    except Exception as error:
        raise gemini.engine_error(error, "") from None


def iter_answers(order: BatchOrder) -> Iterator[Answer]:
    """What came of each request, in any order; an error is one that belongs to that request.

    Raises EngineError where they cannot be fetched.
    """
    output = dict_of(dict_of(order.body.get("metadata")).get("output"))
    output = output or dict_of(order.body.get("response"))
    if file := either(output, "responsesFile"):
        yield from _answers_in_file(str(file))
        return
    inlined = dict_of(either(output, "inlinedResponses"))
    for row in dicts(either(inlined, "inlinedResponses")):
        yield _answer(row)


# --- placing ------------------------------------------------------------------------------------


def _client() -> Client:
    if problem := gemini.check():
        raise EngineFailed(problem, code="not_configured")
    return gemini.open_client()


def _inline(
    requests: Iterable[tuple[str, DrawRequest]], file: IO[bytes]
) -> list[types.InlinedRequest]:
    """The requests, as long as they are small enough together; else none, and all in the file."""
    held: list[types.InlinedRequest] = []
    size = 0
    for key, request in requests:
        line = _line(key, request)
        size += len(line)
        file.write(line)
        if size <= MAX_INLINE_BYTES:
            held.append(_inlined(key, request))
        else:
            held.clear()
    return held if size <= MAX_INLINE_BYTES else []


def _inlined(key: str, request: DrawRequest) -> types.InlinedRequest:
    from google.genai import types

    return types.InlinedRequest(
        contents=list(gemini.contents(request)),
        config=gemini.config(request),
        metadata={"key": key},
    )


def _line(key: str, request: DrawRequest) -> bytes:
    """The same for a file: as it goes over the wire."""
    contents = [
        content.model_dump(mode="json", by_alias=True, exclude_none=True)
        for content in gemini.contents(request)
    ]
    image = {"aspectRatio": request.aspect_ratio, "imageSize": request.image_size}
    config: dict[str, Any] = {
        "responseModalities": ["TEXT", "IMAGE"],
        "imageConfig": {name: value for name, value in image.items() if value},
    }
    body = {"contents": contents, "generationConfig": config}
    return json.dumps({"key": key, "request": body}).encode() + b"\n"


def _uploaded(client: Client, file: IO[bytes], display_name: str) -> str:
    from google.genai import types

    file.seek(0)
    config = types.UploadFileConfig(mime_type="application/jsonl", display_name=display_name)
    uploaded = client.files.upload(file=file, config=config)  # type: ignore[arg-type]
    if not uploaded.name:
        raise ValueError("the upload has no name")
    return uploaded.name


# --- reading ------------------------------------------------------------------------------------


def _answers_in_file(name: str) -> Iterator[Answer]:
    client = _client()
    with tempfile.TemporaryFile() as file:
        try:
            client.files.download(file=name, destination=file)
        except Exception as error:
            raise gemini.engine_error(error, "") from None
        file.seek(0)
        for line in file:
            try:
                row = dict_of(loads(line))
            except ValueError:  # its request is then one without an answer
                continue
            yield _answer(row)


def _answer(row: Json) -> Answer:
    key = str(row.get("key") or dict_of(row.get("metadata")).get("key") or "")
    if problem := dict_of(row.get("error")):
        code = problem.get("code")
        status = code if isinstance(code, int) else 0
        message = gemini.without_key(str(problem.get("message") or ""))
        details = problem.get("details")
        return key, answer.problem(
            HTTP_STATUS.get(status, status), message, details if isinstance(details, list) else []
        )
    try:
        return key, answer.read(json.dumps(row.get("response") or {}).encode())
    except EngineError as error:
        return key, error

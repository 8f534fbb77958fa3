"""Calls Gemini's batch interface: many requests in one order, answered within a day at half price.

Answers are parsed from the untouched body of an order: the SDK returns only a part of it, does not
report why an order failed, and fails on an answer with one broken image.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from generation.engines.base import Drawing, DrawRequest
from generation.engines.gemini import client, response
from generation.engines.gemini.errors import engine_error, without_key
from generation.engines.gemini.json_fields import Json, dict_of, dicts, get_field, loads
from generation.errors import EngineError, EngineFailed

if TYPE_CHECKING:
    from google.genai import Client, types

MAX_INLINE_BYTES = 18_000_000  # Request body; Google accepts 20 MB, and larger orders as a file
PAGE = 100  # Orders per page of the list
MAX_PAGES = 50
# HTTP status of a live answer by google.rpc.Code, which the answers in an order carry instead
HTTP_STATUS = {1: 499, 3: 400, 4: 504, 5: 404, 7: 403, 8: 429, 9: 400, 13: 500, 14: 503, 16: 401}

Answer = tuple[str, Drawing | EngineError]  # Key of the request, and its outcome


@dataclass(frozen=True)
class BatchOrder:
    """Status of an order.

    `state` is PENDING, RUNNING, SUCCEEDED, FAILED, CANCELLED or EXPIRED. `said` is the service's
    message about a failure, "" if there is none. `body` is the order as JSON.
    """

    name: str
    state: str
    said: str
    body: Json

    @property
    def done(self) -> bool:
        return self.state in ("SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED")


def find_batch(display_name: str) -> str:
    """Return the name that the service gave to the order with that display name, "" if there is
    none among the newest 5,000 orders. Raises EngineError."""
    sdk_client = _open_client()
    try:
        pages = sdk_client.batches.list(config={"page_size": PAGE})
        for number, order in enumerate(pages):
            if order.display_name == display_name:
                return order.name or ""
            if number > PAGE * MAX_PAGES:
                break
    except Exception as error:
        raise engine_error(error, "") from None
    return ""


def create_batch(
    *, display_name: str, model: str, requests: Iterable[tuple[str, DrawRequest]]
) -> str | None:
    """Place an order and return its name; return None if there are no requests.

    `requests` are (key, request) pairs; once they are too large for an inline order, only one is in
    memory at a time. Raises EngineError; after one with `may_have_been_paid`, look for the order
    with `find_batch` before placing it again.
    """
    sdk_client = _open_client()
    with tempfile.TemporaryFile() as file:
        inline = _inline(requests, file)
        if not inline and not file.tell():
            return None
        try:
            source = inline or _upload(sdk_client, file, display_name)
            order = sdk_client.batches.create(
                model=model, src=source, config={"display_name": display_name}
            )
        except Exception as error:
            raise engine_error(error, model) from None
    if not order.name:
        raise EngineFailed(
            "Gemini accepted a bulk order without giving it a name.", code="bad_answer"
        )
    return order.name


def get_batch(name: str) -> BatchOrder:
    """Return the status of an order. Raises EngineError."""
    sdk_client = _open_client()
    try:
        # The SDK's parsed order leaves out why it failed
        sdk_response = sdk_client._api_client.request("get", name, {}, None)
        body = dict_of(loads(sdk_response.body or "{}"))
    except Exception as error:
        raise engine_error(error, "") from None
    metadata = dict_of(body.get("metadata"))
    state = str(metadata.get("state") or "").removeprefix("BATCH_STATE_").removeprefix("JOB_STATE_")
    message = str(dict_of(body.get("error")).get("message") or "")
    if body.get("done") and state in ("PENDING", "RUNNING", ""):
        state = "FAILED" if message else "SUCCEEDED"
    return BatchOrder(name, state, without_key(message), body)


def cancel_batch(name: str) -> None:
    """Request that the service stop an order; `get_batch` shows when it has ended. Raises
    EngineError."""
    sdk_client = _open_client()
    try:
        sdk_client.batches.cancel(name=name)
    except Exception as error:
        raise engine_error(error, "") from None


def iter_answers(order: BatchOrder) -> Iterator[Answer]:
    """Yield the key and the drawing, or the error, of each request of an order, in any sequence.

    Raises EngineError if the answers cannot be fetched.
    """
    output = dict_of(dict_of(order.body.get("metadata")).get("output"))
    output = output or dict_of(order.body.get("response"))
    if file := get_field(output, "responsesFile"):
        yield from _answers_in_file(str(file))
        return
    inlined = dict_of(get_field(output, "inlinedResponses"))
    for row in dicts(get_field(inlined, "inlinedResponses")):
        yield _answer(row)


# --- placing ------------------------------------------------------------------------------------


def _open_client() -> Client:
    """Return the SDK's client. Raises EngineFailed if Gemini is not configured."""
    if problem := client.check():
        raise EngineFailed(problem, code="not_configured")
    return client.open_client()


def _inline(
    requests: Iterable[tuple[str, DrawRequest]], file: IO[bytes]
) -> list[types.InlinedRequest]:
    """Return the requests if they are small enough for an inline order, else []. `file` gets all of
    them in either case."""
    inline: list[types.InlinedRequest] = []
    size = 0
    for key, request in requests:
        line = _line(key, request)
        size += len(line)
        file.write(line)
        if size <= MAX_INLINE_BYTES:
            inline.append(_inlined(key, request))
        else:
            inline.clear()
    return inline if size <= MAX_INLINE_BYTES else []


def _inlined(key: str, request: DrawRequest) -> types.InlinedRequest:
    from google.genai import types

    return types.InlinedRequest(
        contents=list(client.contents(request)),
        config=client.config(request),
        metadata={"key": key},
    )


def _line(key: str, request: DrawRequest) -> bytes:
    """Return a request as one line of a JSONL file, in the spelling of the REST API."""
    contents = [
        content.model_dump(mode="json", by_alias=True, exclude_none=True)
        for content in client.contents(request)
    ]
    image = {"aspectRatio": request.aspect_ratio, "imageSize": request.image_size}
    config: dict[str, Any] = {
        "responseModalities": ["TEXT", "IMAGE"],
        "imageConfig": {name: value for name, value in image.items() if value},
    }
    body = {"contents": contents, "generationConfig": config}
    return json.dumps({"key": key, "request": body}).encode() + b"\n"


def _upload(sdk_client: Client, file: IO[bytes], display_name: str) -> str:
    from google.genai import types

    file.seek(0)
    config = types.UploadFileConfig(mime_type="application/jsonl", display_name=display_name)
    uploaded = sdk_client.files.upload(file=file, config=config)  # type: ignore[arg-type]
    if not uploaded.name:
        raise ValueError("the upload has no name")
    return uploaded.name


# --- reading ------------------------------------------------------------------------------------


def _answers_in_file(name: str) -> Iterator[Answer]:
    """Yield the answers in a JSONL file of the service. Raises EngineError."""
    sdk_client = _open_client()
    with tempfile.TemporaryFile() as file:
        try:
            sdk_client.files.download(file=name, destination=file)
        except Exception as error:
            raise engine_error(error, "") from None
        file.seek(0)
        for line in file:
            try:
                row = dict_of(loads(line))
            except ValueError:  # the caller treats its request as unanswered
                continue
            yield _answer(row)


def _answer(row: Json) -> Answer:
    key = str(row.get("key") or dict_of(row.get("metadata")).get("key") or "")
    if problem := dict_of(row.get("error")):
        code = problem.get("code")
        status = code if isinstance(code, int) else 0
        message = without_key(str(problem.get("message") or ""))
        details = problem.get("details")
        return key, response.status_error(
            HTTP_STATUS.get(status, status), message, details if isinstance(details, list) else []
        )
    try:
        return key, response.read(json.dumps(row.get("response") or {}).encode())
    except EngineError as error:
        return key, error

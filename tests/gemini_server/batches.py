"""Batch interface of the stand-in: orders of many requests, inline or as files.

The outcome of an order is `Batches.outcome` at the moment it is polled; "running" leaves it
unfinished. Each request of a successful order gets its own answer, by the same scripts and
[scenario:NAME] as live requests.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

from tests.gemini_server.replies import Json, Reply, as_json, error
from tests.gemini_server.rules import (
    ParsedRequest,
    RejectedError,
    check_key,
    check_model,
    get,
    read,
    reject,
)

MAX_INLINE_BYTES = 20 * 1024 * 1024
TYPE = "type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatch"
OUTCOMES = ("running", "succeeded", "failed", "expired")
GRPC = {400: 3, 401: 16, 403: 7, 404: 5, 429: 8, 500: 13, 503: 14, 504: 4}

Answer = Callable[[ParsedRequest, str], Reply]  # Answers a request, with its key, like a live one


@dataclass
class Order:
    """Order of a client, with its state and output."""

    name: str
    model: str
    display_name: str
    requests: list[tuple[Json, Json]]  # Metadata and request of each
    key: str
    in_file: bool
    state: str = "PENDING"
    output: Json = field(default_factory=dict)
    created: str = field(default_factory=lambda: datetime.now(UTC).isoformat())

    @property
    def done(self) -> bool:
        return self.state not in ("PENDING", "RUNNING")


class Batches:
    """Orders and files of the stand-in; `outcome` is one of OUTCOMES."""

    def __init__(self, answer: Answer) -> None:
        self.orders: dict[str, Order] = {}
        self.files: dict[str, bytes] = {}
        self.outcome = "succeeded"
        self._answer = answer
        self._lock = threading.RLock()

    def clear(self) -> None:
        """Delete all orders and files, and let orders succeed again."""
        with self._lock:
            self.orders.clear()
            self.files.clear()
            self.outcome = "succeeded"

    def handles(self, path: str) -> bool:
        """Return True if the path belongs to the batch or file interface."""
        return bool(re.search(r":batchGenerateContent$|/batches|/files", urlsplit(path).path))

    def reply(
        self, method: str, path: str, headers: dict[str, str], raw: bytes, url: str
    ) -> tuple[Reply, str]:
        """Return the reply and the kind of request: file, download, batch, batches or rejected."""
        place = urlsplit(path).path
        with self._lock:
            if match := re.fullmatch(r"/uploaded/(files/\w+)", place):
                return self._uploaded(match[1], headers, raw), "file"
            check_key(path, headers)
            if method == "POST" and place == "/upload/v1beta/files":
                return self._upload(headers, url), "file"
            if match := re.fullmatch(r"/v1beta/(files/[\w-]+):download", place):
                return self._download(match[1]), "download"
            if match := re.fullmatch(r"/v1beta/models/([^/:]+):batchGenerateContent", place):
                key = headers.get("x-goog-api-key", "")
                return self._create(match[1], _json(raw), len(raw), key), "batch"
            if method == "GET" and place == "/v1beta/batches":
                return self._list(path), "batches"
            if match := re.fullmatch(r"/v1beta/(batches/\w+)(:cancel)?", place):
                return self._one(match[1], cancel=bool(match[2])), "batches"
        return Reply(status=404, body=b"<html>Not found</html>", kind="text/html"), "rejected"

    # --- files

    def _upload(self, headers: dict[str, str], url: str) -> Reply:
        if headers.get("x-goog-upload-command") != "start":
            reject("The upload command is not start.")
        name = f"files/in{len(self.files) + 1}"
        self.files[name] = b""
        return Reply(body=b"{}", headers={"x-goog-upload-url": f"{url}/uploaded/{name}"})

    def _uploaded(self, name: str, headers: dict[str, str], raw: bytes) -> Reply:
        self.files[name] += raw
        final = "finalize" in headers.get("x-goog-upload-command", "")
        size = str(len(self.files[name]))
        file = {"name": name, "uri": name, "mimeType": "application/jsonl", "sizeBytes": size}
        return Reply(
            body=json.dumps({"file": {**file, "state": "ACTIVE"}} if final else {}).encode(),
            headers={"x-goog-upload-status": "final" if final else "active"},
        )

    def _download(self, name: str) -> Reply:
        if name not in self.files:
            reject(f"File {name} does not exist.")
        return Reply(body=self.files[name], kind="application/jsonl")

    # --- orders

    def _create(self, model: str, body: Json, size: int, key: str) -> Reply:
        check_model(model, "v1beta")
        batch = body.get("batch") or {}
        config = get(batch, "inputConfig") or {}
        if file := get(config, "fileName"):
            lines = self.files.get(file, b"").splitlines()
            if not lines:
                reject(f"File {file} does not exist or is empty.")
            rows = [_json(line) for line in lines]
            requests = [({"key": row.get("key")}, row.get("request") or {}) for row in rows]
        else:
            if size > MAX_INLINE_BYTES:
                reject(f"Request payload size exceeds the limit: {MAX_INLINE_BYTES} bytes.")
            inline = (config.get("requests") or {}).get("requests") or []
            requests = [(row.get("metadata") or {}, row.get("request") or {}) for row in inline]
        if not requests:
            reject("* BatchGenerateContentRequest.batch.input_config: is not specified\n")
        name = f"batches/order{len(self.orders) + 1}"
        display_name = get(batch, "displayName") or ""
        self.orders[name] = Order(name, model, display_name, requests, key, in_file=bool(file))
        return as_json(self._as_operation(self.orders[name]))

    def _list(self, path: str) -> Reply:
        query = {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}
        start, size = int(query.get("pageToken") or 0), int(query.get("pageSize") or 50)
        listed = list(self.orders.values())[::-1]
        page: Json = {
            "operations": [self._as_operation(each) for each in listed[start : start + size]]
        }
        if start + size < len(listed):
            page["nextPageToken"] = str(start + size)
        return as_json(page)

    def _one(self, name: str, *, cancel: bool) -> Reply:
        order = self.orders.get(name)
        if order is None:
            return error("bad_argument", message=f"Batch {name} not found.")
        if cancel:
            if order.done:
                reject("The batch has ended already.")
            order.state = "CANCELLED"
            return as_json({})
        if not order.done:
            order.state = self.outcome.upper()
            if order.state == "SUCCEEDED":
                order.output = self._results(order)
        return as_json(self._as_operation(order))

    def _as_operation(self, order: Order) -> Json:
        metadata: Json = {
            "@type": TYPE,
            "model": f"models/{order.model}",
            "displayName": order.display_name,
            "createTime": order.created,
            "batchStats": {"requestCount": str(len(order.requests))},
            "state": f"BATCH_STATE_{order.state}",
            "name": order.name,
        }
        operation: Json = {"name": order.name, "metadata": metadata}
        if order.output:
            metadata["output"] = order.output
            operation["response"] = {"@type": f"{TYPE}Output", **order.output}
        if order.done:
            operation["done"] = True
        errors = {"FAILED": (13, "Internal error."), "CANCELLED": (1, "Cancelled."), "EXPIRED": ()}
        if problem := errors.get(order.state):
            operation["error"] = {"code": problem[0], "message": problem[1]}
        return operation

    def _results(self, order: Order) -> Json:
        answers = [self._result(order, request) for _, request in order.requests]
        if order.in_file:
            name = f"files/batch-{order.name.removeprefix('batches/')}"
            lines = [
                json.dumps({"key": metadata.get("key"), **answer})
                for (metadata, _), answer in zip(order.requests, answers, strict=True)
            ]
            self.files[name] = "\n".join(lines).encode()
            return {"responsesFile": name}
        rows = [
            {"metadata": metadata, **answer}
            for (metadata, _), answer in zip(order.requests, answers, strict=True)
        ]
        return {"inlinedResponses": {"inlinedResponses": rows}}

    def _result(self, order: Order, request: Json) -> Json:
        try:
            reply = self._answer(read(order.model, "v1beta", request), order.key)
        except RejectedError as rejected:
            reply = rejected.reply
        body = _json(reply.body)
        if reply.status == 200 and "error" not in body:
            return {"response": body}
        problem = body.get("error") or {"code": reply.status, "message": reply.body.decode()}
        code = GRPC.get(problem["code"], 2)
        return {"error": {"code": code, "message": problem["message"]}}


def _json(raw: bytes) -> Json:
    try:
        body = json.loads(raw)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}

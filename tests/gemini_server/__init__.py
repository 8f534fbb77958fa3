"""A stand-in for the Gemini API over real HTTP, as strict as the API and as varied in its answers.

    with GeminiServer() as server:
        server.script("rate_limited", "success")   # for the next two requests; then success again
        ...                                        # point GEMINI_BASE_URL at server.url
        server.requests[0].prompt

A prompt that contains [scenario:NAME] gets that scenario. Requests are checked first: what Google
would reject is rejected, whatever the script contains, and does not use up the script. A repeated
request gives another image, as it does at Google; `clear` resets that, too.
`python -m tests.gemini_server --port 8765` runs it for manual tests.
"""

from __future__ import annotations

import dataclasses
import json
import re
import socket
import threading
from collections import Counter, deque
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from tests.gemini_server.batches import Batches
from tests.gemini_server.replies import Json, Reply, as_json, error
from tests.gemini_server.rules import (
    MODELS,
    ParsedRequest,
    Reference,
    RejectedError,
    check,
    check_key,
)
from tests.gemini_server.scenarios import SCENARIOS

__all__ = ["SCENARIOS", "GeminiServer", "Recorded", "Reference"]


@dataclass(frozen=True)
class Recorded:
    """Request as it came, with its parsed form and its outcome. Header names are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: Json
    asked: ParsedRequest | None  # None if the request was rejected
    scenario: str
    status: int

    @property
    def prompt(self) -> str:
        return self.asked.prompt if self.asked else ""

    @property
    def references(self) -> tuple[Reference, ...]:
        return self.asked.references if self.asked else ()


class GeminiServer:
    """Stand-in that serves from its creation until `close`, on its own thread.

    `slow_s` is the delay in seconds of the scenario "slow". `drop_receipts` cuts the connection
    after an order was accepted, before its receipt is sent.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        scenario: str = "success",
        slow_s: float = 3.0,
    ) -> None:
        _require_known(scenario)
        self.default = scenario
        self.slow_s = slow_s
        self.requests: list[Recorded] = []
        self.closing = threading.Event()
        self.batches = Batches(self._answer_one)
        self.drop_receipts = False
        self._script: deque[str] = deque()
        self._turns: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()
        self._http = _Server((host, port), _Handler)
        self._http.owner = self
        self.url = f"http://{host}:{self._http.server_address[1]}"
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )
        self._thread.start()

    def script(self, *names: str) -> None:
        """Queue scenarios, one for each of the next well-formed requests. Raises ValueError."""
        for name in names:
            _require_known(name)
        with self._lock:
            self._script.extend(names)

    def clear(self) -> None:
        """Delete the script, the requests and the orders, and restart the images."""
        with self._lock:
            self._script.clear()
            self._turns.clear()
            self.requests.clear()
        self.batches.clear()
        self.drop_receipts = False

    def close(self) -> None:
        self.closing.set()
        self._http.shutdown()
        self._http.server_close()
        with self._lock:
            for connection in self._connections:
                _cut(connection)
        self._thread.join(5)

    def __enter__(self) -> GeminiServer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def answer(self, method: str, path: str, headers: dict[str, str], raw: bytes) -> Reply:
        """Record a request and return its reply."""
        parsed, scenario = None, "rejected"
        try:
            if self.batches.handles(path):
                reply, scenario = self.batches.reply(method, path, headers, raw, self.url)
                reply = self._with_receipt(reply, scenario)
            elif method == "GET":
                reply, scenario = _models(path, headers), "models"
            else:
                parsed = self._take_turn(check(path, headers, raw))
                scenario = self._choose(parsed)
                reply = SCENARIOS[scenario](parsed, headers.get("x-goog-api-key", ""))
        except RejectedError as rejected:
            reply = rejected.reply
        if scenario == "slow":
            reply = dataclasses.replace(reply, wait=self.slow_s)
        record = Recorded(method, path, headers, _body(raw), parsed, scenario, reply.status)
        with self._lock:
            self.requests.append(record)
        return reply

    def _with_receipt(self, reply: Reply, kind: str) -> Reply:
        """Return the reply, whose receipt of an order is dropped if `drop_receipts` is set."""
        if kind == "batch" and self.drop_receipts:
            return dataclasses.replace(reply, ending="dropped")
        return reply

    def _answer_one(self, parsed: ParsedRequest, key: str) -> Reply:
        parsed = self._take_turn(parsed)
        return SCENARIOS[self._choose(parsed)](parsed, key)

    def _take_turn(self, parsed: ParsedRequest) -> ParsedRequest:
        with self._lock:
            turn = self._turns[parsed.model, parsed.prompt]
            self._turns[parsed.model, parsed.prompt] += 1
        return dataclasses.replace(parsed, turn=turn)

    def _choose(self, parsed: ParsedRequest) -> str:
        named = re.search(r"\[scenario:\s*(\w+)\s*\]", parsed.prompt)
        if named is None:
            with self._lock:
                return self._script.popleft() if self._script else self.default
        if named[1] not in SCENARIOS:
            known = ", ".join(SCENARIOS)
            raise RejectedError(error("bad_argument", message=f"No such scenario. Known: {known}"))
        return named[1]

    def track(self, connection: socket.socket, *, open: bool) -> None:
        with self._lock:
            (self._connections.add if open else self._connections.discard)(connection)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    owner: GeminiServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that disconnect: tests do so on purpose."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.server.owner.track(self.connection, open=True)

    def finish(self) -> None:
        self.server.owner.track(self.connection, open=False)
        super().finish()

    def do_GET(self) -> None:
        self._serve("GET")

    def do_POST(self) -> None:
        self._serve("POST")

    def _serve(self, method: str) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        owner = self.server.owner
        reply = owner.answer(method, self.path, headers, raw)
        if reply.ending == "hang":
            owner.closing.wait()
        if reply.wait:
            owner.closing.wait(reply.wait)
        if reply.ending in ("hang", "dropped"):
            self.close_connection = True
            _cut(self.connection)
            return
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.kind)
        self.send_header("Content-Length", str(len(reply.body)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        whole = reply.ending == "whole"
        self.wfile.write(reply.body if whole else reply.body[: len(reply.body) // 2])
        self.wfile.flush()
        if not whole:
            self.close_connection = True
            _cut(self.connection)

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: `GeminiServer.requests` holds more."""


def _models(path: str, headers: dict[str, str]) -> Reply:
    check_key(path, headers)
    if not re.match(r"/v1(beta)?/models(\?|$)", path):
        return Reply(status=404, body=b"<html>Not found</html>", kind="text/html")
    listed = [
        {
            "name": f"models/{name}",
            "version": "001",
            "displayName": name,
            "inputTokenLimit": 65536,
            "outputTokenLimit": 32768,
            "supportedGenerationMethods": ["generateContent", "countTokens"],
        }
        for name in MODELS
    ]
    return as_json({"models": listed})


def _body(raw: bytes) -> Json:
    try:
        body = json.loads(raw)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _require_known(name: str) -> None:
    if name not in SCENARIOS:
        raise ValueError(f"No scenario {name!r}. Known: {', '.join(SCENARIOS)}")


def _cut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # the client has closed it already

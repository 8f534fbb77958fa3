"""The kept library, migrated by the code of today, and then at work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from tests.gemini_server import GeminiServer
from tests.support.processes import free_port, wait_until
from tests.upgrade.receivers import HookReceiver, MailServer
from tests.upgrade.restored import HOST, Answer, OldLibrary, Request, Tables

V1 = "/api/v1"
PASSWORD = {"username": "vera", "password": "a long way to sign in"}
ONCE = '{"brand":"maison-orvelle","name":"Asked for once"}'


@dataclass
class Migrated:
    """The migrated library, with all rows `before` and `after` the migration.

    The rest are answers from before a worker started: to expected requests in `answers`, and to
    users who return in `back`.
    """

    library: OldLibrary
    before: Tables
    after: Tables
    answers: list[Answer]
    back: dict[str, Answer]


@dataclass
class AtWork:
    """The running library, once nothing was in flight."""

    library: OldLibrary
    before: Tables
    now: Tables
    address: str

    def get(self, path: str, person: str = "", session: str = "") -> requests.Response:
        return self._ask("GET", path, person, session)

    def post(self, path: str, person: str) -> requests.Response:
        return self._ask("POST", path, person, "")

    def _ask(self, method: str, path: str, person: str, session: str) -> requests.Response:
        tokens = self.library.expected["tokens"]
        headers = {"Authorization": f"Token {tokens[person]}"} if person else {}
        cookies = {"sessionid": session} if session else {}
        return requests.request(
            method, f"{self.address}{path}", headers=headers, cookies=cookies, timeout=60
        )


def coming_back(session: str) -> dict[str, Request]:
    """A sign-in, a desk in the studio as it was left, and a request that was answered before."""
    at_desk: dict[str, Any] = {"client": "creative", "session": session}
    key = {"Idempotency-Key": "kept-1"}
    return {
        "sign-in": Request("/sign-in/", method="post", data=PASSWORD, client="vera"),
        "studio": Request("/studio/", **at_desk),
        "tray": Request("/tray/", **at_desk),
        "undo": Request("/studio/undo/", method="post", **at_desk),
        "once": Request(f"{V1}/collections/", "creative", "post", ONCE, key),
    }


@pytest.fixture(scope="package")
def migrated() -> Iterator[Migrated]:
    with ExitStack() as stack:
        services = [
            stack.enter_context(each()) for each in (GeminiServer, HookReceiver, MailServer)
        ]
        library = OldLibrary(*services)  # type: ignore[arg-type]
        stack.callback(library.close)
        library.migrate()
        after = library.tables()
        told = [Request(each["path"], each["person"]) for each in library.expected["answers"]]
        back = coming_back(library.expected["session"]["key"])
        answers = library.ask([*told, *back.values()])
        yield Migrated(
            library,
            library.tables("before"),
            after,
            answers[: len(told)],
            dict(zip(back, answers[len(told) :], strict=True)),
        )


@pytest.fixture(scope="package")
def at_work(migrated: Migrated) -> Iterator[AtWork]:
    """Web server and workers run, and what was in flight has ended."""
    library, port = migrated.library, free_port()
    running, address = library.start(port), f"http://{HOST}:{port}"

    def answers() -> bool:
        try:
            health = requests.get(f"{address}/sign-in/", timeout=9)
        except requests.RequestException:
            return not running.alive
        return health.status_code == 200

    wait_until(answers, "the library answers", seconds=120)
    assert running.alive, running.output
    library.work_off(seconds=200)
    yield AtWork(library, migrated.before, library.tables(), address)
    running.interrupt()
    ended = running.ended(30)
    assert ended.code == 0, ended.output
    assert "Traceback" not in ended.output

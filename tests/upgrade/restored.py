"""The stored library, restored in a folder of its own, and a second copy of its database.

The second copy, `before`, is never migrated: whatever the code of today makes of the library is
compared with it, row by row. Nothing here names a model or a module of the three apps.
"""

from __future__ import annotations

import json
import lzma
import tarfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from tests.gemini_server import GeminiServer
from tests.gemini_server.batches import Order
from tests.support.processes import House, Running, wait_until
from tests.upgrade.receivers import HookReceiver, MailServer

HERE = Path(__file__).resolve().parent
NAME = "library-0.1.0"
SECRET_KEY = "the key of the library that is kept for upgrade tests"
HOST = "127.0.0.1"

Row = dict[str, Any]
Rows = dict[str, Row]  # by their primary key
Tables = dict[str, Rows]

# An open connection keeps the embedded server running
HOLD = """
import signal
from django.db import connection
connection.ensure_connection()
print("at work", flush=True)
signal.pause()
"""
ASK = """
import json, pathlib
from django.test import Client
told, clients = [], {{}}
for each in json.loads(pathlib.Path({asked!r}).read_text()):
    client = clients.setdefault(each["client"], Client(SERVER_NAME="127.0.0.1"))
    if each["session"]:
        client.cookies["sessionid"] = each["session"]
    method = getattr(client, each["method"])
    options = {{"data": each["data"], "headers": each["headers"]}}
    if isinstance(each["data"], str):
        options["content_type"] = "application/json"
    answer = method(each["path"], follow=True, **options)
    told.append({{"status": answer.status_code, "text": answer.content.decode()}})
pathlib.Path({told!r}).write_text(json.dumps(told))
"""
KEYS = """
SELECT key.table_name, array_agg(key.column_name::text ORDER BY key.ordinal_position)
  FROM information_schema.table_constraints AS has
  JOIN information_schema.key_column_usage AS key USING (constraint_schema, constraint_name)
 WHERE has.constraint_type = 'PRIMARY KEY' AND has.table_schema = 'public'
 GROUP BY key.table_name
"""


@dataclass(frozen=True)
class Request:
    """`client`: requests of the same one share its cookies. `session`: the key of an old one."""

    path: str
    person: str = ""  # whose token is sent
    method: str = "get"
    data: dict[str, str] | str = ""  # fields of a form, or JSON
    headers: dict[str, str] = field(default_factory=dict)
    client: str = ""
    session: str = ""


@dataclass(frozen=True)
class Answer:
    status: int
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


class OldLibrary:
    """A running server with both databases, and the services that the library talks to."""

    def __init__(self, gemini: GeminiServer, hooks: HookReceiver, mails: MailServer) -> None:
        self.expected: dict[str, Any] = json.loads((HERE / "expected.json").read_text())
        self.gemini, self.hooks, self.mails = gemini, hooks, mails
        self.house = House(
            SECRET_KEY=SECRET_KEY,
            CLIP_MODEL="",  # as `make run` starts
            GEMINI_API_KEY="AIza-a-key-for-tests",
            GEMINI_BASE_URL=gemini.url,
            WEBHOOKS_TO_PRIVATE_HOSTS="yes",
            EMAIL_URL=f"smtp://{HOST}:{mails.port}?from=assets@example.com",
            SITE_URL="https://assets.example.com",
        )
        with tarfile.open(HERE / f"{NAME}.media.tar") as tar:
            tar.extractall(self.house.folder / "media", filter="data")
        (self.house.folder / "demo_loaded").touch()
        holder = self.house.start_script(HOLD)
        wait_until(lambda: "at work" in holder.output or not holder.alive, "PostgreSQL started")
        assert holder.alive, holder.output
        self._restore()

    def close(self) -> None:
        self.house.close()

    def migrate(self) -> None:
        done = self.house.manage("migrate")
        assert done.code == 0, done.output

    def tables(self, database: str = "assetbank") -> Tables:
        """Every row of every table that has a primary key."""
        with self.connect(database) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            found: Tables = {}
            for table, keys in connection.execute(KEYS).fetchall():
                rows = connection.execute(f'SELECT to_jsonb(t) FROM "{table}" t'.encode())
                found[table] = {
                    " ".join(str(row[key]) for key in keys): row for (row,) in rows.fetchall()
                }
        return found

    def connect(self, database: str = "assetbank") -> psycopg.Connection:
        info = (self.house.folder / "postgres" / "postmaster.pid").read_text().splitlines()
        address = f"host={info[4]} user=postgres dbname={database}"
        return psycopg.connect(address, autocommit=True)

    def ask(self, requests: list[Request]) -> list[Answer]:
        """Send the requests to the present code in a process of its own, and return its answers."""
        asked, told = (self.house.folder / name for name in ("asked.json", "told.json"))
        asked.write_text(json.dumps([self._as_sent(each) for each in requests]))
        self.house.script(ASK.format(asked=str(asked), told=str(told)))
        return [Answer(**each) for each in json.loads(told.read_text())]

    def start(self, port: int) -> Running:
        """Everything that `make run` starts. Time has stood still since the library was stopped."""
        for name, order in self.expected["orders"].items():
            self.gemini.batches.orders[name] = Order(
                name,
                order["model"],
                order["display_name"],
                [(metadata, request) for metadata, request in order["requests"]],
                "AIza-a-key-for-tests",
                in_file=False,
            )
        with self.connect() as connection:
            connection.execute(
                "UPDATE generation_batchjob SET created_at = now() "
                "WHERE state IN ('submitting', 'waiting')"
            )
            connection.execute(
                "UPDATE generation_webhook SET url = %s WHERE active", [self.hooks.url]
            )
        return self.house.start("run_library", "--port", str(port))

    def work_off(self, seconds: float) -> None:
        """Wait until nothing is in flight."""
        deadline = time.monotonic() + seconds
        while left := self._in_flight():
            assert time.monotonic() < deadline, left
            time.sleep(0.5)

    def _in_flight(self) -> dict[str, int]:
        """Return the number of unfinished rows of each kind."""
        counted = {
            "generations": "generation_generation WHERE state IN ('queued', 'running')",
            "orders": "generation_batchjob WHERE state IN ('submitting', 'waiting')",
            "messages": "generation_webhookdelivery WHERE state = 'waiting'",
            "index": "search_embedding WHERE state IN ('pending', 'removing')",
            "mails": "procrastinate_jobs WHERE task_name = 'assetbank.tasks.mail_notice' "
            "AND status <> 'failed'",
        }
        with self.connect() as connection:
            # nobody waits half a minute until an order is looked at again
            connection.execute(
                "UPDATE procrastinate_jobs SET scheduled_at = now() "
                "WHERE task_name = 'generation.tasks.follow' AND status = 'todo'"
            )
            left: dict[str, int] = {}
            for what, where in counted.items():
                (number,) = connection.execute(
                    f"SELECT count(*) FROM {where}".encode()
                ).fetchone() or (0,)
                left |= {what: number} if number else {}
        return left

    def _as_sent(self, request: Request) -> dict[str, Any]:
        headers = dict(request.headers)
        if request.person:
            headers["Authorization"] = f"Token {self.expected['tokens'][request.person]}"
        return {
            "client": request.client or request.person,
            "path": request.path,
            "method": request.method,
            "data": request.data or None,
            "headers": headers,
            "session": request.session,
        }

    def _restore(self) -> None:
        sql = lzma.decompress((HERE / f"{NAME}.sql.xz").read_bytes())
        with self.connect() as connection:
            connection.execute("CREATE DATABASE before")
        for database in ("assetbank", "before"):
            with self.connect(database) as connection:
                connection.execute(sql)

"""Everything on one machine with one command: database, index, web server, workers."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shlex
import signal
import socket
import sys
from pathlib import Path
from typing import IO, Any

import honcho.manager
import psutil
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from assetbank.demo import library
from assetbank.embedded import EmbeddedError, milvus

MARK = "ASSETBANK_PART_OF"  # in the environment of each part: whose it is
THREADS = 8  # of the web server: each holds one request
STOP_SECONDS = 10  # after Ctrl-C, until a part that has not ended is killed: a batch may take five


class Command(BaseCommand):
    help = "Run the whole library: services, migrations, demo (first time), web server, workers."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default=settings.HOST)
        parser.add_argument("--port", type=int, default=settings.PORT)
        parser.add_argument("--no-demo", action="store_true", help="Start with an empty library.")

    def handle(self, *args: Any, **options: Any) -> None:
        host, port = options["host"], options["port"]
        _require_writable(settings.DATA_DIR)
        self._lock = _require_first(settings.DATA_DIR)
        _end_left_behind()
        _require_free_port(host, port)
        self._say("Database …")
        try:
            call_command("migrate", verbosity=0)
            if not settings.MILVUS_URI:
                self._say("Vector index …")
                milvus.ensure_running(settings.DATA_DIR / "milvus")
        except EmbeddedError as error:
            raise CommandError(str(error)) from error
        library.refuse_in_production()
        if library.is_enabled() and not options["no_demo"]:
            self._say("First start: drawing the demo library …")
            call_command("load_demo")
        self._welcome(host, port)
        sys.exit(_run_parts(host, port))

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()

    def _welcome(self, host: str, port: int) -> None:
        self._say(f"\nAssetbank is at http://{host}:{port}/ in a few seconds; Ctrl-C stops it.")
        if library.people().exists():
            for name, what in library.SIGN_INS.items():
                self._say(f"  sign in as {name} / {library.PASSWORD}: {what}")
        self._say("")


def _run_parts(host: str, port: int) -> int:
    """Until Ctrl-C, or until a part that cannot be started again ends."""
    honcho.manager.KILL_WAIT = STOP_SECONDS  # it takes no parameter for that
    manager = honcho.manager.Manager()
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", MARK: str(settings.DATA_DIR)}
    for name, command in _parts(host, port).items():
        manager.add_process(name, command, env=environment, cwd=str(settings.BASE_DIR))
    manager.loop()
    stopped_by_hand = {128 + signal.SIGINT, 128 + signal.SIGTERM}
    return 0 if manager.returncode in stopped_by_hand else int(manager.returncode or 0)


def _parts(host: str, port: int) -> dict[str, str]:
    python = shlex.quote(sys.executable)
    worker = f"{python} manage.py procrastinate worker --concurrency 1 --queues"
    bind = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    parts = {
        "web": f"exec {python} -m gunicorn assetbank.wsgi --bind {shlex.quote(bind)} --workers 1"
        f" --threads {THREADS} --timeout 120 --graceful-timeout 3 --log-level warning"
        " --limit-request-line 8190",  # a long question: each Chinese character takes nine
        "index": _kept_alive(f"{worker} index,house"),
        "generate": _kept_alive(f"{worker} generate,house"),
    }
    logs = {"milvus": settings.DATA_DIR / "milvus" / "log"} if not settings.MILVUS_URI else {}
    if settings.EMBEDDED:
        logs["postgres"] = settings.DATA_DIR / "postgres" / "log"
    # faiss warns of every small flush that it has few points for one cluster: one is all we ask for
    follow = {
        name: f"tail -n 0 -F {shlex.quote(str(log))} | grep -v --line-buffered 'WARNING clustering'"
        for name, log in logs.items()
    }
    return parts | follow


def _kept_alive(command: str) -> str:
    """A worker that is killed (by the system, when memory runs out), or that lost its database and
    ended in good order, comes back."""
    return f"while :; do {command}; echo 'ended; starting again'; sleep 1; done"


def _require_first(folder: Path) -> IO[str]:
    """The lock of the folder's one library. A record lock: unlike other locks it is not passed on
    to children, and so ends with this process, however it ends."""
    lock = (folder / ".library").open("w")
    try:
        fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise CommandError(f"Assetbank is running already, on the data in {folder}.") from error
    return lock


def _end_left_behind() -> None:
    """Parts whose library was killed go on without it, and hold its port."""
    left = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get(MARK) == str(settings.DATA_DIR):
                process.terminate()
                left.append(process)
    _, alive = psutil.wait_procs(left, timeout=8)
    for process in alive:
        with contextlib.suppress(psutil.Error):
            process.kill()


def _require_free_port(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as error:  # the latter: there is no such port
            reason = getattr(error, "strerror", None) or error
            raise CommandError(
                f"Cannot listen on {host}:{port}: {reason}. "
                "Is Assetbank running already? Another port: make run PORT=8001."
            ) from error


def _require_writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise CommandError(
            f"{folder} cannot be written: {error.strerror}. Set DATA_DIR to a folder that can."
        ) from error

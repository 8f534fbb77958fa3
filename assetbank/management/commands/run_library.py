"""Run the whole library on one machine: database, index, web server, workers."""

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

MARK = "ASSETBANK_PART_OF"  # environment variable of each part: the data folder of its library
THREADS = 8  # threads of the web server; each handles one request at a time
STOP_SECONDS = 10  # after Ctrl-C, until a running part is killed; a batch may take five


class Command(BaseCommand):
    help = (
        "Run everything: services, migrations, demo library (first start), web server and workers."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default=settings.HOST)
        parser.add_argument("--port", type=int, default=settings.PORT)
        parser.add_argument("--no-demo", action="store_true", help="Start with an empty library.")

    def handle(self, *args: Any, **options: Any) -> None:
        host, port = options["host"], options["port"]
        _require_writable(settings.DATA_DIR)
        self._lock = _acquire_library_lock(settings.DATA_DIR)
        _stop_orphaned_parts()
        _require_free_port(host, port)
        self._print("Database …")
        try:
            call_command("migrate", verbosity=0)
            if not settings.MILVUS_URI:
                self._print("Vector index …")
                milvus.ensure_running(settings.DATA_DIR / "milvus")
        except EmbeddedError as error:
            raise CommandError(str(error)) from error
        library.refuse_in_production()
        if library.is_enabled() and not options["no_demo"]:
            self._print("First start: drawing the demo library …")
            call_command("load_demo")
        self._print_welcome(host, port)
        sys.exit(_run_parts(host, port))

    def _print(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()

    def _print_welcome(self, host: str, port: int) -> None:
        self._print(f"\nAssetbank is at http://{host}:{port}/ in a few seconds; Ctrl-C stops it.")
        if library.demo_users().exists():
            for name, what in library.SIGN_INS.items():
                self._print(f"  sign in as {name} / {library.PASSWORD}: {what}")
        self._print("")


def _run_parts(host: str, port: int) -> int:
    """Run the parts until Ctrl-C, or until one that is not restarted ends; return the exit code."""
    honcho.manager.KILL_WAIT = STOP_SECONDS  # honcho has no parameter for it
    manager = honcho.manager.Manager()
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", MARK: str(settings.DATA_DIR)}
    for name, command in _parts(host, port).items():
        manager.add_process(name, command, env=environment, cwd=str(settings.BASE_DIR))
    manager.loop()
    stopped_by_user = {128 + signal.SIGINT, 128 + signal.SIGTERM}
    return 0 if manager.returncode in stopped_by_user else int(manager.returncode or 0)


def _parts(host: str, port: int) -> dict[str, str]:
    """Return the shell command of each part, by its name."""
    python = shlex.quote(sys.executable)
    worker = f"{python} manage.py procrastinate worker --concurrency 1 --queues"
    bind = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    parts = {
        "web": f"exec {python} -m gunicorn assetbank.wsgi --bind {shlex.quote(bind)} --workers 1"
        f" --threads {THREADS} --timeout 120 --graceful-timeout 3 --log-level warning"
        " --limit-request-line 8190",  # long search queries: 9 bytes a Chinese character
        "index": _restart_loop(f"{worker} index,house"),
        "generate": _restart_loop(f"{worker} generate,house"),
    }
    log_files = {"milvus": settings.DATA_DIR / "milvus" / "log"} if not settings.MILVUS_URI else {}
    if settings.EMBEDDED:
        log_files["postgres"] = settings.DATA_DIR / "postgres" / "log"
    # faiss warns at every small flush of few points for a cluster; a single cluster is enough
    followers = {
        name: f"tail -n 0 -F {shlex.quote(str(log))} | grep -v --line-buffered 'WARNING clustering'"
        for name, log in log_files.items()
    }
    return parts | followers


def _restart_loop(command: str) -> str:
    """Return a shell loop that restarts the command whenever it ends.

    Workers end when the system kills them (out of memory), or when they lose the database.
    """
    return f"while :; do {command}; echo 'ended; starting again'; sleep 1; done"


def _acquire_library_lock(folder: Path) -> IO[str]:
    """Return the held lock of the data folder; raise CommandError if another library holds it.

    It is a record lock (`lockf`): child processes do not inherit it, so it is released when this
    process ends, however it ends.
    """
    lock = (folder / ".library").open("w")
    try:
        fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise CommandError(f"Assetbank is already running on the data in {folder}.") from error
    return lock


def _stop_orphaned_parts() -> None:
    """Stop parts of this data folder whose `run_library` was killed: they still hold its port."""
    orphans = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get(MARK) == str(settings.DATA_DIR):
                process.terminate()
                orphans.append(process)
    _, alive = psutil.wait_procs(orphans, timeout=8)
    for process in alive:
        with contextlib.suppress(psutil.Error):
            process.kill()


def _require_free_port(host: str, port: int) -> None:
    """Raise CommandError if the address cannot be bound."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as error:  # OverflowError: the port number is out of range
            reason = getattr(error, "strerror", None) or error
            raise CommandError(
                f"Cannot listen on {host}:{port}: {reason}. Is Assetbank already running? To "
                "use another port: make run PORT=8001."
            ) from error


def _require_writable(folder: Path) -> None:
    """Create the folder; raise CommandError if it cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise CommandError(
            f"{folder} is not writable: {error.strerror}. Set DATA_DIR to a folder that can."
        ) from error

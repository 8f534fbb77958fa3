"""An external PostgreSQL, by DATABASE_URL: the oldest version that this machine has."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.support.processes import House, free_port, wait_until

pytestmark = pytest.mark.processes

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
MILVUS = """
import time
from django.conf import settings
from assetbank.embedded import milvus
print(milvus.ensure_running(settings.DATA_DIR / "milvus"), flush=True)
time.sleep(600)
"""
SLICE = """
from concurrent.futures import ThreadPoolExecutor
import io
from django.contrib.auth.models import User
from django.db import connection, transaction
from PIL import Image
from assetbank.assets import ingest_asset
from assetbank.models import Asset, Brand
from search import tasks
from search.indexing import leases
from search.indexing import pipeline
from search.models import Embedding, VectorSpace

space = VectorSpace.objects.create(model="demo", active=True)
brand = Brand.objects.create(name="Acme", slug="acme")
ann = User.objects.create_user("ann")

def picture(number):
    buffer = io.BytesIO()
    Image.new("RGB", (80, 60), (number, 0, 0)).save(buffer, "PNG")
    return buffer.getvalue()

for number in range(6):
    ingest_asset(brand=brand, file=picture(number), filename=f"{number}.png", by=ann, tags=["hat"])
assert not ingest_asset(brand=brand, file=picture(0), filename="again.png", by=ann).created

def claim_apart():
    return {job.asset.pk for job in leases.claim(space, 4)}

with transaction.atomic():  # one worker locks its rows; another skips them
    mine = claim_apart()
    with ThreadPoolExecutor(1) as pool:
        others = pool.submit(claim_apart).result(timeout=20)
assert len(mine) == 4 and len(others) == 2 and not mine & others, (mine, others)
Embedding.objects.update(claimed_until=None)
with connection.cursor() as cursor:
    cursor.execute("SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo'")
    print("jobs", cursor.fetchone()[0], "server", connection.pg_version)
"""


@pytest.fixture
def server() -> Iterator[str]:
    """Yield the URL of a PostgreSQL that the application did not start."""
    if not BINARIES:
        pytest.skip("the system has no PostgreSQL of its own in /usr/lib/postgresql")
    binaries = BINARIES[0].parent
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    as_user: list[str] = []
    if os.geteuid() == 0:
        if not shutil.which("runuser"):
            pytest.skip("PostgreSQL refuses to run as root, and there is no runuser")
        as_user = ["runuser", "-u", "postgres", "--"]
        shutil.chown(folder, "postgres", "postgres")
    data, port = str(folder / "data"), free_port()

    def run(*command: str) -> None:
        subprocess.run([*as_user, *command], check=True, capture_output=True, cwd="/", timeout=60)

    run(str(binaries / "initdb"), "-D", data, "-U", "bank", "--auth=trust", "--no-sync")
    options = f"-p {port} -h 127.0.0.1 -k {folder} -F"
    control = (str(binaries / "pg_ctl"), "-w", "-D", data)
    try:
        run(*control, "-o", options, "-l", str(folder / "log"), "start")
        address = f"postgres://bank@127.0.0.1:{port}"
        with psycopg.connect(f"{address}/postgres", autocommit=True) as connection:
            connection.execute("CREATE DATABASE assets")
        yield f"{address}/assets"
    finally:
        subprocess.run([*as_user, *control, "-m", "immediate", "stop"], check=False, cwd="/")
        shutil.rmtree(folder)


@pytest.fixture
def vectors() -> Iterator[str]:
    """Yield the address of a Milvus that the application did not start."""
    with House() as house:
        running = house.start_script(MILVUS)
        wait_until(lambda: "http" in running.output or not running.alive, "Milvus is up")
        yield running.output.strip()


def test_a_library_lives_in_a_postgresql_and_a_milvus_of_ones_own(
    server: str, vectors: str
) -> None:
    with House(
        DATABASE_URL=server,
        MILVUS_URI=vectors,
        SECRET_KEY="0123456789" * 6,
        ALLOWED_HOSTS="localhost",
    ) as house:
        migrated = house.manage("migrate", "--verbosity=0")
        assert migrated.code == 0, migrated.output
        said = house.script(SLICE).split()
        assert int(said[1]) >= 1
        worker = house.start("procrastinate", "worker", "--concurrency", "1", "-q", "index,house")
        with psycopg.connect(server, autocommit=True) as connection:

            def indexed() -> int:
                state = "SELECT count(*) FROM search_embedding WHERE state = 'indexed'"
                row = connection.execute(state).fetchone()
                return int(row[0]) if row else 0

            wait_until(lambda: indexed() == 6 or not worker.alive, "the jobs are done", every=0.1)
        worker.interrupt()
        assert worker.ended(20).code == 0
        checked = house.manage("check_index")
        assert "All 6 indexed assets are consistent." in checked.output
        assert not (house.folder / "postgres").exists()
        assert not (house.folder / "milvus").exists()
        assert house.processes() == []

"""Processes are killed with SIGKILL in the middle of their work, and nothing is lost."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Iterator

import pytest

from tests.conftest import picture_bytes
from tests.support.processes import House, Running, kill, wait_until

pytestmark = [pytest.mark.faults, pytest.mark.processes]

PEOPLE = """
from django.contrib.auth.models import User
from assetbank.models import Brand
Brand.objects.create(name="Acme", slug="acme")
User.objects.create_superuser("ann", password="secret")
"""
WAITING = "SELECT count(*) FROM search_embedding WHERE state <> 'indexed'"
INDEXED = "SELECT count(*) FROM search_embedding WHERE state = 'indexed'"
WITH_VECTOR = "SELECT count(*) FROM search_embedding WHERE vector_bytes IS NOT NULL"
FILES_OF_KEPT = """
SELECT file FROM assetbank_asset JOIN search_embedding ON asset_id = assetbank_asset.id
WHERE vector_bytes IS NOT NULL
"""
ASK_FOR_ALL = """
UPDATE search_embedding SET state = 'pending', version = version + 1;
INSERT INTO procrastinate_jobs (queue_name, task_name)
VALUES ('index', 'search.tasks.index_waiting')
"""


class Library:
    """A library with a brand and images, whose index worker the tests start and kill."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.pictures = 0

    def add(self, count: int) -> None:
        folder = self.house.folder / "in"
        folder.mkdir()
        for number in range(self.pictures, self.pictures + count):
            colour = (number % 256, 7 * number % 256, number // 256)
            (folder / f"{number}.png").write_bytes(picture_bytes(colour, size=(300, 200)))
        done = self.house.manage("import_assets", str(folder), "--brand=acme")
        assert f"{count} new" in done.output
        shutil.rmtree(folder)
        self.pictures += count

    def worker(self, queues: str = "index,house", **settings: str) -> Running:
        command = ("procrastinate", "worker", "--concurrency", "1", "-q", queues)
        return self.house.start(*command, INDEX_LEASE_S="2", **settings)

    def index_all(self) -> None:
        worker = self.worker()
        self.wait_indexed()
        worker.interrupt()
        worker.ended(20)

    def wait_indexed(self) -> None:
        wait_until(lambda: self.house.number(WAITING) == 0, "all is indexed", every=0.1)

    def wait_for_vectors(self, count: int) -> None:
        wait_until(
            lambda: self.house.number(WITH_VECTOR) >= count, f"{count} have a vector", every=0.02
        )

    def remove_originals_of_kept_vectors(self) -> int:
        """Delete the files of embedded assets: embedding one of them again would fail."""
        media = self.house.folder / "media"
        kept = [media / path for (path,) in self.house.query(FILES_OF_KEPT)]
        for path in kept:
            path.unlink(missing_ok=True)
        return len(kept)

    def assert_whole(self) -> None:
        """Check that every asset exists, is indexed, and is correct in Milvus."""
        done = self.house.manage("check_index")
        assert done.code == 0, done.output
        assert f"All {self.pictures} indexed assets are consistent." in done.output


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with House(migrated=True, INDEX_BATCH_SIZE="4", PYTHONFAULTHANDLER="1") as house:
        house.script(PEOPLE)
        yield house


@pytest.fixture(scope="module")
def filled(house: House) -> Library:
    return Library(house)


@pytest.fixture
def library(filled: Library) -> Iterator[Library]:
    yield filled
    # a worker left by one test would do the work of the next
    for process in filled.house.processes():
        if "manage.py" in process.cmdline():
            kill(process)


# ------------------------------------------------------------------------ indexing


def test_an_index_worker_killed_at_any_moment_loses_nothing_and_embeds_nothing_twice(
    library: Library,
) -> None:
    library.add(120)
    kept = 0
    for _ in range(2):
        worker = library.worker(INDEX_BATCH_SIZE="1")
        library.wait_for_vectors(kept + random.randint(4, 20))
        time.sleep(random.uniform(0, 0.1))
        worker.kill()
        kept = library.remove_originals_of_kept_vectors()
    assert kept < library.pictures
    worker = library.worker()
    library.wait_indexed()
    worker.interrupt()
    assert worker.ended(20).code == 0
    library.assert_whole()


def test_milvus_killed_in_the_middle_of_a_batch_is_filled_again_without_clip(
    library: Library,
) -> None:
    library.add(30)
    worker = library.worker(INDEX_BATCH_SIZE="1")
    library.wait_indexed()
    assert library.remove_originals_of_kept_vectors() == library.pictures

    def amid() -> bool:
        indexed = library.house.number(INDEXED)
        if indexed == library.pictures:  # not started, or finished too fast
            library.house.query(ASK_FOR_ALL)
        return 3 <= indexed < library.pictures

    wait_until(amid, "some are indexed again", every=0.005)
    (server,) = library.house.milvus_servers()
    kill(server)
    assert library.house.number(WAITING) > 0
    library.wait_indexed()
    assert worker.alive
    worker.interrupt()
    worker.ended(20)
    library.assert_whole()


# ------------------------------------------------------------------------ PostgreSQL


def test_postgres_is_orphaned_and_then_killed_under_a_working_library(library: Library) -> None:
    library.add(24)
    house, start = library.house, library.pictures - 24
    only = library.worker(INDEX_BATCH_SIZE="1")
    wait_until(lambda: house.number(INDEXED) > start, "it works", every=0.005)
    only.kill()
    (orphan,) = house.postgres_servers()
    before = house.number(INDEXED)
    worker = library.worker(INDEX_BATCH_SIZE="1")
    wait_until(lambda: house.number(INDEXED) > before, "another goes on", every=0.005)
    assert house.postgres_servers() == [orphan]
    kill(orphan)
    worker.kill()
    library.index_all()
    library.assert_whole()
    wait_until(lambda: not house.processes(), "the last one stopped all", seconds=10)


def test_two_first_commands_at_once_share_the_servers_and_leave_none() -> None:
    connect = (
        "from django.conf import settings; from django.db import connection\n"
        "from assetbank.embedded import milvus\n"
        "connection.cursor().execute('SELECT 1')\n"
        "print(milvus.ensure_running(settings.DATA_DIR / 'milvus'))"
    )
    most = {"postgres": 0, "milvus": 0}
    with House() as house:

        def ended(pair: list[Running]) -> bool:
            most["postgres"] = max(most["postgres"], len(house.postgres_servers()))
            most["milvus"] = max(most["milvus"], len(house.milvus_servers()))
            return not any(running.alive for running in pair)

        def run(first: Running, second: Running) -> None:
            wait_until(lambda: ended([first, second]), "both ended", seconds=90, every=0.05)
            for running in (first, second):
                assert running.ended().code == 0, running.output
            assert most == {"postgres": 1, "milvus": 1}
            wait_until(lambda: not house.processes(), "no server is left", seconds=10)

        run(house.start("migrate", "--verbosity=0"), house.start_script(connect))
        run(house.start("check_index"), house.start("check_index"))

"""A worker that is killed while it imports a watched folder, and one that runs beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.support.processes import House, wait_until

NUMBER = 8
PREPARE = """
import os
from assetbank.models import Brand, WatchedFolder
from assetbank.assets.folders import Walk
Brand.objects.create(name="Acme", slug="acme")
waiting = {{
    file.place: [file.size, file.mtime_ns, file.sidecar.state if file.sidecar else "", 0]
    for file in Walk({path!r}).files()
}}
WatchedFolder.objects.create(path={path!r}, waiting=waiting)
"""
KEEP = """
import time
from django.db import connection
connection.ensure_connection()  # PostgreSQL runs as long as a process uses it
time.sleep(600)
"""
SCAN = """
from assetbank.assets.folders import scan_watched_folders
while scan_watched_folders():
    pass
"""


@pytest.fixture
def house() -> Iterator[House]:
    with House(migrated=True) as house:
        yield house


def fill(folder: Path) -> None:
    """Put pictures with sidecars there, large enough that importing one takes a while."""
    (folder / "a").mkdir(parents=True)
    noise = Image.effect_noise((1600, 1200), 40)
    for number in range(NUMBER):
        noise.putpixel((number, 0), 255 - int(noise.getpixel((number, 0))))  # type: ignore[arg-type]
        noise.save(folder / "a" / f"{number:02}.png", compress_level=1)
        (folder / "a" / f"{number:02}.xmp").write_text("<x:xmpmeta xmlns:x='adobe:ns:meta/'/>")


def test_a_worker_may_be_killed_at_any_line_and_two_may_run(house: House) -> None:
    hot = house.folder / "hot"
    fill(hot)
    setting = {"WATCH_FOLDERS": f"{hot}=acme:Inbox"}
    house.start_script(KEEP)
    house.script(PREPARE.format(path=str(hot)), **setting)
    assets = "SELECT count(*) FROM assetbank_asset"
    for stop_at in (2, 5):
        worker = house.start_script(SCAN, **setting)
        wait_until(lambda at=stop_at: house.number(assets) >= at, "some are in", every=0.01)  # type: ignore[misc]
        worker.kill()
        worker.ended(30)
    both = [house.start_script(SCAN, **setting) for _ in range(2)]
    assert [each.ended(100).code for each in both] == [0, 0]
    house.script(SCAN, **setting)  # the second may have ended at once, as the first held the lock
    assert house.number(assets) == NUMBER
    assert house.number("SELECT count(*) FROM assetbank_collectionitem") == NUMBER
    assert sorted(path.name for path in (hot / "done" / "a").iterdir()) == sorted(
        f"{number:02}.{extension}" for number in range(NUMBER) for extension in ("png", "xmp")
    )
    assert list((hot / "a").iterdir()) == []
    originals = [path for path in (house.folder / "media/originals").rglob("*") if path.is_file()]
    assert len(originals) >= NUMBER  # a killed one may leave a file without a row

"""`manage.py import_assets` and files whose assets are in the trash: never created again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import call_command

from assetbank import assets
from assetbank.models import Asset
from tests.conftest import Cast, picture_bytes
from tests.support.processes import end_other_sessions

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def no_other_sessions(transactional_db: None) -> Iterator[None]:
    yield
    end_other_sessions()


def move_to_trash(asset: Asset) -> None:
    assets.trash.trash_assets(assets=[asset], by=None)


def test_a_file_whose_asset_is_in_the_trash_stays_there(
    cast: Cast, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.png").write_bytes(picture_bytes((number, 0, 0)))

    def run(*options: str) -> list[str]:
        call_command("import_assets", str(folder), "--brand=acme", *options)
        return capsys.readouterr().out.splitlines()[-2:]

    run()
    move_to_trash(Asset.objects.get(filename="0.png"))
    assert run("--tag=new") == [
        "Restore assets from the trash to have them again.",
        "0 new, 2 existing, 0 skipped, 2 of the existing completed, 1 in the trash.",
    ]
    left = "0 new, 2 existing, 0 skipped, 1 in the trash."
    (folder / "0.png").rename(folder / "moved.png")
    assert run()[-1] == left
    (folder / "moved.png").write_bytes(picture_bytes((9, 9, 9)))
    (folder / "moved.png").rename(folder / "0.png")
    assert run("--replace")[-1] == left
    assert Asset.all_objects.count() == 3

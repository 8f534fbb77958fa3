"""`manage.py import_assets` with real-life folders: invalid files, odd names, copies."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from PIL import Image
from pytest_django import Settings

from assetbank.models import Asset, Collection
from tests.conftest import Cast, picture_bytes
from tests.support.processes import House, end_other_sessions, wait_until

# the command reads in threads, which only see committed rows
pytestmark = pytest.mark.django_db(transaction=True)


def run(folder: Path, capsys: pytest.CaptureFixture[str], *options: str) -> str:
    output = io.StringIO()
    call_command("import_assets", str(folder), "--brand=acme", *options, stdout=output)
    return capsys.readouterr().out + output.getvalue()


@pytest.fixture(autouse=True)
def no_other_sessions(transactional_db: None) -> Iterator[None]:
    yield
    end_other_sessions()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with three images at several depths, one of them with a hostile name."""
    inside = tmp_path / "archive" / "2024" / "spring"
    inside.mkdir(parents=True)
    (inside / "hat.jpeg").write_bytes(picture_bytes((1, 0, 0), fmt="JPEG"))
    (inside.parent / "download (26).jpeg").write_bytes(picture_bytes((2, 0, 0)))
    (tmp_path / "archive" / "Größe\n🎩.png").write_bytes(picture_bytes((3, 0, 0)))
    return tmp_path / "archive"


def test_pictures_at_every_depth_come_in_under_their_names(
    cast: Cast, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "3 new, 0 existing, 0 skipped." in run(folder, capsys)
    assert set(Asset.objects.values_list("filename", flat=True)) == {
        "hat.jpeg",
        "download (26).jpeg",
        "Größe\n🎩.png",
    }
    for asset in Asset.objects.all():
        assert (asset.brand, asset.origin) == (cast.acme, "import")


def test_bad_files_are_listed_with_their_reasons_and_stop_nothing(
    cast: Cast, folder: Path, capsys: pytest.CaptureFixture[str], settings: Settings
) -> None:
    settings.MAX_UPLOAD_BYTES = 20_000
    (folder / "notes.txt").write_text("a hat, red")
    (folder / "empty.png").touch()
    (folder / "cut.png").write_bytes(picture_bytes(size=(300, 300))[:200])
    (folder / "large.png").write_bytes(b"\0" * 20_001)
    (folder / "nowhere.png").symlink_to(folder / "not-there")
    said = run(folder, capsys)
    assert "3 new, 0 existing, 4 skipped." in said
    assert "left out: links that lead nowhere: 1, nowhere.png" in said
    reasons = {
        "notes.txt": "not a supported image",
        "empty.png": "This file is empty.",
        "cut.png": "",
        "large.png": "larger than MAX_UPLOAD_BYTES",
    }
    for name, reason in reasons.items():
        (line,) = [line for line in said.splitlines() if f"skipped: {name}: " in line]
        assert reason in line
        assert line.strip()[-1] != ":"


def test_hidden_files_and_folders_and_links_to_folders_are_not_looked_at(
    cast: Cast, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / ".DS_Store").write_bytes(b"\0\1")
    (folder / "._hat.jpeg").write_bytes(b"\0\1")
    (folder / ".thumbnails").mkdir()
    (folder / ".thumbnails" / "t.png").write_bytes(picture_bytes((9, 9, 9)))
    (folder / "loop").symlink_to(folder, target_is_directory=True)
    assert "3 new, 0 existing, 0 skipped." in run(folder, capsys)


def test_a_second_run_adds_nothing_and_a_copy_is_already_there(
    cast: Cast, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(folder, capsys)
    (folder / "copy of hat.jpeg").write_bytes((folder / "2024/spring/hat.jpeg").read_bytes())
    (folder / "new.png").write_bytes(picture_bytes((4, 0, 0)))
    assert "1 new, 4 existing, 0 skipped." in run(folder, capsys)
    assert Asset.objects.count() == 4


def test_tags_and_a_collection_are_given_to_all_and_once(
    cast: Cast, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        run(folder, capsys, "--tag=spring", "--tag", "look book", "--collection=Spring 2024")
    collection = Collection.objects.get(brand=cast.acme)
    assert collection.name == "Spring 2024"
    assert collection.assets.count() == 3
    for asset in Asset.objects.all():
        assert set(asset.tags.names()) == {"spring", "look book"}


def test_pictures_that_were_there_join_the_collection_of_a_later_run(
    cast: Cast, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(folder, capsys)
    run(folder, capsys, "--collection=Later")
    assert Collection.objects.get(name="Later").assets.count() == 3


def test_what_comes_in_is_a_draft_unless_a_manager_answers_for_it(
    cast: Cast, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(CommandError, match="creator is not a manager of Acme"):
        run(folder, capsys, "--approved-by=creator")
    run(folder, capsys, "--approved-by=manager")
    assert set(Asset.objects.values_list("status", "decisions__by__username")) == {
        ("approved", "manager")
    }
    (folder / "later.png").write_bytes(picture_bytes((1, 2, 3)))
    run(folder, capsys)
    assert Asset.objects.get(filename="later.png").status == "draft"
    run(folder, capsys, "--approved-by=manager")
    assert not Asset.objects.exclude(status="approved").exists()


def test_an_unknown_brand_names_the_known_ones(cast: Cast, folder: Path) -> None:
    with pytest.raises(CommandError, match=r"no brand “nike”. Brands: acme, other"):
        call_command("import_assets", str(folder), "--brand=nike")


def test_a_library_without_brands_says_so(transactional_db: None, folder: Path) -> None:
    with pytest.raises(CommandError, match=r"no brand “acme”. Brands: none yet"):
        call_command("import_assets", str(folder), "--brand=acme")


def test_a_folder_that_is_not_there_and_a_bad_collection_name_are_sentences(
    cast: Cast, folder: Path
) -> None:
    with pytest.raises(CommandError, match="is not a folder"):
        call_command("import_assets", str(folder / "hat"), "--brand=acme")
    with pytest.raises(CommandError, match="A collection needs a name of at most 120 characters"):
        call_command("import_assets", str(folder), "--brand=acme", f"--collection={'x' * 121}")
    assert not Collection.objects.exists()


# ------------------------------------------------------------------------ stopping


@pytest.fixture
def house() -> Iterator[House]:
    with House(migrated=True) as house:
        house.script(
            "from assetbank.models import Brand\nBrand.objects.create(name='Acme', slug='acme')"
        )
        yield house


def test_an_import_that_is_stopped_goes_on_where_it_was(house: House) -> None:
    folder = house.folder / "in"
    folder.mkdir()
    total = 20
    noise = Image.effect_noise((2400, 2000), 40)  # large: it must not be over at once
    for number in range(total):
        was = noise.getpixel((number, 0))
        noise.putpixel((number, 0), 255 - int(was))  # type: ignore[arg-type]  # makes all files different
        noise.save(folder / f"{number:02}.png", compress_level=1)
    started = house.start("import_assets", str(folder), "--brand=acme")
    count = "SELECT count(*) FROM assetbank_asset"
    wait_until(lambda: house.number(count) >= 2, "the first pictures are in", every=0.02)
    started.interrupt()
    stopped = started.ended(30)
    assert stopped.code == 1, stopped.output
    assert "Stopped. Run the same command again to continue." in stopped.output
    assert "Traceback" not in stopped.output
    assert " new, 0 existing, 0 skipped." in stopped.output
    done = house.manage("import_assets", str(folder), "--brand=acme")
    assert done.code == 0, done.output
    new, there = (int(done.output.splitlines()[-1].split()[n]) for n in (0, 2))
    assert new > 0
    assert there >= 2
    assert new + there == total
    files = [path for path in (house.folder / "media" / "originals").rglob("*") if path.is_file()]
    assert len(files) == total  # the interrupted file was deleted from the storage

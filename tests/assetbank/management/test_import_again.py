"""`manage.py import_assets` run again: what is known, moved, changed, gone, and what is added."""

from __future__ import annotations

import os
import re
import time
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from assetbank.assets import approval, update_asset
from assetbank.models import Asset, AssetSource, Collection, Decision
from tests.conftest import Cast, picture_bytes
from tests.support.processes import end_other_sessions

# the command reads in threads, which only see committed rows
pytestmark = pytest.mark.django_db(transaction=True)

Import = Callable[..., list[str]]


@pytest.fixture(autouse=True)
def no_other_sessions(transactional_db: None) -> Iterator[None]:
    yield
    end_other_sessions()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with three pictures at three depths."""
    folder = tmp_path / "archive"
    (folder / "Spring" / "Lookbook").mkdir(parents=True)
    (folder / "hat.png").write_bytes(picture_bytes((1, 0, 0)))
    (folder / "Spring" / "coat.png").write_bytes(picture_bytes((2, 0, 0)))
    (folder / "Spring" / "Lookbook" / "bag.png").write_bytes(picture_bytes((3, 0, 0)))
    return folder


@pytest.fixture
def run(cast: Cast, folder: Path, capsys: pytest.CaptureFixture[str]) -> Import:
    def run(*options: str) -> list[str]:
        """Import the folder; return the lines that the command wrote, without the bar."""
        call_command("import_assets", str(folder), "--brand=acme", *options)
        lines = re.split(r"[\r\n]+", capsys.readouterr().out)
        return [line.strip() for line in lines if line.strip() and "file/s]" not in line]

    return run


def tags_of(name: str) -> set[str]:
    return set(Asset.objects.get(filename=name).tags.names())


# ------------------------------------------------------------------------ known


def test_a_second_run_says_nothing_of_what_is_known_and_does_not_read_it(
    run: Import, folder: Path
) -> None:
    run()
    path = folder / "hat.png"
    state = path.stat()
    path.write_bytes(b"x" * state.st_size)  # would be refused if it was read
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert run() == ["0 new, 3 existing, 0 skipped."]


def test_an_unchanged_file_that_was_touched_is_known(run: Import, folder: Path) -> None:
    run()
    os.utime(folder / "hat.png", ns=(1, 1))
    assert run() == ["0 new, 3 existing, 0 skipped."]
    assert AssetSource.objects.get(path="hat.png").mtime_ns == 1


def test_tags_and_a_collection_are_added_to_what_is_known(run: Import) -> None:
    run("--tag=old")
    assert run("--tag=new", "--tag=OLD", "--collection=Later") == [
        "0 new, 3 existing, 0 skipped, 3 of the existing completed."
    ]
    assert tags_of("hat.png") == {"old", "new"}
    assert Collection.objects.get(name="Later").assets.count() == 3
    assert run("--tag=new", "--collection=Later") == ["0 new, 3 existing, 0 skipped."]


def test_a_file_that_was_uploaded_before_is_known_by_its_bytes(
    run: Import, make_asset: Callable[..., Asset]
) -> None:
    asset = make_asset(file=picture_bytes((1, 0, 0)), filename="other.png", title="Cap")
    assert run() == [
        f"existing: hat.png: “Cap”, asset {asset.pk}",
        "2 new, 1 existing, 0 skipped.",
    ]
    assert run() == ["0 new, 3 existing, 0 skipped."]


def test_a_copy_is_named_once(run: Import, folder: Path) -> None:
    run()
    (folder / "copy.png").write_bytes((folder / "hat.png").read_bytes())
    asset = Asset.objects.get(filename="hat.png")
    assert run()[0] == f"existing: copy.png: “{asset}”, asset {asset.pk}"
    assert run() == ["0 new, 4 existing, 0 skipped."]


def test_the_folder_of_a_mac_and_of_a_nas_is_the_same(run: Import, folder: Path) -> None:
    mac = folder / unicodedata.normalize("NFD", "Größe.png")
    mac.write_bytes(picture_bytes((4, 0, 0)))
    run()
    mac.rename(folder / unicodedata.normalize("NFC", "Größe.png"))
    assert run() == ["0 new, 4 existing, 0 skipped."]
    assert AssetSource.objects.count() == 4


# ------------------------------------------------------------------------ moved, gone, changed


def test_a_file_that_was_moved_is_known_at_its_new_place(run: Import, folder: Path) -> None:
    run()
    (folder / "hat.png").rename(folder / "Spring" / "hat, renamed.png")
    assert run() == ["0 new, 3 existing, 0 skipped."]
    paths = set(AssetSource.objects.values_list("path", flat=True))
    assert paths == {"Spring/hat, renamed.png", "Spring/coat.png", "Spring/Lookbook/bag.png"}


def test_files_that_are_gone_are_counted_and_their_assets_stay(run: Import, folder: Path) -> None:
    run()
    (folder / "hat.png").unlink()
    assert run() == [
        "gone: files of earlier imports: 1; their assets stay",
        "0 new, 2 existing, 0 skipped.",
    ]
    assert Asset.objects.count() == 3


def test_a_changed_file_is_offered_as_a_new_version_until_it_is_made_one(
    run: Import, folder: Path
) -> None:
    run("--tag=kept")
    asset = Asset.objects.get(filename="hat.png")
    (folder / "hat.png").write_bytes(picture_bytes((9, 9, 9), size=(50, 40)))
    offer = (
        "changed: hat.png: run again with --replace to make it a new version of "
        f"“{asset}”, asset {asset.pk}"
    )
    for _ in range(2):
        assert run() == [offer, "0 new, 2 existing, 0 skipped, 1 changed."]
    assert run("--replace") == [
        f"replaced: hat.png: version 2 of “{asset}”, asset {asset.pk}",
        "0 new, 2 existing, 0 skipped, 1 replaced.",
    ]
    asset.refresh_from_db()
    assert (asset.width, asset.version, asset.tag_names) == (50, 2, ["kept"])
    assert run("--replace") == ["0 new, 3 existing, 0 skipped."]


def test_a_file_that_becomes_an_earlier_version_is_offered_too(run: Import, folder: Path) -> None:
    run()
    first = (folder / "hat.png").read_bytes()
    (folder / "hat.png").write_bytes(picture_bytes((9, 9, 9)))
    run("--replace")
    (folder / "hat.png").write_bytes(first)
    assert run()[-1] == "0 new, 2 existing, 0 skipped, 1 changed."
    assert run("--replace")[-1] == "0 new, 2 existing, 0 skipped, 1 replaced."
    assert Asset.objects.get(version=3).filename == "hat.png"


def test_a_changed_file_that_is_no_picture_changes_nothing(run: Import, folder: Path) -> None:
    run()
    (folder / "hat.png").write_bytes(b"no picture")
    assert run("--replace")[-1] == "0 new, 2 existing, 1 skipped."
    assert Asset.objects.get(filename="hat.png").version == 1


def test_two_files_that_swapped_their_places_are_both_known(run: Import, folder: Path) -> None:
    run()
    (folder / "hat.png").rename(folder / "kept")
    (folder / "Spring" / "coat.png").rename(folder / "hat.png")
    (folder / "kept").rename(folder / "Spring" / "coat.png")
    os.utime(folder / "hat.png")
    os.utime(folder / "Spring" / "coat.png")
    assert run("--replace") == ["0 new, 3 existing, 0 skipped."]
    assert AssetSource.objects.get(path="hat.png").asset.filename == "coat.png"


def test_an_archived_asset_stays_archived(run: Import, cast: Cast) -> None:
    run()
    asset = Asset.objects.get(filename="hat.png")
    approval.decide(asset=asset, by=cast.manager, verdict=Decision.Verdict.ARCHIVED)
    assert run("--approved-by=manager", "--tag=x")[-1].startswith("0 new, 3 existing, 0 skipped")
    assert Asset.objects.get(pk=asset.pk).status == "archived"


# ------------------------------------------------------------------------ folders and tables


def test_the_names_of_folders_become_tags(run: Import, folder: Path) -> None:
    (folder / f"Paris, {'l' * 60}").mkdir()
    (folder / f"Paris, {'l' * 60}" / "new.png").write_bytes(picture_bytes((4, 0, 0)))
    run("--folders-as=tags", "--tag=all")
    assert tags_of("hat.png") == {"all"}
    assert tags_of("coat.png") == {"all", "Spring"}
    assert tags_of("bag.png") == {"all", "Spring", "Lookbook"}
    assert tags_of("new.png") == {"all", f"Paris {'l' * 44}"}


def test_folders_become_collections_also_of_what_is_known(run: Import, folder: Path) -> None:
    (folder / "Documents").mkdir()
    (folder / "Documents" / "notes.txt").write_text("no picture")
    run()
    assert run("--folders-as=collections")[-1] == (
        "0 new, 3 existing, 1 skipped, 2 of the existing completed."
    )
    members = Collection.objects.values_list("name", "assets__filename")
    assert set(members) == {("Spring", "coat.png"), ("Spring / Lookbook", "bag.png")}
    assert run("--folders-as=collections")[-1] == "0 new, 3 existing, 1 skipped."


def test_a_table_gives_fields_to_new_and_known_files(
    run: Import, folder: Path, tmp_path: Path
) -> None:
    run()
    (folder / "new.png").write_bytes(picture_bytes((4, 0, 0)))
    update_asset(asset=Asset.objects.get(filename="coat.png"), credit="Ann")
    table = tmp_path / "table.csv"
    table.write_text(
        "filename;title;credit;tags\nnew.png;New hat;Bob;red\ncoat.png;Coat;Bob;\ngone.png;;;\n"
    )
    assert run(f"--csv={table}", "--tag=all") == [
        "table.csv: without a file: row 4 (gone.png)",
        "table.csv: files without a row: 2",
        "1 new, 3 existing, 0 skipped, 3 of the existing completed.",
    ]
    new, coat = (Asset.objects.get(filename=name) for name in ("new.png", "coat.png"))
    assert (new.title, new.credit, new.tag_names) == ("New hat", "Bob", ["all", "red"])
    assert (coat.credit, coat.tag_names) == ("Ann", ["all"])
    run(f"--csv={table}", "--update")
    coat.refresh_from_db()
    assert (coat.title, coat.credit) == ("Coat", "Bob")


def test_an_invalid_table_stops_before_anything_is_imported(
    run: Import, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "table.csv").write_text("filename,colour\nhat.png,red\n")
    with pytest.raises(CommandError, match=r"table.csv: Unknown column “colour”"):
        run(f"--csv={tmp_path / 'table.csv'}", "--collection=Later")
    with pytest.raises(CommandError, match=r"nowhere.csv: No such file"):
        run(f"--csv={tmp_path / 'nowhere.csv'}")
    assert not Asset.objects.exists()
    assert not Collection.objects.exists()


# ------------------------------------------------------------------------ dry run and real folders


def test_a_dry_run_says_what_would_happen_and_changes_nothing(run: Import, folder: Path) -> None:
    run()
    (folder / "new.png").write_bytes(picture_bytes((4, 0, 0)))
    (folder / "notes.txt").write_text("no picture")
    (folder / "hat.png").write_bytes(picture_bytes((9, 9, 9)))
    (folder / "Spring" / "coat.png").rename(folder / "moved.png")
    before = list(AssetSource.objects.order_by("pk").values())
    said = run("--dry-run", "--replace", "--tag=x", "--collection=C", "--folders-as=collections")
    assert said[-2:] == [
        "This was a dry run: nothing was changed.",
        "1 new, 2 existing, 1 skipped, 1 changed.",
    ]
    assert list(AssetSource.objects.order_by("pk").values()) == before
    assert Asset.objects.count() == 3
    assert not Collection.objects.exists()
    assert tags_of("hat.png") == set()


@pytest.mark.parametrize("kind", ["pipe", "linked pipe"])
def test_a_named_pipe_that_nobody_writes_does_not_stop_an_import(
    run: Import, folder: Path, tmp_path: Path, kind: str
) -> None:
    os.mkfifo(folder / "pipe.png" if kind == "pipe" else tmp_path / "pipe.png")
    if kind == "linked pipe":
        (folder / "pipe.png").symlink_to("../pipe.png")
    reasons = {
        "pipe": "named pipes, sockets and devices",
        "linked pipe": "links that lead out of the folder",
    }
    assert run() == [
        f"left out: {reasons[kind]}: 1, pipe.png",
        "3 new, 0 existing, 0 skipped.",
    ]


def test_what_is_left_out_is_one_line_for_each_kind(run: Import, folder: Path) -> None:
    for place in ("@eaDir/x.jpg", "Spring/@eaDir/y.jpg", "Spring/._coat.png", "hat.xmp.tmp"):
        (folder / place).parent.mkdir(exist_ok=True)
        (folder / place).write_bytes(b"x")
    assert run() == [
        "left out: files and folders of macOS: 1, Spring/._coat.png",
        "left out: folders of a NAS or file server: 2, such as @eaDir",
        "left out: temporary files and unfinished downloads: 1, hat.xmp.tmp",
        "3 new, 0 existing, 0 skipped.",
    ]


@pytest.mark.slow
def test_ten_thousand_known_files_take_few_queries(run: Import, folder: Path, cast: Cast) -> None:
    run()
    asset = Asset.objects.get(filename="hat.png")
    (folder / "many").mkdir()
    state = []
    for number in range(10_000):
        path = folder / "many" / f"{number}.png"
        path.touch()
        state.append((f"many/{number}.png", path.stat().st_mtime_ns))
    AssetSource.objects.bulk_create(
        AssetSource(
            brand=cast.acme, root=str(folder), path=path, size=0, mtime_ns=mtime, asset=asset
        )
        for path, mtime in state
    )
    started = time.monotonic()
    assert run() == ["0 new, 10003 existing, 0 skipped."]
    assert time.monotonic() - started < 60  # reading each would refuse it as empty

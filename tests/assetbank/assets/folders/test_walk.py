"""What a walk through a folder finds and what it leaves out, with real pipes, sockets, links."""

from __future__ import annotations

import os
import socket
import unicodedata
from pathlib import Path

import pytest

from assetbank.assets.folders.walk import FoundFile, Walk


def touch(folder: Path, *places: str) -> None:
    for place in places:
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(place.encode())


def walked(folder: Path, **options: object) -> tuple[list[str], dict[str, int]]:
    """Return the places of the files, and how many of each kind were left out."""
    walk = Walk(str(folder), **options)  # type: ignore[arg-type]
    places = [file.place for file in walk.files()]
    assert walk.unreadable == []
    return places, {kind: left_out.count for kind, left_out in walk.left_out.items()}


def found(folder: Path) -> dict[str, FoundFile]:
    return {file.place: file for file in Walk(str(folder)).files()}


def test_files_come_folder_by_folder_sorted_by_name(tmp_path: Path) -> None:
    touch(tmp_path, "b.jpg", "a/2.jpg", "a/1.jpg", "a.jpg", "a/deep/3.jpg")
    assert walked(tmp_path) == (["a.jpg", "b.jpg", "a/1.jpg", "a/2.jpg", "a/deep/3.jpg"], {})


def test_files_and_folders_of_tools_are_counted_by_kind(tmp_path: Path) -> None:
    touch(
        tmp_path,
        *(".DS_Store", "._hat.jpg", "a/.Spotlight-V100/x", ".Trashes/x", "__MACOSX/._hat.jpg"),
        *("Thumbs.db", "a/desktop.ini", "$RECYCLE.BIN/x.jpg", "System Volume Information/x"),
        *("@eaDir/hat.jpg/SYNOPHOTO_THUMB_M.jpg", "#recycle/hat.jpg", "#snapshot/x/hat.jpg"),
        *("lost+found/x.jpg", "a/Catalog Previews.lrdata/1/x.lrprev", "Catalog.lrcat"),
        *("a/CaptureOne/Cache/Thumbnails/hat.cot", "a/CaptureOne/Settings1210/hat.cos"),
        *("~$notes.jpg", "x.tmp", "x.part", "x.jpg.crdownload", ".hidden/x.jpg", "table.csv"),
        *("hat.aae", "hat.jpg", "a/CaptureOne/hat.jpg", "cache/hat.jpg", "tmp/hat.jpg"),
    )
    places, left_out = walked(tmp_path)
    assert places == ["hat.jpg", "a/CaptureOne/hat.jpg", "cache/hat.jpg", "tmp/hat.jpg"]
    assert left_out == {
        "files and folders of macOS": 5,
        "files and folders of Windows": 4,
        "folders of a NAS or file server": 4,
        "catalogues and previews of Lightroom": 2,
        "thumbnails and settings of Picasa and Capture One": 2,
        "temporary files and unfinished downloads": 4,
        "hidden files and folders": 1,
        "tables (CSV)": 1,
        "edits of other programs (AAE, PP3, DOP, THM)": 1,
    }


def test_pipes_sockets_and_devices_are_not_opened(tmp_path: Path) -> None:
    touch(tmp_path, "hat.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "device.jpg").symlink_to("/dev/zero")
    here = os.getcwd()
    with socket.socket(socket.AF_UNIX) as server:
        os.chdir(tmp_path)  # the path of a socket has at most 107 bytes
        try:
            server.bind("socket.jpg")
        finally:
            os.chdir(here)
        places, left_out = walked(tmp_path)
    assert places == ["hat.jpg"]
    assert left_out == {
        "named pipes, sockets and devices": 2,
        "links that lead out of the folder": 1,
    }


def test_links_are_followed_inside_the_folder_only_once_and_never_in_circles(
    tmp_path: Path,
) -> None:
    folder, outside = tmp_path / "in", tmp_path / "in-not"  # a name that begins with the other
    touch(folder, "a/hat.jpg", ".kept/coat.jpg", ".kept/deep/bag.jpg")
    touch(outside, "secret.jpg")
    (folder / "a" / "loop").symlink_to(folder)
    (folder / "itself").symlink_to("itself")
    (folder / "nowhere.jpg").symlink_to("gone.jpg")
    (folder / "out").symlink_to(outside)
    (folder / "out.jpg").symlink_to("../in-not/secret.jpg")
    (folder / "again.jpg").symlink_to("a/hat.jpg")
    (folder / "chosen").symlink_to(".kept")
    (folder / "chosen too").symlink_to(".kept")
    (folder / "coat.jpg").symlink_to(".kept/coat.jpg")
    places, left_out = walked(folder)
    assert places == ["a/hat.jpg", "chosen/coat.jpg", "chosen/deep/bag.jpg"]
    assert left_out == {
        "hidden files and folders": 1,
        "links that lead nowhere": 2,
        "links that lead out of the folder": 2,
        "links to what is in the folder anyway": 4,
    }


def test_a_link_to_a_single_file_that_is_left_out_is_followed_once(tmp_path: Path) -> None:
    touch(tmp_path, ".kept/coat.jpg")
    (tmp_path / "coat.jpg").symlink_to(".kept/coat.jpg")
    (tmp_path / "coat again.jpg").symlink_to(".kept/coat.jpg")
    places, left_out = walked(tmp_path)
    assert places == ["coat again.jpg"]
    assert left_out["links to what is in the folder anyway"] == 1


def test_a_folder_that_is_itself_reached_by_a_link_is_walked(tmp_path: Path) -> None:
    touch(tmp_path / "real", "hat.jpg")
    (tmp_path / "link").symlink_to("real")
    assert walked(tmp_path / "link")[0] == ["hat.jpg"]


def test_a_file_with_two_names_is_found_once(tmp_path: Path) -> None:
    touch(tmp_path, "hat.jpg")
    os.link(tmp_path / "hat.jpg", tmp_path / "same hat.jpg")
    places, left_out = walked(tmp_path)
    assert places == ["hat.jpg"]
    assert left_out == {"further names of the same file (hard links)": 1}


def test_names_of_a_mac_and_of_a_nas_are_the_same_place(tmp_path: Path) -> None:
    name = "Größe/é.jpg"
    touch(tmp_path / "mac", unicodedata.normalize("NFD", name))
    touch(tmp_path / "nas", unicodedata.normalize("NFC", name))
    assert list(found(tmp_path / "mac")) == list(found(tmp_path / "nas")) == [name]
    assert found(tmp_path / "mac")[name].name == "é.jpg"


def test_two_names_that_differ_in_normalisation_only_are_two_places(tmp_path: Path) -> None:
    for form in ("NFC", "NFD"):
        touch(tmp_path, unicodedata.normalize(form, "ü/é.jpg"))
    places, _ = walked(tmp_path)
    assert len(set(places)) == 2
    assert walked(tmp_path)[0] == places  # and the same ones the next time


def test_a_name_that_is_not_utf8_is_readable_and_has_a_place_of_its_own(tmp_path: Path) -> None:
    for name in (b"gr\xf6\xdfe.jpg", b"gr\xf6\xd0e.jpg"):
        with open(os.path.join(os.fsencode(tmp_path), name), "wb") as file:
            file.write(name)
    places = found(tmp_path)
    assert list(places) == [r"gr\xf6\xd0e.jpg", r"gr\xf6\xdfe.jpg"]
    assert {file.name for file in places.values()} == {"gr��e.jpg"}
    assert Path(places[r"gr\xf6\xdfe.jpg"].path).read_bytes() == b"gr\xf6\xdfe.jpg"


@pytest.mark.parametrize("sidecar", ["hat.xmp", "hat.jpg.xmp", "HAT.XMP", "hat.JPG.xmp"])
def test_a_sidecar_belongs_to_its_picture_and_is_no_file_of_its_own(
    tmp_path: Path, sidecar: str
) -> None:
    touch(tmp_path, "hat.jpg", sidecar, "b/coat.jpg", "b/bag.xmp")
    files = found(tmp_path)
    assert list(files) == ["hat.jpg", "b/coat.jpg"]
    beside = files["hat.jpg"].sidecar
    assert beside is not None
    assert beside.path == str(tmp_path / sidecar)
    assert files["b/coat.jpg"].sidecar is None
    assert walked(tmp_path)[1] == {"sidecars (XMP) without their picture": 1}


def test_the_sidecar_with_the_whole_name_counts_more(tmp_path: Path) -> None:
    touch(tmp_path, "hat.jpg", "hat.png", "hat.xmp", "hat.jpg.xmp")
    files = found(tmp_path)
    assert [Path(file.sidecar.path).name for file in files.values() if file.sidecar] == [
        "hat.jpg.xmp",
        "hat.xmp",
    ]


def test_a_sidecar_that_changes_has_another_state(tmp_path: Path) -> None:
    touch(tmp_path, "hat.jpg", "hat.xmp")
    before = found(tmp_path)["hat.jpg"].sidecar
    os.utime(tmp_path / "hat.xmp", ns=(0, 1))
    after = found(tmp_path)["hat.jpg"].sidecar
    assert before is not None
    assert after is not None
    assert before.state != after.state


def test_a_folder_that_goes_in_the_meantime_is_named_with_the_reason(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "b/hat.jpg")
    walk = Walk(str(tmp_path))
    files = walk.files()
    assert next(files).place == "a.jpg"
    (tmp_path / "b" / "hat.jpg").unlink()
    (tmp_path / "b").rmdir()
    assert list(files) == []
    assert walk.unreadable == [("b", "No such file or directory")]


def test_subfolders_of_the_top_can_be_skipped(tmp_path: Path) -> None:
    touch(tmp_path, "done/a.jpg", "b/done/c.jpg")
    assert walked(tmp_path, skip=("done",)) == (["b/done/c.jpg"], {})

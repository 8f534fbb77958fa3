"""Watched folders: what is put there is imported once it stops growing, and moved away."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob
from pytest_django import Settings

from assetbank import checks, health
from assetbank.assets.folders import scan_watched_folders, watch
from assetbank.models import Asset, AssetSource, Collection, WatchedFolder
from tests.conftest import Cast, picture_bytes


@pytest.fixture
def hot(cast: Cast, tmp_path: Path, settings: Settings) -> Path:
    """A watched folder of the brand acme and its collection “Inbox”."""
    folder = tmp_path / "hot"
    folder.mkdir()
    settings.WATCH_FOLDERS = {str(folder): ("acme", "Inbox")}
    return folder


def put(folder: Path, place: str, data: bytes | None = None) -> Path:
    path = folder / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(picture_bytes() if data is None else data)
    return path


def later() -> None:
    """Let the files that wait be unchanged for long enough."""
    for row in WatchedFolder.objects.all():
        row.waiting = {
            place: [*state, since - watch.SETTLE_SECONDS]
            for place, (*state, since) in row.waiting.items()
        }
        row.save()


def scan_twice() -> bool:
    scan_watched_folders()
    later()
    return scan_watched_folders()


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def problem() -> str:
    return WatchedFolder.objects.get().problem


def test_a_file_is_imported_once_it_is_unchanged_and_moved_to_done(hot: Path) -> None:
    put(hot, "Spring/hat.png")
    scan_watched_folders()
    assert not Asset.objects.exists()
    assert list(WatchedFolder.objects.get().waiting) == ["Spring/hat.png"]
    later()
    assert scan_watched_folders() is False
    asset = Asset.objects.get()
    assert (asset.brand.slug, asset.filename, asset.origin) == ("acme", "hat.png", "import")
    assert list(Collection.objects.get(name="Inbox").assets.all()) == [asset]
    assert files(hot) == {"done/Spring/hat.png"}
    assert AssetSource.objects.get().path == "Spring/hat.png"
    assert WatchedFolder.objects.get().waiting == {}


def test_a_file_that_grows_waits_until_it_stops(hot: Path) -> None:
    whole = picture_bytes()
    path = put(hot, "hat.png", whole[:50])
    scan_watched_folders()
    later()
    path.write_bytes(whole)
    scan_watched_folders()
    assert files(hot) == {"hat.png"}
    later()
    scan_watched_folders()
    assert files(hot) == {"done/hat.png"}


def test_an_empty_file_waits(hot: Path) -> None:
    put(hot, "hat.png", b"")
    scan_twice()
    assert files(hot) == {"hat.png"}
    assert problem() == ""


def test_a_refused_file_has_its_reason_beside_it(hot: Path) -> None:
    put(hot, "a/notes.txt", b"no picture")
    put(hot, "hat.png")
    scan_twice()
    assert files(hot) == {"refused/a/notes.txt", "refused/a/notes.txt.txt", "done/hat.png"}
    reason = (hot / "refused/a/notes.txt.txt").read_text()
    assert "not a supported image" in reason
    assert problem() == ""


def test_a_file_above_the_limit_is_refused(hot: Path, settings: Settings) -> None:
    settings.MAX_UPLOAD_BYTES = 100
    put(hot, "hat.png")
    scan_twice()
    assert "larger than MAX_UPLOAD_BYTES" in (hot / "refused/hat.png.txt").read_text()


def test_a_name_that_is_taken_gets_a_number(hot: Path) -> None:
    for shade in (1, 2, 3):
        put(hot, "hat.png", picture_bytes((shade, 0, 0)))
        scan_twice()
        put(hot, "notes.txt", f"no picture {shade}".encode())
        scan_twice()
    assert files(hot / "done") == {"hat.png", "hat (2).png", "hat (3).png"}
    assert files(hot / "refused") == {
        *("notes.txt", "notes (2).txt", "notes (3).txt"),
        *("notes.txt.txt", "notes (2).txt.txt", "notes (3).txt.txt"),
    }
    assert (hot / "done/hat.png").read_bytes() == picture_bytes((1, 0, 0))
    assert Asset.objects.count() == 3


@pytest.mark.parametrize(
    ("sidecar", "moved"), [("hat.xmp", "hat (2).xmp"), ("hat.png.XMP", "hat (2).png.XMP")]
)
def test_a_sidecar_travels_with_its_picture(hot: Path, sidecar: str, moved: str) -> None:
    put(hot, "done/hat.png", b"earlier")
    put(hot, "hat.png")
    put(hot, sidecar, b"<x/>")
    scan_twice()
    assert files(hot) == {"done/hat.png", "done/hat (2).png", f"done/{moved}"}


def test_a_sidecar_says_what_its_picture_shows(hot: Path) -> None:
    put(hot, "hat.png")
    description = "<rdf:Description xmlns:dc='http://purl.org/dc/elements/1.1/'><dc:title><rdf:Alt>"
    description += "<rdf:li xml:lang='x-default'>Silk hat</rdf:li></rdf:Alt></dc:title>"
    rdf = "<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>"
    put(hot, "hat.xmp", f"{rdf}{description}</rdf:Description></rdf:RDF>".encode())
    scan_twice()
    assert Asset.objects.get().title == "Silk hat"


def test_a_picture_waits_for_its_sidecar_to_be_whole(hot: Path) -> None:
    put(hot, "hat.png")
    sidecar = put(hot, "hat.xmp", b"<x")
    scan_watched_folders()
    later()
    sidecar.write_bytes(b"<x/>")
    scan_watched_folders()
    assert files(hot) == {"hat.png", "hat.xmp"}


def test_what_was_killed_between_import_and_move_is_moved_and_not_read_again(hot: Path) -> None:
    path = put(hot, "hat.png")
    scan_twice()
    (hot / "done/hat.png").rename(path)  # as if it was never moved
    scan_twice()
    assert files(hot) == {"done/hat.png"}
    assert Asset.objects.count() == 1


def test_what_was_killed_between_reason_and_move_is_refused_under_its_name(hot: Path) -> None:
    path = put(hot, "notes.txt", b"no picture")
    scan_twice()
    (hot / "refused/notes.txt").rename(path)
    scan_twice()
    assert files(hot) == {"refused/notes.txt", "refused/notes.txt.txt"}


def test_pipes_and_files_of_tools_stay_and_do_not_hang(hot: Path) -> None:
    os.mkfifo(hot / "pipe.png")
    put(hot, ".DS_Store")
    put(hot, "@eaDir/hat.png")
    scan_twice()
    assert files(hot) == {".DS_Store", "@eaDir/hat.png"}
    assert WatchedFolder.objects.get().waiting == {}


def test_a_folder_that_cannot_be_written_is_a_warning_and_imports_nothing(hot: Path) -> None:
    (hot / "done").write_text("not a folder")
    put(hot, "hat.png")
    for _ in range(3):
        scan_twice()
    assert f"{hot / 'done'} cannot be created" in problem()
    assert not Asset.objects.exists()
    part = health.watched_folders()
    assert (part.ok, part.warning) == (True, True)
    assert problem() in part.detail


def test_a_folder_that_leads_elsewhere_gets_nothing(hot: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (hot / "done").symlink_to(tmp_path / "elsewhere")
    put(hot, "hat.png")
    scan_twice()
    assert "cannot be written" in problem()
    (hot / "done").unlink()
    (hot / "done").mkdir()
    (hot / "done" / "a").symlink_to(tmp_path / "elsewhere")
    put(hot, "a/coat.png", picture_bytes((1, 2, 3)))
    scan_twice()
    assert "leads out of" in problem()
    assert files(tmp_path / "elsewhere") == set()
    assert "a/coat.png" in files(hot)


def test_a_move_that_fails_is_tried_again_without_importing_again(
    hot: Path,
) -> None:
    put(hot, "hat.png")
    put(hot, "done/a", b"a file where a folder is needed")
    put(hot, "a/coat.png", picture_bytes((1, 2, 3)))
    for _ in range(3):
        scan_twice()
    assert "a/coat.png cannot be moved to done: " in problem()
    assert files(hot) == {"done/hat.png", "done/a", "a/coat.png"}
    assert Asset.objects.count() == 2
    assert list(WatchedFolder.objects.get().waiting) == ["a/coat.png"]


def test_an_unknown_brand_and_a_missing_folder_are_sentences(hot: Path, settings: Settings) -> None:
    put(hot, "hat.png")
    settings.WATCH_FOLDERS = {str(hot): ("nike", ""), str(hot / "gone"): ("acme", "")}
    scan_twice()
    assert files(hot) == {"hat.png"}
    problems = dict(WatchedFolder.objects.values_list("path", "problem"))
    assert "There is no brand “nike”" in problems[str(hot)]
    assert "not a folder on the host of the worker" in problems[str(hot / "gone")]


def test_a_collection_name_that_is_impossible_refuses_no_file(
    hot: Path, settings: Settings
) -> None:
    settings.WATCH_FOLDERS = {str(hot): ("acme", "x" * 121)}
    put(hot, "hat.png")
    scan_twice()
    assert files(hot) == {"hat.png"}
    assert "at most 120 characters" in problem()


def test_a_job_ends_after_its_time_and_says_that_there_is_more(
    hot: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        put(hot, f"{number}.png", picture_bytes((number, 0, 0)))
    monkeypatch.setattr(watch, "JOB_SECONDS", -1)
    assert scan_twice() is True
    assert len(WatchedFolder.objects.get().waiting) == 3
    monkeypatch.setattr(watch, "JOB_SECONDS", 60)
    assert scan_watched_folders() is False
    assert Asset.objects.count() == 3


def test_without_watched_folders_the_database_is_not_asked(settings: Settings) -> None:
    settings.WATCH_FOLDERS = {}
    assert scan_watched_folders() is False  # without the fixture `db`, a query is an error
    assert health.watched_folders().detail == "none: set WATCH_FOLDERS"


def test_health_counts_what_waits_and_warns_when_no_worker_looks(hot: Path) -> None:
    assert "no worker has looked into it" in health.watched_folders().detail
    put(hot, "hat.png")
    scan_watched_folders()
    part = health.watched_folders()
    assert (part.ok, part.warning, part.counts) == (True, False, {"files waiting": 1})
    WatchedFolder.objects.update(scanned_at=timezone.now() - timedelta(hours=1))
    assert health.watched_folders().warning


def test_a_job_with_more_to_do_enqueues_another(hot: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = app.tasks["assetbank.tasks.import_watched"]
    put(hot, "hat.png")
    task.func(timestamp=1)
    later()
    jobs = ProcrastinateJob.objects.filter(task_name=task.name)
    assert not jobs.exists()
    monkeypatch.setattr(watch, "JOB_SECONDS", -1)
    for _ in range(2):
        task.func(timestamp=2)
    assert [job.status for job in jobs] == ["todo"]


def test_the_check_warns_of_a_folder_that_is_not_there(hot: Path, settings: Settings) -> None:
    assert "W001" not in str(checks.settings_are_right(None))
    settings.WATCH_FOLDERS = {str(hot / "gone"): ("acme", "")}
    (warning,) = [each for each in checks.settings_are_right(None) if "W001" in str(each)]
    assert f"{hot / 'gone'} is not a folder on this host" in str(warning)

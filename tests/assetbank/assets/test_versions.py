from __future__ import annotations

import hashlib
import itertools
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.db import connection, transaction
from PIL import Image

from assetbank import hooks
from assetbank.assets import (
    approval,
    collections,
    downloads,
    ingest_asset,
    open_rendition,
    read_original,
    update_asset,
    versions,
)
from assetbank.errors import (
    AssetGone,
    FileMissing,
    InvalidAsset,
    NotAllowed,
    PictureRefused,
    SameFile,
)
from assetbank.media import decoder, images
from assetbank.media.metadata import read_metadata
from assetbank.models import Asset, AssetVersion, Brand, Collection, Decision, Notice
from tests.conftest import Cast, picture_bytes
from tests.support.trash import delete_asset, delete_waiting_files

MakeAsset = Callable[..., Asset]
RED, GREEN, BLUE = (
    picture_bytes(colour, size)
    for colour, size in (
        ((200, 30, 40), (80, 60)),
        ((20, 160, 60), (60, 90)),
        ((0, 0, 200), (9, 9)),
    )
)


def replace(asset: Asset, data: bytes, by: Any, **more: Any) -> AssetVersion:
    return versions.replace_file(asset=asset, file=data, filename="new.png", by=by, **more)


def files_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def asset(make_asset: MakeAsset) -> Asset:
    return make_asset(file=RED, filename="old.png", title="Cape", tags=["cape"], status="draft")


# ------------------------------------------------------------------------ replacing


def test_the_asset_gets_the_new_file_and_all_that_is_computed_from_it(
    cast: Cast, asset: Asset
) -> None:
    replace(asset, GREEN, cast.creator, reason="Retouched")
    for each in (asset, Asset.objects.get(pk=asset.pk)):
        assert read_original(each) == GREEN
        assert (each.filename, each.version) == ("new.png", 2)
        assert (each.width, each.height, each.orientation) == (60, 90, "portrait")
        assert each.colours == ["#14a03c"]
        with open_rendition(asset=each, name="grid") as file:
            assert Image.open(file).size == (60, 90)


def test_what_people_said_about_it_stays(cast: Cast, asset: Asset) -> None:
    update_asset(asset=asset, licence="Owned", territories=["DE"], description="Red.")
    collection = Collection.objects.create(brand=cast.acme, name="Summer")
    collections.add_assets(collection=collection, assets=[asset])
    before = asset.get_absolute_url()
    replace(asset, GREEN, cast.creator)
    asset.refresh_from_db()
    assert (asset.title, asset.licence, asset.territories) == ("Cape", "Owned", ["DE"])
    assert asset.description == "Red."
    assert asset.tag_names == ["cape"]
    assert list(asset.collections.all()) == [collection]
    assert asset.get_absolute_url() == before


def test_the_earlier_file_stays_with_who_when_and_why(cast: Cast, asset: Asset) -> None:
    path = asset.path
    replace(asset, GREEN, cast.manager, reason=" Retouched \x00 ")
    new, old = versions.list_versions(asset)
    assert (old.number, old.filename, old.created_by) == (1, "old.png", cast.creator)
    assert old.created_at == asset.created_at
    assert (new.number, new.filename, new.created_by) == (2, "new.png", cast.manager)
    assert new.reason == "Retouched"
    assert versions.read_version(old) == RED
    assert old.file == path != new.file
    assert old.as_asset.grid_url == asset.grid_url.replace(
        asset.rendition_version, old.as_asset.rendition_version
    )
    with open_rendition(asset=old.as_asset, name="grid") as file:
        assert Image.open(file).size == (80, 60)
    assert downloads.original_name(old.as_asset) == "old.png"


def test_an_asset_that_was_never_replaced_has_one_version_and_no_row(asset: Asset) -> None:
    (only,) = versions.list_versions(asset)
    assert (only.number, only.checksum) == (1, asset.checksum)
    assert versions.get_version(asset, 1).checksum == asset.checksum
    assert not AssetVersion.objects.exists()
    with pytest.raises(AssetGone, match="no version 2"):
        versions.get_version(asset, 2)


def test_the_current_file_is_no_new_version(cast: Cast, asset: Asset) -> None:
    with pytest.raises(SameFile, match="current file of “Cape” already"):
        replace(asset, RED, cast.creator)
    assert not AssetVersion.objects.exists()


def test_the_file_of_another_asset_is_refused_and_says_which(
    cast: Cast, asset: Asset, make_asset: MakeAsset
) -> None:
    other = make_asset(file=GREEN, title="Hat")
    with pytest.raises(SameFile, match=f"“Hat”, asset {other.pk} of Acme") as refused:
        replace(asset, GREEN, cast.creator)
    assert refused.value.extra == {"asset": str(other.pk), "address": f"/assets/{other.pk}/"}
    elsewhere = ingest_asset(brand=cast.other, file=BLUE, filename="a.png", by=None).asset
    assert replace(asset, BLUE, cast.creator).checksum == elsewhere.checksum


def test_an_earlier_version_uploaded_anew_is_the_asset_that_it_was_of(
    cast: Cast, asset: Asset
) -> None:
    replace(asset, GREEN, cast.creator)
    known = ingest_asset(brand=cast.acme, file=RED, filename="old.png", by=cast.creator)
    assert (known.asset, known.created, known.version) == (asset, False, 1)
    current = ingest_asset(brand=cast.acme, file=GREEN, filename="new.png", by=cast.creator)
    assert (current.asset, current.created, current.version) == (asset, False, None)
    assert ingest_asset(brand=cast.other, file=RED, filename="old.png", by=None).created


@pytest.mark.parametrize("data", [b"", b"no picture", RED[:90]], ids=["empty", "text", "cut"])
def test_what_is_no_whole_picture_is_refused_and_leaves_all_as_it_was(
    cast: Cast, asset: Asset, media: Path, data: bytes
) -> None:
    before = files_below(media)
    with pytest.raises(PictureRefused):
        replace(asset, data, cast.creator)
    assert files_below(media) == before
    assert read_original(Asset.objects.get()) == RED == read_original(asset)
    assert not AssetVersion.objects.exists()


def test_viewers_and_other_brands_cannot_replace_or_restore(cast: Cast, asset: Asset) -> None:
    for user in (cast.viewer, cast.outsider):
        with pytest.raises(NotAllowed):
            replace(asset, GREEN, user)
    replace(asset, GREEN, cast.creator)
    for user in (cast.viewer, cast.outsider):
        with pytest.raises(NotAllowed):
            versions.restore_version(asset=asset, number=1, by=user)
        with pytest.raises(NotAllowed):
            versions.require_access(user, asset)
    assert replace(asset, BLUE, None).created_by is None


def test_a_quarantined_asset_keeps_its_file_and_an_archived_one_its_status(
    cast: Cast, make_asset: MakeAsset
) -> None:
    quarantined = make_asset(status="quarantined")
    with pytest.raises(InvalidAsset, match="usage rights were revoked"):
        replace(quarantined, RED, cast.staff)
    archived = make_asset(status="archived")
    replace(archived, RED, cast.creator)
    assert archived.status == Asset.Status.ARCHIVED


def test_a_long_reason_is_refused_before_the_file_is_looked_at(cast: Cast, asset: Asset) -> None:
    with pytest.raises(InvalidAsset, match="500 characters"):
        replace(asset, GREEN, cast.creator, reason="x" * 501)


def test_an_asset_deleted_in_the_meantime_leaves_no_file(
    cast: Cast, asset: Asset, media: Path
) -> None:
    delete_asset(asset=Asset.objects.get(pk=asset.pk))
    before = files_below(media)
    with pytest.raises(AssetGone):
        replace(asset, GREEN, cast.creator)
    assert files_below(media) == before


# ------------------------------------------------------------------------ restoring


def test_a_restored_file_is_a_new_version_and_loses_nothing(
    cast: Cast, asset: Asset, media: Path
) -> None:
    first = {name: getattr(asset, name) for name in ("width", "colours", "perceptual_hash", "path")}
    replace(asset, GREEN, cast.creator)
    before = files_below(media)
    version = versions.restore_version(asset=asset, number=1, by=cast.manager, reason="Better")
    assert (version.number, version.restored_from, version.created_by) == (3, 1, cast.manager)
    asset.refresh_from_db()
    assert asset.version == 3
    assert {name: getattr(asset, name) for name in first} == first
    assert read_original(asset) == RED
    assert [each.number for each in versions.list_versions(asset)] == [3, 2, 1]
    assert [versions.read_version(each) for each in versions.list_versions(asset)] == [
        RED,
        GREEN,
        RED,
    ]
    assert files_below(media) == before, "no file is copied"


def test_the_bytes_of_an_own_earlier_version_restore_it(
    cast: Cast, asset: Asset, media: Path
) -> None:
    replace(asset, GREEN, cast.creator)
    before = files_below(media)
    assert replace(asset, RED, cast.creator, reason="As it was").restored_from == 1
    assert files_below(media) == before


def test_restoring_the_current_file_or_one_that_is_gone_is_refused(
    cast: Cast, asset: Asset, make_asset: MakeAsset
) -> None:
    with pytest.raises(SameFile):
        versions.restore_version(asset=asset, number=1, by=cast.creator)
    replace(asset, GREEN, cast.creator)
    old = versions.get_version(asset, 1)
    default_storage.delete(old.file)
    with pytest.raises(FileMissing, match="missing from the storage"):
        versions.restore_version(asset=asset, number=1, by=cast.creator)
    with (Path(default_storage.path(old.file))).open("wb") as file:
        file.write(BLUE)
    with pytest.raises(FileMissing, match="has changed"):
        versions.restore_version(asset=asset, number=1, by=cast.creator)
    assert read_original(Asset.objects.get()) == GREEN


def test_a_file_that_another_asset_got_since_cannot_be_restored(
    cast: Cast, asset: Asset, make_asset: MakeAsset
) -> None:
    other = make_asset(file=BLUE, title="Hat")
    replace(asset, GREEN, cast.creator)
    replace(other, RED, cast.creator)
    with pytest.raises(SameFile, match="“Hat”"):
        versions.restore_version(asset=asset, number=1, by=cast.creator)


# ------------------------------------------------------------------------ provenance


def test_the_label_made_with_ai_survives_a_file_that_does_not_say_so(
    cast: Cast, asset: Asset
) -> None:
    update_asset(asset=asset, digital_source_type="trainedAlgorithmicMedia")
    replace(asset, GREEN, cast.creator)
    assert asset.digital_source_type == "trainedAlgorithmicMedia"
    with open_rendition(asset=asset, name="grid") as file:
        assert b"trainedAlgorithmicMedia" in file.read()
    update_asset(asset=asset, digital_source_type="digitalCapture")  # by a person, and allowed
    replace(asset, BLUE, cast.creator)
    assert asset.digital_source_type == "digitalCapture"


def test_a_file_that_says_that_it_was_made_with_ai_labels_the_asset(
    cast: Cast, asset: Asset
) -> None:
    update_asset(asset=asset, digital_source_type="digitalCapture")
    claim = b'<x Iptc4xmpExt:DigitalSourceType="http://cv.iptc.org/x/trainedAlgorithmicMedia"/>'
    replace(asset, picture_bytes(fmt="WEBP", xmp=claim), cast.creator)
    assert asset.digital_source_type == "trainedAlgorithmicMedia"
    versions.restore_version(asset=asset, number=1, by=cast.creator)
    assert asset.digital_source_type == "trainedAlgorithmicMedia", "a person may change it back"


# ------------------------------------------------------------------------ approval


def test_an_approved_asset_awaits_approval_again_and_says_why(cast: Cast, asset: Asset) -> None:
    approval.decide(asset=asset, by=cast.manager, verdict="approved")
    Notice.objects.all().delete()
    replace(asset, GREEN, cast.creator, reason="Retouched")
    assert asset.status == Asset.Status.DRAFT == Asset.objects.get().status
    latest = asset.decisions.all()[0]
    assert (latest.verdict, latest.by) == (Decision.Verdict.REPLACED, cast.creator)
    assert latest.reason == "Version 2: Retouched"
    assert list(approval.pending_review(cast.manager)) == [asset]
    (notice,) = Notice.objects.all()
    assert notice.person == cast.manager
    assert notice.sentence == (
        "The file of “Cape” was replaced by creator. It is a draft until it is approved again."
    )


def test_a_brand_may_keep_the_approval(cast: Cast, asset: Asset) -> None:
    Brand.objects.filter(pk=cast.acme.pk).update(replacement_policy="keep")
    approval.decide(asset=asset, by=cast.manager, verdict="approved")
    asset.refresh_from_db()
    replace(asset, GREEN, cast.creator)
    assert asset.status == Asset.Status.APPROVED
    assert [each.verdict for each in asset.decisions.all()] == ["approved"]


def test_a_new_file_answers_requested_changes(cast: Cast, asset: Asset) -> None:
    approval.decide(asset=asset, by=cast.manager, verdict="rejected", reason="Too dark.")
    assert list(approval.pending_review(cast.manager)) == []
    replace(asset, GREEN, cast.creator, reason="Brighter")
    assert list(approval.pending_review(cast.manager)) == [asset]
    assert [each.reason for each in asset.decisions.all()] == ["Version 2: Brighter", "Too dark."]


def test_no_user_can_decide_that_a_file_was_replaced(cast: Cast, asset: Asset) -> None:
    with pytest.raises(InvalidAsset, match="verdict must be one of"):
        approval.decide(asset=asset, by=cast.manager, verdict="replaced")


def test_the_second_approver_is_another_than_who_replaced_the_file(
    cast: Cast, asset: Asset
) -> None:
    Brand.objects.filter(pk=cast.acme.pk).update(four_eyes=True)
    asset.refresh_from_db()
    assert approval.approval_blockers(asset, by=cast.manager) == []
    replace(asset, GREEN, cast.manager)
    (reason,) = approval.approval_blockers(asset, by=cast.manager)
    assert "requires a second approver" in reason
    assert approval.approval_blockers(asset, by=cast.staff) == []


# ------------------------------------------------------------------------ files and faults


@pytest.mark.django_db(transaction=True)
def test_removing_an_asset_removes_the_files_of_its_versions(
    cast: Cast, asset: Asset, media: Path
) -> None:
    replace(asset, GREEN, cast.creator)
    update_asset(asset=asset, digital_source_type="digitalCapture")
    open_rendition(asset=asset, name="grid").close()
    replace(asset, BLUE, cast.creator)
    versions.restore_version(asset=asset, number=1, by=cast.creator)
    assert len(files_below(media)) > 2 * (1 + len(images.RENDITIONS))
    delete_asset(asset=asset)
    delete_waiting_files()
    assert files_below(media) == set()


def test_a_failure_after_the_files_were_written_leaves_the_asset_and_no_new_file(
    cast: Cast, asset: Asset, media: Path
) -> None:
    def fail(asset: Asset, before: AssetVersion) -> None:
        raise RuntimeError("a hook failed")

    before = files_below(media)
    hooks.file_replaced.register(fail)
    try:
        with pytest.raises(RuntimeError):
            replace(asset, GREEN, cast.creator)
    finally:
        hooks.file_replaced.functions.remove(fail)
    assert files_below(media) == before
    assert read_original(asset) == RED == read_original(Asset.objects.get())
    assert asset.version == 1


@pytest.mark.django_db(transaction=True)
def test_replacements_at_the_same_time_are_versions_one_after_the_other(
    cast: Cast, asset: Asset
) -> None:
    pictures = [picture_bytes((n, 2 * n, 90), (300, 300)) for n in range(4)]

    def one(data: bytes) -> int:
        try:
            return replace(Asset.objects.get(pk=asset.pk), data, cast.creator).number
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(one, pictures)) == [2, 3, 4, 5]
    kept = versions.list_versions(Asset.objects.get(pk=asset.pk))
    assert [each.number for each in kept] == [5, 4, 3, 2, 1]
    assert {versions.read_version(each) for each in kept} == {RED, *pictures}
    assert read_original(Asset.objects.get()) == versions.read_version(kept[0])


@pytest.mark.django_db(transaction=True)
def test_the_same_file_at_the_same_time_is_one_version(
    cast: Cast, asset: Asset, media: Path
) -> None:
    def one(_: int) -> str:
        try:
            replace(Asset.objects.get(pk=asset.pk), GREEN, cast.creator)
        except SameFile as error:
            return error.code
        else:
            return "replaced"
        finally:
            connection.close()

    with ThreadPoolExecutor(3) as pool:
        assert sorted(pool.map(one, range(3))) == ["replaced", "same_file", "same_file"]
    assert Asset.objects.get().version == 2
    assert len(files_below(media)) == 2 * (1 + len(images.RENDITIONS))


@pytest.mark.django_db(transaction=True)
def test_what_fails_after_the_commit_takes_no_file_of_it_away(cast: Cast, asset: Asset) -> None:
    def fail(asset: Asset, before: AssetVersion) -> None:
        transaction.on_commit(lambda: 1 / 0)  # as if the result of the commit were lost

    hooks.file_replaced.register(fail)
    try:
        with pytest.raises(ZeroDivisionError):
            replace(asset, GREEN, cast.creator)
    finally:
        hooks.file_replaced.functions.remove(fail)
    assert read_original(Asset.objects.get()) == GREEN


def kill_before(visit: int, work: Callable[[], object]) -> int:
    """Run `work` in a child that ends, without any cleaning up, before it runs the line of that
    number in `assetbank/assets/`; return its exit status: 9 if it was killed, else 0."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    connection.connection = None  # the parent's; closing it would end the parent's session
    lines = itertools.count()

    def line(frame: FrameType, event: str, argument: Any) -> Any:
        if event == "line" and next(lines) == visit:
            os._exit(9)
        return line

    def call(frame: FrameType, event: str, argument: Any) -> Any:
        return line if f"{os.sep}assets{os.sep}" in frame.f_code.co_filename else None

    sys.settrace(call)
    try:
        work()
    except BaseException:
        os._exit(1)
    os._exit(0)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_killed_at_any_line_the_asset_has_its_earlier_file_or_the_new_one_whole(
    cast: Cast, asset: Asset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each replacement runs in a child that is killed at a later line than the one before.

    The parent decodes: a pool of decoders for each of the children would take minutes to start.
    """
    replace(asset, GREEN, cast.creator)
    outcomes: set[tuple[int, bool]] = set()
    for visit in itertools.count():
        before = Asset.objects.get(pk=asset.pk)
        data = picture_bytes((visit % 256, 7, 99), (30, 20))
        facts = decoder.examine(data)
        monkeypatch.setattr(decoder, "examine", lambda data, facts=facts: facts)
        status = kill_before(visit, lambda: replace(before, data, cast.creator))  # noqa: B023
        monkeypatch.undo()
        assert status in (0, 9)
        after = Asset.objects.get(pk=asset.pk)
        replaced = after.version > before.version
        outcomes.add((status, replaced))
        assert read_original(after) == (data if replaced else read_original(before))
        assert hashlib.sha256(read_original(after)).hexdigest() == after.checksum
        with open_rendition(asset=after, name="grid") as file:
            assert Image.open(file).size == (after.width, after.height)
        kept = versions.list_versions(after)
        assert [each.number for each in kept] == list(range(after.version, 0, -1))
        assert all(versions.read_version(each) for each in kept[:2])
        if status == 0:
            break
    assert outcomes == {(9, False), (9, True), (0, True)}


# ------------------------------------------------------------------------ metadata


def test_what_the_new_file_says_of_itself_fills_only_what_is_empty(
    cast: Cast, asset: Asset
) -> None:
    update_asset(asset=asset, creator="Ann", tags=["cape"])
    said = Path(__file__).parents[2] / "cases" / "pictures" / "meta.jpg"
    metadata = read_metadata(said.read_bytes())
    assert metadata.creator
    assert metadata.copyright
    replace(asset, said.read_bytes(), cast.creator)
    for each in (asset, Asset.objects.get()):
        assert (each.title, each.creator) == ("Cape", "Ann")
        assert each.copyright == metadata.copyright
        assert {"cape", *metadata.keywords} == set(each.tag_names)
        assert each.metadata_read_at is not None

"""`read_metadata` fills existing assets from their files, once, and changes no value."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from django.core.management import CommandError, call_command

from assetbank.management.commands import read_metadata as command
from assetbank.models import Asset
from tests.assetbank.media.metadata.test_reading import CASES
from tests.conftest import Cast, picture_bytes

MakeAsset = Callable[..., Asset]


@pytest.fixture
def old(make_asset: MakeAsset) -> Asset:
    """An asset as libraries had it before files were read."""
    asset = make_asset(file=(CASES / "meta.jpg").read_bytes(), filename="meta.jpg")
    asset.tags.set(["known"])
    Asset.objects.filter(pk=asset.pk).update(
        **dict.fromkeys(("description", "creator", "credit", "copyright", "terms_to_check"), ""),
        title="meta",
        captured_at=None,
        captured_offset=None,
        metadata_read_at=None,
    )
    return Asset.objects.get(pk=asset.pk)


def run(*options: str) -> str:
    out = io.StringIO()
    call_command("read_metadata", *options, stdout=out)
    return out.getvalue()


def test_it_fills_what_is_empty(old: Asset) -> None:
    assert run() == "1 filled, 0 with nothing to add, 0 skipped.\n"
    old.refresh_from_db()
    assert (old.title, old.creator) == ("Messestand Halle 7", "A. Beispiel")
    assert old.captured == "2019-03-14T10:11:12+01:00"
    assert sorted(old.tags.names()) == ["Frühjahr", "Messe Stand", "known"]
    assert "nur redaktionell" in old.terms_to_check
    assert old.status == "approved"


def test_it_changes_no_value(old: Asset) -> None:
    Asset.objects.filter(pk=old.pk).update(title="Stand 7", creator="Someone", credit="C")
    run()
    old.refresh_from_db()
    assert (old.title, old.creator, old.credit) == ("Stand 7", "Someone", "C")
    assert old.description == "Stand auf der Messe, Halle 7"


def test_each_asset_is_read_once(old: Asset) -> None:
    run()
    Asset.objects.filter(pk=old.pk).update(terms_to_check="", creator="")  # somebody looked
    assert run() == "0 filled, 0 with nothing to add, 0 skipped.\n"
    old.refresh_from_db()
    assert (old.terms_to_check, old.creator) == ("", "")


def test_a_dry_run_saves_nothing(old: Asset, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--dry-run") == "1 would be filled, 0 with nothing to add, 0 skipped.\n"
    assert "captured_at, captured_offset, copyright, creator, credit" in capsys.readouterr().out
    old.refresh_from_db()
    assert (old.creator, old.metadata_read_at) == ("", None)


def test_a_brand_can_be_named(old: Asset, cast: Cast) -> None:
    assert run("--brand", "other").startswith("0 filled")
    assert run("--brand", "acme").startswith("1 filled")
    with pytest.raises(CommandError, match="There is no brand “none”"):
        run("--brand", "none")


def test_a_lost_file_is_said_and_read_later(
    old: Asset, make_asset: MakeAsset, capsys: pytest.CaptureFixture[str]
) -> None:
    lost = make_asset()
    Asset.objects.filter(pk=lost.pk).update(metadata_read_at=None)
    lost.file.storage.delete(lost.path)
    assert run() == "1 filled, 0 with nothing to add, 1 skipped.\n"
    assert f"asset {lost.pk}, {lost.filename}: skipped: The original" in capsys.readouterr().out
    lost.refresh_from_db()
    assert lost.metadata_read_at is None


def test_it_goes_on_where_it_was_stopped(
    old: Asset, make_asset: MakeAsset, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = make_asset(file=picture_bytes((1, 2, 3)))
    Asset.objects.filter(pk=second.pk).update(metadata_read_at=None)
    fill = command.fill_from_file

    def interrupted(*, asset: Asset, dry_run: bool) -> list[str]:
        if asset.pk == second.pk:
            raise KeyboardInterrupt
        return fill(asset=asset, dry_run=dry_run)

    monkeypatch.setattr(command, "fill_from_file", interrupted)
    with pytest.raises(CommandError, match="Run the same command again"):
        run()
    monkeypatch.undo()
    assert run() == "0 filled, 1 with nothing to add, 0 skipped.\n"

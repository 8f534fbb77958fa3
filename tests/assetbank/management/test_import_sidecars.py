"""`manage.py import_assets` with XMP sidecars: which value counts, and what a later run adds."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import call_command
from PIL import Image

from assetbank.assets import update_asset
from assetbank.models import Asset
from tests.conftest import Cast, picture_bytes
from tests.support.processes import end_other_sessions

pytestmark = pytest.mark.django_db(transaction=True)

XMP = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" photoshop:Credit="{credit}">
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">{title}</rdf:li></rdf:Alt></dc:title>
<dc:subject><rdf:Bag><rdf:li>{keyword}</rdf:li></rdf:Bag></dc:subject>
</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>"""


@pytest.fixture(autouse=True)
def no_other_sessions(transactional_db: None) -> Iterator[None]:
    yield
    end_other_sessions()


@pytest.fixture
def folder(tmp_path: Path, cast: Cast) -> Path:
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


def xmp(title: str = "Silk hat", credit: str = "Ann", keyword: str = "silk") -> str:
    return XMP.format(title=title, credit=credit, keyword=keyword)


def run(folder: Path, capsys: pytest.CaptureFixture[str], *options: str) -> str:
    call_command("import_assets", str(folder), "--brand=acme", *options)
    return capsys.readouterr().out.splitlines()[-1]


@pytest.mark.parametrize("name", ["hat.xmp", "hat.png.xmp", "HAT.XMP"])
def test_a_sidecar_gives_title_credit_and_tags(
    folder: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    (folder / "hat.png").write_bytes(picture_bytes())
    (folder / name).write_text(xmp())
    assert run(folder, capsys, "--tag=all") == "1 new, 0 existing, 0 skipped."
    asset = Asset.objects.get()
    assert (asset.title, asset.credit, asset.tag_names) == ("Silk hat", "Ann", ["all", "silk"])


def test_a_sidecar_counts_more_than_the_file_and_less_than_a_table(
    folder: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    embedded = xmp("In the file", "In the file", "embedded").encode()
    Image.new("RGB", (60, 40)).save(folder / "hat.jpg", xmp=embedded)
    Image.new("RGB", (60, 41)).save(folder / "coat.jpg", xmp=embedded)
    (folder / "hat.xmp").write_text(xmp())
    (tmp_path / "table.csv").write_text("filename,title\nhat.jpg,In the table\n")
    run(folder, capsys, f"--csv={tmp_path / 'table.csv'}")
    hat, coat = (Asset.objects.get(filename=name) for name in ("hat.jpg", "coat.jpg"))
    assert (hat.title, hat.credit, hat.tag_names) == ("In the table", "Ann", ["embedded", "silk"])
    assert (coat.title, coat.credit) == ("In the file", "In the file")


def test_a_sidecar_that_comes_or_changes_later_fills_what_is_empty(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "hat.png").write_bytes(picture_bytes())
    run(folder, capsys)
    (folder / "hat.xmp").write_text(xmp())
    assert run(folder, capsys) == "0 new, 1 existing, 0 skipped, 1 of the existing completed."
    asset = Asset.objects.get()
    assert (asset.title, asset.credit, asset.tag_names) == ("Silk hat", "Ann", ["silk"])
    update_asset(asset=asset, credit="")  # not read again while it is the same
    assert run(folder, capsys) == "0 new, 1 existing, 0 skipped."
    (folder / "hat.xmp").write_text(xmp("Felt hat", "Bob", "felt"))
    os.utime(folder / "hat.xmp", ns=(1, 1))
    assert run(folder, capsys) == "0 new, 1 existing, 0 skipped, 1 of the existing completed."
    asset.refresh_from_db()
    assert (asset.title, asset.credit, asset.tag_names) == ("Silk hat", "Bob", ["felt", "silk"])
    run(folder, capsys, "--update")
    asset.refresh_from_db()
    assert asset.title == "Felt hat"


@pytest.mark.parametrize("data", [b"", b"no xml", b"<a>" * 100_000, b"\0" * 100])
def test_a_sidecar_that_says_nothing_does_not_stop_its_picture(
    folder: Path, capsys: pytest.CaptureFixture[str], data: bytes
) -> None:
    (folder / "hat.png").write_bytes(picture_bytes())
    (folder / "hat.xmp").write_bytes(data)
    assert run(folder, capsys) == "1 new, 0 existing, 0 skipped."
    assert Asset.objects.get().title == "hat"

"""Tests of metadata as CSV: exported, changed, imported; every wrong line is named."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from assetbank.assets.folders import csv_import
from assetbank.errors import InvalidRow
from assetbank.models import Asset
from tests.assetbank.assets.metadata.fields import add_fields
from tests.conftest import Cast

MakeAsset = Callable[..., Asset]


@pytest.fixture
def assets(cast: Cast, make_asset: MakeAsset) -> list[Asset]:
    add_fields(cast.acme)
    cape = make_asset(title="=1+1", tags=["red", "linen"], custom={"sku": "-ORV", "price": -2.5})
    return [cape, make_asset(title="Hat", custom={"season": ["fw25", "ss26"], "cleared": False})]


def export(client: Client, query: str = "") -> list[dict[str, str]]:
    answer = client.get(f"/export.csv{query}")
    assert answer.status_code == 200, answer
    assert answer["Content-Disposition"] == 'attachment; filename="assets.csv"'
    text = b"".join(answer.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    return list(csv.DictReader(io.StringIO(text, newline="")))


def as_file(rows: list[dict[str, str]], delimiter: str = ",") -> io.BytesIO:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return io.BytesIO(text.getvalue().encode("utf-8-sig"))


def test_an_export_has_every_field_and_nothing_that_a_spreadsheet_runs(
    cast: Cast, client: Client, assets: list[Asset], make_asset: MakeAsset
) -> None:
    make_asset(title="Foreign", brand=cast.other, by=cast.outsider)
    client.force_login(cast.creator)
    hat, cape = export(client)
    assert (cape["title"], cape["tags"]) == ("'=1+1", "linen, red")
    assert (cape["field.sku"], cape["field.price"]) == ("'-ORV", "-2.5")
    assert (hat["field.season"], hat["field.cleared"]) == ("fw25; ss26", "no")
    assert {"alt_text", "captured_at", "territories", "checksum"} <= cape.keys()
    assert [row["title"] for row in export(client, "?field.season=ss26")] == ["Hat"]
    assert client.get("/export.csv?field.colour=x").status_code == 400
    client.force_login(cast.viewer)
    assert client.get("/export.csv").status_code == 403


def test_what_was_exported_changes_nothing_when_it_is_imported(
    cast: Cast, client: Client, assets: list[Asset]
) -> None:
    client.force_login(cast.creator)
    rows = export(client)
    report = csv_import.import_rows(brand=cast.acme, file=as_file(rows), clear_empty=True)
    assert (report.updated, report.unchanged, report.errors) == (0, 2, [])


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_rows_change_their_assets_and_a_wrong_one_stops_no_other(
    cast: Cast, assets: list[Asset], delimiter: str
) -> None:
    cape, hat = assets
    empty = {"title": "", "tags": "", "field.season": "", "sku": ""}
    rows = [
        {"filename": cape.filename, **empty, "title": "Cape", "sku": "ORV-2231"},
        {"filename": hat.filename, **empty, "field.season": "ss26", "tags": "felt, grey"},
        {"filename": hat.filename, **empty, "field.season": "summer"},
        {"filename": "nothing.png", **empty},
    ]
    tried = csv_import.import_rows(brand=cast.acme, file=as_file(rows, delimiter), dry_run=True)
    cape.refresh_from_db()
    assert (tried.updated, tried.failed, cape.title) == (2, 2, "=1+1")
    report = csv_import.import_rows(brand=cast.acme, file=as_file(rows, delimiter))
    assert (report.updated, report.unchanged, report.failed) == (2, 0, 2)
    assert report.errors == [
        (4, "field.season: “summer” is no choice. Choose fw25 or ss26."),
        (5, "Acme has no asset with the filename “nothing.png”."),
    ]
    cape.refresh_from_db()
    hat = Asset.objects.get(pk=hat.pk)
    assert (cape.title, cape.custom) == ("Cape", {"sku": "ORV-2231", "price": -2.5})
    assert (hat.tag_names, hat.custom["season"]) == (["felt", "grey"], ["ss26"])
    again = csv_import.import_rows(brand=cast.acme, file=as_file(rows, delimiter))
    assert (again.updated, again.unchanged, again.failed) == (0, 2, 2)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"title\nCape\n", "The first line needs a column id, checksum, filename"),
        (b"", "The first line needs a column"),
        (b"id,colour\n1,red\n", "Unknown column “colour”"),
        ("id,title\n1,Größe\n".encode("latin-1"), "cannot be read|not in UTF-8"),
    ],
)
def test_a_file_that_cannot_be_imported_is_refused(
    cast: Cast, assets: list[Asset], content: bytes, sentence: str
) -> None:
    with pytest.raises(InvalidRow, match=sentence):
        csv_import.import_rows(brand=cast.acme, file=io.BytesIO(content))


def test_the_command_and_the_page_import_and_report(
    cast: Cast,
    assets: list[Asset],
    tmp_path: Path,
    client: Client,
    capsys: pytest.CaptureFixture[str],
) -> None:
    content = f"id;field.sku;Title\n{assets[0].pk};ORV-1;Cape\n9999;x;y\n".encode()
    path = tmp_path / "fields.csv"
    path.write_bytes(content)
    call_command("import_fields", brand="acme", csv=path, dry_run=True)
    printed = capsys.readouterr()
    assert "1 would be updated, 0 unchanged, 1 failed." in printed.out
    assert "Line 3: Acme has no asset with the id “9999”." in printed.err
    with pytest.raises(CommandError, match="There is no brand “nope”"):
        call_command("import_fields", brand="nope", csv=path)
    client.force_login(cast.manager)
    page = client.post("/brands/acme/csv/", {"file": io.BytesIO(content), "dry_run": "1"})
    assert "Nothing was changed yet" in page.content.decode()
    page = client.post("/brands/acme/csv/", {"file": io.BytesIO(content)})
    assert "1 asset updated, 0 unchanged, 1 failed." in page.content.decode()
    assets[0].refresh_from_db()
    assert (assets[0].title, assets[0].custom["sku"]) == ("Cape", "ORV-1")
    assert client.post("/brands/acme/csv/", {"file": io.BytesIO(b"a,b")}).status_code == 400

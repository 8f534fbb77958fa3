"""Metadata of files from a CSV: encodings, columns, cells, and the file of each row."""

from __future__ import annotations

import datetime

import pytest

from assetbank.assets.folders import FoundFile, match_rows, read_rows
from assetbank.assets.folders.table import Matches, Row
from assetbank.errors import InvalidTable, ProblemError
from tests.conftest import Cast

TEXT = 'filename,title,tags\nhat.jpg,Größe “L”,"red, silk"\n'


def file_at(place: str) -> FoundFile:
    return FoundFile(f"/in/{place}", place, 1, 1)


def match(names: list[str], places: list[str]) -> Matches:
    rows = [Row(number, name, {"title": name}) for number, name in enumerate(names, start=2)]
    return match_rows(rows, map(file_at, places), root="/in")


@pytest.mark.parametrize(
    "data",
    [
        TEXT.encode(),
        TEXT.encode("utf-8-sig"),
        TEXT.encode("utf-16"),
        TEXT.encode("cp1252"),
        TEXT.replace("\n", "\r\n").encode("utf-8-sig"),
        'filename;title;tags\nhat.jpg;Größe “L”;"red, silk"\n;;\n'.encode("utf-8-sig"),
        "Filename\ttitle\ttags\nhat.jpg\tGröße “L”\tred, silk\n".encode("utf-16"),
        'title,tags,filename\nGröße “L”,"red, silk",hat.jpg'.encode(),
    ],
)
def test_what_spreadsheets_save_is_read(cast: Cast, data: bytes) -> None:
    (row,) = read_rows(data, brand=cast.acme)
    assert (row.number, row.file) == (2, "hat.jpg")
    assert row.fields == {"title": "Größe “L”", "tags": ["red", "silk"]}


def test_cells_become_values_and_empty_ones_nothing(cast: Cast) -> None:
    data = b"path,expires_on,derivatives_allowed,credit\na/hat.jpg,2031-02-03,no,\nbag.jpg\n"
    assert [row.fields for row in read_rows(data, brand=cast.acme)] == [
        {"expires_on": datetime.date(2031, 2, 3), "derivatives_allowed": False},
        {},
    ]


def test_an_unknown_column_names_the_known_ones(cast: Cast) -> None:
    with pytest.raises(ProblemError, match=r"Unknown column “colour”.*title.*tags"):
        read_rows(b"filename,colour\nhat.jpg,red\n", brand=cast.acme)


def test_a_table_without_file_names_is_refused(cast: Cast) -> None:
    with pytest.raises(InvalidTable, match=r"no column “filename”.*Its columns: title, tags"):
        read_rows(b"title,tags\nHat,red\n", brand=cast.acme)
    with pytest.raises(InvalidTable, match="Its columns: none"):
        read_rows(b"", brand=cast.acme)


def test_a_workbook_says_how_to_save_it(cast: Cast) -> None:
    with pytest.raises(InvalidTable, match="Save it as CSV"):
        read_rows(b"PK\x03\x04rest", brand=cast.acme)


def test_all_invalid_cells_are_named_with_their_rows(cast: Cast) -> None:
    data = b"filename,expires_on\nhat.jpg,soon\nbag.jpg,2031-01-01\ncoat.jpg,31.12.2030\n"
    with pytest.raises(InvalidTable) as raised:
        read_rows(data, brand=cast.acme)
    first, second = raised.value.message.splitlines()
    assert first.startswith("Row 2 (hat.jpg): expires_on: ")
    assert second.startswith("Row 4 (coat.jpg): expires_on: ")


def test_a_row_finds_its_file_by_path_or_by_a_name_that_only_one_has() -> None:
    matches = match(
        ["a\\Hat.JPG", "bag.jpg", "./coat.jpg", "/in/c/cafe\u0301.jpg"],
        ["a/hat.jpg", "b/hat.jpg", "b/bag.jpg", "coat.jpg", "b/coat.jpg", "c/café.jpg"],
    )
    assert list(matches.rows) == ["a/hat.jpg", "b/bag.jpg", "coat.jpg", "c/café.jpg"]
    assert matches.without_file == matches.ambiguous == []


def test_rows_without_a_file_or_with_several_are_kept_apart() -> None:
    matches = match(["hat.jpg", "gone.jpg"], ["a/hat.jpg", "b/hat.jpg"])
    assert matches.rows == {}
    assert [str(row) for row in matches.ambiguous] == ["row 2 (hat.jpg)"]
    assert [str(row) for row in matches.without_file] == ["row 3 (gone.jpg)"]


def test_two_rows_for_one_file_are_refused() -> None:
    with pytest.raises(InvalidTable, match=r"Rows 2 and 3 are both for a/hat.jpg"):
        match(["hat.jpg", "a/hat.jpg"], ["a/hat.jpg"])

"""Read the metadata of files from a CSV, and find the file of each row."""

from __future__ import annotations

import codecs
import csv
import io
import itertools
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from assetbank.assets.folders.walk import FoundFile
from assetbank.assets.metadata import csv as metadata_csv
from assetbank.errors import InvalidTable, ProblemError
from assetbank.models import Brand

FILE_COLUMNS = ("filename", "file", "path", "sourcefile")  # the first that is there names the file
MAX_ERRORS = 10
XLSX = b"PK\x03\x04"


@dataclass(frozen=True)
class Row:
    """A row: the file that it names, tags and fields; the header is number 1."""

    number: int
    file: str
    fields: dict[str, Any]

    def __str__(self) -> str:
        return f"row {self.number} ({self.file})"


@dataclass
class Matches:
    """Rows by the places of their files, and those that name no file or more than one."""

    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    without_file: list[Row] = field(default_factory=list)
    ambiguous: list[Row] = field(default_factory=list)


def read_rows(data: bytes, *, brand: Brand) -> list[Row]:
    """Return the rows of a CSV: UTF-8, UTF-16 or Windows-1252; commas, semicolons or tabs.

    Raises InvalidTable, with a sentence for each unknown column and each invalid cell.
    """
    text = _decoded(data)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text))
    rows, errors = [], []
    try:
        columns = [name.strip() for name in next(lines, [])]
        named_by = _file_column(columns)
        metadata_csv.check_columns(brand, [name for name in columns if name != named_by])
        for number, line in enumerate(lines, start=2):
            cells = dict(zip(columns, itertools.chain(line, itertools.repeat("")), strict=False))
            file = cells.pop(named_by).strip()
            if not any(line):
                continue  # Excel leaves such lines at the end
            try:
                rows.append(Row(number, file, metadata_csv.parse_row(brand, cells)))
            except ProblemError as error:
                errors.append(f"Row {number} ({file}): {error.message}")
    except csv.Error as error:
        raise InvalidTable(f"The table cannot be read: {error}.") from error
    if errors:
        more = [f"And {len(errors) - MAX_ERRORS} more."] if len(errors) > MAX_ERRORS else []
        raise InvalidTable("\n".join([*errors[:MAX_ERRORS], *more]))
    return rows


def match_rows(rows: Iterable[Row], files: Iterable[FoundFile], *, root: str) -> Matches:
    """Find the file of each row: by its path in the folder, else by its name, if only one has it.

    Case does not count, nor Unicode's normalisation. Raises InvalidTable if two rows are for the
    same file.
    """
    by_place, by_name = {}, defaultdict(list)
    for file in files:
        by_place[_key(file.place)] = file.place
        by_name[_key(file.name)].append(file.place)
    matches, numbers = Matches(), dict[str, int]()
    for row in rows:
        key = _key(row.file.removeprefix(f"{root}/"))
        places = [by_place[key]] if key in by_place else by_name.get(key, [])
        if len(places) != 1:
            (matches.ambiguous if places else matches.without_file).append(row)
        elif places[0] in matches.rows:
            raise InvalidTable(
                f"Rows {numbers[places[0]]} and {row.number} are both for {places[0]}. Remove one."
            )
        else:
            matches.rows[places[0]] = row.fields
            numbers[places[0]] = row.number
    return matches


def _key(path: str) -> str:
    return unicodedata.normalize("NFC", path).replace("\\", "/").removeprefix("./").casefold()


def _file_column(columns: list[str]) -> str:
    lower = {name.lower(): name for name in columns}
    for name in FILE_COLUMNS:
        if name in lower:
            return lower[name]
    raise InvalidTable(
        "The table has no column “filename”, with the name of each file or its path in the folder. "
        f"Its columns: {', '.join(columns) or 'none'}."
    )


def _decoded(data: bytes) -> str:
    if data.startswith(XLSX):
        raise InvalidTable("This is a workbook of Excel. Save it as CSV UTF-8.")
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def _delimiter(text: str) -> str:
    """Return what separates the columns in the header line; a comma if there is only one column."""
    try:
        return csv.Sniffer().sniff(text.partition("\n")[0].strip(), delimiters=",;\t").delimiter
    except csv.Error:
        return ","

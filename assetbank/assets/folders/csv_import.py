"""Update existing assets of a brand from a CSV, whose rows name them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, Any

from django.db import transaction

from assetbank.assets.metadata import csv as columns
from assetbank.assets.metadata import custom_fields
from assetbank.assets.update import update_asset
from assetbank.errors import InvalidRow, ProblemError
from assetbank.models import Asset, Brand
from assetbank.text import parse_id

MAX_ROWS = 100_000
MAX_ERRORS = 1_000  # Kept in the report; further ones are counted
KEYS = ("id", "checksum", "filename")  # The first that the header has names the asset
DELIMITERS = ",;\t"


@dataclass
class Report:
    """Outcome of an import of a table, or with `dry_run` the outcome that it would have."""

    dry_run: bool
    updated: int = 0
    unchanged: int = 0
    failed: int = 0
    errors: list[tuple[int, str]] = field(default_factory=list)  # Line of the file, and a sentence

    def fail(self, line: int, sentence: str) -> None:
        self.failed += 1
        if len(self.errors) < MAX_ERRORS:
            self.errors.append((line, sentence))


def import_rows(
    *, brand: Brand, file: IO[bytes], dry_run: bool = False, clear_empty: bool = False
) -> Report:
    """Update assets of the brand from the rows of a CSV in UTF-8; each row commits by itself.

    The header needs a column `id`, `checksum` or `filename`. A row that fails is reported and stops
    no other; what an asset has already is not written again. With `clear_empty`, an empty cell
    removes the value. Raises InvalidRow if the file or its header is invalid.
    """
    reader, key = _open(brand, file)
    report = Report(dry_run)
    for line, row in _rows(reader):
        if line > MAX_ROWS + 1:
            report.fail(line, f"A file has at most {MAX_ROWS:,} rows. Split it.")
            break
        try:
            with transaction.atomic():
                changed = _update(brand, key, row, clear_empty=clear_empty)
                transaction.set_rollback(dry_run)
        except ProblemError as error:
            report.fail(line, error.message)
        else:
            report.updated += changed
            report.unchanged += not changed
    return report


def _open(brand: Brand, file: IO[bytes]) -> tuple[csv.DictReader[str], str]:
    """Return a reader of the rows, and the column that names the asset. Raises InvalidRow."""
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    try:
        header = text.readline()
        delimiter = max(DELIMITERS, key=header.count)
        names = [
            columns.plain_cell(name) for name in next(csv.reader([header], delimiter=delimiter), [])
        ]
    except UnicodeDecodeError:
        raise InvalidRow({"file": "The file is not in UTF-8. Save it as “CSV UTF-8”."}) from None
    lower = [name.casefold() for name in names]
    names = [low if low in KEYS else name for name, low in zip(names, lower, strict=True)]
    key = next((name for name in KEYS if name in names), "")
    if not key:
        raise InvalidRow({"id": f"The first line needs a column {', '.join(KEYS)}: one of them."})
    columns.check_columns(brand, names)
    return csv.DictReader(text, names, delimiter=delimiter, restkey="", restval=""), key


def _rows(reader: csv.DictReader[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the number of the last line of each row, from 2 on, and its cells by column."""
    try:
        for row in reader:
            row.pop("", None)  # Cells beyond the header
            if any(row.values()):
                yield reader.line_num + 1, row
    except (UnicodeDecodeError, csv.Error) as error:
        line = reader.line_num + 2
        raise InvalidRow({"file": f"Line {line} cannot be read: {error}."}) from error


def _update(brand: Brand, key: str, row: dict[str, str], *, clear_empty: bool) -> bool:
    """Update the asset of a row; return False if it has all values already."""
    asset = _asset(brand, key, columns.plain_cell(row[key]))
    given = columns.parse_row(brand, row, clear_empty=clear_empty)
    changes = {name: value for name, value in given.items() if _differs(asset, name, value)}
    if changes:
        update_asset(asset=asset, **changes)
    return bool(changes)


def _differs(asset: Asset, name: str, value: Any) -> bool:
    if name == "tags":
        return set(value) != set(asset.tag_names)
    if name == "custom":
        return bool(custom_fields.merge_values(asset, value) != asset.custom)
    return bool(getattr(asset, name) != value)


def _asset(brand: Brand, key: str, value: str) -> Asset:
    """Return the asset that a row names. Raises InvalidRow."""
    assets = Asset.objects.filter(brand=brand).select_related("brand")
    if key == "id":
        found = list(assets.filter(pk=parse_id(value) or 0))
    else:
        found = list(assets.filter(**{key: value})[:2]) if value else []
    if not found:
        raise InvalidRow({key: f"{brand} has no asset with the {key} “{value[:100]}”."})
    if len(found) > 1:
        raise InvalidRow(
            {key: f"Several assets have the file name “{value[:100]}”. Add a column id."}
        )
    found[0].brand = brand
    return found[0]

"""Metadata as CSV: columns, rows of assets, and rows back into validated fields.

A column has the name of a field of assets (`title`, `tags`, `expires_on`), or of a custom field:
`field.sku`, or `sku` or its label where no other column is called so.
"""

from __future__ import annotations

import csv
import datetime
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models

from assetbank.assets.fields import EDITABLE
from assetbank.assets.metadata import custom_fields
from assetbank.errors import InvalidRow, ProblemError
from assetbank.models import Asset, Brand, CustomField
from assetbank.rights import terms
from assetbank.text import clean_tags, clean_text

PREFIX = "field."
KEYS = ("id", "filename", "checksum")  # Columns that name an asset
# Exported and not imported: facts of the file, and decisions
READ_ONLY = (*KEYS, "brand", "status", "width", "height", "created_at", "url")
RISKY = ("=", "+", "-", "@", "\t", "\r")  # Spreadsheets run a cell that begins so as a formula
MAX_CELL = 20_000  # Characters


def editable_columns() -> list[str]:
    """Return the columns of fields of assets that a row may set."""
    order = [field.name for field in Asset._meta.get_fields()]
    first = ["title", "description", "kind", "tags"]
    others = EDITABLE - {"status", "custom", "captured_offset", *first}
    return [*first, *sorted(others, key=order.index)]


def parse_row(
    brand: Brand, mapping: Mapping[str, str], *, clear_empty: bool = False
) -> dict[str, Any]:
    """Return the fields of a row (column -> cell), as keyword arguments of `update_asset` and
    `ingest_asset`: with `tags`, and `custom` for custom fields.

    Columns of READ_ONLY are ignored. An empty cell changes nothing; with `clear_empty` it removes
    the value. Raises InvalidRow, with a sentence for each unknown column and each invalid cell.
    """
    targets, errors = _targets(brand, mapping), {}
    fields: dict[str, Any] = {}
    custom: dict[str, Any] = {}
    for column, target in targets.items():
        cell = plain_cell(mapping[column] or "")
        if not cell and not clear_empty:
            continue
        try:
            if isinstance(target, CustomField):
                custom[target.name] = custom_fields.clean_value(target, cell)
            else:
                fields[target] = _value(target, cell)
        except ProblemError as error:
            errors[column] = f"{column}: {error.message}"
        except ValueError as error:
            errors[column] = f"{column}: {error}"
    if errors:
        raise InvalidRow(errors)
    return {**fields, "custom": custom} if custom else fields


def check_columns(brand: Brand, columns: Iterable[str]) -> None:
    """Raise InvalidRow if a column is unknown, or two mean the same field."""
    targets = list(_targets(brand, columns).values())
    names = [str(getattr(target, "name", target)) for target in targets]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InvalidRow({name: f"Two columns set “{name}”. Remove one." for name in twice})


def _targets(brand: Brand, columns: Iterable[str]) -> dict[str, str | CustomField]:
    """Return, by column, the field of assets or the custom field that it sets."""
    known = custom_fields.fields_of(brand)
    targets: dict[str, str | CustomField] = {f"{PREFIX}{field.name}": field for field in known}
    for field in known:
        targets.setdefault(field.name, field)
        targets.setdefault(field.label.casefold(), field)
    targets |= {name: name for name in editable_columns()}
    found, errors = {}, {}
    for column in columns:
        name = clean_text(column).casefold().lstrip("\ufeff")
        if name in READ_ONLY or not name:
            continue
        if (target := targets.get(name)) is None:
            offered = [*editable_columns(), *(f"{PREFIX}{field.name}" for field in known)]
            errors[column] = f"Unknown column “{column[:60]}”. Columns: {', '.join(offered)}."
        else:
            found[column] = target
    if errors:
        raise InvalidRow(errors)
    return found


def _value(name: str, cell: str) -> Any:
    """Return the value of a cell for a field of assets. Raises ValueError and ProblemError."""
    if len(cell) > MAX_CELL:
        raise ValueError(f"At most {MAX_CELL:,} characters. Shorten it.")
    if name == "tags":
        return clean_tags(cell.replace(";", ",").split(","))
    if name == "territories":
        return terms.clean_territories(cell.replace(";", ","))
    field = Asset._meta.get_field(name)
    kind = next((each for each in _READERS if type(field) is each), None)
    if kind is not None:
        return _READERS[kind](cell)
    if isinstance(field, models.Field) and field.choices and cell:
        values = {str(value): value for value, _ in field.choices}
        if cell.casefold() not in values:
            raise ValueError(f"Write {' or '.join(values)}.")
        return cell.casefold()
    if not cell and isinstance(field, models.Field) and field.has_default() and field.choices:
        return field.get_default()
    return cell


def _date(cell: str) -> datetime.date | None:
    try:
        return datetime.date.fromisoformat(cell) if cell else None
    except ValueError:
        raise ValueError("Write a date as year, month and day: 2026-03-01.") from None


def _moment(cell: str) -> datetime.datetime | None:
    try:
        return datetime.datetime.fromisoformat(cell) if cell else None
    except ValueError:
        raise ValueError(
            "Write a time as 2026-03-01 14:30, or with its offset: 2026-03-01T14:30+01:00."
        ) from None


def _yes_no(cell: str) -> bool:
    if cell.casefold() in custom_fields.YES:
        return True
    if cell.casefold() in custom_fields.NO:
        return False
    raise ValueError("Write yes or no.")


def _number(kind: Callable[[str], Any]) -> Callable[[str], Any]:
    def read(cell: str) -> Any:
        try:
            return kind(cell) if cell else None
        except ValueError:
            raise ValueError("Write a number.") from None

    return read


_READERS: dict[type[models.Field[Any, Any]], Callable[[str], Any]] = {
    models.DateField: _date,
    models.DateTimeField: _moment,
    models.BooleanField: _yes_no,
    models.FloatField: _number(float),
    models.SmallIntegerField: _number(int),
}


# ------------------------------------------------------------------------ writing


class _Echo:
    """A file whose `write` returns the text, so that a response streams it."""

    def write(self, text: str) -> str:
        return text


def export_rows(assets: Iterable[Asset], fields: Sequence[CustomField]) -> Iterator[str]:
    """Yield the lines of a CSV: a header, and a row for each asset, with its brand and tags.

    `fields` are the custom fields of the assets' brands. Cells that a spreadsheet would run as a
    formula begin with an apostrophe.
    """
    names = list(dict.fromkeys(field.name for field in fields))
    columns = [*READ_ONLY, *editable_columns()]
    writer = csv.writer(_Echo())
    yield "\ufeff" + writer.writerow([*columns, *(f"{PREFIX}{name}" for name in names)])
    for asset in assets:
        public = custom_fields.public_values(asset)
        cells = [_cell(asset, column) for column in columns]
        cells += [custom_fields.as_text(public.get(name)) for name in names]
        yield writer.writerow(map(safe_cell, cells))


def _cell(asset: Asset, column: str) -> str:
    if column == "brand":
        return asset.brand.slug
    if column == "url":
        return asset.get_absolute_url()
    if column == "tags":
        return ", ".join(asset.tag_names)
    if column == "captured_at":
        return asset.captured or ""
    value = getattr(asset, column)
    if isinstance(Asset._meta.get_field(column), ArrayField):
        return ", ".join(value)
    if isinstance(value, datetime.datetime):
        return value.isoformat(timespec="seconds")
    return custom_fields.as_text(value)


def safe_cell(cell: str) -> str:
    """Return the cell with an apostrophe before what a spreadsheet would run as a formula.

    A negative number is none.
    """
    risky = cell.startswith(RISKY) and not custom_fields.NUMBER.fullmatch(cell)
    return f"'{cell}" if risky else cell


def plain_cell(cell: str) -> str:
    """Return the cell as it was before `safe_cell`, without spaces around it."""
    cell = clean_text(cell)
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(RISKY) else cell

"""Values of custom fields: validated, merged, with defaults, as text and as XMP properties.

`Asset.custom` holds them by the field's name: text, number, yes or no as such, a date as ISO 8601,
several choices as a list. A value whose field was deleted stays there and is shown nowhere.
"""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Iterable, Mapping
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

from cachetools import LRUCache, cached

from assetbank.errors import InvalidFields
from assetbank.models import Asset, Brand, CustomField
from assetbank.text import clean_text

Kind = CustomField.Kind
Given = Mapping[str, Any]

MAX_TEXT, MAX_LONG_TEXT = 1_000, 10_000  # Characters
MAX_NUMBER = 10.0**15  # Beyond it, a float no longer holds every integer
SEPARATOR = ";"  # Between several choices in one text, so no choice contains it
YES, NO = ("yes", "true", "1", "on"), ("no", "false", "0", "off")
NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?")


def _key(brand: Brand) -> tuple[object, ...]:
    return brand.pk, brand.fields_changed_at


def fields_of(brand: Brand) -> tuple[CustomField, ...]:
    """Return the fields of the brand, in their order. They are shared: do not change them.

    A brand that never had one costs no query, and others one query for each change of a field.
    """
    return _fields(brand) if brand.fields_changed_at else ()


@cached(LRUCache(1_000), key=_key, lock=Lock())
def _fields(brand: Brand) -> tuple[CustomField, ...]:
    return tuple(CustomField.objects.filter(brand_id=brand.pk).order_by("position", "id"))


def fields_by_name(brand: Brand) -> dict[str, CustomField]:
    return {field.name: field for field in fields_of(brand)}


def clean_values(brand: Brand, given: Given, *, held: Given | None = None) -> dict[str, Any]:
    """Return the values in the form in which they are stored, None for an empty one.

    A retired choice is valid only if `held`, the values that the asset has, contains it. Raises
    InvalidFields, with a sentence for each unknown field and each invalid value.
    """
    known, cleaned, errors = fields_by_name(brand), {}, {}
    for name, value in given.items():
        if (field := known.get(name)) is None:
            errors[name] = unknown_field(brand, name)
            continue
        try:
            cleaned[name] = clean_value(field, value, held=(held or {}).get(name))
        except ValueError as error:
            errors[name] = f"{field.label}: {error}"
    if errors:
        raise InvalidFields(errors)
    return cleaned


def unknown_field(brand: Brand, name: str) -> str:
    known = ", ".join(field.name for field in fields_of(brand)) or "none"
    return f"{brand} has no field “{name[:60]}”. Its fields: {known}."


def merge_values(asset: Asset, given: Given) -> dict[str, Any]:
    """Return the values of the asset with `given` in place of its own; None removes a value.

    Raises InvalidFields, also for removing a required value. A required value that was missing
    before may stay so.
    """
    cleaned = clean_values(asset.brand, given, held=asset.custom)
    known = fields_by_name(asset.brand)
    emptied = [name for name, value in cleaned.items() if value is None and name in asset.custom]
    if lost := {name: f"{known[name]} is required." for name in emptied if known[name].required}:
        raise InvalidFields(lost)
    return {name: v for name, v in {**asset.custom, **cleaned}.items() if v is not None}


def initial_values(brand: Brand, given: Given, *, complete: bool = False) -> dict[str, Any]:
    """Return the values of a new asset: `given`, and defaults for fields that are not in it.

    Raises InvalidFields; with `complete`, also if a required value is missing.
    """
    values = {field.name: field.default for field in fields_of(brand)}
    values |= clean_values(brand, given)
    values = {name: value for name, value in values.items() if value is not None}
    if complete and (missing := missing_fields(brand, values)):
        raise InvalidFields({field.name: f"{field} is required." for field in missing})
    return values


def missing_fields(brand: Brand, values: Given) -> list[CustomField]:
    """Return the required fields without a value."""
    return [field for field in fields_of(brand) if field.required and field.name not in values]


def public_values(asset: Asset) -> dict[str, Any]:
    """Return the values of the asset by the names of its brand's fields; None without a value."""
    return {field.name: asset.custom.get(field.name) for field in fields_of(asset.brand)}


def fill_values(keep: Asset, others: Iterable[Asset]) -> dict[str, Any]:
    """Return values of `others`, first come, for fields that `keep` has no value of."""
    filled: dict[str, Any] = {}
    for other in others:
        for name, value in public_values(other).items():
            if value is not None and name not in keep.custom:
                filled.setdefault(name, value)
    return filled


# ------------------------------------------------------------------------ one value


def clean_value(field: CustomField, value: Any, *, held: Any = None) -> Any:
    """Return a value in the form in which it is stored, None for an empty one.

    Raises ValueError with a sentence.
    """
    if isinstance(value, str):
        value = clean_text(value)
    if value is None or value == "" or value == []:
        return None
    if field.has_choices:
        return _clean_choices(field, value, held)
    return _CLEANERS[Kind(field.kind)](value)


def as_text(value: Any) -> str:
    """Return a stored value as text that `clean_value` reads back."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return f"{SEPARATOR} ".join(value)
    return "" if value is None else str(value)


def _clean_text(value: Any, maximum: int = MAX_TEXT, *, lines: bool = False) -> str:
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        raise ValueError("The value must be a text.")
    text = clean_text(str(value))
    text = text if lines else " ".join(text.split())
    if len(text) > maximum:
        raise ValueError(f"At most {maximum:,} characters. Shorten it.")
    return text


def _clean_long_text(value: Any) -> str:
    return _clean_text(value, MAX_LONG_TEXT, lines=True)


def _clean_number(value: Any) -> int | float:
    wrong = ValueError("Write a number, for example 12.5.")
    if isinstance(value, str):
        if not NUMBER.fullmatch(value):
            raise wrong
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise wrong
    if abs(value) > MAX_NUMBER:
        raise ValueError("A number has at most 15 digits before the point.")
    return int(value) if value == int(value) else value


def _clean_date(value: Any) -> str:
    try:
        if isinstance(value, datetime.datetime):
            value = value.date()
        text = value.isoformat() if isinstance(value, datetime.date) else str(value)
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII):
            raise ValueError(text)
        return datetime.date.fromisoformat(text).isoformat()
    except ValueError:
        raise ValueError("Write a date as year, month and day, for example 2026-03-01.") from None


def _clean_yes_no(value: Any) -> bool:
    text = str(value).casefold()
    if text not in (*YES, *NO):
        raise ValueError("Write yes or no.")
    return text in YES


def _clean_url(value: Any) -> str:
    wrong = "Write a web address, for example https://example.com/page."
    text = _clean_text(value)
    try:
        parts = urlsplit(text)
        valid = parts.scheme in ("http", "https") and parts.hostname and " " not in text
    except ValueError:
        valid = False
    if not valid:
        raise ValueError(wrong)
    return text


_CLEANERS = {
    Kind.TEXT: _clean_text,
    Kind.LONG_TEXT: _clean_long_text,
    Kind.NUMBER: _clean_number,
    Kind.DATE: _clean_date,
    Kind.YES_NO: _clean_yes_no,
    Kind.URL: _clean_url,
}


def _clean_choices(field: CustomField, value: Any, held: Any) -> str | list[str] | None:
    several = field.kind == Kind.CHOICES
    if several and isinstance(value, str):
        value = value.split(SEPARATOR)
    values = value if isinstance(value, list | tuple) else [value]
    if len(values) > 1 and not several:
        raise ValueError("Choose one value.")
    own = held if isinstance(held, list) else [held] if held else []
    offered = {choice.casefold(): choice for choice in [*own, *field.choices]}
    chosen = []
    for text in filter(None, (clean_text(str(each)) for each in values)):
        if text.casefold() not in offered:
            raise ValueError(
                f"“{text[:60]}” is no choice. Choose {' or '.join(field.choices[:20]) or 'none'}"
                f"{', or another one' * (len(field.choices) > 20)}."
            )
        chosen.append(offered[text.casefold()])
    ordered = sorted(dict.fromkeys(chosen), key=list(offered.values()).index)
    return (ordered or None) if several else (ordered[0] if ordered else None)


# ------------------------------------------------------------------------ XMP


def custom_from_properties(
    brand: Brand, properties: Mapping[str, tuple[str, ...]]
) -> dict[str, Any]:
    """Return the values that a file's XMP properties give to fields; invalid ones are left out.

    `properties` has the values of each property by its prefix and name, such as "acme:SKU".
    """
    found: dict[str, Any] = {}
    for field in fields_of(brand):
        if not (texts := properties.get(field.xmp_property, ()) if field.xmp_property else ()):
            continue
        try:
            value = clean_value(field, list(texts) if field.has_choices else ", ".join(texts))
        except ValueError:
            continue  # A file may say anything; the user sees the field without a value
        if value is not None:
            found[field.name] = value
    return found


def properties_from_custom(asset: Asset) -> dict[str, tuple[str, ...]]:
    """Return the XMP properties that hold the asset's values, by prefix and name."""
    return {
        field.xmp_property: tuple(value) if isinstance(value, list) else (as_text(value),)
        for field in fields_of(asset.brand)
        if field.xmp_property and (value := asset.custom.get(field.name)) is not None
    }

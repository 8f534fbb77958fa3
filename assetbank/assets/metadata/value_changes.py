"""Values of custom fields across the assets of a brand: counted, converted, renamed, removed.

Statements of SQL, since a brand may have a million assets; triggers keep what is derived of them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from assetbank.assets.metadata import custom_fields
from assetbank.errors import FieldRefused
from assetbank.models import Asset, Brand, CustomField

Kind = CustomField.Kind

BATCH = 5_000  # Different values that one statement converts
RENAME = """
UPDATE assetbank_asset
SET custom = jsonb_set(custom, ARRAY[%(name)s], to_jsonb(%(new)s::text)), updated_at = now()
WHERE brand_id = %(brand)s AND custom @> %(having)s::jsonb
"""
RENAME_ONE_OF_SEVERAL = """
UPDATE assetbank_asset
SET custom = jsonb_set(custom, ARRAY[%(name)s], (
    SELECT jsonb_agg(CASE WHEN each = %(old)s THEN %(new)s ELSE each END ORDER BY place)
    FROM jsonb_array_elements_text(custom -> %(name)s) WITH ORDINALITY AS listed (each, place)
  )), updated_at = now()
WHERE brand_id = %(brand)s AND custom @> %(having)s::jsonb
"""


def count_uses(brand: Brand) -> dict[str, int]:
    """Return the number of assets with a value, by name of the field; hidden ones included."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, count(*) FROM assetbank_asset, jsonb_object_keys(custom) AS name "
            "WHERE brand_id = %s GROUP BY name",
            [brand.pk],
        )
        return dict(cursor.fetchall())


def with_choice(field: CustomField, choice: str) -> QuerySet[Asset]:
    """Return the assets that have a choice, found by the index."""
    value = [choice] if field.kind == Kind.CHOICES else choice
    assets = Asset._base_manager.filter(brand=field.brand_id)
    return assets.filter(custom__contains={field.name: value})


def rename_choice(field: CustomField, old: str, new: str) -> None:
    """Write the new name of a choice to all assets that have it."""
    several = field.kind == Kind.CHOICES
    values: dict[str, str | int] = {
        "name": field.name,
        "old": old,
        "new": new,
        "brand": field.brand_id,
        "having": json.dumps({field.name: [old] if several else old}),
    }
    with connection.cursor() as cursor:
        cursor.execute(RENAME_ONE_OF_SEVERAL if several else RENAME, values)


def convert_values(field: CustomField) -> None:
    """Convert existing values to the kind of the field. Raises FieldRefused if one does not fit."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT custom -> %s, count(*), min(id) FROM assetbank_asset "
            "WHERE brand_id = %s AND custom -> %s IS NOT NULL GROUP BY 1",
            [field.name, field.brand_id, field.name],
        )
        rows = cursor.fetchall()
    changes, unfit = [], []
    for stored, count, asset in rows:
        value = json.loads(stored)
        try:
            converted = _converted(field, value)
        except ValueError as error:
            unfit.append((count, custom_fields.as_text(value), asset, str(error)))
            continue
        if json.dumps(converted) != json.dumps(value):
            changes.append((stored, json.dumps(converted)))
    if unfit:
        many = sum(count for count, *_ in unfit)
        _, text, asset, sentence = unfit[0]
        raise FieldRefused(
            f"{many} asset{'s have values' if many > 1 else ' has a value'} of “{field.name}” that "
            f"cannot be a {field.get_kind_display().lower()}, for example “{text[:60]}” of asset "
            f"{asset}. {sentence} Change the values first, or use another name."
        )
    for start in range(0, len(changes), BATCH):
        _write_values(field, changes[start : start + BATCH])


def _converted(field: CustomField, value: Any) -> Any:
    if isinstance(value, list) and field.kind != Kind.CHOICES:
        if len(value) > 1:
            raise ValueError("It has several values.")
        value = value[0]
    elif field.kind == Kind.CHOICES and not isinstance(value, list):
        value = [custom_fields.as_text(value)]
    listed = value if isinstance(value, list) else [value]
    held = [each for each in listed if each in field.retired_choices]
    given = value if isinstance(value, list) else custom_fields.as_text(value)
    return custom_fields.clean_value(field, given, held=held)


def _write_values(field: CustomField, changes: Sequence[tuple[str, str]]) -> None:
    before, after = zip(*changes, strict=True)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE assetbank_asset SET custom = jsonb_set(custom, ARRAY[%s], given.after), "
            "updated_at = now() "
            "FROM unnest(%s::text[]::jsonb[], %s::text[]::jsonb[]) AS given (before, after) "
            "WHERE brand_id = %s AND custom -> %s = given.before",
            [field.name, list(before), list(after), field.brand_id, field.name],
        )


def forget_values(field: CustomField) -> None:
    """Remove the values of a field from all assets of its brand."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE assetbank_asset SET custom = custom - %s, updated_at = now() "
            "WHERE brand_id = %s AND custom -> %s IS NOT NULL",
            [field.name, field.brand_id, field.name],
        )


def write_numbers(field: CustomField) -> None:
    """Write the index of numbers and dates again for all assets with a value of the field."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT assetbank_custom_numbers_write(ARRAY(SELECT id FROM assetbank_asset "
            "WHERE brand_id = %s AND custom -> %s IS NOT NULL))",
            [field.brand_id, field.name],
        )

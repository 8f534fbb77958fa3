"""Define, change, order and delete the custom fields of a brand.

Values are converted with a change of the kind, and follow a renamed choice. Those of a deleted
field stay with the assets, hidden, unless they are deleted with it: a field of the same name shows
them again.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from assetbank import hooks, permissions
from assetbank.assets.metadata import custom_fields, value_changes
from assetbank.errors import FieldRefused
from assetbank.models import Brand, CustomField
from assetbank.text import clean_text

Kind = CustomField.Kind

MAX_FIELDS = 50  # Of a brand
MAX_CHOICES = 200  # Of a field
MAX_CHOICE = 100  # Characters
OPTIONS = (
    *("label", "kind", "choices", "required", "default", "help", "xmp_property"),
    *("searched", "filterable"),
)


@transaction.atomic
def define_field(
    *, brand: Brand, by: User, label: str, name: str = "", **options: Any
) -> CustomField:
    """Add a field at the end; without a name, it is made of the label. `options`: of OPTIONS.

    Raises NotAllowed unless `by` manages the brand, and FieldRefused, with a sentence.
    """
    permissions.require_manager(by, brand)
    Brand.objects.select_for_update().get(pk=brand.pk)
    existing = list(CustomField.objects.filter(brand=brand))
    if len(existing) >= MAX_FIELDS:
        raise FieldRefused(f"{brand} has {MAX_FIELDS} fields, the maximum. Delete one first.")
    field = CustomField(brand=brand, name=clean_text(name) or name_of(label))
    if field.name in {each.name for each in existing}:
        raise FieldRefused(f"{brand} already has a field “{field.name}”. Choose another name.")
    field.position = max((each.position for each in existing), default=-1) + 1
    _assign(field, {"label": label, **options})
    value_changes.convert_values(field)
    field.save(force_insert=True)
    _finish(field, numbers=field.is_range, words=field.searched)
    return field


@transaction.atomic
def change_field(
    *, field: CustomField, by: User, renamed: Mapping[str, str] | None = None, **options: Any
) -> CustomField:
    """Change OPTIONS of a field; its name stays.

    `renamed` has new names of choices by the old ones: assets follow. A choice that `choices` lacks
    is retired if assets have it, else it is forgotten. Raises NotAllowed, and FieldRefused, with a
    sentence, also where values cannot be converted to another kind.
    """
    permissions.require_manager(by, field.brand)
    before = CustomField.objects.select_for_update().get(pk=field.pk)
    field.choices, field.retired_choices = before.choices, before.retired_choices
    for old, new in (renamed or {}).items():
        _rename_choice(field, old, clean_text(new))
    if "choices" not in options and renamed:
        options["choices"] = field.choices
    _assign(field, options)
    if field.kind != before.kind:
        value_changes.convert_values(field)
    field.save()
    changed = field.kind != before.kind
    _finish(
        field,
        numbers=changed and (field.is_range or before.is_range),
        words=field.searched != before.searched or (changed and field.searched),
    )
    return field


@transaction.atomic
def delete_field(*, field: CustomField, by: User, forget_values: bool = False) -> None:
    """Delete a field; its values are hidden, or deleted with `forget_values`.

    Raises NotAllowed.
    """
    permissions.require_manager(by, field.brand)
    if forget_values:
        value_changes.forget_values(field)
    searched = field.searched
    CustomField.objects.filter(pk=field.pk).delete()
    _finish(field, numbers=False, words=searched)


@transaction.atomic
def order_fields(*, brand: Brand, by: User, names: Sequence[str]) -> None:
    """Put the fields into the order of `names`; others follow. Raises NotAllowed."""
    permissions.require_manager(by, brand)
    fields = list(CustomField.objects.select_for_update().filter(brand=brand).order_by("position"))
    places = {name: place for place, name in enumerate(names)}
    fields.sort(key=lambda field: places.get(field.name, len(places)))
    for position, field in enumerate(fields):
        field.position = position
    CustomField.objects.bulk_update(fields, ["position"])
    _touch(brand)


def name_of(label: str) -> str:
    """Return a valid name made of a label; "field" if it has no Latin letter."""
    plain = unicodedata.normalize("NFKD", label.casefold()).encode("ascii", "ignore").decode()
    name = re.sub(r"[^a-z0-9]+", "_", plain).lstrip("0123456789_")[:40].strip("_")
    return name or "field"


# ------------------------------------------------------------------------ validation


def _assign(field: CustomField, options: Mapping[str, Any]) -> None:
    """Assign and validate OPTIONS. Raises FieldRefused."""
    if unknown := options.keys() - set(OPTIONS):
        raise TypeError(f"not an option of a custom field: {', '.join(sorted(unknown))}")
    for name, value in options.items():
        if name not in ("choices", "default"):
            setattr(field, name, clean_text(value) if isinstance(value, str) else value)
    if field.kind not in Kind.values:
        raise FieldRefused(f"A field is one of {', '.join(Kind.values)}.")
    if "choices" in options:
        _set_choices(field, options["choices"])
    if field.has_choices and not field.choices:
        raise FieldRefused(f"“{field.label}” needs at least one choice.")
    default = options.get("default", field.default)
    try:
        field.default = custom_fields.clean_value(field, default)
    except ValueError as error:
        raise FieldRefused(f"The default of “{field.label}” is invalid. {error}") from None
    try:
        field.full_clean(exclude=["brand"], validate_constraints=False)
    except ValidationError as error:
        name, sentences = next(iter(error.message_dict.items()))
        raise FieldRefused(f"{name.replace('_', ' ').capitalize()}: {sentences[0]}") from None


def _set_choices(field: CustomField, choices: Sequence[str]) -> None:
    cleaned: dict[str, str] = {}
    for choice in (" ".join(clean_text(str(each)).split()) for each in choices):
        if custom_fields.SEPARATOR in choice:
            raise FieldRefused(f"A choice cannot contain “{custom_fields.SEPARATOR}”: “{choice}”.")
        if len(choice) > MAX_CHOICE:
            raise FieldRefused(f"A choice has at most {MAX_CHOICE} characters: “{choice[:60]}…”.")
        cleaned.setdefault(choice.casefold(), choice)
    cleaned.pop("", None)
    dropped = [each for each in field.choices if each.casefold() not in cleaned]
    kept = [each for each in field.retired_choices if each.casefold() not in cleaned]
    field.choices = list(cleaned.values())
    field.retired_choices = kept + [each for each in dropped if _is_used(field, each)]
    if len(field.choices) + len(field.retired_choices) > MAX_CHOICES:
        raise FieldRefused(f"“{field.label}” can have at most {MAX_CHOICES} choices.")


def _is_used(field: CustomField, choice: str) -> bool:
    return bool(field.pk) and value_changes.with_choice(field, choice).exists()


def _rename_choice(field: CustomField, old: str, new: str) -> None:
    """Rename a choice, also on all assets that have it. Raises FieldRefused."""
    known = [*field.choices, *field.retired_choices]
    if old not in known:
        raise FieldRefused(f"“{field.label}” has no choice “{old}”.")
    if not new or new.casefold() in {each.casefold() for each in known if each != old}:
        raise FieldRefused(
            f"“{old}” cannot be renamed to “{new}”: it is empty or a choice already."
        )
    for name in ("choices", "retired_choices"):
        setattr(field, name, [new if each == old else each for each in getattr(field, name)])
    if field.default == old:
        field.default = new
    elif isinstance(field.default, list):
        field.default = [new if each == old else each for each in field.default]
    value_changes.rename_choice(field, old, new)


# ------------------------------------------------------------------------ what follows


def _finish(field: CustomField, *, numbers: bool, words: bool) -> None:
    """Let others notice the change; `numbers`: its values enter or leave the index of ranges;
    `words`: they enter or leave the full text."""
    if numbers:
        value_changes.write_numbers(field)
    _touch(field.brand)
    if words:
        hooks.searched_fields_changed(field.brand)


def _touch(brand: Brand) -> None:
    """Make every process read the fields of the brand again."""
    brand.fields_changed_at = timezone.now()
    Brand.objects.filter(pk=brand.pk).update(fields_changed_at=brand.fields_changed_at)

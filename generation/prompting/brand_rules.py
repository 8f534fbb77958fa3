"""Reads and changes the rules of a brand for its images."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from assetbank import permissions, text
from assetbank.models import Brand, validate_palette
from generation.errors import InvalidRequest
from generation.models import BrandRules, Finding

MAX_LINES = 50  # Maximum entries of each list: `always`, `never`, `approved_words`
# Maximum characters: of each entry of a list, or of a whole text
MAX_LENGTHS = {"always": 300, "never": 300, "approved_words": 80, "voice": 2_000, "style": 4_000}
BRAND_FIELDS = ("palette", "style", "four_eyes")
RULE_FIELDS = ("voice", "always", "never", "approved_words", "anchors", "blocking")


def brand_rules_of(brand: Brand) -> BrandRules:
    """Return the rules of a brand; new ones that are not saved if it has none."""
    return BrandRules.objects.filter(brand=brand).first() or BrandRules(brand=brand)


def change_rules(*, person: permissions.AnyUser, brand: Brand, **fields: Any) -> BrandRules:
    """Change the given fields of a brand's rules, of those in BRAND_FIELDS and RULE_FIELDS, and
    return the rules. Managers only.

    Raises NotAllowed and InvalidRequest.
    """
    permissions.require_manager(person, brand)
    unknown = fields.keys() - {*BRAND_FIELDS, *RULE_FIELDS}
    if unknown:
        raise TypeError(f"not a rule of a brand: {', '.join(sorted(unknown))}")
    fields = {name: _clean(name, value) for name, value in fields.items()}
    with transaction.atomic():
        brand = Brand.objects.select_for_update().get(pk=brand.pk)
        anchors = fields.get("anchors")
        if anchors is not None and anchors.brand_id != brand.pk:
            raise InvalidRequest(f"This collection does not belong to {brand}. Choose another one.")
        rules, _ = BrandRules.objects.get_or_create(brand=brand)
        for name, value in fields.items():
            setattr(brand if name in BRAND_FIELDS else rules, name, value)
        brand.save(update_fields=[name for name in BRAND_FIELDS if name in fields])
        rules.save()
    return rules


def lines(value: str) -> list[str]:
    """Return the lines of a text, stripped, without empty ones."""
    return [line.strip() for line in value.splitlines() if line.strip()]


def _clean(name: str, value: Any) -> Any:
    """Return the value for the field `name` of the rules, without what may not be stored. Raises
    InvalidRequest if it is not valid."""
    if name == "palette":
        return _palette(value)
    if name in ("always", "never", "approved_words"):
        return _clean_list(name, value)
    if name == "blocking":
        return _codes(value)
    if name in ("voice", "style"):
        value = text.clean_text(value)
        if len(value) > MAX_LENGTHS[name]:
            raise InvalidRequest(
                f"{name} has more than {MAX_LENGTHS[name]} characters. Shorten it."
            )
    return value


def _palette(value: Sequence[str]) -> list[str]:
    colours = list(dict.fromkeys(str(colour).strip().lower() for colour in value))
    try:
        validate_palette(colours)
    except ValidationError as error:
        raise InvalidRequest(" ".join(error.messages)) from error
    return colours


def _clean_list(name: str, value: Iterable[str]) -> list[str]:
    found = list(dict.fromkeys(filter(None, (text.clean_text(str(each)) for each in value))))
    label = name.replace("_", " ")
    if len(found) > MAX_LINES:
        raise InvalidRequest(f"{label} has more than {MAX_LINES} lines. Remove some.")
    if any(len(each) > MAX_LENGTHS[name] for each in found):
        raise InvalidRequest(
            f"A line of {label} has more than {MAX_LENGTHS[name]} characters. Shorten it."
        )
    return found


def _codes(value: Iterable[str]) -> list[str]:
    chosen = set(value)
    if unknown := chosen - set(Finding.Code.values):
        raise InvalidRequest(f"There is no finding “{sorted(unknown)[0]}”. Remove it.")
    return [code for code in Finding.Code.values if code in chosen]

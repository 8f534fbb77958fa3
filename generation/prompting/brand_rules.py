"""What a brand asks of its pictures: read and changed here only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from assetbank import permissions, text
from assetbank.models import Brand
from assetbank.models.brands import validate_palette
from generation.errors import InvalidRequest
from generation.models import BrandRules, Finding

MAX_LINES = 50  # lines of `always`, of `never`, and approved words
MAX_LENGTHS = {"always": 300, "never": 300, "approved_words": 80, "voice": 2_000, "style": 4_000}
OF_BRAND = ("palette", "style", "four_eyes")
OF_RULES = ("voice", "always", "never", "approved_words", "anchors", "blocking")


def brand_rules_of(brand: Brand) -> BrandRules:
    """Empty ones, not saved, while it has none."""
    return BrandRules.objects.filter(brand=brand).first() or BrandRules(brand=brand)


def change_rules(*, person: permissions.AnyUser, brand: Brand, **fields: Any) -> BrandRules:
    """Any of OF_BRAND and OF_RULES; what is not named stays. Raises NotAllowed, InvalidRequest."""
    permissions.require_manager(person, brand)
    unknown = fields.keys() - {*OF_BRAND, *OF_RULES}
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
            setattr(brand if name in OF_BRAND else rules, name, value)
        brand.save(update_fields=[name for name in OF_BRAND if name in fields])
        rules.save()
    return rules


def lines(value: str) -> list[str]:
    """What stands on each line of a text."""
    return [line.strip() for line in value.splitlines() if line.strip()]


def _clean(name: str, value: Any) -> Any:
    if name == "palette":
        return _palette(value)
    if name in ("always", "never", "approved_words"):
        return _listed(name, value)
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


def _listed(name: str, value: Iterable[str]) -> list[str]:
    found = list(dict.fromkeys(filter(None, (text.clean_text(str(each)) for each in value))))
    said = name.replace("_", " ")
    if len(found) > MAX_LINES:
        raise InvalidRequest(f"{said} has more than {MAX_LINES} lines. Remove some.")
    if any(len(each) > MAX_LENGTHS[name] for each in found):
        raise InvalidRequest(
            f"A line of {said} has more than {MAX_LENGTHS[name]} characters. Shorten it."
        )
    return found


def _codes(value: Iterable[str]) -> list[str]:
    chosen = set(value)
    if strange := chosen - set(Finding.Code.values):
        raise InvalidRequest(f"There is no finding “{sorted(strange)[0]}”. Remove it.")
    return [code for code in Finding.Code.values if code in chosen]

"""Custom fields among the filters of the library page, and the counts of their values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from django.http import QueryDict

from assetbank.models import Brand, CustomField
from search.query import facets as search_facets
from search.query.filters import custom_fields

YES_NO = ["yes", "no"]
RANGES = {  # Kind -> ending of the parameter -> label
    "number": {"min": "Minimum", "max": "Maximum"},
    "date": {"from": "From", "to": "Until"},
}


@dataclass
class Choice:
    """One value of a filter."""

    value: str
    checked: bool
    count_id: str  # Of the element that shows how many assets have it


@dataclass
class FieldInput:
    """A custom field as a filter: choices to tick, a text, or the ends of a range."""

    label: str
    parameter: str
    type: str  # Of the input: checkbox, text, number or date
    choices: list[Choice] = field(default_factory=list)
    value: str = ""
    ends: list[tuple[str, str, str]] = field(default_factory=list)  # Parameter, value and label
    only_in: str = ""  # Names of the brands that have it, if not all shown ones do


def field_inputs(given: QueryDict, brands: Iterable[Brand]) -> list[FieldInput]:
    """Return the filters by custom fields of the chosen brands, or of all `brands`.

    Fields of several brands with one name and kind are one filter.
    """
    chosen = given.getlist("brand")
    shown = [brand for brand in brands if not chosen or brand.slug in chosen]
    names = {brand.pk: brand.name for brand in shown}
    merged: dict[tuple[str, bool, str], list[CustomField]] = {}
    for each in custom_fields.filterable_fields(shown):
        if each.kind != CustomField.Kind.LONG_TEXT:
            key = each.name, each.is_counted, each.kind if each.is_range else ""
            merged.setdefault(key, []).append(each)
    inputs = [_input(given, fields) for fields in merged.values()]
    for one, fields in zip(inputs, merged.values(), strict=True):
        if len(fields) < len(shown):
            one.only_in = ", ".join(names[each.brand_id] for each in fields)
    return inputs


def _input(given: QueryDict, fields: list[CustomField]) -> FieldInput:
    first = fields[0]
    parameter = f"{custom_fields.PREFIX}{first.name}"
    one = FieldInput(first.label, parameter, "text", value=given.get(parameter, ""))
    if first.is_range:
        one.type = first.kind
        ends = RANGES[first.kind]
        names = {end: f"{parameter}.{end}" for end in ends}
        one.ends = [(names[end], given.get(names[end], ""), label) for end, label in ends.items()]
    elif first.is_counted:
        one.type, picked = "checkbox", given.getlist(parameter)
        offered = [value for each in fields for value in each.choices] or YES_NO
        retired = [value for each in fields for value in each.retired_choices]
        listed = dict.fromkeys([*offered, *(value for value in retired if value in picked)])
        one.choices = [
            Choice(value, value in picked, f"{parameter.replace('.', '-')}-{place}")
            for place, value in enumerate(listed)
        ]
    return one


def field_counts(
    inputs: Iterable[FieldInput], facets: Iterable[search_facets.Facet]
) -> list[tuple[str, int | None]]:
    """Return the id of the element and the number of assets, for each choice."""
    found = {facet.name: {v.value: v.count for v in facet.values} for facet in facets}
    return [
        (choice.count_id, found.get(one.parameter, {}).get(choice.value, 0))
        for one in inputs
        for choice in one.choices
    ]

"""Filters by custom fields: read from URL parameters, and compiled to conditions.

The indexes of the database answer them: Milvus stores no custom fields, so that a change of them is
found at once and needs no new index.
"""

from __future__ import annotations

import datetime
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from django.db.models import Q, QuerySet

from assetbank import permissions
from assetbank.assets.metadata import custom_fields
from assetbank.models import Asset, Brand, CustomField, CustomNumber
from search.errors import InvalidQuery
from search.query.types import FieldFilter, FieldTerm, Filters

PREFIX = "field."
MAX_LISTED = 10_000  # Ids in a Milvus expression: 10,000 cost 50 ms, and each further one as much
MAX_VALUES = 20
MAX_LENGTH = custom_fields.MAX_TEXT
FIRST_DAY = datetime.date(1970, 1, 1)  # Day 0 of CustomNumber
Kind = CustomField.Kind
# Ending of a parameter -> kinds of fields that have it
ENDINGS: dict[str, tuple[str, ...]] = {
    "": tuple(kind for kind in Kind.values if kind != Kind.LONG_TEXT),
    "min": (Kind.NUMBER,),
    "max": (Kind.NUMBER,),
    "from": (Kind.DATE,),
    "to": (Kind.DATE,),
    "missing": tuple(Kind.values),
}
UPPER = ("max", "to")


def filterable_fields(brands: Iterable[Brand]) -> list[CustomField]:
    """Return the fields of the brands that are filters; no query for brands without fields."""
    return [
        field for brand in brands for field in custom_fields.fields_of(brand) if field.filterable
    ]


def parameters_of(field: CustomField) -> list[str]:
    """Return the URL parameters that filter by a field."""
    return [
        f"{PREFIX}{field.name}{'.' * bool(ending)}{ending}"
        for ending, kinds in ENDINGS.items()
        if field.kind in kinds
    ]


def read_filters(
    given: Mapping[str, Sequence[str]], fields: Sequence[CustomField]
) -> tuple[FieldFilter, ...]:
    """Return the filters of URL parameters, of which all must hold; several values of one parameter
    are alternatives. `fields` are those that the user may filter by.

    Raises InvalidQuery for an unknown field and an invalid value, naming the known ones.
    """
    filters: dict[tuple[str, str], FieldFilter] = {}
    for parameter, texts in given.items():
        name, _, ending = parameter.removeprefix(PREFIX).partition(".")
        values = list(dict.fromkeys(text.strip() for text in texts if text.strip()))
        if not values:
            continue
        known = [f for f in fields if f.name == name and f.kind in ENDINGS.get(ending, ())]
        if not known:
            raise InvalidQuery(_unknown(parameter, fields))
        if len(values) > (1 if ending else MAX_VALUES) or any(len(v) > MAX_LENGTH for v in values):
            limit = "one value" if ending else f"at most {MAX_VALUES} values"
            raise InvalidQuery(f"{parameter} takes {limit} of {MAX_LENGTH:,} characters.")
        family = f"{known[0].kind}s" if ending not in ("", "missing") else ending
        one = filters.get((name, family)) or FieldFilter(name, dated=family == "dates")
        filters[name, family] = _add(one, parameter, ending, values, known)
    return tuple(filters.values())


def _unknown(parameter: str, fields: Sequence[CustomField]) -> str:
    known = sorted({name for field in fields for name in parameters_of(field)})
    listed = ", ".join(each for each in known if not each.endswith(".missing"))
    return f"{parameter[:80]} is no filter. Filters by custom fields: {listed or 'none'}."


def _add(
    one: FieldFilter, parameter: str, ending: str, values: list[str], fields: list[CustomField]
) -> FieldFilter:
    """Return the filter with the values of one parameter. Raises InvalidQuery."""
    terms = tuple(FieldTerm(field.brand_id, field.pk) for field in fields)
    if ending == "missing":
        if values[0].casefold() not in custom_fields.YES:
            raise InvalidQuery(f"{parameter}: Write yes, or leave the filter out.")
        return replace(one, missing=True, terms=terms)
    if ending:
        stored = _stored(fields[0], values[0], parameter)
        assert stored is not None
        text = custom_fields.as_text(stored)
        one = replace(one, maximum=text) if ending in UPPER else replace(one, minimum=text)
        return replace(one, terms=terms)
    wanted: defaultdict[CustomField, list[str]] = defaultdict(list)
    canonical: list[str] = []
    for text in values:
        problem, stored = None, None
        for field in fields:
            try:
                stored = _stored(field, text, parameter)
            except InvalidQuery as error:
                problem = error
            else:
                wanted[field].append(json.dumps({field.name: stored}, sort_keys=True))
        if stored is None and problem:
            raise problem
        canonical.append(custom_fields.as_text(stored))
    terms = tuple(FieldTerm(f.brand_id, f.pk, tuple(found)) for f, found in wanted.items())
    return replace(one, values=tuple(dict.fromkeys(canonical)), terms=terms)


def _stored(field: CustomField, text: str, parameter: str) -> object:
    try:
        held = field.retired_choices
        return custom_fields.clean_value(field, [text] if field.has_choices else text, held=held)
    except ValueError as error:
        raise InvalidQuery(f"{parameter}: {error}") from None


# ------------------------------------------------------------------------ compiling


def condition(filters: Iterable[FieldFilter]) -> Q:
    """Return the condition of assets that match all filters."""
    return Q(*map(_condition, filters))


def _condition(one: FieldFilter) -> Q:
    if one.missing:
        brands = [term.brand for term in one.terms]
        return Q(brand_id__in=brands) & ~Q(custom__has_key=one.name)
    if one.minimum or one.maximum:
        numbers = CustomNumber.objects.filter(field_id__in=[term.field for term in one.terms])
        if one.minimum:
            numbers = numbers.filter(value__gte=_number(one, one.minimum))
        if one.maximum:
            numbers = numbers.filter(value__lte=_number(one, one.maximum))
        return Q(pk__in=numbers.values("asset_id"))
    brands_of: defaultdict[str, list[int]] = defaultdict(list)
    for term in one.terms:
        for wanted in term.wanted:
            brands_of[wanted].append(term.brand)
    found = Q(pk=None)
    for wanted, brands in brands_of.items():
        found |= Q(brand_id__in=brands, custom__contains=json.loads(wanted))
    return found


def _number(one: FieldFilter, text: str) -> float:
    if one.dated:
        return float((datetime.date.fromisoformat(text) - FIRST_DAY).days)
    return float(text)


def listed_ids(filters: Filters, matching: QuerySet[Asset]) -> list[int] | None:
    """Return the ids of the assets in `matching`, which passes the filters, or None if there are
    more than MAX_LISTED; also without filters by custom fields."""
    if not filters.custom:
        return None
    ids = list(matching.order_by().values_list("pk", flat=True)[: MAX_LISTED + 1])
    return ids if len(ids) <= MAX_LISTED else None


def labels(
    filters: Iterable[FieldFilter], fields: Iterable[CustomField]
) -> Iterator[tuple[str, str, str]]:
    """Yield parameter, value and label of each filter, for chips."""
    names = {field.name: field.label for field in reversed(list(fields))}
    for one in filters:
        label = names.get(one.name, one.name)
        for parameter, value in one.parameters():
            ending = parameter.removeprefix(PREFIX).partition(".")[2]
            words = {
                "": f"{label}: {value}",
                "missing": f"{label}: none",
                "min": f"{label} at least {value}",
                "max": f"{label} at most {value}",
                "from": f"{label} from {value}",
                "to": f"{label} until {value}",
            }
            yield parameter, value, words[ending]


def visible_fields(person: permissions.AnyUser, brands: Iterable[Brand]) -> list[CustomField]:
    """Return the fields by which a user may filter, of the chosen brands or of all visible ones."""
    chosen = list(brands) or list(permissions.brands(person).exclude(fields_changed_at=None))
    return filterable_fields(chosen)

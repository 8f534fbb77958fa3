"""Parameters of search requests: their documentation and validation."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS
from django.http import QueryDict
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from assetbank.api.fields import user_of
from assetbank.http import problems
from search.query import SearchForm, search_form

WEIGHTED = (
    "Repeatable: all of them are combined. `KEY*0.5` gives less weight, `KEY*-1` excludes "
    "similar images."
)
MEANINGS = {
    "q": "Search text; `-word` excludes a word, quotation marks match a phrase. Without text "
    "and images, all assets are listed, newest first.",
    "text_weight": "Weight of the text relative to the search images: above 0, maximum 5; "
    "default 1.",
    "picture": f"UUID of a search image that was sent to POST /search/. {WEIGHTED}",
    "like": f"ID of an asset, to find similar assets. {WEIGHTED}",
    "brand": "Brand slug. Repeatable: matches any of them.",
    "kind": "Repeatable: matches any of them.",
    "origin": "Origin of the asset. Repeatable: matches any of them.",
    "status": "Repeatable: matches any of them. Default: all but archived and quarantined.",
    "tags": "Comma-separated: the asset has all of these tags.",
    "tags_any": "Comma-separated: the asset has any of these tags.",
    "tags_none": "Comma-separated: the asset has none of these tags.",
    "orientation": "Square means within 5 % of 1:1.",
    "aspect_ratio": "For example 4:5, or width divided by height; tolerance 3 %.",
    "min_width": "Minimum in pixels.",
    "min_height": "Minimum in pixels.",
    "created_after": "First day, for example 2026-01-31.",
    "created_before": "Last day, for example 2026-01-31.",
    "collection": "Collection ID.",
    "colour": "Hex colour such as #c81c26, near one of the dominant colours of the asset.",
    "usable": "true: usage rights and consent allow its use today.",
    "created_by": "User ID.",
    "engine_model": "For generated images. Repeatable: matches any of them.",
    "preset": "For generated images. Repeatable: matches any of them.",
    "captured_from": "First day on which it was taken, in the calendar of its place.",
    "captured_to": "Last day on which it was taken, in the calendar of its place.",
    "captured_year": "Year in which it was taken. Repeatable: matches any of them.",
    "creator": "Who made it, for example the photographer; ignores case. Repeatable: matches any "
    "of them.",
    "place": "City or country; ignores case. Repeatable: matches any of them.",
    "has_alt_text": "Whether it has an alt text.",
    "terms_to_check": "true: somebody must check its terms before new images are made from it.",
    "sort": "By capture date; default: newest added first. Without effect on a search, which is "
    "ranked by relevance.",
    "custom": "By a custom field: `field.sku=ORV-2231`, repeatable: any of them. Also "
    "`field.price.min` and `.max`, `field.launch.from` and `.to`, `field.sku.missing=yes`. "
    "Unknown fields are refused.",
}
QUERY_PARAMETERS = ("q", "text_weight", "picture", "like", "sort")


def _parameter(name: str, field: forms.Field) -> OpenApiParameter:
    """Return the OpenAPI parameter of a form field."""
    schema: dict[str, Any] = {"type": "string"}
    parameter = name
    if type(field) in (forms.ChoiceField, forms.MultipleChoiceField):
        schema["enum"] = [value for value, _ in field.choices if value]  # type: ignore[attr-defined]
    elif isinstance(field, forms.FloatField):
        schema = {"type": "number"}
    elif isinstance(field, forms.BooleanField):
        schema = {"type": "boolean"}
    elif isinstance(field, forms.IntegerField) or name in ("collection", "created_by"):
        schema = {"type": "integer", "minimum": 1}
    elif isinstance(field, forms.DateField):
        schema["format"] = "date"
    if isinstance(
        field,
        forms.MultipleChoiceField
        | forms.ModelMultipleChoiceField
        | search_form.ShownField
        | search_form.ValuesField,
    ):
        schema = {"type": "array", "items": schema}
    if name == "custom":
        schema, parameter = {"type": "array", "items": schema}, "field.NAME"
    return OpenApiParameter(parameter, schema, description=MEANINGS.get(name, str(field.help_text)))


QUESTION = [_parameter(name, field) for name, field in SearchForm.base_fields.items()]
FILTERS = [parameter for parameter in QUESTION if parameter.name not in QUERY_PARAMETERS]


def validated_form(query: QueryDict, request: Request) -> SearchForm:
    """Return the valid form. Raises ValidationError."""
    form = SearchForm(query, person=user_of(request))
    if not form.is_valid():
        errors = {name: [str(message) for message in list_] for name, list_ in form.errors.items()}
        if NON_FIELD_ERRORS in errors:
            errors[problems.GENERAL] = errors.pop(NON_FIELD_ERRORS)
        raise ValidationError(errors)
    return form


def as_query(data: Any) -> QueryDict:
    """Return a form or a JSON object, without files, as query parameters.

    Raises ValidationError for anything else.
    """
    query = QueryDict(mutable=True)
    if isinstance(data, QueryDict):
        values = dict(data.lists())
    elif isinstance(data, dict):
        values = {name: v if isinstance(v, list) else [v] for name, v in data.items()}
    else:
        raise ValidationError({problems.GENERAL: ["The body must be a JSON object."]})
    for name, several in values.items():
        texts = [str(value) for value in several if isinstance(value, str | int | float)]
        if texts:
            query.setlist(name, texts)
    return query

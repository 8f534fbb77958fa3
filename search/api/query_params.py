"""Parameters of search requests: their documentation and validation."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS
from django.http import QueryDict
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from assetbank.api.fields import person_of
from assetbank.http import problems
from search.query import SearchForm, search_form

WEIGHTED = "Repeated: all of these together. `KEY*0.5` weighs less, `KEY*-1` stays away from it."
MEANINGS = {
    "q": "Words to search with; `-word` is not wanted, quotation marks hold words together. "
    "Without words and pictures: browsing, newest first.",
    "text_weight": "Of the words, against pictures that are asked with: above 0, up to 5; "
    "1 if not given.",
    "picture": f"A picture shown to POST /search/, by its uuid. {WEIGHTED}",
    "like": f"Id of an asset to find similar ones of. {WEIGHTED}",
    "brand": "Slug; repeated: any of these.",
    "kind": "Repeated: any of these.",
    "origin": "Where it came from; repeated: any of these.",
    "status": "Repeated: any of these. Without it: all but archived and quarantined.",
    "tags": "Comma-separated; all must be there.",
    "tags_any": "Comma-separated; one of them must be there.",
    "tags_none": "Comma-separated; none of them may be there.",
    "orientation": "Square is anything within 5 % of 1:1.",
    "aspect_ratio": "Like 4:5, or width divided by height; 3 % of tolerance.",
    "min_width": "In pixels.",
    "min_height": "In pixels.",
    "created_after": "First day, like 2026-01-31.",
    "created_before": "Last day, like 2026-01-31.",
    "collection": "Id of a collection.",
    "colour": "Like #c81c26: near one of the dominant colours.",
    "usable": "true: the rights allow it today.",
    "created_by": "Id of a person.",
    "engine_model": "Of a generated picture; repeated: any of these.",
    "preset": "Of a generated picture; repeated: any of these.",
}
QUERY_PARAMETERS = ("q", "text_weight", "picture", "like")


def _parameter(name: str, field: forms.Field) -> OpenApiParameter:
    """Return the OpenAPI parameter of a form field."""
    schema: dict[str, Any] = {"type": "string"}
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
    return OpenApiParameter(name, schema, description=MEANINGS.get(name, str(field.help_text)))


QUESTION = [_parameter(name, field) for name, field in SearchForm.base_fields.items()]
FILTERS = [parameter for parameter in QUESTION if parameter.name not in QUERY_PARAMETERS]


def checked(query: QueryDict, request: Request) -> SearchForm:
    """Return the valid form. Raises ValidationError."""
    form = SearchForm(query, person=person_of(request))
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
        raise ValidationError({problems.GENERAL: ["Send an object."]})
    for name, several in values.items():
        texts = [str(value) for value in several if isinstance(value, str | int | float)]
        if texts:
            query.setlist(name, texts)
    return query

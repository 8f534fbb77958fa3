"""Compiler of `Filters` to conditions of a query set."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import Exists, F, FloatField, OuterRef, Q, QuerySet
from django.db.models.functions import Cast
from taggit.models import TaggedItem

from assetbank.media import colours
from assetbank.models import Asset
from assetbank.rights import terms
from search.query.filters import custom_fields
from search.query.types import HIDDEN_STATUSES, Filters, midnight, midnight_after, ratios_near

SQUARE_TOLERANCE = 0.05  # Equal to the one of Asset.orientation
RATIO = Cast(F("width"), FloatField()) / Cast(F("height"), FloatField())


def to_queryset(filters: Filters, queryset: QuerySet[Asset]) -> QuerySet[Asset]:
    """Return those assets of `queryset` that match all filters."""
    conditions = [] if filters.statuses else [~Q(status__in=HIDDEN_STATUSES)]
    conditions += [COMPILERS[name](value) for name, value in filters.given().items()]
    return queryset.alias(ratio=RATIO).filter(*conditions)


def _is(lookup: str) -> Callable[[Any], Q]:
    return lambda value: Q((lookup, value))


def _tagged(name: str) -> Q:
    items = TaggedItem.objects.filter(
        content_type__app_label="assetbank",
        content_type__model="asset",
        object_id=OuterRef("pk"),
        tag__name__iexact=name,
    )
    return Q(Exists(items))


def _oriented(orientation: str) -> Q:
    square = Q(ratio__range=(1 - SQUARE_TOLERANCE, 1 + SQUARE_TOLERANCE))
    return {
        Asset.Orientation.SQUARE: square,
        Asset.Orientation.LANDSCAPE: Q(ratio__gt=1) & ~square,
        Asset.Orientation.PORTRAIT: Q(ratio__lt=1) & ~square,
    }[Asset.Orientation(orientation)]


# Field of Filters -> function that compiles a value other than its default
COMPILERS: dict[str, Callable[[Any], Q]] = {
    "brands": _is("brand__slug__in"),
    "collection": _is("collections"),
    "kinds": _is("kind__in"),
    "origins": _is("origin__in"),
    "statuses": _is("status__in"),
    "tags": lambda tags: Q(*map(_tagged, tags)),
    "tags_any": lambda tags: Q(*map(_tagged, tags), _connector=Q.OR),
    # One condition per tag: PostgreSQL makes no anti-join of "none of them"
    "tags_none": lambda tags: Q(*(~_tagged(tag) for tag in tags)),
    "orientation": _oriented,
    "aspect_ratio": lambda ratio: Q(ratio__range=ratios_near(ratio)),
    "min_width": _is("width__gte"),
    "min_height": _is("height__gte"),
    "created_after": lambda day: Q(created_at__gte=midnight(day)),
    "created_before": lambda day: Q(created_at__lt=midnight_after(day)),
    "colour": lambda colour: Q(colour_cells__overlap=colours.cells_near(colour)),
    "usable": lambda _: terms.usage_conditions(),
    "created_by": _is("created_by"),
    "engine_models": _is("engine_model__in"),
    "presets": _is("preset__in"),
    "custom": custom_fields.condition,
}

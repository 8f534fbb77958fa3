"""What somebody asks: words, a picture or an asset, and filters. One value for pages and API."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field

from django.db.models import F, FloatField, Q, QuerySet
from django.db.models.functions import Cast
from django.utils import timezone

from assetbank.models import Asset
from search import expressions as e
from search.models import PictureQuestion

RATIO_TOLERANCE = 0.03  # of the asked aspect ratio, so that 4:5 finds 1080 x 1350 and 1000 x 1256
SQUARE_TOLERANCE = 0.05  # as Asset.orientation


@dataclass(frozen=True)
class Filters:
    """All of these must hold; an empty one does not filter."""

    brands: tuple[int, ...] = ()  # ids
    kinds: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()  # empty: all but archived
    tags: tuple[str, ...] = ()  # all of them
    orientation: str = ""
    aspect_ratio: float | None = None  # width / height
    min_width: int | None = None
    min_height: int | None = None
    created_after: datetime.date | None = None  # both inclusive
    created_before: datetime.date | None = None
    collection: int | None = None  # id

    def expression(self, visible: frozenset[int] | None) -> str:
        """For Milvus; `visible` are the ids of the brands that may be seen, None for all."""
        terms = []
        if visible is not None:
            terms.append(e.one_of("brand_id", sorted(visible)))
        for name, values in (
            ("brand_id", self.brands),
            ("kind", self.kinds),
            ("origin", self.origins),
            ("status", self.statuses),
            ("orientation", [self.orientation] if self.orientation else ()),
        ):
            if values:
                terms.append(e.one_of(name, values))
        if not self.statuses:
            terms.append(e.differs("status", Asset.Status.ARCHIVED.value))
        terms += [e.contains("tags", tag.lower()) for tag in self.tags]
        if self.aspect_ratio is not None:
            slack = self.aspect_ratio * RATIO_TOLERANCE
            terms.append(e.at_least("aspect_ratio", self.aspect_ratio - slack))
            terms.append(e.at_most("aspect_ratio", self.aspect_ratio + slack))
        if self.min_width is not None:
            terms.append(e.at_least("width", self.min_width))
        if self.min_height is not None:
            terms.append(e.at_least("height", self.min_height))
        if self.created_after:
            terms.append(e.at_least("created", _epoch(self.created_after)))
        if self.created_before:
            end = self.created_before + datetime.timedelta(days=1)
            terms.append(e.at_most("created", _epoch(end) - 1))
        if self.collection is not None:
            inside = Asset.objects.filter(collections=self.collection)
            terms.append(e.one_of("id", inside.values_list("pk", flat=True)))
        return e.all_of(terms)

    def apply(self, assets: QuerySet[Asset]) -> QuerySet[Asset]:
        """The same, for PostgreSQL."""
        for name, values in (
            ("brand_id__in", self.brands),
            ("kind__in", self.kinds),
            ("origin__in", self.origins),
            ("status__in", self.statuses),
        ):
            if values:
                assets = assets.filter(**{name: values})
        if not self.statuses:
            assets = assets.exclude(status=Asset.Status.ARCHIVED)
        for tag in self.tags:
            assets = assets.filter(tags__name__iexact=tag)
        if self.orientation or self.aspect_ratio is not None:
            ratio = Cast(F("width"), FloatField()) / Cast(F("height"), FloatField())
            assets = assets.annotate(ratio=ratio).filter(self._shape())
        if self.min_width is not None:
            assets = assets.filter(width__gte=self.min_width)
        if self.min_height is not None:
            assets = assets.filter(height__gte=self.min_height)
        if self.created_after:
            assets = assets.filter(created_at__gte=_midnight(self.created_after))
        if self.created_before:
            end = self.created_before + datetime.timedelta(days=1)
            assets = assets.filter(created_at__lt=_midnight(end))
        if self.collection is not None:
            assets = assets.filter(collections=self.collection)
        return assets

    def _shape(self) -> Q:
        shape = Q()
        if self.aspect_ratio is not None:
            slack = self.aspect_ratio * RATIO_TOLERANCE
            shape &= Q(ratio__range=(self.aspect_ratio - slack, self.aspect_ratio + slack))
        if self.orientation:
            square = Q(ratio__range=(1 - SQUARE_TOLERANCE, 1 + SQUARE_TOLERANCE))
            shape &= {
                Asset.Orientation.SQUARE: square,
                Asset.Orientation.LANDSCAPE: Q(ratio__gt=1) & ~square,
                Asset.Orientation.PORTRAIT: Q(ratio__lt=1) & ~square,
            }[Asset.Orientation(self.orientation)]
        return shape


@dataclass(frozen=True)
class Question:
    """At most one of text, picture and like; none of them is browsing, newest first."""

    text: str = ""
    picture: PictureQuestion | None = None
    like: Asset | None = None
    filters: Filters = field(default_factory=Filters)

    @property
    def browsing(self) -> bool:
        return not (self.text.strip() or self.picture or self.like)


def _midnight(day: datetime.date) -> datetime.datetime:
    return timezone.make_aware(datetime.datetime.combine(day, datetime.time.min))


def _epoch(day: datetime.date) -> int:
    return int(_midnight(day).timestamp())

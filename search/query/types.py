"""What somebody asks: words, pictures, each with a weight, and filters. One value for the pages,
the API, and whatever is kept: it reads from an address (`search.forms`) and writes one."""

from __future__ import annotations

import datetime
import functools
import operator
import uuid
from dataclasses import dataclass, field, replace
from urllib.parse import urlencode

from django.db.models import Exists, F, FloatField, OuterRef, Q, QuerySet
from django.db.models.functions import Cast
from django.utils import timezone
from taggit.models import TaggedItem

from assetbank import permissions
from assetbank.media import colours
from assetbank.models import Asset, Brand
from assetbank.rights import terms as rights
from search.query import fulltext
from search.vectorstore import expressions as e

RATIO_TOLERANCE = 0.03  # of the asked aspect ratio, so that 4:5 finds 1080 x 1350 and 1000 x 1256
SQUARE_TOLERANCE = 0.05  # as Asset.orientation
PARAMETERS = {  # of an address -> attribute of Filters
    "brand": "brands",
    "collection": "collection",
    "kind": "kinds",
    "origin": "origins",
    "status": "statuses",
    "tags": "tags",
    "tags_any": "tags_any",
    "tags_none": "tags_none",
    "orientation": "orientation",
    "aspect_ratio": "aspect_ratio",
    "min_width": "min_width",
    "min_height": "min_height",
    "created_after": "created_after",
    "created_before": "created_before",
    "colour": "colour",
    "usable": "usable",
    "created_by": "created_by",
    "engine_model": "engine_models",
    "preset": "presets",
}
TAGS = ("tags", "tags_any", "tags_none")
# Shown only when somebody asks for them
HIDDEN_STATUSES = (Asset.Status.ARCHIVED, Asset.Status.QUARANTINED)


@dataclass(frozen=True)
class Filters:
    """All of these must hold; an empty one does not filter."""

    brands: tuple[str, ...] = ()  # slugs
    kinds: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()  # empty: all but PUT_ASIDE
    tags: tuple[str, ...] = ()  # all of them
    tags_any: tuple[str, ...] = ()
    tags_none: tuple[str, ...] = ()
    orientation: str = ""
    aspect_ratio: float | None = None  # width / height
    min_width: int | None = None
    min_height: int | None = None
    created_after: datetime.date | None = None  # both inclusive
    created_before: datetime.date | None = None
    collection: int | None = None  # id
    colour: str = ""  # like #1f6feb: near one of the dominant colours
    usable: bool = False  # its rights allow it today
    created_by: int | None = None  # id of a person
    engine_models: tuple[str, ...] = ()
    presets: tuple[str, ...] = ()

    def expression(self, reach: permissions.AssetScope) -> str:
        """For Milvus; `reach` is what may be seen of the brands that are asked for: who asks is
        known to `queries` alone."""
        terms = [_within(reach)]
        for name, values in (
            ("kind", self.kinds),
            ("origin", self.origins),
            ("status", self.statuses),
            ("engine_model", self.engine_models),
            ("preset", self.presets),
            ("orientation", [self.orientation] if self.orientation else ()),
        ):
            if values:
                terms.append(e.one_of(name, values))
        if not self.statuses:
            terms.append(e.none_of("status", [status.value for status in HIDDEN_STATUSES]))
        terms += [e.contains("tags", tag.lower()) for tag in self.tags]
        if self.tags_any:
            terms.append(e.contains_any("tags", [tag.lower() for tag in self.tags_any]))
        if self.tags_none:
            terms.append(e.contains_none("tags", [tag.lower() for tag in self.tags_none]))
        if self.colour:
            terms.append(e.contains_any("colours", colours.cells_near(self.colour)))
        for name, least, most in self._ranges():
            if least is not None:
                terms.append(e.at_least(name, least))
            if most is not None:
                terms.append(e.at_most(name, most))
        if self.created_by is not None:
            terms.append(e.equals("created_by", self.created_by))
        if self.collection is not None:
            inside = Asset.objects.filter(collections=self.collection)
            terms.append(e.one_of("id", inside.values_list("pk", flat=True)))
        return e.all_of(terms)

    def _ranges(self) -> list[tuple[str, float | None, float | None]]:
        least, most = self._ratios()
        after, before = self._instants()
        return [
            ("aspect_ratio", least, most),
            ("width", self.min_width, None),
            ("height", self.min_height, None),
            # rights end with a day, so that the whole of today has the same answer
            ("expires", int(_midnight(timezone.localdate()).timestamp()), None)
            if self.usable
            else ("expires", None, None),
            (
                "created",
                int(after.timestamp()) if after else None,
                int(before.timestamp()) - 1 if before else None,
            ),
        ]

    def _ratios(self) -> tuple[float | None, float | None]:
        if self.aspect_ratio is None:
            return None, None
        slack = self.aspect_ratio * RATIO_TOLERANCE
        return self.aspect_ratio - slack, self.aspect_ratio + slack

    def _instants(self) -> tuple[datetime.datetime | None, datetime.datetime | None]:
        """From, and before."""
        after, before = self.created_after, self.created_before
        return (
            _midnight(after) if after else None,
            _midnight(before + datetime.timedelta(days=1)) if before else None,
        )

    def apply(self, assets: QuerySet[Asset]) -> QuerySet[Asset]:
        """The same, for PostgreSQL."""
        for name, values in (
            ("brand__slug__in", self.brands),
            ("kind__in", self.kinds),
            ("origin__in", self.origins),
            ("status__in", self.statuses),
            ("engine_model__in", self.engine_models),
            ("preset__in", self.presets),
        ):
            if values:
                assets = assets.filter(**{name: values})
        if not self.statuses:
            assets = assets.exclude(status__in=HIDDEN_STATUSES)
        for tag in self.tags:
            assets = assets.filter(_tagged(tag))
        if self.tags_any:
            assets = assets.filter(functools.reduce(operator.or_, map(_tagged, self.tags_any)))
        for tag in self.tags_none:
            assets = assets.exclude(_tagged(tag))
        if self.orientation or self.aspect_ratio is not None:
            ratio = Cast(F("width"), FloatField()) / Cast(F("height"), FloatField())
            assets = assets.alias(ratio=ratio).filter(self._shape())
        return assets.filter(self._conditions())

    def _conditions(self) -> Q:
        after, before = self._instants()
        given = Q()
        for name, value in (
            ("width__gte", self.min_width),
            ("height__gte", self.min_height),
            ("created_at__gte", after),
            ("created_at__lt", before),
            ("created_by", self.created_by),
            ("collections", self.collection),
        ):
            if value is not None:
                given &= Q((name, value))
        if self.colour:
            given &= Q(colour_cells__overlap=colours.cells_near(self.colour))
        if self.usable:
            given &= rights.usage_conditions()
        return given

    def _shape(self) -> Q:
        shape = Q()
        if self.aspect_ratio is not None:
            shape &= Q(ratio__range=self._ratios())
        if self.orientation:
            square = Q(ratio__range=(1 - SQUARE_TOLERANCE, 1 + SQUARE_TOLERANCE))
            shape &= {
                Asset.Orientation.SQUARE: square,
                Asset.Orientation.LANDSCAPE: Q(ratio__gt=1) & ~square,
                Asset.Orientation.PORTRAIT: Q(ratio__lt=1) & ~square,
            }[Asset.Orientation(self.orientation)]
        return shape

    def parameters(self) -> list[tuple[str, str]]:
        """As they stand in an address."""
        given: list[tuple[str, str]] = []
        for name, attribute in PARAMETERS.items():
            value = getattr(self, attribute)
            if name in TAGS:
                value = ",".join(value)
            if isinstance(value, tuple):
                given += [(name, each) for each in value]
            elif value is True:
                given.append((name, "1"))
            elif value:
                given.append((name, str(value)))
        return given

    def without(self, attribute: str) -> Filters:
        return replace(self, **{attribute: getattr(Filters, attribute)})


@dataclass(frozen=True)
class ImageTerm:
    """A picture that is asked with: an asset's, or one that somebody showed."""

    asset: int | None = None  # id; either this
    picture: uuid.UUID | None = None  # or the id of a PictureQuestion
    weight: float = 1.0  # below zero: stay away from it

    def parameter(self) -> tuple[str, str]:
        name, key = ("like", self.asset) if self.picture is None else ("picture", self.picture)
        return name, f"{key}" if self.weight == 1 else f"{key}*{self.weight:g}"


@dataclass(frozen=True)
class SearchQuery:
    """Text and pictures together; with nothing to look for it is browsing, newest first."""

    text: str = ""  # words after a minus are not wanted; quotation marks hold words together
    text_weight: float = 1.0  # more than 0
    shown: tuple[ImageTerm, ...] = ()
    filters: Filters = field(default_factory=Filters)

    @property
    def browsing(self) -> bool:
        """Also with words after a minus alone: they say what not to see, and rank nothing."""
        return not (self.shown or fulltext.parse(self.text).wanted)

    @property
    def assets(self) -> frozenset[int]:
        """Ids of those that are asked with: nobody looks for what they hold up."""
        return frozenset(shown.asset for shown in self.shown if shown.asset is not None)

    def within(self, brand: Brand) -> SearchQuery:
        return replace(self, filters=replace(self.filters, brands=(brand.slug,)))

    def address(self) -> str:
        """As the parameters of an address: `QuestionForm` reads it back."""
        given = [("q", self.text)] if self.text else []
        if self.text_weight != 1:
            given.append(("text_weight", f"{self.text_weight:g}"))
        given += [shown.parameter() for shown in self.shown]
        return urlencode([*given, *self.filters.parameters()])


def like_asset(asset: Asset, weight: float = 1.0) -> ImageTerm:
    return ImageTerm(asset=asset.pk, weight=weight)


def _within(reach: permissions.AssetScope) -> str:
    if reach.whole is None:
        return ""
    whole = e.one_of("brand_id", sorted(reach.whole))
    if not reach.approved:
        return whole
    approved = e.equals("status", Asset.Status.APPROVED.value)
    some = e.all_of([e.one_of("brand_id", sorted(reach.approved)), approved])
    return e.any_of([whole, some]) if reach.whole else some


def _tagged(name: str) -> Exists:
    items = TaggedItem.objects.filter(
        content_type__app_label="assetbank",
        content_type__model="asset",
        object_id=OuterRef("pk"),
        tag__name__iexact=name,
    )
    return Exists(items)


def _midnight(day: datetime.date) -> datetime.datetime:
    return timezone.make_aware(datetime.datetime.combine(day, datetime.time.min))

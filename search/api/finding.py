"""Finding assets over REST: the list, the search by picture, and what the index knows of each."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import NON_FIELD_ERRORS
from django.db.models import prefetch_related_objects
from django.http import QueryDict
from django.urls import reverse
from drf_spectacular.utils import (
    OpenApiParameter,
    extend_schema,
    extend_schema_serializer,
    extend_schema_view,
)
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from assetbank import access
from assetbank.api.assets import AssetSerializer, AssetViewSet
from assetbank.api.fields import person_of
from assetbank.api.paging import PAGING, limit_of
from assetbank.api.parsers import PARSERS
from assetbank.models import Asset, AssetQuerySet
from assetbank.problems import GENERAL
from search import facets, indexing, queries, vectors, words
from search.forms import QuestionForm, ShownField, ValuesField
from search.models import Embedding, with_index_state
from search.ranking import By

WEIGHTED = "Repeated: all of these together. `KEY*0.5` weighs less, `KEY*-1` stays away from it."
MEANINGS = {
    "q": "Words to search with; `-word` is not wanted, quotation marks hold words together. "
    "Without words and pictures: browsing, newest first.",
    "text_weight": "Of the words, against pictures that are asked with; 1 if not given.",
    "picture": f"A picture shown to POST /search/, by its uuid. {WEIGHTED}",
    "like": f"Id of an asset to find similar ones of. {WEIGHTED}",
    "brand": "Slug; repeated: any of these.",
    "kind": "Repeated: any of these.",
    "origin": "Where it came from; repeated: any of these.",
    "status": "Repeated: any of these. Without it: all but archived.",
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
    "usable": "true: rights that have not ended.",
    "created_by": "Id of a person.",
    "engine_model": "Of a generated picture; repeated: any of these.",
    "preset": "Of a generated picture; repeated: any of these.",
}
ASKED = ("q", "text_weight", "picture", "like")


def _parameter(name: str, field: forms.Field) -> OpenApiParameter:
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
        forms.MultipleChoiceField | forms.ModelMultipleChoiceField | ShownField | ValuesField,
    ):
        schema = {"type": "array", "items": schema}
    return OpenApiParameter(name, schema, description=MEANINGS[name])


QUESTION = [_parameter(name, field) for name, field in QuestionForm.base_fields.items()]
FILTERS = [parameter for parameter in QUESTION if parameter.name not in ASKED]


class HighlightSerializer(serializers.Serializer[Any]):
    field = serializers.CharField(help_text=", ".join(words.FIELDS))
    text = serializers.CharField()
    words = serializers.ListField(child=serializers.CharField(), help_text="Those that were found.")


@extend_schema_serializer(component_name="Asset")
class FoundSerializer(AssetSerializer):
    """An asset, how well it fits the question, and whether search can find it."""

    score = serializers.FloatField(
        allow_null=True,
        help_text="Relevance, 0 to 1, comparable between questions: from 0.5 on it really matches. "
        "Null when browsing, or found by words alone.",
    )
    matches = serializers.BooleanField(help_text="False: nothing better was there.")
    matched_by = serializers.ListField(
        child=serializers.ChoiceField([str(by.name).lower() for by in By]),
        help_text="meaning, words, or name (file name or article number, typed exactly).",
    )
    highlights = HighlightSerializer(many=True)
    index_state = serializers.CharField(help_text=", ".join(Embedding.State.values))
    index_error = serializers.CharField(help_text="Why it cannot be found, or empty.")

    class Meta(AssetSerializer.Meta):
        fields = [
            *AssetSerializer.Meta.fields,
            *("score", "matches", "matched_by", "highlights", "index_state", "index_error"),
        ]
        read_only_fields = fields

    def to_representation(self, asset: Asset) -> dict[str, Any]:
        found = self.context.get("found", {}).get(asset.pk) or queries.Found(asset)
        return {
            **super().to_representation(asset),
            "score": found.relevance,
            "matches": found.matches,
            "matched_by": found.by,
            "highlights": [_highlight(each) for each in found.highlights],
            # until reconciliation has given it a row, an asset waits
            "index_state": getattr(asset, "index_state", None) or Embedding.State.PENDING.value,
            "index_error": getattr(asset, "index_reason", None) or "",
        }


def _highlight(found: words.Highlight) -> dict[str, Any]:
    return {
        "field": found.field,
        "text": str(found),
        "words": [text for text, is_word in found.pieces if is_word],
    }


@extend_schema_serializer(many=False, component_name="AssetPage")
class FoundPageSerializer(serializers.Serializer[Any]):
    results = FoundSerializer(many=True)
    next = serializers.URLField(allow_null=True, help_text="The next page, or null.")
    matched = serializers.IntegerField(
        allow_null=True,
        help_text="How many of those ranked so far really match; 0: nothing does, and the results "
        "are the nearest there are. Null when browsing.",
    )


@extend_schema_serializer(many=False, component_name="SearchPage")
class SearchPageSerializer(FoundPageSerializer):
    picture = serializers.UUIDField(
        allow_null=True, help_text="Of the picture sent; kept for a day, for GET /assets/?picture="
    )


class FacetValueSerializer(serializers.Serializer[Any]):
    value = serializers.CharField()
    count = serializers.IntegerField()


class FacetSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(help_text="The parameter that filters by it.")
    values = FacetValueSerializer(many=True)


class FacetsSerializer(serializers.Serializer[Any]):
    facets = FacetSerializer(many=True)
    total = serializers.IntegerField(help_text="Under all filters.")
    capped = serializers.BooleanField(help_text="More match than are counted.")


class SearchSerializer(serializers.Serializer[Any]):
    """Words and filters of GET /assets/ may be sent with it, as fields of the same names."""

    image = serializers.FileField(
        required=False, help_text="A picture; a small copy is kept for a day."
    )
    asset = serializers.IntegerField(required=False, help_text="Or the id of an asset.")
    box = serializers.CharField(
        required=False,
        help_text="Only this part of the asset: left,top,right,bottom as shares of it, 0 to 1.",
    )
    q = serializers.CharField(required=False, help_text=MEANINGS["q"])
    text_weight = serializers.FloatField(required=False, help_text=MEANINGS["text_weight"])
    brand = serializers.ListField(child=serializers.CharField(), required=False)
    kind = serializers.ListField(child=serializers.CharField(), required=False)
    origin = serializers.ListField(child=serializers.CharField(), required=False)
    status = serializers.ListField(child=serializers.CharField(), required=False)
    tags = serializers.CharField(required=False, help_text=MEANINGS["tags"])
    tags_any = serializers.CharField(required=False, help_text=MEANINGS["tags_any"])
    tags_none = serializers.CharField(required=False, help_text=MEANINGS["tags_none"])
    colour = serializers.CharField(required=False, help_text=MEANINGS["colour"])
    usable = serializers.BooleanField(required=False, help_text=MEANINGS["usable"])
    created_by = serializers.IntegerField(required=False, help_text=MEANINGS["created_by"])
    engine_model = serializers.ListField(child=serializers.CharField(), required=False)
    preset = serializers.ListField(child=serializers.CharField(), required=False)
    orientation = serializers.CharField(required=False)
    aspect_ratio = serializers.CharField(required=False, help_text=MEANINGS["aspect_ratio"])
    min_width = serializers.IntegerField(required=False)
    min_height = serializers.IntegerField(required=False)
    created_after = serializers.DateField(required=False)
    created_before = serializers.DateField(required=False)
    collection = serializers.IntegerField(required=False)
    limit = serializers.IntegerField(required=False)


def _checked(asked: QueryDict, request: Request) -> QuestionForm:
    form = QuestionForm(asked, person=person_of(request))
    if not form.is_valid():
        errors = {name: [str(said) for said in list_] for name, list_ in form.errors.items()}
        if NON_FIELD_ERRORS in errors:
            errors[GENERAL] = errors.pop(NON_FIELD_ERRORS)
        raise ValidationError(errors)
    return form


def _page(request: Request, asked: QueryDict, *, where: str, ignored: tuple[str, ...] = ()) -> Any:
    """What `asked` finds, and the address under `where` of what follows."""
    limit = limit_of(asked)
    page = queries.find(
        person=person_of(request),
        question=_checked(asked, request).question(),
        limit=limit,
        cursor=asked.get("cursor", ""),
    )
    assets = [found.asset for found in page.found]
    prefetch_related_objects(assets, "created_by")  # few people: cheaper than a join
    context = {"request": request, "found": {found.asset.pk: found for found in page.found}}
    following = None
    if page.next_cursor:
        asked = asked.copy()
        asked["cursor"] = page.next_cursor
        for name in ignored:
            asked.pop(name, None)
        following = request.build_absolute_uri(f"{where}?{asked.urlencode()}")
    results = FoundSerializer(assets, many=True, context=context).data
    return {"results": results, "next": following, "matched": page.matched}


@extend_schema_view(
    create=extend_schema(responses={201: FoundSerializer, 200: FoundSerializer}),
)
class FoundViewSet(AssetViewSet):
    """Assets with what the index knows of them."""

    serializer_class = FoundSerializer

    def get_queryset(self) -> AssetQuerySet:
        return with_index_state(super().get_queryset())

    @extend_schema(
        summary="Find or browse assets",
        parameters=[*QUESTION, *PAGING],
        responses=FoundPageSerializer,
    )
    def list(self, request: Request) -> Response:
        return Response(_page(request, request.query_params, where=reverse("api-asset-list")))

    @extend_schema(
        summary="Assets that look like this one",
        parameters=[*FILTERS, *PAGING],
        responses=FoundPageSerializer,
    )
    @action(detail=True, methods=["get"])
    def similar(self, request: Request, pk: int) -> Response:
        asset = self.get_object()
        asked = request.query_params.copy()
        asked["like"] = str(asset.pk)
        where = reverse("api-asset-similar", args=[asset.pk])
        return Response(_page(request, asked, where=where, ignored=("like",)))

    @extend_schema(
        summary="Index it again",
        description="For an asset that search cannot find; CLIP runs only if its vector is gone.",
        request=None,
        responses={202: FoundSerializer},
    )
    @action(detail=True, methods=["post"])
    def index(self, request: Request, pk: int) -> Response:
        asset = self.get_object()
        access.require_creator(person_of(request), asset.brand)
        indexing.request_index([asset.pk])
        indexing.request_work()
        return self.answer(asset, 202)


class SearchView(APIView):
    """Search with a picture, or with an asset."""

    parser_classes = PARSERS

    @extend_schema(
        operation_id="search",
        summary="Search with a picture",
        description="Send an `image`, or the id of an `asset`, and any filter of GET /assets/. "
        "The next pages are GET requests: follow `next`.",
        request={
            "multipart/form-data": SearchSerializer,
            "application/json": SearchSerializer,
        },
        responses=SearchPageSerializer,
    )
    def post(self, request: Request) -> Response:
        asked, image = _as_query(request.data), request.FILES.get("image")
        assets, box = asked.pop("asset", []), asked.pop("box", [""])[-1]
        if bool(image) == bool(assets):
            raise ValidationError({"image": ["Send one of both: an image, or an asset's id."]})
        if assets:
            asked.setlist("like", [*asked.getlist("like"), *assets])
        limit_of(asked)
        # before CLIP works for a question that cannot be answered
        form = _checked(asked, request)
        picture = None
        if image:
            data = image.read(settings.MAX_UPLOAD_BYTES + 1)
            picture = vectors.remember_picture(person=person_of(request), data=data)
        elif box:
            asset = form.cleaned_data["like"][-1][0]
            asked.setlist("like", asked.getlist("like")[:-1])
            picture = vectors.remember_part(person=person_of(request), asset=asset, box=_box(box))
        if picture:
            asked.appendlist("picture", str(picture.pk))
        answer = _page(request, asked, where=reverse("api-asset-list"))
        return Response({**answer, "picture": str(picture.pk) if picture else None})


def _box(text: str) -> tuple[float, float, float, float]:
    try:
        left, top, right, bottom = (float(share) for share in text.split(","))
    except ValueError:
        raise ValidationError({"box": ["A box is written left,top,right,bottom."]}) from None
    return left, top, right, bottom


class FacetsView(APIView):
    """What filters would show."""

    @extend_schema(
        operation_id="facets",
        summary="How many assets each filter would show",
        parameters=QUESTION,
        responses=FacetsSerializer,
    )
    def get(self, request: Request) -> Response:
        question = _checked(request.query_params, request).question()
        counted = facets.facets(person=person_of(request), question=question)
        return Response(FacetsSerializer(counted).data)


def _as_query(data: Any) -> QueryDict:
    """A form or a JSON object, without files, as the parameters of an address."""
    asked = QueryDict(mutable=True)
    if isinstance(data, QueryDict):
        values = dict(data.lists())
    elif isinstance(data, dict):
        values = {name: v if isinstance(v, list) else [v] for name, v in data.items()}
    else:
        raise ValidationError({GENERAL: ["Send an object."]})
    for name, several in values.items():
        texts = [str(value) for value in several if isinstance(value, str | int | float)]
        if texts:
            asked.setlist(name, texts)
    return asked

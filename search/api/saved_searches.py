"""REST API of saved searches and golden queries."""

from __future__ import annotations

from typing import Any

from django.db.models import Prefetch, QuerySet
from django.http import QueryDict
from django.urls import reverse
from django_filters.rest_framework import (  # type: ignore[import-untyped]
    CharFilter,
    DjangoFilterBackend,
    FilterSet,
)
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import DestroyModelMixin, ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from assetbank import permissions
from assetbank.api.fields import BrandField, user_of
from assetbank.api.pagination import PAGING, Pages
from assetbank.api.parsers import PARSERS
from assetbank.models import Asset
from search.api import results
from search.models import GoldenQuestion, SavedSearch
from search.query import SearchForm, SearchQuery, read_query
from search.saved import golden as golden_module
from search.saved import searches, stored_query

ADDRESS = "Parameters of GET /assets/, for example q=red+handbag&kind=product."


class AddressField(serializers.CharField):
    """A stored query; it is returned with its brand."""

    def __init__(self) -> None:
        super().__init__(max_length=10_000, help_text=ADDRESS)

    def get_attribute(self, stored: SavedSearch | GoldenQuestion) -> str:
        return stored_query.querystring_of(stored)


class ExpectedField(serializers.ListField):
    child = serializers.IntegerField(min_value=1)

    def __init__(self) -> None:
        super().__init__(
            allow_empty=False,
            max_length=golden_module.MAX_EXPECTED,
            help_text="IDs of the expected assets of the brand; only those that you can "
            "access are returned.",
        )

    def get_attribute(self, golden: GoldenQuestion) -> list[int]:
        return sorted(asset.pk for asset in golden.expected.all())


class _StoredQuerySerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField(read_only=True)
    brand = BrandField(
        help_text="Slug of the brand in which the query is run; cannot be changed later."
    )
    question = AddressField()
    created_by = serializers.CharField(
        source="created_by.username", default=None, allow_null=True, read_only=True
    )
    created_at = serializers.DateTimeField(read_only=True)

    def read(self) -> SearchQuery:
        """Return the parsed query. Raises InvalidQuery."""
        person = user_of(self.context["request"])
        return read_query(self.validated_data["question"], person=person)


class SavedSearchSerializer(_StoredQuerySerializer):
    name = serializers.CharField(max_length=searches.MAX_NAME_LENGTH)
    assets = serializers.SerializerMethodField(help_text="URL of its current results.")

    def get_assets(self, saved: SavedSearch) -> str:
        where = reverse("api-saved-search-assets", args=[saved.pk])
        address: str = self.context["request"].build_absolute_uri(where)
        return address


class SavedSearchChangeSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=searches.MAX_NAME_LENGTH, required=False)
    question = serializers.CharField(max_length=10_000, required=False, help_text=ADDRESS)


class GoldenQuestionSerializer(_StoredQuerySerializer):
    expected = ExpectedField()
    measured = serializers.DictField(
        read_only=True,
        help_text="Last measurement: recall, mrr and ndcg of the first ten results (0 to 1), "
        "at, encoder; or a problem. Empty before the first measurement.",
    )


class BrandFilter(FilterSet):  # type: ignore[misc]
    brand = CharFilter("brand__slug", label="Brand slug.")


class _StoredQueryViewSet(
    ListModelMixin, RetrieveModelMixin, DestroyModelMixin, GenericViewSet[Any]
):
    parser_classes = PARSERS
    pagination_class = Pages
    filter_backends = [DjangoFilterBackend]
    filterset_class = BrandFilter
    ordering: tuple[str, ...] = ("id",)
    lookup_value_converter = "int"

    def created_response(self, row: SavedSearch | GoldenQuestion, name: str) -> Response:
        """Return the response for a new row."""
        address = self.request.build_absolute_uri(reverse(name, args=[row.pk]))
        row = self.get_queryset().get(pk=row.pk)
        return Response(self.get_serializer(row).data, status=201, headers={"Location": address})


@extend_schema_view(
    list=extend_schema(summary="List the saved searches of your brands"),
    retrieve=extend_schema(summary="Get a saved search"),
    destroy=extend_schema(
        summary="Delete a saved search", description="The assets that it finds are kept."
    ),
)
class SavedSearchViewSet(_StoredQueryViewSet):
    serializer_class = SavedSearchSerializer
    queryset = SavedSearch.objects.none()
    ordering = ("name", "id")

    def get_queryset(self) -> QuerySet[SavedSearch]:
        return searches.saved_searches(user_of(self.request)).order_by("name", "id")

    @extend_schema(summary="Create a saved search", responses={201: SavedSearchSerializer})
    def create(self, request: Request) -> Response:
        serializer = SavedSearchSerializer(data=request.data, context=self.get_serializer_context())
        serializer.is_valid(raise_exception=True)
        person, brand = user_of(request), serializer.validated_data["brand"]
        permissions.require_editor(person, brand)
        name = serializer.validated_data["name"]
        saved = searches.save_search(brand=brand, name=name, question=serializer.read(), by=person)
        return self.created_response(saved, "api-saved-search-detail")

    @extend_schema(
        summary="Rename a saved search or change its parameters",
        request=SavedSearchChangeSerializer,
        responses=SavedSearchSerializer,
    )
    def partial_update(self, request: Request, pk: int) -> Response:
        saved = self.get_object()
        searches.require_change(user_of(request), saved)
        serializer = SavedSearchChangeSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        question = serializer.validated_data.get("question")
        searches.change_search(
            saved=saved,
            name=serializer.validated_data.get("name"),
            question=None if question is None else read_query(question, person=user_of(request)),
        )
        return Response(self.get_serializer(saved).data)

    def perform_destroy(self, instance: SavedSearch) -> None:
        searches.require_change(user_of(self.request), instance)
        searches.delete_search(saved=instance)

    @extend_schema(
        summary="List the results of a saved search",
        parameters=PAGING,
        filters=False,
        responses=results.FoundPageSerializer,
    )
    @action(detail=True, methods=["get"])
    def assets(self, request: Request, pk: int) -> Response:
        saved = self.get_object()
        query = QueryDict(stored_query.querystring_of(saved), mutable=True)
        for name in ("limit", "cursor"):
            if name in request.query_params:
                query[name] = request.query_params[name]
        where = reverse("api-saved-search-assets", args=[saved.pk])
        ignored = tuple(SearchForm.base_fields)
        return Response(results.page_of(request, query, where=where, ignored=ignored))


@extend_schema_view(
    list=extend_schema(summary="List the relevance test queries of your brands"),
    retrieve=extend_schema(summary="Get a relevance test query"),
    destroy=extend_schema(
        summary="Delete a relevance test query", description="Its expected assets are kept."
    ),
)
class GoldenQuestionViewSet(_StoredQueryViewSet):
    """Golden queries: a new encoder must answer them as well."""

    serializer_class = GoldenQuestionSerializer
    queryset = GoldenQuestion.objects.none()

    def get_queryset(self) -> QuerySet[GoldenQuestion]:
        person = user_of(self.request)
        rows = golden_module.golden_queries(person).order_by("id")
        return rows.prefetch_related(Prefetch("expected", permissions.assets(person).only("pk")))

    @extend_schema(
        summary="Add a query to the relevance test set", responses={201: GoldenQuestionSerializer}
    )
    def create(self, request: Request) -> Response:
        serializer = GoldenQuestionSerializer(
            data=request.data, context=self.get_serializer_context()
        )
        serializer.is_valid(raise_exception=True)
        person, brand = user_of(request), serializer.validated_data["brand"]
        permissions.require_manager(person, brand)
        ids = serializer.validated_data["expected"]
        assets = Asset.objects.filter(brand=brand).in_bulk(ids)
        if missing := [str(pk) for pk in ids if pk not in assets]:
            raise serializers.ValidationError(
                {"expected": [f"{brand} has no asset with ID {', '.join(missing[:20])}."]}
            )
        golden = golden_module.add_golden_query(
            brand=brand, question=serializer.read(), expected=list(assets.values()), by=person
        )
        return self.created_response(golden, "api-golden-question-detail")

    def perform_destroy(self, instance: GoldenQuestion) -> None:
        permissions.require_manager(user_of(self.request), instance.brand)
        golden_module.delete_golden_query(golden=instance)

"""REST API of generations: submit, follow, cancel and retry."""

from __future__ import annotations

from typing import Any

from django.db.models import Prefetch, QuerySet
from django.urls import reverse
from django_filters.rest_framework import (  # type: ignore[import-untyped]
    CharFilter,
    DateFilter,
    DjangoFilterBackend,
    FilterSet,
    MultipleChoiceFilter,
)
from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from assetbank import permissions
from assetbank.api.fields import BrandField, user_of
from assetbank.api.pagination import Pages
from assetbank.api.parsers import PARSERS
from assetbank.http import idempotency
from generation.api.brand_rules import FindingSerializer
from generation.api.request_params import RequestSerializer, read_request
from generation.billing import ledger
from generation.forms import prompt_contains
from generation.models import Generation, Output, Reference
from generation.permissions import generations
from generation.pipeline import cancel_generation, retry_generation, submit

HIDDEN = "An asset that you cannot access"


class ReferenceSerializer(serializers.Serializer[Reference]):
    asset = serializers.IntegerField(
        source="asset_id", allow_null=True, help_text="Null if the asset was deleted."
    )
    title = serializers.CharField(help_text="Title at the time of the generation.")
    position = serializers.IntegerField(help_text="Position, starting at 0.")
    role = serializers.CharField(help_text="Role of the reference; may be empty.")
    checksum = serializers.CharField(help_text="SHA-256 of the file that was sent, hexadecimal.")
    version = serializers.IntegerField(
        allow_null=True,
        help_text="Number of the asset's version that was sent; null if the file is none of this "
        "asset, which another one was merged into.",
    )
    replaced_since = serializers.BooleanField(
        help_text="True if the asset has another file now than the version that was sent."
    )


class OutputSerializer(serializers.Serializer[Output]):
    id = serializers.IntegerField()
    asset = serializers.IntegerField(source="asset_id")
    file = serializers.SerializerMethodField(help_text="URL of the original file, unchanged.")
    thumbnail = serializers.SerializerMethodField(
        help_text="URL of a WebP rendition, maximum 480 pixels per side."
    )
    width = serializers.IntegerField(source="asset.width")
    height = serializers.IntegerField(source="asset.height")
    verdict = serializers.CharField(help_text="kept, rejected or empty (undecided).")
    verdict_reason = serializers.CharField()
    inspected_at = serializers.DateTimeField(allow_null=True, help_text="Time of the brand check.")
    findings = serializers.SerializerMethodField(
        help_text="Findings of the brand check, for creators of the brand."
    )

    @extend_schema_field(FindingSerializer(many=True))
    def get_findings(self, output: Output) -> list[Any]:
        creates = self.context.get("creates")
        if creates is not None and output.generation.brand_id not in creates:
            return []
        return list(FindingSerializer(output.findings.all(), many=True).data)

    def get_file(self, output: Output) -> str:
        return self._absolute(output, "original_url")

    def get_thumbnail(self, output: Output) -> str:
        return self._absolute(output, "grid_url")

    def _absolute(self, output: Output, name: str) -> str:
        absolute: str = self.context["request"].build_absolute_uri(getattr(output.asset, name))
        return absolute


class GenerationSerializer(serializers.ModelSerializer[Generation]):
    status = serializers.CharField(source="state", help_text=", ".join(Generation.State.values))
    brand = BrandField(read_only=True)
    references = ReferenceSerializer(source="reference_rows", many=True)
    preset = serializers.CharField(
        source="preset_version.preset.slug", default=None, allow_null=True, help_text="Preset slug."
    )
    preset_version = serializers.IntegerField(
        source="preset_version.number",
        default=None,
        allow_null=True,
        help_text="Version number, starting at 1.",
    )
    left_out = serializers.ListField(
        child=serializers.CharField(),
        help_text="References that the model did not use, as sentences.",
    )
    refines = serializers.IntegerField(
        source="refines_id", allow_null=True, help_text="ID of the output that it edits."
    )
    draft = serializers.IntegerField(
        source="draft_id",
        allow_null=True,
        help_text="ID of the draft output that it upscales.",
    )
    batch = serializers.IntegerField(source="batch_id", allow_null=True)
    outputs = OutputSerializer(many=True)
    usage = serializers.DictField(
        child=serializers.IntegerField(), help_text="Total token counts of the model."
    )
    created_by = serializers.CharField(
        source="created_by.username", default=None, allow_null=True, help_text="Username."
    )

    estimated_usd = serializers.SerializerMethodField(
        help_text="Estimated cost before generation; null without permission to see the "
        "spending of others."
    )
    cost_usd = serializers.SerializerMethodField(help_text="Actual cost from the token counts.")

    class Meta:
        model = Generation
        fields = [
            *("id", "status", "reason", "reason_code", "prompt", "full_prompt", "brand", "model"),
            *("aspect_ratio", "image_size", "count", "references", "outputs", "usage"),
            *("estimated_usd", "cost_usd"),
            *("preset", "preset_version", "variables", "left_out", "refines", "draft", "batch"),
            *("created_by", "created_at", "started_at", "finished_at"),
        ]
        read_only_fields = fields

    def get_estimated_usd(self, generation: Generation) -> str | None:
        return self._amount(generation, "estimated_usd")

    def get_cost_usd(self, generation: Generation) -> str | None:
        return self._amount(generation, "cost_usd")

    def _amount(self, generation: Generation, name: str) -> str | None:
        manages = self.context.get("manages")
        own = generation.created_by_id == self.context["request"].user.pk
        if manages is not None and not own and generation.brand_id not in manages:
            return None
        return f"{getattr(generation, name):f}"

    def to_representation(self, generation: Generation) -> dict[str, Any]:
        """Return a generation as JSON; references that the user may not view have no details."""
        data: dict[str, Any] = {**super().to_representation(generation)}
        scope: permissions.AssetScope | None = self.context.get("scope")
        if scope is None:
            return data
        for row, listed in zip(generation.reference_rows.all(), data["references"], strict=True):
            if row.asset and not scope.sees(row.asset):
                listed.update(asset=None, title=HIDDEN, checksum="", version=None)
                data["full_prompt"], data["left_out"] = "", []  # they name the references
        return data


class GenerationFilter(FilterSet):  # type: ignore[misc]
    status = MultipleChoiceFilter(
        field_name="state",
        choices=Generation.State.choices,
        label="Repeatable: matches any of them.",
    )
    brand = CharFilter("brand__slug", label="Brand slug.")
    q = CharFilter(method="words", label="Prompt text; matches the beginning of words.")
    model = CharFilter("model", label="Model ID.")
    preset = CharFilter("preset_version__preset__slug", label="Preset slug.")
    created_by = CharFilter("created_by__username", label="Username.")
    created_after = DateFilter("created_at", "date__gte", label="First day.")
    created_before = DateFilter("created_at", "date__lte", label="Last day.")

    def words(self, rows: QuerySet[Generation], name: str, value: str) -> QuerySet[Generation]:
        return prompt_contains(rows, value)


@extend_schema_view(
    list=extend_schema(summary="List generations, newest first"),
    retrieve=extend_schema(summary="Get a generation and its progress"),
)
class GenerationViewSet(ListModelMixin, RetrieveModelMixin, GenericViewSet[Generation]):
    parser_classes = PARSERS
    serializer_class = GenerationSerializer
    pagination_class = Pages
    filter_backends = [DjangoFilterBackend]
    filterset_class = GenerationFilter
    ordering = ("-created_at", "-id")
    lookup_value_converter = "int"
    queryset = Generation.objects.none()

    def get_queryset(self) -> QuerySet[Generation]:
        # the bytes of an output may be megabytes, and are not shown here
        person = user_of(self.request)
        arrived = Output.objects.filter(asset__in=permissions.assets(person)).defer("data")
        arrived = arrived.select_related("asset").prefetch_related("findings")
        return (
            ledger.with_costs(generations(person))
            .select_related("brand", "created_by", "preset_version__preset")
            .prefetch_related(
                "takes",
                Prefetch("reference_rows", Reference.objects.select_related("asset")),
                Prefetch("outputs", arrived),
            )
            .order_by("-created_at", "-id")
        )

    def get_serializer_context(self) -> dict[str, Any]:
        context: dict[str, Any] = {**super().get_serializer_context()}
        if self.request and self.request.user.is_authenticated:
            person = user_of(self.request)
            context["scope"] = scope = permissions.asset_scope(person)
            context["creates"] = scope.all_in
            if not permissions.has_full_access(person):
                manages = permissions.brands(person, *permissions.MANAGERS)
                context["manages"] = set(manages.values_list("pk", flat=True))
        return context

    def answer(self, generation: Generation, status: int, **headers: str) -> Response:
        generation = self.get_queryset().get(pk=generation.pk)
        return Response(self.get_serializer(generation).data, status=status, headers=headers)

    @extend_schema(
        summary="Generate images",
        description="Returns at once; poll the generation at `Location`.",
        request=RequestSerializer,
        responses={202: GenerationSerializer},
    )
    def create(self, request: Request) -> Response:
        generation = submit(
            person=user_of(request),
            key=idempotency.idempotency_key(request),
            **read_request(request, request.data),
        )
        address = reverse("api-generation-detail", args=[generation.pk])
        return self.answer(generation, 202, Location=request.build_absolute_uri(address))

    @extend_schema(
        summary="Cancel a generation",
        description="Queued generations stop at once, running ones before their next image. "
        "Cancelling a finished one has no effect.",
        request=None,
        responses=GenerationSerializer,
    )
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: int) -> Response:
        generation = cancel_generation(person=user_of(request), generation=self.get_object())
        return self.answer(generation, 200)

    @extend_schema(
        summary="Retry a generation",
        description="For failed or cancelled generations; images that have arrived are kept.",
        request=None,
        responses={202: GenerationSerializer},
    )
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, pk: int) -> Response:
        generation = retry_generation(person=user_of(request), generation=self.get_object())
        return self.answer(generation, 202)

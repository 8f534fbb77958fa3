"""REST API of batches: submit, follow, stop and retry."""

from __future__ import annotations

from typing import Any

from django.db.models import Prefetch, QuerySet
from django.urls import reverse
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
from generation.api.generations import HIDDEN, OutputSerializer
from generation.api.outputs import visibility_context, visible_outputs
from generation.api.request_params import ReferenceField
from generation.engines import catalog
from generation.errors import InvalidRequest
from generation.models import Batch, BatchJob, Generation, PresetVersion, Reference
from generation.permissions import batches, generations
from generation.pipeline import MAX_PROMPT_LENGTH
from generation.prompting import presets
from generation.workflows import (
    MAX_CELLS,
    BatchProgress,
    Matrix,
    batch_progress,
    retry_batch,
    stop_batch,
    submit_batch,
)


class ProgressSerializer(serializers.Serializer[BatchProgress]):
    """Count the images, then the variations by state."""

    asked, settled, made = (serializers.IntegerField() for _ in range(3))
    waiting, running = serializers.IntegerField(), serializers.IntegerField()
    refused, failed, cancelled = (serializers.IntegerField() for _ in range(3))
    finished = serializers.BooleanField()


class CellSerializer(serializers.ModelSerializer[Generation]):
    status = serializers.CharField(source="state", help_text=", ".join(Generation.State.values))
    outputs = OutputSerializer(many=True)

    class Meta:
        model = Generation
        fields = ["id", "label", "status", "reason", "reason_code", "outputs"]
        read_only_fields = fields

    def to_representation(self, generation: Generation) -> dict[str, Any]:
        """Return a cell of a batch as JSON, without the title of a product that the user may not
        view."""
        data: dict[str, Any] = {**super().to_representation(generation)}
        scope: permissions.AssetScope | None = self.context.get("scope")
        used = [row.asset for row in generation.reference_rows.all() if row.asset]
        if scope and any(
            each.display_title == data["label"] and not scope.sees(each) for each in used
        ):
            data["label"] = HIDDEN
        return data


class OrderSerializer(serializers.ModelSerializer[BatchJob]):
    status = serializers.CharField(source="state", help_text=", ".join(BatchJob.State.values))

    class Meta:
        model = BatchJob
        fields = ["status", "reason", "created_at", "polled_at", "finished_at"]
        read_only_fields = fields


class ListedBatchSerializer(serializers.ModelSerializer[Batch]):
    kind = serializers.CharField(help_text=", ".join(Batch.Kind.values))
    brand = BrandField(read_only=True)
    created_by = serializers.CharField(
        source="created_by.username", default=None, allow_null=True, help_text="Username."
    )

    class Meta:
        model = Batch
        fields = ["id", "title", "kind", "brand", "in_bulk", "created_by", "created_at"]
        read_only_fields = fields


class BatchSerializer(ListedBatchSerializer):
    progress = serializers.SerializerMethodField()
    orders = OrderSerializer(source="jobs", many=True, help_text="Bulk orders at the provider.")
    generations = CellSerializer(many=True, help_text="Its variations, in order.")

    class Meta(ListedBatchSerializer.Meta):
        fields = [*ListedBatchSerializer.Meta.fields, "progress", "orders", "generations"]
        read_only_fields = fields

    @extend_schema_field(ProgressSerializer)
    def get_progress(self, batch: Batch) -> dict[str, Any]:
        return dict(ProgressSerializer(batch_progress(batch.generations.all())).data)


def _references(help_text: str) -> serializers.ListField:
    return serializers.ListField(child=ReferenceField(), required=False, help_text=help_text)


class MatrixSerializer(serializers.Serializer[Any]):
    prompt = serializers.CharField(
        max_length=MAX_PROMPT_LENGTH,
        default="",
        allow_blank=True,
        help_text="Description of the images; with a preset, it is added to the preset's prompt.",
    )
    brand = BrandField(help_text="Brand slug.")
    base = _references("References of every variation, with or without roles.")
    products = _references(f"One variation for each of these asset IDs, at most {MAX_CELLS}.")
    variable = serializers.RegexField(
        r"\A[A-Za-z]\w{0,39}\Z",
        default="",
        allow_blank=True,
        help_text="Instead of products: a variable of the preset, or {like_this} in the prompt.",
    )
    values = serializers.ListField(
        child=serializers.CharField(),
        required=False,
        help_text="Values of the variable: one variation for each.",
    )
    preset = serializers.SlugField(default="", allow_blank=True)
    variables = serializers.DictField(
        child=serializers.CharField(allow_blank=True),
        required=False,
        help_text="Values of the other variables; omitted ones use their defaults.",
    )
    model = serializers.CharField(
        required=False, help_text="Model ID from GET /models/; default: the first."
    )
    aspect_ratio = serializers.CharField(
        default="",
        allow_blank=True,
        help_text="Aspect ratio of the model; default: the preset's, else 1:1.",
    )
    image_size = serializers.CharField(
        default="",
        allow_blank=True,
        help_text="Size of the model; default: the preset's, else the model's first.",
    )
    count = serializers.IntegerField(default=1, help_text="Images per variation.")
    in_bulk = serializers.BooleanField(
        default=False, help_text="Bulk order: cheaper, delivered within a day instead of at once."
    )


@extend_schema_view(
    list=extend_schema(
        summary="List batches, newest first", responses=ListedBatchSerializer(many=True)
    ),
    retrieve=extend_schema(summary="Get a batch and its progress"),
)
class BatchViewSet(ListModelMixin, RetrieveModelMixin, GenericViewSet[Batch]):
    parser_classes = PARSERS
    serializer_class = BatchSerializer
    pagination_class = Pages
    ordering = ("-created_at", "-id")
    lookup_value_converter = "int"
    queryset = Batch.objects.none()

    def get_queryset(self) -> QuerySet[Batch]:
        person = user_of(self.request)
        rows = batches(person).select_related("brand", "created_by").order_by("-created_at", "-id")
        if self.action == "list":
            return rows
        cells = generations(person).order_by("pk")
        cells = cells.prefetch_related(
            "takes",
            Prefetch("outputs", visible_outputs(self.request)),
            Prefetch("reference_rows", Reference.objects.select_related("asset")),
        )
        return rows.prefetch_related("jobs", Prefetch("generations", cells))

    def get_serializer_class(self) -> Any:
        return ListedBatchSerializer if self.action == "list" else BatchSerializer

    def get_serializer_context(self) -> dict[str, Any]:
        context: dict[str, Any] = {**super().get_serializer_context()}
        if self.request and self.request.user.is_authenticated:
            context.update(visibility_context(self.request))
        return context

    def answer(self, batch: Batch, status: int, **headers: str) -> Response:
        batch = self.get_queryset().get(pk=batch.pk)
        return Response(self.get_serializer(batch).data, status=status, headers=headers)

    @extend_schema(
        summary="Create a batch",
        description="Queues one generation for each product or each value, or none of them. "
        "Returns at once; poll the batch at `Location`.",
        request=MatrixSerializer,
        responses={202: BatchSerializer},
    )
    def create(self, request: Request) -> Response:
        given = MatrixSerializer(data=request.data, context={"request": request})
        given.is_valid(raise_exception=True)
        fields = given.validated_data
        matrix = _matrix(request, fields)
        version = matrix.preset_version or PresetVersion()
        batch = submit_batch(
            person=user_of(request),
            brand=fields["brand"],
            matrix=matrix,
            model=fields.get("model") or catalog.available_models()[0].id,
            key=idempotency.idempotency_key(request),
            aspect_ratio=fields["aspect_ratio"] or version.aspect_ratio or "1:1",
            image_size=fields["image_size"] or version.image_size,
            count=fields["count"],
            in_bulk=fields["in_bulk"],
        )
        address = reverse("api-batch-detail", args=[batch.pk])
        return self.answer(batch, 202, Location=request.build_absolute_uri(address))

    @extend_schema(
        summary="Stop a batch",
        description="Queued generations are cancelled; running ones stop after their image.",
        request=None,
        responses=BatchSerializer,
    )
    @action(detail=True, methods=["post"])
    def stop(self, request: Request, pk: int) -> Response:
        return self.answer(stop_batch(person=user_of(request), batch=self.get_object()), 200)

    @extend_schema(
        summary="Retry the failed variations of a batch",
        description="Also retries cancelled ones; refused ones must be changed first.",
        request=None,
        responses={202: BatchSerializer},
    )
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, pk: int) -> Response:
        batch = self.get_object()
        retry_batch(person=user_of(request), batch=batch)
        return self.answer(batch, 202)


def _matrix(request: Request, fields: dict[str, Any]) -> Matrix:
    person = user_of(request)
    base, products = fields.get("base", []), fields.get("products", [])
    found = permissions.assets(person).in_bulk([pk for pk, _ in (*base, *products)])
    if any(pk not in found for pk, _ in (*base, *products)):
        raise InvalidRequest(
            "One of the assets does not exist. Remove it.", code="unknown_reference"
        )
    preset = fields["preset"]
    return Matrix(
        fields["prompt"],
        presets.choose_version(person, fields["brand"], preset) if preset else None,
        base=[found[pk] for pk, _ in base],
        products=[found[pk] for pk, _ in products],
        roles={pk: role for pk, role in (*base, *products) if role},
        variable=fields["variable"],
        values=fields.get("values", []),
        variables=fields.get("variables", {}),
    )

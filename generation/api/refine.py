"""REST API of edits by instruction, conversations, and lineage."""

from __future__ import annotations

from typing import Any

from django.shortcuts import get_object_or_404
from django.urls import reverse
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from assetbank import permissions
from assetbank.api.fields import user_of
from assetbank.http import idempotency
from generation.api.generations import GenerationSerializer, GenerationViewSet
from generation.errors import InvalidRequest
from generation.lineage import graph
from generation.models import Generation, Output
from generation.pipeline import MAX_PICTURES, MAX_PROMPT_LENGTH
from generation.workflows import refine


class WordsSerializer(serializers.Serializer[Any]):
    words = serializers.CharField(
        max_length=MAX_PROMPT_LENGTH,
        help_text="The change to make, for example “swap the hat”.",
    )
    references = serializers.ListField(
        child=serializers.IntegerField(min_value=1),
        required=False,
        help_text="IDs of additional references, in order.",
    )
    image_size = serializers.CharField(
        default="", allow_blank=True, help_text="Default: the size of the image."
    )
    count = serializers.IntegerField(default=1, help_text=f"Number of images, 1 to {MAX_PICTURES}.")


class RefineViewSet(GenerationViewSet):
    """The next turn of a conversation with a model."""

    @extend_schema(
        operation_id="outputs_refine",
        summary="Edit an image with a prompt",
        description="The model that generated it receives all earlier edits. An image can be "
        "edited any number of times. Returns at once; poll the generation at "
        "`Location`.",
        request=WordsSerializer,
        responses={202: GenerationSerializer},
    )
    def refine(self, request: Request, pk: int) -> Response:
        given = WordsSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        fields = given.validated_data
        generation = refine.submit_refinement(
            person=user_of(request),
            output=_output(request, pk),
            words=fields["words"],
            references=_references(request, fields.get("references", [])),
            image_size=fields["image_size"],
            count=fields["count"],
            key=idempotency.idempotency_key(request),
        )
        address = reverse("api-generation-detail", args=[generation.pk])
        return self.answer(generation, 202, Location=request.build_absolute_uri(address))


class BranchSerializer(serializers.Serializer[Generation]):
    generation = serializers.IntegerField(source="pk")
    words = serializers.CharField(source="prompt")
    status = serializers.CharField(source="state")


class TurnSerializer(serializers.Serializer[refine.RefineStep]):
    output = serializers.IntegerField(source="output.pk")
    generation = serializers.IntegerField(source="generation.pk")
    words = serializers.CharField(source="generation.prompt")
    asset = serializers.IntegerField(
        source="asset.pk",
        default=None,
        allow_null=True,
        help_text="Null if it was deleted or you cannot access it.",
    )
    branches = BranchSerializer(many=True, help_text="All edits of this image.")


class ThreadSerializer(serializers.Serializer[Any]):
    results = TurnSerializer(many=True)


class ThreadView(APIView):
    """Return the edit history of an image, with its branches."""

    @extend_schema(
        operation_id="outputs_thread",
        summary="Get the edit history of an image",
        responses=ThreadSerializer,
    )
    def get(self, request: Request, pk: int) -> Response:
        steps = refine.thread(_output(request, pk), user_of(request))
        return Response(ThreadSerializer({"results": steps}).data)


class NodeSerializer(serializers.Serializer[graph.Node]):
    asset = serializers.IntegerField(
        source="asset.pk",
        default=None,
        allow_null=True,
        help_text="Null if it was deleted or you cannot access it.",
    )
    title = serializers.CharField()
    how = serializers.CharField(
        help_text="Relation: reference, refined (edited) or final (upscaled)."
    )
    role = serializers.CharField(help_text="Role of the reference, or empty.")
    generation = serializers.IntegerField(source="generation.pk", default=None, allow_null=True)
    more = serializers.IntegerField(
        help_text="Number of branches that are not included; request the lineage of that asset."
    )
    branches = serializers.SerializerMethodField()

    @extend_schema_field({"type": "array", "items": {"$ref": "#/components/schemas/Node"}})
    def get_branches(self, node: graph.Node) -> list[Any]:
        return [NodeSerializer(branch).data for branch in node.branches]


class LineageSerializer(serializers.Serializer[graph.Tree]):
    asset = serializers.IntegerField(source="asset.pk")
    made_from = NodeSerializer(source="made_from.branches", many=True)
    made_with = NodeSerializer(source="made_with.branches", many=True)
    more_made_from = serializers.IntegerField(source="made_from.more")
    more_made_with = serializers.IntegerField(source="made_with.more")


class LineageView(APIView):
    """Sources and derivatives of an asset."""

    @extend_schema(
        operation_id="assets_lineage",
        summary="Get the lineage of an asset: sources and derivatives",
        description=f"At most {graph.MAX_DEPTH} steps and {graph.MAX_NODES} assets; `more` counts "
        "those that are not included.",
        responses=LineageSerializer,
    )
    def get(self, request: Request, pk: int) -> Response:
        person = user_of(request)
        asset = get_object_or_404(permissions.assets(person), pk=pk)
        return Response(LineageSerializer(graph.lineage_tree(asset, person)).data)


def _output(request: Request, pk: int) -> Output:
    person = user_of(request)
    visible = Output.objects.filter(
        generation__brand__in=permissions.brands(person), asset__in=permissions.assets(person)
    )
    return get_object_or_404(visible.defer("data").select_related("generation__brand"), pk=pk)


def _references(request: Request, ids: list[int]) -> list[Any]:
    found = permissions.assets(user_of(request)).in_bulk(ids)
    if any(pk not in found for pk in ids):
        raise InvalidRequest(
            "One of the references does not exist. Remove it.", code="unknown_reference"
        )
    return [found[pk] for pk in ids]

"""REST API of outputs: keep, reject, clear the verdict, generate a final."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from assetbank import permissions
from assetbank.api.fields import user_of
from assetbank.api.parsers import PARSERS
from assetbank.http import idempotency
from generation.api.generations import (
    GenerationSerializer,
    GenerationViewSet,
    OutputSerializer,
)
from generation.models import Output
from generation.review import verdicts
from generation.workflows import finalise


class ReasonSerializer(serializers.Serializer[Any]):
    reason = serializers.CharField(
        max_length=verdicts.MAX_REASON_LENGTH,
        help_text=f"For example: {', '.join(verdicts.REASONS)}.",
    )


class SizeSerializer(serializers.Serializer[Any]):
    image_size = serializers.CharField(help_text="A larger size of the model, for example 2K.")


def visible_outputs(request: Request) -> QuerySet[Output]:
    """Return outputs whose assets the user may view, without their bytes."""
    rows = Output.objects.filter(asset__in=permissions.assets(user_of(request)))
    return rows.defer("data").select_related("asset").prefetch_related("findings")


def outputs(request: Request) -> QuerySet[Output]:
    """Return the outputs in the user's brands whose assets the user may view."""
    brands = permissions.brands(user_of(request))
    rows = visible_outputs(request).filter(generation__brand__in=brands)
    return rows.select_related("asset", "generation__brand")


def visibility_context(request: Request) -> dict[str, Any]:
    """Return which references and findings the user may view, for the context of
    `GenerationSerializer` and `OutputSerializer`."""
    scope = permissions.asset_scope(user_of(request))
    return {"scope": scope, "creates": scope.all_in}


class OutputViewSet(GenericViewSet[Output]):
    """Keep, reject, upscale and edit generated images."""

    parser_classes = PARSERS
    serializer_class = OutputSerializer
    lookup_value_converter = "int"
    queryset = Output.objects.none()

    def get_queryset(self) -> QuerySet[Output]:
        return outputs(self.request)

    def get_serializer_context(self) -> dict[str, Any]:
        context: dict[str, Any] = {**super().get_serializer_context()}
        if self.request and self.request.user.is_authenticated:
            context.update(visibility_context(self.request))
        return context

    def answer(self, output: Output) -> Response:
        return Response(self.get_serializer(self.get_queryset().get(pk=output.pk)).data)

    @extend_schema(summary="Keep an image", request=None, responses=OutputSerializer)
    @action(detail=True, methods=["post"])
    def keep(self, request: Request, pk: int) -> Response:
        return self.answer(verdicts.keep(person=user_of(request), output=self.get_object()))

    @extend_schema(
        summary="Reject an image",
        description="Its draft asset is archived.",
        request=ReasonSerializer,
        responses=OutputSerializer,
    )
    @action(detail=True, methods=["post"])
    def reject(self, request: Request, pk: int) -> Response:
        output, given = self.get_object(), ReasonSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        reason = given.validated_data["reason"]
        return self.answer(verdicts.reject(person=user_of(request), output=output, reason=reason))

    @extend_schema(
        summary="Undo keeping or rejecting an image",
        description="An asset that was archived by the rejection becomes a draft again.",
        request=None,
        responses=OutputSerializer,
    )
    @action(detail=True, methods=["post"])
    def undecide(self, request: Request, pk: int) -> Response:
        return self.answer(
            verdicts.clear_verdict(person=user_of(request), output=self.get_object())
        )


class FinaliseViewSet(GenerationViewSet):
    """Submits the final of a draft."""

    @extend_schema(
        operation_id="outputs_finalise",
        summary="Upscale a draft",
        description="Generates the image again at a larger size from the same prompt and "
        "references. Returns at once; poll the generation at `Location`.",
        request=SizeSerializer,
        responses={202: GenerationSerializer},
    )
    def finalise(self, request: Request, pk: int) -> Response:
        output = get_object_or_404(outputs(request), pk=pk)
        given = SizeSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        final = finalise.finalise_draft(
            person=user_of(request),
            output=output,
            image_size=given.validated_data["image_size"],
            key=idempotency.idempotency_key(request),
        )
        address = reverse("api-generation-detail", args=[final.pk])
        return self.answer(final, 202, Location=request.build_absolute_uri(address))

"""REST API of estimates, and of the spending of a month."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from assetbank import permissions
from assetbank.api.fields import BrandField, user_of
from assetbank.api.parsers import PARSERS
from assetbank.errors import NotAllowed
from generation.billing import caps, reports
from generation.engines import catalog
from generation.pipeline import MAX_PICTURES, MAX_PROMPT_LENGTH


class EstimateRequestSerializer(serializers.Serializer[Any]):
    brand = BrandField(help_text="Slug of the brand that is charged.")
    model = serializers.CharField(
        required=False, help_text="Model ID from GET /models/; default: the first."
    )
    aspect_ratio = serializers.CharField(default="1:1", help_text="Aspect ratio of the model.")
    image_size = serializers.CharField(default="", allow_blank=True)
    count = serializers.IntegerField(default=1, min_value=1, max_value=MAX_PICTURES)
    references = serializers.IntegerField(default=0, min_value=0, help_text="Number of references.")
    prompt = serializers.CharField(default="", allow_blank=True, max_length=MAX_PROMPT_LENGTH)


class EstimateSerializer(serializers.Serializer[caps.Quote]):
    usd = serializers.DecimalField(max_digits=12, decimal_places=6)
    usd_in_bulk = serializers.DecimalField(
        max_digits=12,
        decimal_places=6,
        allow_null=True,
        help_text="Estimated cost as a bulk order; null if not offered.",
    )
    left_usd = serializers.DecimalField(
        source="left",
        max_digits=12,
        decimal_places=6,
        allow_null=True,
        help_text="Remaining amount of the stricter monthly spending limit; null without a limit.",
    )
    problem = serializers.CharField(
        help_text="Reason why the spending limit would block it, or empty."
    )
    note = serializers.CharField(help_text="Notice if the model retires soon, or empty.")


class EstimatesView(APIView):
    parser_classes = PARSERS

    @extend_schema(
        operation_id="estimates_create",
        summary="Estimate the cost of images",
        description="Nothing is generated and nothing is reserved.",
        request=EstimateRequestSerializer,
        responses=EstimateSerializer,
    )
    def post(self, request: Request) -> Response:
        given = EstimateRequestSerializer(data=request.data, context={"request": request})
        given.is_valid(raise_exception=True)
        fields = given.validated_data
        person = user_of(request)
        permissions.require_editor(person, fields["brand"])
        model = catalog.get_model(fields.get("model") or catalog.default_model_for(""))
        catalog.validate_options(
            model,
            prompt=fields["prompt"] or "-",
            aspect_ratio=fields["aspect_ratio"],
            image_size=fields["image_size"],
            roles=[""] * fields["references"],
        )
        quote = caps.quote(
            person=person,
            brand=fields["brand"],
            model=model,
            size=fields["image_size"],
            count=fields["count"],
            references=fields["references"],
            prompt=fields["prompt"],
        )
        return Response(EstimateSerializer(quote).data)


class LineSerializer(serializers.Serializer[reports.ReportLine]):
    name = serializers.CharField()
    usd = serializers.DecimalField(max_digits=12, decimal_places=6)
    answers = serializers.IntegerField(help_text="Number of responses, refusals included.")


class CapSerializer(serializers.Serializer[reports.CapUsage]):
    name = serializers.CharField(help_text="Brand slug or username.")
    usd = serializers.DecimalField(max_digits=10, decimal_places=2)
    left_usd = serializers.DecimalField(source="left", max_digits=12, decimal_places=6)


class RefusalsSerializer(serializers.Serializer[reports.Refusals]):
    preset = serializers.CharField(help_text="Preset name; empty: no preset.")
    code = serializers.CharField()
    reason = serializers.CharField(help_text="One of the reasons, with what to change.")
    count = serializers.IntegerField()
    answers = serializers.IntegerField(help_text="Total responses for this preset.")


class SpendingSerializer(serializers.Serializer[reports.Report]):
    month = serializers.DateField(format="%Y-%m")
    charged_usd = serializers.DecimalField(source="charged", max_digits=12, decimal_places=6)
    reserved_usd = serializers.DecimalField(
        source="reserved", max_digits=12, decimal_places=6, help_text="Currently reserved amount."
    )
    avoided_usd = serializers.DecimalField(source="avoided", max_digits=12, decimal_places=6)
    saved_usd = serializers.DecimalField(source="saved", max_digits=12, decimal_places=6)
    made = serializers.IntegerField(help_text="Number of images added to the library.")
    approved = serializers.IntegerField(help_text="Number of these that are approved.")
    usd_per_approved = serializers.DecimalField(
        source="per_approved", max_digits=12, decimal_places=6, allow_null=True
    )
    brands = LineSerializer(source="lines.Brand", many=True)
    people = LineSerializer(source="lines.User", many=True)
    models = LineSerializer(source="lines.Model", many=True)
    presets = LineSerializer(source="lines.Preset", many=True)
    caps = CapSerializer(many=True, help_text="Spending limits and their use; current month only.")
    refusals = RefusalsSerializer(many=True)


class SpendingQuerySerializer(serializers.Serializer[Any]):
    month = serializers.CharField(
        default="", help_text="Month, for example 2026-11; default: the current month."
    )
    brand = BrandField(required=False, help_text="Brand slug; default: all brands.")


class SpendingView(APIView):
    @extend_schema(
        operation_id="spending_retrieve",
        summary="Get the spending report of a month",
        description="Managers see the spending of their brands, staff of all brands, other users "
        "their own.",
        parameters=[SpendingQuerySerializer],
        responses=SpendingSerializer,
    )
    def get(self, request: Request) -> Response:
        person = user_of(request)
        brands = permissions.brands(person, *permissions.EDITORS)
        if not brands.exists():
            raise NotAllowed(
                "You have view access to the library only. Ask a manager of a brand for the "
                "creator role."
            )
        given = SpendingQuerySerializer(data=request.query_params, context={"request": request})
        given.is_valid(raise_exception=True)
        month = reports.first_day(given.validated_data["month"])
        report = reports.report(person, month, given.validated_data.get("brand"))
        return Response(SpendingSerializer(report).data)

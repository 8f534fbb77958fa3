"""REST API of brand rules, and of the findings of an asset."""

from __future__ import annotations

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from assetbank import permissions
from assetbank.api.brands import SLUG
from assetbank.api.fields import user_of
from assetbank.api.parsers import PARSERS
from assetbank.models import Asset, Brand, Collection
from generation.errors import InvalidRequest
from generation.models import BrandRules, Finding, Output
from generation.prompting import brand_rules
from generation.review import inspect


class FindingSerializer(serializers.ModelSerializer[Finding]):
    code = serializers.CharField(help_text=", ".join(Finding.Code.values))
    measured = serializers.FloatField(
        allow_null=True, help_text="Measured value: a share, a count or a similarity."
    )

    class Meta:
        model = Finding
        fields = ["code", "sentence", "measured"]


class InspectedSerializer(serializers.Serializer[Output]):
    """Return the state and the findings of a brand check."""

    inspected_at = serializers.DateTimeField(
        allow_null=True, help_text="Null: the brand check is running."
    )
    findings = FindingSerializer(many=True)
    blocked_by = serializers.SerializerMethodField(
        help_text="Sentences of the findings that block approval."
    )

    def get_blocked_by(self, output: Output) -> list[str]:
        return inspect.approval_blockers(output.asset) if output.asset else []


def _lines(max_length: int, help_text: str) -> serializers.ListField:
    child = serializers.CharField(max_length=max_length)
    return serializers.ListField(child=child, required=False, help_text=help_text)


class RulesSerializer(serializers.Serializer[BrandRules]):
    palette = serializers.ListField(
        source="brand.palette",
        child=serializers.CharField(),
        required=False,
        help_text='At most 12 hex colours, for example ["#1f6feb"].',
    )
    style = serializers.CharField(  # type: ignore[assignment]
        source="brand.style", required=False, allow_blank=True
    )
    four_eyes = serializers.BooleanField(
        source="brand.four_eyes",
        required=False,
        help_text="Require a second approver: users cannot approve their own uploads and "
        "generations.",
    )
    voice = serializers.CharField(required=False, allow_blank=True)
    always = _lines(300, "Content of every image.")
    never = _lines(300, "Content to avoid in every image.")
    approved_words = _lines(80, "Approved text in images.")
    anchors = serializers.PrimaryKeyRelatedField(
        queryset=Collection.objects.none(),
        required=False,
        allow_null=True,
        help_text="Collection of brand reference images: suggested first as references.",
    )
    blocking = serializers.ListField(
        child=serializers.ChoiceField(Finding.Code.choices),
        required=False,
        help_text="Findings that block the approval of an image.",
    )

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        fields = super().get_fields()
        if brand := self.context.get("brand"):
            fields["anchors"].queryset = brand.collections.all()  # type: ignore[attr-defined]
        return fields

    def changes(self) -> dict[str, Any]:
        """Return the keyword arguments of `change_rules` from valid data."""
        given = dict(self.validated_data)
        changes: dict[str, Any] = given.pop("brand", {}) | given
        return changes


class BrandRulesView(APIView):
    parser_classes = PARSERS

    @extend_schema(summary="Get the brand rules", parameters=[SLUG], responses=RulesSerializer)
    def get(self, request: Request, slug: str) -> Response:
        rules = brand_rules.brand_rules_of(_brand(request, slug))
        return Response(RulesSerializer(rules).data)

    @extend_schema(
        summary="Update the brand rules",
        description="Requires the manager role. Omitted fields are not changed.",
        parameters=[SLUG],
        request=RulesSerializer,
        responses=RulesSerializer,
    )
    def patch(self, request: Request, slug: str) -> Response:
        brand = _brand(request, slug)
        permissions.require_manager(user_of(request), brand)
        given = RulesSerializer(data=request.data, partial=True, context={"brand": brand})
        given.is_valid(raise_exception=True)
        brand_rules.change_rules(person=user_of(request), brand=brand, **given.changes())
        brand.refresh_from_db()
        return Response(RulesSerializer(brand_rules.brand_rules_of(brand)).data)


class FindingsView(APIView):
    @extend_schema(
        summary="Get the brand check findings of an asset", responses=InspectedSerializer
    )
    def get(self, request: Request, pk: int) -> Response:
        return Response(InspectedSerializer(_output(_asset(request, pk))).data)

    @extend_schema(
        summary="Rerun the brand check of an asset",
        description="Uses the current brand rules. Get the findings in a moment.",
        request=None,
        responses={202: InspectedSerializer},
    )
    def post(self, request: Request, pk: int) -> Response:
        asset = _asset(request, pk)
        outputs = Output.objects.filter(asset=asset)
        inspect.inspect_again(person=user_of(request), outputs=outputs, brand=asset.brand)
        return Response(InspectedSerializer(_output(asset)).data, status=202)


def _brand(request: Request, slug: str) -> Brand:
    return get_object_or_404(permissions.brands(user_of(request)), slug=slug)


def _asset(request: Request, pk: int) -> Asset:
    visible = permissions.assets(user_of(request)).select_related("brand")
    asset = get_object_or_404(visible, pk=pk)
    permissions.require_editor(user_of(request), asset.brand)
    return asset


def _output(asset: Asset) -> Output:
    output = inspect.output_of(asset)
    if output is None:
        raise InvalidRequest(
            "Only images that were generated in the studio are checked.", code="not_made"
        )
    return output

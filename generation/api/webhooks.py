"""REST API of webhooks: managers register addresses, and read the log of deliveries."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import DestroyModelMixin, ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from assetbank import permissions
from assetbank.api.fields import BrandField, user_of
from assetbank.api.pagination import Pages
from assetbank.api.parsers import PARSERS
from generation import webhooks
from generation.models import Webhook, WebhookDelivery

MAX_DELIVERIES = 100


class WebhookSerializer(serializers.ModelSerializer[Webhook]):
    brand = BrandField(help_text="Brand slug; requires the manager role in the brand.")
    events = serializers.MultipleChoiceField(choices=Webhook.Event.choices, allow_empty=False)

    class Meta:
        model = Webhook
        fields = ["id", "brand", "url", "events", "active", "created_at"]
        read_only_fields = ["id", "created_at"]

    def validate_brand(self, brand: Any) -> Any:
        permissions.require_manager(user_of(self.context["request"]), brand)
        return brand

    def validate_url(self, url: str) -> str:
        try:
            webhooks.validate_url(url)
        except webhooks.InvalidWebhook as error:
            raise serializers.ValidationError(error.message) from error
        return url

    def to_internal_value(self, data: Any) -> Any:
        value = super().to_internal_value(data)
        if "events" in value:
            value["events"] = sorted(value["events"])
        return value

    def to_representation(self, webhook: Webhook) -> dict[str, Any]:
        return {**super().to_representation(webhook), "events": sorted(webhook.events)}


class MadeWebhookSerializer(WebhookSerializer):
    class Meta(WebhookSerializer.Meta):
        fields = [*WebhookSerializer.Meta.fields, "secret"]
        read_only_fields = [*WebhookSerializer.Meta.read_only_fields, "secret"]


class DeliverySerializer(serializers.ModelSerializer[WebhookDelivery]):
    class Meta:
        model = WebhookDelivery
        fields = [
            *("id", "event", "payload", "state", "attempts", "status", "reason"),
            *("created_at", "tried_at"),
        ]
        read_only_fields = fields


@extend_schema_view(
    list=extend_schema(summary="List the webhooks of the brands that you manage"),
    retrieve=extend_schema(summary="Get a webhook"),
    destroy=extend_schema(summary="Delete a webhook and its deliveries"),
)
class WebhookViewSet(
    ListModelMixin, RetrieveModelMixin, DestroyModelMixin, GenericViewSet[Webhook]
):
    parser_classes = PARSERS
    serializer_class = WebhookSerializer
    pagination_class = Pages
    ordering = ("-created_at", "-id")
    lookup_value_converter = "int"
    queryset = Webhook.objects.none()

    def get_queryset(self) -> QuerySet[Webhook]:
        managed = permissions.brands(user_of(self.request), *permissions.MANAGERS)
        return Webhook.objects.filter(brand__in=managed).select_related("brand")

    @extend_schema(
        summary="Register a webhook",
        description="The response contains the `secret` only this once. Messages are signed "
        "with it as specified by standardwebhooks.com (`webhook-id`, "
        "`webhook-timestamp`, `webhook-signature`).",
        request=WebhookSerializer,
        responses={201: MadeWebhookSerializer},
    )
    def create(self, request: Request) -> Response:
        given = self.get_serializer(data=request.data)
        given.is_valid(raise_exception=True)
        context = self.get_serializer_context()
        made = MadeWebhookSerializer(given.save(), context=context)
        return Response(made.data, status=201)

    @extend_schema(
        summary="Update a webhook", request=WebhookSerializer, responses=WebhookSerializer
    )
    def partial_update(self, request: Request, pk: int) -> Response:
        changed = self.get_serializer(self.get_object(), data=request.data, partial=True)
        changed.is_valid(raise_exception=True)
        changed.save()
        return Response(changed.data)

    @extend_schema(
        summary=f"List the last {MAX_DELIVERIES} deliveries, newest first",
        responses=DeliverySerializer(many=True),
    )
    @action(detail=True)
    def deliveries(self, request: Request, pk: int) -> Response:
        sent = self.get_object().deliveries.all()[:MAX_DELIVERIES]
        return Response({"results": DeliverySerializer(sent, many=True).data, "next": None})

    @extend_schema(summary="Send a test message", request=None, responses={202: DeliverySerializer})
    @action(detail=True, methods=["post"])
    def test(self, request: Request, pk: int) -> Response:
        delivery = webhooks.send_test(self.get_object())
        return Response(DeliverySerializer(delivery).data, status=202)

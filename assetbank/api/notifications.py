"""REST for notifications."""

from __future__ import annotations

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from assetbank import notifications
from assetbank.api.fields import user_of
from assetbank.api.pagination import Pages
from assetbank.api.parsers import PARSERS
from assetbank.models import Notice


class NoticeSerializer(serializers.ModelSerializer[Notice]):
    class Meta:
        model = Notice
        fields = ["id", "sentence", "address", "created_at", "read_at"]
        read_only_fields = fields


class ReadSerializer(serializers.Serializer[int]):
    read = serializers.IntegerField(help_text="Number of notifications that were unread.")


@extend_schema_view(list=extend_schema(summary="List your notifications, newest first"))
class NoticeViewSet(ListModelMixin, GenericViewSet[Notice]):
    parser_classes = PARSERS
    serializer_class = NoticeSerializer
    pagination_class = Pages
    ordering = ("-created_at", "-id")
    queryset = Notice.objects.none()

    def get_queryset(self) -> QuerySet[Notice]:
        return notifications.received(user_of(self.request))

    @extend_schema(summary="Mark all notifications as read", request=None, responses=ReadSerializer)
    @action(detail=False, methods=["post"])
    def read(self, request: Request) -> Response:
        return Response({"read": notifications.mark_read(user_of(request))})

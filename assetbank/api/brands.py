"""REST for the brands of the user."""

from __future__ import annotations

from django.db.models import F, OuterRef, QuerySet, Subquery, Value
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.viewsets import GenericViewSet

from assetbank import permissions
from assetbank.api.fields import user_of
from assetbank.api.pagination import Pages
from assetbank.models import Brand, Membership

SLUG = OpenApiParameter(
    "slug", OpenApiTypes.STR, OpenApiParameter.PATH, description="Unique short name of the brand."
)


class BrandSerializer(serializers.ModelSerializer[Brand]):
    palette = serializers.ListField(
        child=serializers.CharField(), help_text='Hex colours, for example ["#1f6feb"].'
    )
    role = serializers.CharField(
        help_text="Your role in the brand: viewer, creator or manager; staff have all permissions."
    )

    replacement_policy = serializers.CharField(
        help_text="When the file of an approved asset is replaced: ask_again (it becomes a draft "
        "and awaits approval) or keep."
    )

    class Meta:
        model = Brand
        fields = [
            *("id", "name", "slug", "palette", "style", "gps_policy", "replacement_policy"),
            *("role", "created_at"),
        ]
        read_only_fields = fields


@extend_schema_view(
    list=extend_schema(summary="List your brands"),
    retrieve=extend_schema(summary="Get a brand", parameters=[SLUG]),
)
class BrandViewSet(ListModelMixin, RetrieveModelMixin, GenericViewSet[Brand]):
    serializer_class = BrandSerializer
    pagination_class = Pages
    ordering = ("name", "id")
    lookup_field = "slug"
    lookup_value_converter = "slug"
    queryset = Brand.objects.none()

    def get_queryset(self) -> QuerySet[Brand]:
        user = user_of(self.request)
        if permissions.has_full_access(user):
            return permissions.brands(user).annotate(role=Value("staff"))
        role = Membership.objects.filter(user=user, brand=OuterRef("pk")).values("role")
        return permissions.brands(user).annotate(role=Subquery(role)).order_by(F("name"), "id")

"""Serializer fields that all apps share."""

from __future__ import annotations

import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.utils.dateparse import parse_datetime
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request

from assetbank import permissions
from assetbank.models import Brand

GREENWICH = datetime.timezone(datetime.timedelta(0), "+00:00")  # an offset of 0, which is known


def user_of(request: Request) -> User:
    """Return the authenticated user; the permission classes guarantee that there is one."""
    assert isinstance(request.user, User)
    return request.user


class BrandField(serializers.SlugRelatedField[Brand]):
    """A brand by its slug; a brand that the user may not see counts as missing."""

    def __init__(self, **kwargs: Any) -> None:
        if not kwargs.get("read_only"):
            kwargs["queryset"] = Brand.objects.none()
        super().__init__(slug_field="slug", **kwargs)

    def get_queryset(self) -> QuerySet[Brand]:
        return permissions.brands(user_of(self.context["request"]))

    def to_internal_value(self, data: Any) -> Brand:
        # PostgreSQL rejects NUL
        return super().to_internal_value(str(data).replace("\x00", "\ufffd"))


class YesNoField(serializers.BooleanField):
    """A boolean that a form may omit; DRF's own field would treat that as False."""

    default_empty_html = serializers.empty


@extend_schema_field({"type": "string", "format": "date-time"})
class CapturedField(serializers.Field[Any, Any, Any, Any]):
    """A time with the offset of its place: kept with it; without one, or with Z, as UTC.

    The value is `captured_at` of `update_asset`: a time in another zone keeps its offset, one
    without a zone has none that is known.
    """

    default_error_messages = {"invalid": "Write the time as 2019-03-14T10:11:00+01:00."}

    def to_internal_value(self, data: Any) -> datetime.datetime | None:
        text = str(data).strip()
        if not text:
            return None
        try:
            moment = parse_datetime(text)
        except ValueError:
            moment = None
        if moment is None:
            self.fail("invalid")
        if text.upper().endswith("Z"):
            return moment.replace(tzinfo=None)
        return moment if moment.utcoffset() else moment.replace(tzinfo=moment.tzinfo and GREENWICH)

    def to_representation(self, value: Any) -> Any:
        return value


@extend_schema_field({"type": "array", "items": {"type": "string"}})
class TagsField(serializers.ListField):
    """Tags, as a list, as one comma-separated text, or as a repeated form field."""

    child = serializers.CharField(allow_blank=True)

    def to_internal_value(self, data: Any) -> list[str]:
        texts = super().to_internal_value([data] if isinstance(data, str) else data)
        return [tag.strip() for text in texts for tag in text.split(",") if tag.strip()]

"""Query images in the admin."""

from __future__ import annotations

import base64
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from assetbank.admin.base import ModelAdmin, ReadOnly, display
from search.models import QueryImage


@admin.register(QueryImage)
class QueryImageAdmin(ReadOnly, ModelAdmin[QueryImage]):
    list_display = ["thumbnail_image", "person", "created_at"]
    list_select_related = ["person"]
    readonly_fields = (
        "thumbnail_image",
        "person",
        "fingerprint",
        "created_at",
    )
    fields = readonly_fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[QueryImage]:
        return super().get_queryset(request).defer("vector_bytes")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("search.delete_queryimage")

    @display(description="Image")
    def thumbnail_image(self, question: QueryImage) -> SafeString:
        data = base64.b64encode(bytes(question.thumbnail)).decode()
        return format_html(
            '<img src="data:image/webp;base64,{}" alt="" style="height: 64px">', data
        )

"""Admin of notifications, read-only."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from assetbank import notifications
from assetbank.admin.base import ModelAdmin, ReadOnly
from assetbank.models import Notice


@admin.register(Notice)
class NoticeAdmin(ReadOnly, ModelAdmin[Notice]):
    """Notifications of all users."""

    list_display = ["person", "sentence", "created_at", "read_at"]
    list_display_links = ["sentence"]
    list_select_related = ["person"]
    search_fields = ["sentence", "person__username"]
    date_hierarchy = "created_at"
    readonly_fields = ("person", "sentence", "address", "created_at", "read_at")
    fields = readonly_fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Notice]:
        return notifications.without_trash(super().get_queryset(request))

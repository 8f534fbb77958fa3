"""Admin of bulk orders, and of the turns of conversations."""

from __future__ import annotations

import json

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from assetbank.admin.base import ModelAdmin, ReadOnly, display, label
from generation.models import BatchJob, Generation, Turn
from generation.workflows import bulk_orders

STATE_LABELS = {
    "submitting": "info",
    "waiting": "primary",
    "finished": "success",
    "failed": "danger",
    "cancelled": "warning",
}


@admin.register(BatchJob)
class BatchJobAdmin(ReadOnly, ModelAdmin[BatchJob]):
    list_display = [
        *("display_name", "batch", "state_label", "reason", "model", "created_at", "polled_at"),
        "finished_at",
    ]
    list_filter = [("state", ChoicesDropdownFilter), "model"]
    list_filter_submit = True
    list_select_related = ["batch"]
    search_fields = ["display_name", "name", "batch__title"]
    ordering = ["-created_at"]
    actions = ["look_now"]
    readonly_fields = (
        *("batch", "state_label", "reason", "model", "display_name", "name", "created_at"),
        *("polled_at", "finished_at"),
    )
    fields = readonly_fields

    def has_studio_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return request.user.has_perm("generation.change_generation")

    @display(description="State", ordering="state")
    def state_label(self, job: BatchJob) -> SafeString:
        return label(job.get_state_display(), STATE_LABELS[job.state])

    @admin.action(description="Refresh status", permissions=["studio"])
    def look_now(self, request: HttpRequest, queryset: QuerySet[BatchJob]) -> None:
        unfinished = list(queryset.filter(state__in=BatchJob.UNFINISHED))
        for job in unfinished:
            bulk_orders.queue_poll_now(job)
        messages.success(request, f"{len(unfinished)} will be refreshed in a moment.")


@admin.register(Turn)
class TurnAdmin(ReadOnly, ModelAdmin[Turn]):
    list_display = ["generation", "number"]
    list_select_related = ["take__generation"]
    search_fields = ["take__generation__prompt"]
    ordering = ["-id"]
    readonly_fields = ("generation", "number", "said")
    fields = readonly_fields

    @display(description="Generation")
    def generation(self, turn: Turn) -> Generation:
        return turn.take.generation

    @display(description="Take")
    def number(self, turn: Turn) -> int:
        return turn.take.number

    @display(description="As it is said again")
    def said(self, turn: Turn) -> SafeString:
        text = json.dumps(turn.content, indent=2, ensure_ascii=False)
        return format_html('<pre class="whitespace-pre-wrap break-all">{}</pre>', text)

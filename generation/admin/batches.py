"""Admin of batches: progress, stop, and retry of failed cells."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter

from assetbank.admin.base import ModelAdmin, ReadOnly, TabularInline, admin_link, display, label
from assetbank.errors import ProblemError
from generation.admin.generations import STATE_LABELS
from generation.models import Batch, Generation, Output
from generation.workflows import batch_progress, retry_batch, stop_batch


class CellInline(ReadOnly, TabularInline[Generation, Batch]):
    model = Generation
    verbose_name_plural = "variations"
    extra = 0
    hide_title = True
    readonly_fields = ("label", "cell", "state_label", "reason", "count")
    fields = readonly_fields
    ordering = ["pk"]

    @display(description="Generation")
    def cell(self, generation: Generation) -> SafeString:
        return admin_link(generation)

    @display(description="State")
    def state_label(self, generation: Generation) -> SafeString:
        return label(generation.get_state_display(), STATE_LABELS[generation.state])


@admin.register(Batch)
class BatchAdmin(ReadOnly, ModelAdmin[Batch]):
    list_display = ["title", "brand", "kind", "in_bulk", "far", "created_by", "created_at"]
    list_filter = [
        ("brand", RelatedDropdownFilter),
        ("kind", ChoicesDropdownFilter),
        "in_bulk",
    ]
    list_filter_submit = True
    list_select_related = ["brand", "created_by"]
    list_per_page = 25
    search_fields = ["title", "created_by__username"]
    date_hierarchy = "created_at"
    actions = ["stop", "retry"]
    inlines = [CellInline]
    readonly_fields = (
        *("title", "page", "brand", "kind", "in_bulk", "far", "created_by", "created_at"),
    )
    fields = readonly_fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Batch]:
        made = Output.objects.only("generation_id", "take_id", "asset_id")
        cells = Generation.objects.prefetch_related("takes", Prefetch("outputs", made))
        return super().get_queryset(request).prefetch_related(Prefetch("generations", cells))

    def has_studio_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("generation.change_generation")

    @display(description="Images")
    def far(self, batch: Batch) -> str:
        far = batch_progress(batch.generations.all())
        told = {
            "waiting": far.waiting + far.running,
            "refused": far.refused,
            "failed": far.failed,
            "cancelled": far.cancelled,
        }
        rest = "".join(f", {number} {what}" for what, number in told.items() if number)
        return f"{far.made} of {far.asked}{rest}"

    @display(description="Page")
    def page(self, batch: Batch) -> SafeString:
        address = reverse("batch", args=[batch.pk])
        return format_html('<a href="{}" class="text-primary-600 underline">{}</a>', address, batch)

    @admin.action(description="Stop", permissions=["studio"])
    def stop(self, request: HttpRequest, queryset: QuerySet[Batch]) -> None:
        assert isinstance(request.user, User)
        for batch in queryset:
            stop_batch(person=request.user, batch=batch)
        messages.success(request, f"{len(queryset)} stopped: images that have arrived are kept.")

    @admin.action(description="Retry failed variations", permissions=["studio"])
    def retry(self, request: HttpRequest, queryset: QuerySet[Batch]) -> None:
        assert isinstance(request.user, User)
        again = 0
        for batch in queryset:
            try:
                again += retry_batch(person=request.user, batch=batch)
            except ProblemError as error:
                messages.error(request, f"“{batch}”: {error.message}")
        if again:
            messages.success(request, f"{again} queued again.")

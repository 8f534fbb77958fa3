"""Admin of generations with their references and outputs, which are read-only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef, Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter

from assetbank.admin.base import (
    ModelAdmin,
    ReadOnly,
    TabularInline,
    action,
    admin_link,
    confirmation,
    display,
    htmx_redirect,
    label,
    picture,
)
from assetbank.errors import ProblemError
from generation.billing import format_usd, ledger
from generation.models import Generation, Output, Reference
from generation.pipeline import cancel_generation, retry_generation

STATE_LABELS = {
    "queued": "info",
    "running": "primary",
    "succeeded": "success",
    "refused": "warning",
    "failed": "danger",
    "cancelled": "warning",
}
RETRY = (
    "Images that have arrived are kept; the rest is requested from the model again, which may "
    "cost money."
)
STOP = "Queued generations stop at once, running ones before their next image."
NAMES_TRASH = "Not shown: it names a reference that is in the trash."
MAX_SHOWN = 4  # images of a generation in the list


class ReferenceInline(ReadOnly, TabularInline[Reference, Generation]):
    model = Reference
    extra = 0
    readonly_fields = (
        "image",
        "asset_link",
        "role",
        "title",
        "checksum",
    )
    fields = readonly_fields
    ordering = ["position"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Reference]:
        rows = super().get_queryset(request).filter(asset__deleted_at=None)
        return rows.select_related("asset")

    @display(description="")
    def image(self, reference: Reference) -> SafeString:
        return picture(reference.asset)

    @display(description="Asset")
    def asset_link(self, reference: Reference) -> SafeString:
        return admin_link(reference.asset)


class Outputs:
    """Columns of outputs, and a queryset without their bytes."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Output]:
        rows: QuerySet[Output] = super().get_queryset(request)  # type: ignore[misc]
        rows = rows.filter(asset__deleted_at=None)
        return rows.select_related("asset", "generation", "take").defer("data")

    @display(description="Take")
    def take_number(self, output: Output) -> int:
        return output.take.number

    @display(description="")
    def image(self, output: Output) -> SafeString:
        return picture(output.asset)

    @display(description="Asset")
    def asset_link(self, output: Output) -> SafeString:
        return admin_link(output.asset)

    @display(description="As received")
    def bytes_link(self, output: Output) -> SafeString:
        if output.asset:
            return SafeString("In the library")
        address = reverse("admin:generation_output_bytes", args=[output.pk])
        return format_html('<a href="{}" class="text-primary-600 underline">Download</a>', address)


class OutputInline(ReadOnly, Outputs, TabularInline[Output, Generation]):
    model = Output
    extra = 0
    readonly_fields = (
        "image",
        "asset_link",
        "verdict",
        "verdict_reason",
        "mime",
        "problem",
        "bytes_link",
    )
    fields = readonly_fields
    ordering = ["take__number", "position"]


@admin.register(Generation)
class GenerationAdmin(ReadOnly, ModelAdmin[Generation]):
    list_display = [
        *("images", "prompt_start", "brand", "model", "state_label", "reason", "created_by"),
        "created_at",
    ]
    list_display_links = ["images", "prompt_start"]
    list_filter = [
        ("state", ChoicesDropdownFilter),
        ("brand", RelatedDropdownFilter),
        ("preset_version__preset", RelatedDropdownFilter),
        "model",
        "reason_code",
    ]
    list_filter_submit = True
    list_fullwidth = True
    list_select_related = ["brand", "created_by"]
    list_per_page = 50
    search_fields = ["prompt", "reason", "created_by__username"]
    date_hierarchy = "created_at"
    actions = ["retry", "cancel"]
    actions_detail = ["retry_this", "cancel_this"]
    inlines = [OutputInline, ReferenceInline]
    readonly_fields = (
        *("prompt", "state_label", "reason", "reason_code", "brand", "model", "aspect_ratio"),
        *("preset_version", "variables", "omitted"),
        *("image_size", "count", "sent_prompt", "attempts", "cost", "counted", "created_by"),
        *("created_at", "started_at", "finished_at"),
    )
    fields = readonly_fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Generation]:
        arrived = Output.objects.exclude(asset=None).defer("data").select_related("asset")
        trashed = Reference.objects.filter(
            generation=OuterRef("pk"), asset__deleted_at__isnull=False
        )
        rows = super().get_queryset(request).annotate(names_trash=Exists(trashed))
        return rows.prefetch_related(Prefetch("outputs", arrived))

    def has_studio_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("generation.change_generation")

    @display(description="")
    def images(self, generation: Generation) -> SafeString:
        outputs = list(generation.outputs.all())[:MAX_SHOWN]
        shown = format_html_join("", "{}", ([picture(each.asset, height=48)] for each in outputs))
        return format_html('<span class="flex gap-1">{}</span>', shown or SafeString("-"))

    @display(description="Full prompt")
    def sent_prompt(self, generation: Any) -> str:
        return NAMES_TRASH if generation.names_trash else generation.full_prompt

    @display(description="Left out")
    def omitted(self, generation: Any) -> str:
        return NAMES_TRASH if generation.names_trash else " ".join(generation.left_out) or "-"

    @display(description="Prompt")
    def prompt_start(self, generation: Generation) -> str:
        return str(generation)

    @display(description="State", ordering="state")
    def state_label(self, generation: Generation) -> SafeString:
        return label(generation.get_state_display(), STATE_LABELS[generation.state])

    @display(description="Cost")
    def cost(self, generation: Generation) -> str:
        if found := ledger.cost(generation):
            return f"{format_usd(found.charged)}, estimated {format_usd(found.estimated)}"
        return "-"

    @display(description="Tokens")
    def counted(self, generation: Generation) -> str:
        return ", ".join(f"{name} {n}" for name, n in generation.usage.items()) or "-"

    @admin.action(description="Retry", permissions=["studio"])
    def retry(self, request: HttpRequest, queryset: QuerySet[Generation]) -> None:
        _each(request, queryset, retry_generation, "queued again")

    @admin.action(description="Cancel", permissions=["studio"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Generation]) -> None:
        unfinished = queryset.filter(state__in=Generation.UNFINISHED)
        _each(request, unfinished, cancel_generation, "stopped")

    @action(**confirmation("Retry", RETRY, "Retry"), permissions=["studio"])
    def retry_this(self, request: HttpRequest, form: Any, object_id: int) -> HttpResponse:
        self.retry(request, Generation.objects.filter(pk=object_id))
        return htmx_redirect(reverse("admin:generation_generation_change", args=[object_id]))

    @action(**confirmation("Cancel generation", STOP, "Cancel generation"), permissions=["studio"])
    def cancel_this(self, request: HttpRequest, form: Any, object_id: int) -> HttpResponse:
        self.cancel(request, Generation.objects.filter(pk=object_id))
        return htmx_redirect(reverse("admin:generation_generation_change", args=[object_id]))


def _each(
    request: HttpRequest,
    generations: QuerySet[Generation],
    verb: Callable[..., Generation],
    done: str,
) -> None:
    assert isinstance(request.user, User)
    changed = 0
    for generation in generations:
        try:
            verb(person=request.user, generation=generation)
            changed += 1
        except ProblemError as error:
            messages.error(request, f"“{generation}”: {error.message}")
    if changed:
        messages.success(request, f"{changed} {done}.")


@admin.register(Output)
class OutputAdmin(ReadOnly, Outputs, ModelAdmin[Output]):
    list_display = [
        *("image", "generation", "asset_link", "verdict", "verdict_reason", "mime", "problem"),
        "bytes_link",
    ]
    list_display_links = ["image", "generation"]
    list_filter = [
        ("generation__brand", RelatedDropdownFilter),
        ("verdict", ChoicesDropdownFilter),
    ]
    list_filter_submit = True
    search_fields = ["generation__prompt", "problem", "verdict_reason"]
    ordering = ["-id"]
    readonly_fields = (
        *("image", "generation", "take_number", "position", "asset_link"),
        *("verdict", "verdict_reason", "verdict_by"),
        "problem",
        "bytes_link",
    )
    fields = readonly_fields

    def get_urls(self) -> Any:
        view = self.admin_site.admin_view(self.download)
        own = path("<int:pk>/bytes/", view, name="generation_output_bytes")
        return [own, *super().get_urls()]

    def download(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Return an output that the library refused as a download. It is never displayed: its
        content is not checked."""
        if not self.has_view_permission(request):
            return redirect("admin:index")
        output = get_object_or_404(Output.objects.filter(data__isnull=False), pk=pk)
        return HttpResponse(
            bytes(output.data or b""),
            content_type="application/octet-stream",
            headers={"Content-Disposition": f'attachment; filename="output-{pk}"'},
        )

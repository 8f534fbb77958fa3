"""Index state of assets in the admin: on their pages, and as embeddings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter

from assetbank.admin.assets import AssetAdmin
from assetbank.admin.base import (
    ModelAdmin,
    ReadOnly,
    action,
    admin_link,
    confirmation,
    display,
    htmx_redirect,
    label,
    picture,
)
from assetbank.models import Asset, AssetQuerySet
from search.indexing import pipeline
from search.models import Embedding, with_index_state

if TYPE_CHECKING:  # django-unfold has no types
    from django.contrib.admin import SimpleListFilter as DropdownFilter
else:
    from unfold.contrib.filters.admin import DropdownFilter

STATE_LABELS = {
    "pending": "info",
    "indexed": "success",
    "failed": "danger",
    "skipped": "warning",
    "trashed": "warning",
    "removing": "warning",
}


RETRY = "The assets are queued for the index worker; vectors that are still valid are reused."


class Indexing:
    """Actions on embeddings; `embeddings` returns those of the selected rows."""

    def embeddings(self, selected: QuerySet[Any]) -> QuerySet[Embedding]:
        raise NotImplementedError

    def has_reindex_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("search.change_embedding")

    @admin.action(description="Reindex", permissions=["reindex"])
    def index_again(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        _enqueue(request, pipeline.reindex(_assets(self.embeddings(queryset))))

    @admin.action(description="Recompute embedding (CLIP)", permissions=["reindex"])
    def embed_again(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        _enqueue(request, pipeline.reembed(_assets(self.embeddings(queryset))))

    @admin.action(description="Retry failed", permissions=["reindex"])
    def retry_failed(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        failed = self.embeddings(queryset).filter(state=Embedding.State.FAILED)
        _enqueue(request, pipeline.reindex(_assets(failed)))


def _assets(embeddings: QuerySet[Embedding]) -> list[int]:
    return list(embeddings.order_by().values_list("asset_id", flat=True))


def _enqueue(request: HttpRequest, many: int) -> None:
    """Enqueue indexing if `many` rows wait, and tell the user."""
    if many:
        pipeline.enqueue_indexing()
    level = messages.SUCCESS if many else messages.WARNING
    messages.add_message(request, level, f"{many} waiting to be indexed.")


admin.site.unregister(Asset)


class IndexStateFilter(DropdownFilter):
    """Filter by the state in the active space; an asset without a row there is pending."""

    title = "search"
    parameter_name = "index_state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(state.value, str(state.label)) for state in Embedding.State]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Asset]) -> QuerySet[Asset]:
        if not (state := self.value()):
            return queryset
        rows = Embedding.objects.in_active_space().filter(asset_id=OuterRef("pk"))
        in_state = Exists(rows.filter(state=state))
        if state == Embedding.State.PENDING:
            return queryset.filter(Q(in_state) | ~Exists(rows))
        return queryset.filter(in_state)


@admin.register(Asset)
class IndexedAssetAdmin(Indexing, AssetAdmin):
    """Asset admin with the index state; registered here because assetbank may not import search."""

    list_display = [*AssetAdmin.list_display, "index_state"]
    list_filter = [*AssetAdmin.list_filter, IndexStateFilter]
    actions = [*AssetAdmin.actions, "index_again", "embed_again", "retry_failed"]
    readonly_fields = [*AssetAdmin.readonly_fields, "index_state", "index_reason", "diagnostics"]
    change_fieldsets = (
        *AssetAdmin.change_fieldsets,
        ("Search", {"fields": ["index_state", "index_reason", "diagnostics"]}),
    )

    def embeddings(self, selected: QuerySet[Asset]) -> QuerySet[Embedding]:
        return Embedding.objects.filter(asset_id__in=selected.values("pk"))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Asset]:
        assets = super().get_queryset(request)
        assert isinstance(assets, AssetQuerySet)
        return with_index_state(assets)

    @display(description="Search", ordering="index_state")
    def index_state(self, asset: Asset) -> SafeString:
        return _state(getattr(asset, "index_state", None))

    @display(description="Why")
    def index_reason(self, asset: Asset) -> str:
        return getattr(asset, "index_reason", None) or "-"

    @display(description="Search diagnostics")
    def diagnostics(self, asset: Asset) -> SafeString:
        """Link to the search diagnostics."""
        shape = '<a href="{}" class="text-primary-600 underline">View</a>'
        return format_html(shape, reverse("asset-why", args=[asset.pk]))


def _state(value: str | None) -> SafeString:
    state = Embedding.State(value or Embedding.State.PENDING)
    return label(str(state.label), STATE_LABELS[state.value])


@admin.register(Embedding)
class EmbeddingAdmin(ReadOnly, Indexing, ModelAdmin[Embedding]):
    list_display = [
        *("image", "asset_link", "space_name", "state_label", "reason", "attempts", "indexed_at")
    ]
    list_display_links = ["image"]
    list_filter = [
        ("state", ChoicesDropdownFilter),
        ("space", RelatedDropdownFilter),
        ("asset__brand", RelatedDropdownFilter),
    ]
    list_filter_submit = True
    list_fullwidth = True
    list_per_page = 50
    search_fields = ["asset__title", "asset__filename", "reason"]
    ordering = ["-updated_at", "-id"]
    actions = ["index_again", "embed_again", "retry_failed"]
    actions_list = ["retry_all"]
    actions_detail = ["again"]
    readonly_fields = (
        *("image", "asset_link", "state_label", "reason", "attempts", "claimed_until"),
        *("space", "checksum", "version", "updated_at", "indexed_at"),
    )
    fields = readonly_fields

    def embeddings(self, selected: QuerySet[Embedding]) -> QuerySet[Embedding]:
        return selected

    def get_queryset(self, request: HttpRequest) -> QuerySet[Embedding]:
        # Prefetched, not joined: a row outlives its asset until it is removed from the index
        rows = super().get_queryset(request)
        trashed = Asset.all_objects.filter(pk=OuterRef("asset_id"), deleted_at__isnull=False)
        return (
            rows.filter(~Exists(trashed)).defer("vector_bytes").prefetch_related("asset", "space")
        )

    @display(description="Encoder", ordering="space")
    def space_name(self, embedding: Embedding) -> str:
        return f"{embedding.space.model}{', in use' if embedding.space.active else ''}"

    @display(description="")
    def image(self, embedding: Embedding) -> SafeString:
        return picture(getattr(embedding, "asset", None))

    @display(description="Asset")
    def asset_link(self, embedding: Embedding) -> SafeString:
        return admin_link(getattr(embedding, "asset", None))

    @display(description="State", ordering="state")
    def state_label(self, embedding: Embedding) -> SafeString:
        return _state(embedding.state)

    @action(**confirmation("Retry all failed", RETRY, "Retry"), permissions=["reindex"])
    def retry_all(self, request: HttpRequest, form: Any) -> HttpResponse:
        self.retry_failed(request, Embedding.objects.all())
        return htmx_redirect(reverse("admin:search_embedding_changelist"))

    @action(**confirmation("Reindex", RETRY, "Index"), permissions=["reindex"])
    def again(self, request: HttpRequest, form: Any, object_id: int) -> HttpResponse:
        self.index_again(request, Embedding.objects.filter(pk=object_id))
        return htmx_redirect(reverse("admin:search_embedding_change", args=[object_id]))

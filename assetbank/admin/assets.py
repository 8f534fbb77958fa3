"""Admin of assets; every change goes through `assetbank.assets`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.filters import EmptyFieldListFilter
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse
from unfold.contrib.filters.admin import (
    ChoicesDropdownFilter,
    RangeDateFilter,
    RelatedDropdownFilter,
)

from assetbank.admin.asset_display import AssetDisplay
from assetbank.admin.base import ModelAdmin
from assetbank.admin.forms import (
    DETAILS,
    PLACE,
    RIGHTS,
    AssetAddForm,
    AssetChangeForm,
    TagForm,
)
from assetbank.admin.history import WithHistory
from assetbank.admin.trash import InTrashFilter, Trash
from assetbank.assets import approval, can_undo, undo_change, update_asset
from assetbank.errors import ProblemError
from assetbank.history import Change
from assetbank.models import Asset, AssetQuerySet

MAX_PREVIEWS = 12  # images on the confirmation page of an action
FACTS = [
    *("brand", "original", "facts", "checksum", "origin", "digital_source_type"),
    *("created_by", "created_at"),
]


@admin.register(Asset)
class AssetAdmin(AssetDisplay, Trash, WithHistory, ModelAdmin[Asset]):
    """Assets, with actions that decide about several, tag them, and move them to the trash."""

    list_display = ["image", "title", "brand", "kind", "status_label", "tag_names", "created_at"]
    list_display_links = ["image", "title"]
    list_filter = [
        ("brand", RelatedDropdownFilter),
        ("status", ChoicesDropdownFilter),
        ("kind", ChoicesDropdownFilter),
        ("origin", ChoicesDropdownFilter),
        ("consent", ChoicesDropdownFilter),
        "derivatives_allowed",
        ("terms_to_check", EmptyFieldListFilter),
        ("alt_text", EmptyFieldListFilter),
        ("captured_at", RangeDateFilter),
        ("tags", RelatedDropdownFilter),
        InTrashFilter,
    ]
    list_filter_submit = True
    list_fullwidth = True
    search_fields = ["title", "description", "filename", "checksum", "creator", "tags__name"]
    search_help_text = "Search by title, description, file name, creator, tag or checksum."
    date_hierarchy = "created_at"
    list_select_related = ["brand"]
    list_per_page = 50
    actions = [
        *("approve", "archive", "terms_allow", "terms_forbid", "add_tag"),
        *("move_to_trash", "restore", "purge"),
    ]
    readonly_fields = [
        "preview",
        *FACTS,
        "updated_at",
        "made_by",
        "versions",
        "decided",
        "terms_to_check",
    ]
    add_fieldsets = (
        (None, {"fields": ["upload", "brand"]}),
        ("Metadata", {"fields": [*DETAILS, "tags", "rating"]}),
        ("Rights", {"fields": RIGHTS}),
        ("Date and place", {"fields": ["captured_at", *PLACE]}),
    )
    change_fieldsets: Any = (
        (None, {"fields": ["preview"]}),
        ("Metadata", {"fields": [*DETAILS, "tags", "rating"]}),
        ("Custom fields", {"fields": ["custom_values"]}),
        ("Rights", {"fields": ["status", *RIGHTS, "terms_to_check"]}),
        ("Date and place", {"fields": ["captured_at", *PLACE]}),
        ("The file", {"fields": [*FACTS, "updated_at", "made_by"]}),
        ("Versions", {"fields": ["versions"]}),
        ("Decisions", {"fields": ["decided"]}),
    )

    # ------------------------------------------------------------------------ display

    def can_undo(self, change: Change) -> bool:
        return can_undo(change)

    def undo(self, request: HttpRequest, row: Asset, change_id: str) -> None:
        assert isinstance(request.user, User)
        undo_change(asset=row, change_id=change_id, by=request.user)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Asset]:
        assets = super().get_queryset(request)
        assert isinstance(assets, AssetQuerySet)
        return assets.with_tags()

    def get_readonly_fields(self, request: HttpRequest, obj: Asset | None = None) -> Any:
        return self.readonly_fields if obj else ()

    def get_fieldsets(self, request: HttpRequest, obj: Asset | None = None) -> Any:
        return self.change_fieldsets if obj else self.add_fieldsets

    def get_form(
        self, request: HttpRequest, obj: Asset | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        kwargs["form"] = AssetChangeForm if obj else AssetAddForm
        form = super().get_form(request, obj, change, **kwargs)
        return type(form.__name__, (form,), {"user": request.user})

    # ------------------------------------------------------------------------ changes

    def save_model(self, request: HttpRequest, obj: Asset, form: Any, change: bool) -> None:
        """Save changes; a new asset was ingested when its form was validated."""
        if not change:
            return
        fields = {name: form.cleaned_data[name] for name in form.cleaned_data}
        status = fields.pop("status")
        if custom := fields.pop("custom_values", None):
            fields["custom"] = custom
        # the form has assigned values to `obj` that are not saved yet
        asset = Asset.objects.get(pk=obj.pk)
        try:
            update_asset(asset=asset, **fields)
            approval.change_status(asset=asset, by=_user(request), status=status)
        except ProblemError as error:
            self.message_user(request, error.message, messages.ERROR)

    @admin.action(description="Approve", permissions=["change"])
    def approve(self, request: HttpRequest, queryset: QuerySet[Asset]) -> None:
        self._decide(request, queryset, "approved", Asset.Status.APPROVED)

    @admin.action(description="Archive", permissions=["change"])
    def archive(self, request: HttpRequest, queryset: QuerySet[Asset]) -> None:
        self._decide(request, queryset, "archived", Asset.Status.ARCHIVED)

    @admin.action(description="Terms checked: derivatives allowed", permissions=["change"])
    def terms_allow(self, request: HttpRequest, queryset: QuerySet[Asset]) -> None:
        self._confirm_terms(request, queryset, derivatives_allowed=True)

    @admin.action(description="Terms checked: no derivatives", permissions=["change"])
    def terms_forbid(self, request: HttpRequest, queryset: QuerySet[Asset]) -> None:
        self._confirm_terms(request, queryset, derivatives_allowed=False)

    def _confirm_terms(
        self, request: HttpRequest, assets: QuerySet[Asset], *, derivatives_allowed: bool
    ) -> None:
        user = _user(request)
        self._each(
            request,
            assets,
            "checked",
            lambda asset: approval.confirm_terms(
                asset=asset, by=user, derivatives_allowed=derivatives_allowed
            ),
        )

    def _decide(
        self, request: HttpRequest, assets: QuerySet[Asset], done: str, status: str
    ) -> None:
        user = _user(request)
        self._each(
            request,
            assets,
            done,
            lambda asset: approval.change_status(asset=asset, by=user, status=status),
        )

    @admin.action(description="Add a tag …", permissions=["change"])
    def add_tag(self, request: HttpRequest, queryset: QuerySet[Asset]) -> TemplateResponse | None:
        form = TagForm(request.POST if "tag" in request.POST else None)
        if form.is_valid():
            tag = form.cleaned_data["tag"]
            self._each(
                request,
                queryset,
                f"tagged “{tag}”",
                lambda asset: update_asset(asset=asset, tags=[*asset.tag_names, tag]),
            )
            return None
        count = queryset.count()
        context = {
            **self.admin_site.each_context(request),
            "title": "Add a tag",
            "opts": self.opts,
            "form": form,
            "many": count,
            "more": max(0, count - MAX_PREVIEWS),
            "assets": queryset[:MAX_PREVIEWS],
            "selected": request.POST.getlist(ACTION_CHECKBOX_NAME),
            "select_across": request.POST.get("select_across", "0"),
            "checkbox": ACTION_CHECKBOX_NAME,
        }
        return TemplateResponse(request, "admin/assetbank/asset/add_tag.html", context)

    def _each(
        self,
        request: HttpRequest,
        assets: QuerySet[Asset],
        done: str,
        change: Callable[[Asset], object],
    ) -> None:
        """Apply `change` to each asset; an error is shown and does not stop the others."""
        changed = 0
        for asset in assets:
            try:
                change(asset)
                changed += 1
            except ProblemError as error:
                self.message_user(request, f"{asset}: {error.message}", messages.ERROR)
        if changed:
            self.message_user(request, f"{changed} {done}.", messages.SUCCESS)


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user

"""The trash in the admin of assets: a filter that shows it, and actions that fill and empty it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from assetbank.admin.base import ModelAdmin, display
from assetbank.assets import trash
from assetbank.models import Asset, AssetQuerySet

if TYPE_CHECKING:  # django-unfold has no types
    from django.contrib.admin import SimpleListFilter as DropdownFilter
else:
    from unfold.contrib.filters.admin import DropdownFilter

PARAMETER = "in_trash"
MAX_PREVIEWS = 12  # images on the page that asks before assets are deleted for good
TRASH_ACTIONS = ("restore", "purge")


class InTrashFilter(DropdownFilter):
    """Show the trash instead of the assets; `Trash.get_queryset` reads the parameter."""

    title = "trash"
    parameter_name = PARAMETER

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("1", "In the trash")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Asset]) -> QuerySet[Asset]:
        return queryset


class Trash(ModelAdmin[Asset]):
    """Deleting moves to the trash; the filter shows it, with other columns and actions."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Asset]:
        if not _shows_trash(request):
            return super().get_queryset(request)
        return Asset.all_objects.filter(deleted_at__isnull=False).select_related(
            "brand", "deleted_by"
        )

    def get_list_display(self, request: HttpRequest) -> Any:
        if _shows_trash(request):
            return ["trash_link", "brand", "deleted_at", "deleted_by", "days_left"]
        return super().get_list_display(request)

    def get_list_display_links(self, request: HttpRequest, list_display: Any) -> Any:
        return (
            None if _shows_trash(request) else super().get_list_display_links(request, list_display)
        )

    def get_actions(self, request: HttpRequest) -> Any:
        """Return restore and purge in the trash, and everywhere else all other actions."""
        actions = super().get_actions(request)
        in_trash = _shows_trash(request)
        return {
            name: value for name, value in actions.items() if (name in TRASH_ACTIONS) == in_trash
        }

    @display(description="Asset")
    def trash_link(self, asset: Asset) -> SafeString:
        shape = '<a href="{}" class="text-primary-600 underline">{}</a>'
        return format_html(shape, asset.get_absolute_url(), asset)

    @display(description="Days left")
    def days_left(self, asset: Asset) -> str:
        days = asset.trash_days_left
        return "-" if days is None else str(days)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Return the assets alone: what belongs to them goes to the trash and comes back with
        them."""
        listed = list(objs)
        return [str(asset) for asset in listed], {"assets": len(listed)}, set(), []

    def delete_model(self, request: HttpRequest, obj: Asset) -> None:
        trash.trash_assets(assets=[obj], by=_user(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Asset]) -> None:
        assert isinstance(queryset, AssetQuerySet)
        trash.trash_assets(assets=_chosen(queryset), by=_user(request))

    @admin.action(description="Move to trash", permissions=["delete"])
    def move_to_trash(self, request: HttpRequest, queryset: QuerySet[Asset]) -> None:
        result = trash.trash_assets(assets=_chosen(queryset), by=_user(request))
        self._report(request, result, "moved to the trash")

    @admin.action(description="Restore", permissions=["delete"])
    def restore(self, request: HttpRequest, queryset: QuerySet[Asset]) -> None:
        result = trash.restore_assets(assets=_chosen(queryset), by=_user(request))
        self._report(request, result, "restored")

    @admin.action(description="Delete now …", permissions=["delete"])
    def purge(self, request: HttpRequest, queryset: QuerySet[Asset]) -> TemplateResponse | None:
        """Ask with what is lost; delete for good once that is confirmed."""
        chosen = _chosen(queryset)
        if "sure" in request.POST:
            result = trash.purge_assets(assets=chosen, by=_user(request))
            self._report(request, result, "deleted for good")
            return None
        impact = trash.impact(chosen)
        context = {
            **self.admin_site.each_context(request),
            "title": "Delete now",
            "opts": self.opts,
            "impact": impact,
            "assets": chosen[:MAX_PREVIEWS],
            "more": max(0, impact.assets - MAX_PREVIEWS),
            "selected": request.POST.getlist(ACTION_CHECKBOX_NAME),
            "select_across": request.POST.get("select_across", "0"),
            "checkbox": ACTION_CHECKBOX_NAME,
        }
        return TemplateResponse(request, "admin/assetbank/asset/purge.html", context)

    def _report(self, request: HttpRequest, result: trash.TrashResult, done: str) -> None:
        if result.done:
            self.message_user(request, f"{len(result.done)} {done}.", messages.SUCCESS)
        if result.left_out:
            self.message_user(request, result.left_out, messages.WARNING)


def _shows_trash(request: HttpRequest) -> bool:
    return request.GET.get(PARAMETER) == "1"


def _chosen(queryset: QuerySet[Asset]) -> AssetQuerySet:
    """Return the selected assets without the joins and annotations of the list."""
    return Asset.all_objects.filter(pk__in=queryset.order_by().values("pk"))


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user

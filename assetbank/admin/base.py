"""Common parts of the admins of all apps."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from django.contrib.admin.utils import quote
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from assetbank.models import Asset

if TYPE_CHECKING:  # django-unfold has no types; its classes extend those of Django
    from django.contrib.admin import ModelAdmin, TabularInline

    F = TypeVar("F", bound=Callable[..., Any])

    def action(**options: Any) -> Callable[[F], F]: ...
    def display(**options: Any) -> Callable[[F], F]: ...
else:
    from unfold.admin import ModelAdmin, TabularInline
    from unfold.decorators import action, display

__all__ = ["ModelAdmin", "TabularInline", "action", "display"]

NONE = SafeString("-")


class ReadOnly:
    """Mixin for a ModelAdmin or an inline that only shows rows; changes go through actions."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def confirmation(title: str, description: str, yes: str) -> dict[str, Any]:
    """Return options for unfold's `action`: confirm in a dialog with button `yes`, then POST.

    Without them the action would run on GET.
    """
    dialog = {"title": title, "description": description, "form_submit_text": yes}
    return {"description": title, "dialog": dialog}


def htmx_redirect(address: str) -> HttpResponse:
    """Return the response that makes htmx go to `address`, after a confirmed action."""
    return HttpResponse(headers={"HX-Redirect": address})


def picture(asset: Asset | None, *, height: int = 64) -> SafeString:
    """Return an `<img>` of the grid rendition, loaded lazily; a dash without an asset, or for one
    in the trash."""
    if asset is None or asset.in_trash:
        return NONE
    return format_html(
        '<img src="{}" alt="{}" loading="lazy" class="rounded-default" '
        'style="height: {}px; max-width: {}px; object-fit: contain">',
        asset.grid_url,
        asset.alt,
        height,
        2 * height,
    )


def label(text: str, variant: str) -> SafeString:
    """Return a coloured label; unfold's own labels work in lists only."""
    context = {"text": text, "variant": variant}
    return render_to_string("unfold/helpers/label.html", context)


def admin_link(row: Model | None) -> SafeString:
    """Return the row's name as a link to its page in the admin; a dash without a row.

    Only the list of the trash shows what is there, so an asset in the trash is not named.
    """
    if row is None:
        return NONE
    if isinstance(row, Asset) and row.in_trash:
        return SafeString("In the trash")
    name = f"admin:{row._meta.app_label}_{row._meta.model_name}_change"
    address = reverse(name, args=[quote(row.pk)])
    return format_html('<a href="{}" class="text-primary-600 underline">{}</a>', address, row)

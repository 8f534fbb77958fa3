"""One asset: its page, what is said about it, and its end."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from assetbank import permissions
from assetbank.assets import approval, delete_asset, downloads, update_asset
from assetbank.errors import ProblemError
from assetbank.forms import AssetForm
from assetbank.http import PageRequest
from assetbank.models import Asset
from assetbank.rights import terms

SOON_DAYS = 30  # rights that end within these are warned of


@login_required
@require_safe
def asset(request: PageRequest, pk: int) -> HttpResponse:
    shown = _asset(request, pk)
    return _page(request, shown, AssetForm.of(shown, _decides(request, shown)))


@login_required
@require_POST
def edit(request: PageRequest, pk: int) -> HttpResponse:
    shown = _asset(request, pk)
    permissions.require_editor(request.user, shown.brand)
    form = AssetForm(request.POST, decides=_decides(request, shown))
    form.fit_to(shown)
    if form.is_valid():
        changes = form.changes()
        status = changes.pop("status", shown.status)
        try:
            with transaction.atomic():
                update_asset(asset=shown, **changes)
                approval.change_status(asset=shown, by=request.user, status=status)
        except ProblemError as error:
            form.add_error(None, error.message)
            shown.refresh_from_db()
        else:
            messages.success(request, "Saved.")
            return redirect("asset", pk=pk)
    return _page(request, shown, form, status=400)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: PageRequest, pk: int) -> HttpResponse:
    """Asks first: the question is a page, so that it needs no script."""
    shown = _asset(request, pk)
    permissions.require_manager(request.user, shown.brand)
    if request.method != "POST":
        return render(request, "assetbank/asset_delete.html", {"asset": shown})
    title = shown.title
    delete_asset(asset=shown)
    messages.success(request, f"“{title}” is deleted.")
    return redirect("library")


@login_required
@require_safe
def credentials(request: PageRequest, pk: int) -> HttpResponse:
    """A fragment: what the original says of itself."""
    context: dict[str, object] = {}
    try:
        context["credentials"] = downloads.read_credentials(_asset(request, pk))
    except ProblemError as error:
        context["problem"] = error.message
    return render(request, "assetbank/_credentials.html", context)


def _asset(request: PageRequest, pk: int) -> Asset:
    seen = permissions.assets(request.user).with_tags().select_related("brand", "created_by")
    return get_object_or_404(seen, pk=pk)


def _manages(request: PageRequest, shown: Asset) -> bool:
    return permissions.can_manage(request.user, shown.brand)


def _decides(request: PageRequest, shown: Asset) -> bool:
    """What is in quarantine comes out of it only when the withdrawal of its rights is lifted."""
    return shown.status != Asset.Status.QUARANTINED and _manages(request, shown)


def _page(request: PageRequest, shown: Asset, form: AssetForm, status: int = 200) -> HttpResponse:
    may_create = permissions.can_edit(request.user, shown.brand)
    inside = list(shown.collections.all())
    others = shown.brand.collections.exclude(pk__in=[each.pk for each in inside])
    refused, ends = terms.usage_problem(shown), terms.usable_until(shown)
    left = (ends - timezone.localdate()).days if ends and not refused else None
    context = {
        "asset": shown,
        "form": form,
        "may_create": may_create,
        "may_manage": _manages(request, shown),
        "collections": inside,
        "other_collections": list(others) if may_create else [],
        "days_left": left,
        "ends": ends,
        "nowhere": shown.territories == terms.NOWHERE,
        "may_download": downloads.may_download(request.user, shown),
        "sides": downloads.offered_sides(shown),
        "decisions": approval.decisions([shown])[shown.pk] if may_create else [],
        "expires_soon": left is not None and 0 <= left <= SOON_DAYS,
    }
    return render(request, "assetbank/asset.html", context, status=status)

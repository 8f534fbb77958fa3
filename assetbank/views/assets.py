"""Pages of one asset: show, edit, move to the trash, Content Credentials."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from assetbank import permissions
from assetbank.assets import approval, downloads, update_asset
from assetbank.assets.metadata import custom_fields
from assetbank.errors import NotAllowed, ProblemError
from assetbank.forms import AssetForm, CustomValuesForm
from assetbank.http import PageRequest
from assetbank.models import Asset
from assetbank.rights import terms
from assetbank.views.custom_fields import shown_values
from assetbank.views.trash import moved_to_trash

SOON_DAYS = 30  # days before the end of the rights in which the page warns


@login_required
@require_safe
def asset(request: PageRequest, pk: int) -> HttpResponse:
    """Render an asset; one in the trash read-only, for users who may restore it."""
    readable = permissions.assets_and_trash(request.user).with_tags()
    shown = get_object_or_404(readable.select_related("brand", "created_by", "deleted_by"), pk=pk)
    if shown.in_trash:
        return render(request, "assetbank/asset_in_trash.html", {"asset": shown})
    custom = CustomValuesForm(brand=shown.brand, held=shown.custom)
    return _page(request, shown, AssetForm.for_asset(shown, _can_decide(request, shown)), custom)


@login_required
@require_POST
def edit(request: PageRequest, pk: int) -> HttpResponse:
    shown = _asset(request, pk)
    permissions.require_editor(request.user, shown.brand)
    form = AssetForm(request.POST, can_decide=_can_decide(request, shown))
    form.adapt_source_type(shown)
    custom = CustomValuesForm(request.POST, brand=shown.brand, held=shown.custom)
    if form.is_valid() and custom.is_valid():
        changes = form.changes()
        if values := custom.values():
            changes["custom"] = values
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
    return _page(request, shown, form, custom, status=400)


@login_required
@require_POST
def check_terms(request: PageRequest, pk: int) -> HttpResponse:
    """Record that the user has checked the terms of the asset."""
    shown = _asset(request, pk)
    allowed = request.POST.get("derivatives_allowed") == "yes"
    try:
        approval.confirm_terms(
            asset=shown,
            by=request.user,
            derivatives_allowed=allowed,
            note=request.POST.get("note", ""),
        )
    except NotAllowed:
        raise
    except ProblemError as error:
        messages.error(request, error.message)
    else:
        use = "New images may be made from it" if allowed else "No new images may be made from it"
        messages.success(request, f"The terms of “{shown}” are checked. {use}.")
    return redirect("asset", pk=pk)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: PageRequest, pk: int) -> HttpResponse:
    """Render what depends on the asset, and ask; on POST, move it to the trash."""
    shown = _asset(request, pk)
    permissions.require_manager(request.user, shown.brand)
    if request.method != "POST":
        return render(request, "assetbank/asset_delete.html", {"asset": shown})
    return moved_to_trash(request, [shown], reverse("library"))


@login_required
@require_safe
def credentials(request: PageRequest, pk: int) -> HttpResponse:
    """Render a fragment with the Content Credentials of the original."""
    context: dict[str, object] = {}
    try:
        context["credentials"] = downloads.read_credentials(_asset(request, pk))
    except ProblemError as error:
        context["problem"] = error.message
    return render(request, "assetbank/_credentials.html", context)


def _asset(request: PageRequest, pk: int) -> Asset:
    visible = permissions.assets(request.user).with_tags().select_related("brand", "created_by")
    return get_object_or_404(visible, pk=pk)


def _can_manage(request: PageRequest, shown: Asset) -> bool:
    return permissions.can_manage(request.user, shown.brand)


def _can_decide(request: PageRequest, shown: Asset) -> bool:
    """Return whether the user may change the status.

    Nobody may in quarantine: an asset leaves it only when the withdrawal is lifted.
    """
    return shown.status != Asset.Status.QUARANTINED and _can_manage(request, shown)


def _page(
    request: PageRequest,
    shown: Asset,
    form: AssetForm,
    custom: CustomValuesForm,
    status: int = 200,
) -> HttpResponse:
    can_edit = permissions.can_edit(request.user, shown.brand)
    containing = list(shown.collections.all())
    others = shown.brand.collections.exclude(pk__in=[each.pk for each in containing])
    problem, ends = terms.usage_problem(shown), terms.usable_until(shown)
    days_left = (ends - timezone.localdate()).days if ends and not problem else None
    context = {
        "asset": shown,
        "form": form,
        "custom_form": custom,
        "custom_values": shown_values(shown),
        "missing_fields": custom_fields.missing_fields(shown.brand, shown.custom),
        "may_create": can_edit,
        "may_manage": _can_manage(request, shown),
        "collections": containing,
        "other_collections": list(others) if can_edit else [],
        "days_left": days_left,
        "ends": ends,
        "nowhere": shown.territories == terms.NOWHERE,
        "may_download": downloads.may_download(request.user, shown),
        "sides": downloads.offered_sides(shown),
        "decisions": approval.decisions([shown])[shown.pk] if can_edit else [],
        "expires_soon": days_left is not None and 0 <= days_left <= SOON_DAYS,
    }
    return render(request, "assetbank/asset.html", context, status=status)

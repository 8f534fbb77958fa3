"""The trash: a page with what is in it, to restore it or to delete it for good."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe

from assetbank import permissions
from assetbank.assets import trash as asset_trash
from assetbank.errors import NotAllowed
from assetbank.http import PageRequest
from assetbank.models import Asset, AssetQuerySet, Brand
from assetbank.text import parse_ids

PER_PAGE = 48
MAX_AT_ONCE = 500  # assets that one form may name
MAX_SHOWN = 12  # images on the page that asks before assets are deleted for good
UNDO = "trash_done"  # session key: ids of the assets that the user moved to the trash last
UNDO_TAG = "undo-trash"  # message tag: base.html shows the button


@login_required
@require_safe
def trash(request: PageRequest) -> HttpResponse:
    """Render the assets in the trash that the user may restore, the latest first."""
    managed = _managed(request)
    brand = next((each for each in managed if each.slug == request.GET.get("brand")), None)
    words = " ".join(request.GET.get("q", "").replace("\x00", "").split())[:200]
    found = _trashed(request, brand)
    if words:
        found = found.filter(title__icontains=words)
    page = Paginator(found.select_related("brand", "deleted_by"), PER_PAGE)
    context = {
        "page": page.get_page(request.GET.get("page")),
        "brands": managed,
        "brand": brand,
        "words": words,
    }
    return render(request, "assetbank/trash.html", context)


@login_required
@require_POST
def add(request: PageRequest) -> HttpResponse:
    """Move the posted `asset` ids to the trash, and offer to undo it."""
    _managed(request)
    chosen = permissions.assets(request.user).filter(pk__in=_posted(request))
    return moved_to_trash(request, chosen, reverse("library"))


@login_required
@require_POST
def restore(request: PageRequest) -> HttpResponse:
    """Restore the posted `asset` ids."""
    _managed(request)
    ids = _posted(request)
    chosen = permissions.trash(request.user).filter(pk__in=ids)
    _say_restored(request, asset_trash.restore_assets(assets=chosen, by=request.user))
    if "page" in request.POST and len(ids) == 1:  # from the asset's own page
        return redirect("asset", pk=ids[0])
    return HttpResponseRedirect(_next_address(request, reverse("trash")))


@login_required
@require_POST
def undo(request: PageRequest) -> HttpResponse:
    """Restore what the user moved to the trash last."""
    ids = request.session.pop(UNDO, [])
    chosen = permissions.trash(request.user).filter(pk__in=ids)
    result = asset_trash.restore_assets(assets=chosen, by=request.user)
    _say_restored(request, result)
    if len(result.done) == 1:
        return redirect("asset", pk=result.done[0])
    return HttpResponseRedirect(_next_address(request, reverse("library")))


@login_required
@require_POST
def purge(request: PageRequest) -> HttpResponse:
    """Delete the posted `asset` ids for good, or with `all` the trash of the posted `brand`.

    Without `sure`, render what is lost, and ask.
    """
    managed = _managed(request)
    empties = "all" in request.POST
    brand = next((each for each in managed if each.slug == request.POST.get("brand")), None)
    if empties and brand is None:
        raise Http404("There is no such brand.")
    ids = [] if empties else _posted(request)
    chosen = _trashed(request, brand) if empties else permissions.trash(request.user)
    chosen = chosen if empties else chosen.filter(pk__in=ids)
    if "sure" not in request.POST:
        return _ask(request, chosen, brand if empties else None)
    result = asset_trash.purge_assets(assets=chosen, by=request.user)
    _say(request, len(result.done), "deleted for good", result.left_out)
    return redirect("trash")


def moved_to_trash(
    request: PageRequest, assets: AssetQuerySet | list[Asset], address: str
) -> HttpResponse:
    """Move assets to the trash and offer to undo it; redirect to the posted `next` or `address`."""
    result = asset_trash.trash_assets(assets=assets, by=request.user)
    if result.done:
        request.session[UNDO] = result.done
        many = len(result.done)
        named = f"“{assets[0]}”" if many == 1 and isinstance(assets, list) else _assets(many)
        messages.success(request, f"{named} moved to the trash.", extra_tags=UNDO_TAG)
    if result.left_out or not result.done:
        messages.warning(request, result.left_out or "No asset is selected.")
    return HttpResponseRedirect(_next_address(request, address))


def _ask(request: PageRequest, chosen: AssetQuerySet, brand: Brand | None) -> HttpResponse:
    impact = asset_trash.impact(chosen)
    if not impact.assets:
        messages.warning(request, "No asset is selected.")
        return redirect("trash")
    context = {
        "impact": impact,
        "brand": brand,
        "ids": [] if brand else list(chosen.values_list("pk", flat=True)),
        "assets": chosen.order_by("-deleted_at", "-pk")[:MAX_SHOWN],
        "more": max(0, impact.assets - MAX_SHOWN),
    }
    return render(request, "assetbank/trash_purge.html", context)


def _managed(request: PageRequest) -> list[Brand]:
    """Return the brands that the user manages. Raises NotAllowed if there is none."""
    managed = list(permissions.brands(request.user, *permissions.MANAGERS))
    if not managed:
        raise NotAllowed("The trash is for managers of a brand.")
    return managed


def _trashed(request: PageRequest, brand: Brand | None) -> AssetQuerySet:
    found = permissions.trash(request.user).order_by("-deleted_at", "-pk")
    return found.filter(brand=brand) if brand else found


def _posted(request: PageRequest) -> list[int]:
    return parse_ids(request.POST.getlist("asset"), limit=MAX_AT_ONCE)


def _say_restored(request: PageRequest, result: asset_trash.TrashResult) -> None:
    _say(request, len(result.done), "restored", result.left_out)


def _say(request: PageRequest, many: int, done: str, left_out: str) -> None:
    if many:
        messages.success(request, f"{_assets(many)} {done}.")
    if left_out or not many:
        messages.warning(request, left_out or "These assets are no longer in the trash.")


def _assets(many: int) -> str:
    return f"{many} asset{'s' * (many != 1)}"


def _next_address(request: PageRequest, address: str) -> str:
    """Return the posted `next`, if it is an address of this site, else `address`."""
    next_url = request.POST.get("next", "")
    is_local = url_has_allowed_host_and_scheme(
        next_url, {request.get_host()}, require_https=request.is_secure()
    )
    return next_url if is_local else address

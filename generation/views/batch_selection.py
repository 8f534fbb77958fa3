"""Actions on the kept images of a batch: add to the tray or a collection, request approval."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from assetbank import notifications, permissions
from assetbank.assets import collections
from assetbank.http import PageRequest
from assetbank.models import Asset
from assetbank.text import parse_id
from generation.composer import tray
from generation.errors import InvalidRequest
from generation.models import Batch
from generation.views.querysets import visible_batches


@login_required
@require_POST
def use_kept(request: PageRequest, pk: int) -> HttpResponse:
    """Take the kept images of a batch further, as the posted `to` says: "tray" adds them to the
    tray; "collection" to the collection with the id `collection`, or to a new one called `name`;
    "approval" asks the brand's managers to approve those that are drafts."""
    batch = get_object_or_404(visible_batches(request), pk=pk)
    permissions.require_editor(request.user, batch.brand)
    visible = permissions.assets(request.user).filter(
        made_as__generation__batch=batch, made_as__verdict="kept"
    )
    assets = list(dict.fromkeys(visible.order_by("made_as__generation_id", "made_as__id")))
    if not assets:
        raise InvalidRequest("Keep at least one image first.", code="nothing_kept")
    actions = {"tray": _to_tray, "collection": _to_collection, "approval": _to_managers}
    action = actions.get(request.POST.get("to", ""))
    if action is None:
        raise InvalidRequest("Choose a destination: selection, collection or approval.")
    messages.success(request, action(request, batch, assets))
    return redirect("batch", pk=pk)


def _to_tray(request: PageRequest, batch: Batch, assets: list[Asset]) -> str:
    there = [asset for asset in assets if tray.add(request.session, asset.pk)]
    if len(there) < len(assets):
        maximum = tray.MAX_REFERENCES
        return f"{len(there)} of {len(assets)} images are selected: the maximum is {maximum}."
    return f"{_pictures(there)} selected."


def _to_collection(request: PageRequest, batch: Batch, assets: list[Asset]) -> str:
    if name := request.POST.get("name", "").strip():
        collection = collections.create_collection(brand=batch.brand, name=name, by=request.user)
    else:
        pk = parse_id(request.POST.get("collection", ""))
        collection = get_object_or_404(batch.brand.collections, pk=pk)
    collections.add_assets(collection=collection, assets=assets)
    return f"{_pictures(assets)} in “{collection}”."


def _to_managers(request: PageRequest, batch: Batch, assets: list[Asset]) -> str:
    waiting = [asset for asset in assets if asset.status == Asset.Status.DRAFT]
    if not waiting:
        raise InvalidRequest("None of the kept images is still a draft.", code="nothing_kept")
    asks = f"{request.user.get_full_name() or request.user.username} asks you to approve"
    address = f"{reverse('batch', args=[batch.pk])}?show=kept"
    managers = permissions.managers_of(batch.brand).filter(is_active=True)
    managers = managers.exclude(pk=request.user.pk)
    for person in managers:
        notifications.notify(
            user=person,
            sentence=f"{asks} {len(waiting)} of “{batch.title[:120]}”.",
            address=address,
        )
    if not managers:
        return "No other user manages this brand: approve the images on their pages."
    return (
        f"{_pictures(waiting)} sent for approval to {len(managers)} "
        f"manager{'s' * (len(managers) != 1)}."
    )


def _pictures(assets: list[Asset]) -> str:
    return "1 image is" if len(assets) == 1 else f"{len(assets)} images are"

"""Pages of collections. The assets of one are shown by the library page, filtered by it."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Count, Prefetch, Q
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_POST

from assetbank import permissions
from assetbank.assets import collections as asset_collections
from assetbank.errors import ProblemError
from assetbank.forms import CollectionForm
from assetbank.http import PageRequest
from assetbank.models import Asset, Collection, CollectionItem
from assetbank.text import parse_id, parse_ids

COVERS = 4  # images shown for each collection


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def collections(request: PageRequest) -> HttpResponse:
    """Render the list of collections with a form for a new one; create it on POST."""
    can_create = permissions.brands(request.user, *permissions.EDITORS).exists()
    form = CollectionForm(user=request.user)
    if request.method == "POST":
        form = CollectionForm(request.POST, user=request.user)
        if form.is_valid():
            permissions.require_editor(request.user, form.cleaned_data["brand"])
            try:
                created = asset_collections.create_collection(by=request.user, **form.cleaned_data)
            except ProblemError as error:
                form.add_error("name", error.message)
            else:
                return HttpResponseRedirect(_address(created))
    covers = CollectionItem.objects.filter(asset__in=permissions.assets(request.user))
    covers = covers.select_related("asset").order_by("position", "id")[:COVERS]
    listed = (
        permissions.collections(request.user)
        .select_related("brand")
        .annotate(size=Count("items", filter=Q(items__asset__in=permissions.assets(request.user))))
        .prefetch_related(Prefetch("items", covers, to_attr="covers"))
        .order_by("brand__name", "name")
    )
    context = {"collections": listed, "form": form, "creates": can_create}
    return render(
        request, "assetbank/collections.html", context, status=400 if form.errors else 200
    )


@login_required
@require_POST
def add(request: PageRequest) -> HttpResponse:
    """Add the posted `asset` ids (one or more) to the posted `collection`."""
    collection = _collection(request, request.POST.get("collection", ""))
    assets = _assets(request, collection)
    asset_collections.add_assets(collection=collection, assets=assets)
    messages.success(request, f"Now in “{collection}”.")
    return _redirect_back(request, collection)


@login_required
@require_POST
def remove(request: PageRequest, pk: int) -> HttpResponse:
    """Remove the posted `asset` ids from the collection."""
    collection = _collection(request, pk)
    assets = _assets(request, collection)
    asset_collections.remove_assets(collection=collection, assets=assets)
    messages.success(request, f"Taken out of “{collection}”.")
    return _redirect_back(request, collection)


@login_required
@require_POST
def move(request: PageRequest, pk: int) -> HttpResponse:
    """Move the asset whose id is posted as `earlier` or `later` by one position."""
    collection = _collection(request, pk)
    for name, step in (("earlier", -1), ("later", 1)):
        if moved := request.POST.get(name, ""):
            asset = get_object_or_404(collection.assets, pk=parse_id(moved))
            asset_collections.move_asset(collection=collection, asset=asset, step=step)
    return _redirect_back(request, collection)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: PageRequest, pk: int) -> HttpResponse:
    """Ask for confirmation on a page; delete the collection on POST."""
    collection = _collection(request, pk)
    if request.method != "POST":
        return render(request, "assetbank/collection_delete.html", {"collection": collection})
    name = collection.name
    asset_collections.delete_collection(collection=collection)
    messages.success(request, f"“{name}” is deleted; its pictures stay.")
    return redirect("collections")


def _collection(request: PageRequest, pk: int | str) -> Collection:
    """Return the collection, if the user may change it; raise Http404 or NotAllowed otherwise."""
    visible = permissions.collections(request.user).select_related("brand")
    collection = get_object_or_404(visible, pk=parse_id(str(pk)))
    permissions.require_editor(request.user, collection.brand)
    return collection


def _assets(request: PageRequest, collection: Collection) -> list[Asset]:
    """Return the posted assets, in their order; raise Http404 if one may not be seen."""
    values = request.POST.getlist("asset")
    ids = parse_ids(values)
    found = permissions.assets(request.user).filter(brand=collection.brand).in_bulk(ids)
    if not ids or len(found) < len(set(values)):
        get_object_or_404(Asset.objects.none())
    return [found[pk] for pk in ids]


def _address(collection: Collection) -> str:
    return f"{reverse('library')}?collection={collection.pk}"


def _redirect_back(request: PageRequest, collection: Collection) -> HttpResponse:
    """Redirect to the posted `next`, if it is an address of this site, else to the collection."""
    next_url = request.POST.get("next", "")
    is_local = url_has_allowed_host_and_scheme(
        next_url, {request.get_host()}, require_https=request.is_secure()
    )
    return HttpResponseRedirect(next_url if is_local else _address(collection))

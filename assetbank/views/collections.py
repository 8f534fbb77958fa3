"""Collections: assets of a brand put together by hand, in an order. The library shows one."""

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
from assetbank.assets import collections as collecting
from assetbank.errors import ProblemError
from assetbank.forms import CollectionForm
from assetbank.http import PageRequest
from assetbank.models import Asset, Collection, CollectionItem
from assetbank.text import parse_id, parse_ids

COVERS = 4  # pictures that stand for a collection


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def collections(request: PageRequest) -> HttpResponse:
    """The list, and the form that makes one."""
    creates = permissions.brands(request.user, *permissions.EDITORS).exists()
    form = CollectionForm(person=request.user)
    if request.method == "POST":
        form = CollectionForm(request.POST, person=request.user)
        if form.is_valid():
            permissions.require_editor(request.user, form.cleaned_data["brand"])
            try:
                made = collecting.create_collection(by=request.user, **form.cleaned_data)
            except ProblemError as error:
                form.add_error("name", error.message)
            else:
                return HttpResponseRedirect(_address(made))
    covers = CollectionItem.objects.filter(asset__in=permissions.assets(request.user))
    covers = covers.select_related("asset").order_by("position", "id")[:COVERS]
    listed = (
        permissions.collections(request.user)
        .select_related("brand")
        .annotate(size=Count("items", filter=Q(items__asset__in=permissions.assets(request.user))))
        .prefetch_related(Prefetch("items", covers, to_attr="covers"))
        .order_by("brand__name", "name")
    )
    context = {"collections": listed, "form": form, "creates": creates}
    return render(
        request, "assetbank/collections.html", context, status=400 if form.errors else 200
    )


@login_required
@require_POST
def add(request: PageRequest) -> HttpResponse:
    """`collection`, and one or more `asset`."""
    collection = _collection(request, request.POST.get("collection", ""))
    assets = _assets(request, collection)
    collecting.add_assets(collection=collection, assets=assets)
    messages.success(request, f"Now in “{collection}”.")
    return _back(request, collection)


@login_required
@require_POST
def remove(request: PageRequest, pk: int) -> HttpResponse:
    collection = _collection(request, pk)
    assets = _assets(request, collection)
    collecting.remove_assets(collection=collection, assets=assets)
    messages.success(request, f"Taken out of “{collection}”.")
    return _back(request, collection)


@login_required
@require_POST
def move(request: PageRequest, pk: int) -> HttpResponse:
    """`earlier` or `later` names the asset that changes places with its neighbour."""
    collection = _collection(request, pk)
    for name, step in (("earlier", -1), ("later", 1)):
        if moved := request.POST.get(name, ""):
            asset = get_object_or_404(collection.assets, pk=parse_id(moved))
            collecting.move_asset(collection=collection, asset=asset, step=step)
    return _back(request, collection)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: PageRequest, pk: int) -> HttpResponse:
    collection = _collection(request, pk)
    if request.method != "POST":
        return render(request, "assetbank/collection_delete.html", {"collection": collection})
    name = collection.name
    collecting.delete_collection(collection=collection)
    messages.success(request, f"“{name}” is deleted; its pictures stay.")
    return redirect("collections")


def _collection(request: PageRequest, pk: int | str) -> Collection:
    """One that the person may change."""
    seen = permissions.collections(request.user).select_related("brand")
    collection = get_object_or_404(seen, pk=parse_id(str(pk)))
    permissions.require_editor(request.user, collection.brand)
    return collection


def _assets(request: PageRequest, collection: Collection) -> list[Asset]:
    given = request.POST.getlist("asset")
    ids = parse_ids(given)
    found = permissions.assets(request.user).filter(brand=collection.brand).in_bulk(ids)
    if not ids or len(found) < len(set(given)):
        get_object_or_404(Asset.objects.none())
    return [found[pk] for pk in ids]


def _address(collection: Collection) -> str:
    return f"{reverse('library')}?collection={collection.pk}"


def _back(request: PageRequest, collection: Collection) -> HttpResponse:
    """Where the person came from, if that is here."""
    after = request.POST.get("next", "")
    here = url_has_allowed_host_and_scheme(
        after, {request.get_host()}, require_https=request.is_secure()
    )
    return HttpResponseRedirect(after if here else _address(collection))

"""Pages of the versions of an asset's file: list, replace, compare, restore."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from assetbank import permissions
from assetbank.assets import versions
from assetbank.errors import ProblemError
from assetbank.http import PageRequest
from assetbank.models import Asset, AssetVersion, Brand
from assetbank.text import parse_id

WAYS = (("side", "Side by side"), ("slider", "Slider"))
MAX_IN_PANEL = 5  # versions on the asset's page; the page of versions lists all


class ReplaceForm(forms.Form):
    """The new file of an asset, and why."""

    file = forms.FileField(
        label="New file",
        help_text="Choose a file, or drop it here.",
        allow_empty_file=True,  # the verb says it better
        widget=forms.FileInput({"accept": "image/*"}),
    )
    reason = forms.CharField(
        required=False,
        max_length=versions.MAX_REASON_LENGTH,
        help_text="For example: retouched, new packaging.",
    )


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def listed(request: PageRequest, pk: int) -> HttpResponse:
    """List the versions, as a page or as a panel of the asset's page; replace the file on POST."""
    asset = _asset(request, pk)
    if request.method != "POST":
        template = "_versions" if request.htmx else "versions"
        return render(request, f"assetbank/{template}.html", _context(request, asset))
    form = ReplaceForm(request.POST, request.FILES)
    if not form.is_valid():
        context = {**_context(request, asset), "form": form}
        return render(request, "assetbank/versions.html", context, status=400)
    file = form.cleaned_data["file"]
    try:
        version = versions.replace_file(
            asset=asset,
            file=file,
            filename=file.name,
            by=request.user,
            reason=form.cleaned_data["reason"],
        )
    except ProblemError as error:
        context = {**_context(request, asset), "form": form, "problem": error}
        return render(request, "assetbank/versions.html", context, status=error.status)
    messages.success(request, _done(version))
    return redirect("asset", pk=pk)


@login_required
@require_POST
def restore(request: PageRequest, pk: int, number: int) -> HttpResponse:
    asset = _asset(request, pk)
    try:
        version = versions.restore_version(
            asset=asset, number=number, by=request.user, reason=request.POST.get("reason", "")
        )
    except ProblemError as error:
        context = {**_context(request, asset), "problem": error}
        return render(request, "assetbank/versions.html", context, status=error.status)
    messages.success(request, _done(version))
    return redirect("asset", pk=pk)


@login_required
@require_safe
def compare(request: PageRequest, pk: int) -> HttpResponse:
    """Compare the versions `a` and `b`, side by side or with a slider; by default the current one
    with the one before."""
    asset = _asset(request, pk)
    second = parse_id(request.GET.get("b", "")) or asset.version
    first = parse_id(request.GET.get("a", "")) or max(second - 1, 1)
    way = "slider" if request.GET.get("way") == "slider" else "side"
    compared = versions.compare_versions(asset, first, second)
    context = {
        "asset": asset,
        "compared": compared,
        "sides": [("a", compared.first), ("b", compared.second)],
        "way": way,
        "ways": WAYS,
        "versions": versions.list_versions(asset),
    }
    return render(request, "assetbank/versions_compare.html", context)


def _asset(request: PageRequest, pk: int) -> Asset:
    visible = permissions.assets(request.user).select_related("brand", "created_by")
    asset = get_object_or_404(visible, pk=pk)
    versions.require_access(request.user, asset)
    return asset


def _context(request: PageRequest, asset: Asset) -> dict[str, Any]:
    every = versions.list_versions(asset)
    shown = every[:MAX_IN_PANEL] if request.htmx else every
    asks_again = asset.brand.replacement_policy == Brand.ReplacementPolicy.ASK_AGAIN
    return {
        "asset": asset,
        "versions": shown,
        "more": len(every) - len(shown),
        "form": ReplaceForm(),
        "asks_again": asks_again and asset.status == Asset.Status.APPROVED,
        "may_replace": asset.status != Asset.Status.QUARANTINED,
    }


def _done(version: AssetVersion) -> str:
    asset = version.asset
    done = f"“{asset}” has a new file: version {version.number}."
    if version.restored_from:
        done = f"Version {version.restored_from} of “{asset}” is current again."
    return f"{done} It awaits approval." if asset.status == Asset.Status.DRAFT else done

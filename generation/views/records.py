"""How a picture came to be: as a page, as JSON, and with the picture in an archive."""

from __future__ import annotations

from pathlib import PurePath

from django.contrib.auth.decorators import login_required
from django.http import FileResponse, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from assetbank import access, downloads
from assetbank.models import Asset
from assetbank.views import PageRequest
from generation import records


@login_required
@require_safe
def page(request: PageRequest, pk: int) -> HttpResponse:
    asset = _asset(request, pk)
    context = {
        "asset": asset,
        "record": records.record(asset=asset, person=request.user),
        "may_download": downloads.allowed(request.user, asset),
    }
    return render(request, "generation/record.html", context)


@login_required
@require_safe
def as_json(request: PageRequest, pk: int) -> HttpResponse:
    asset = _asset(request, pk)
    said = records.record(asset=asset, person=request.user)
    return HttpResponse(records.as_json(said), content_type="application/json")


@login_required
@require_safe
def as_zip(request: PageRequest, pk: int) -> HttpResponseBase:
    asset = _asset(request, pk)
    name = f"{PurePath(asset.filename).stem or 'picture'}-with-record.zip"
    packed = records.archive(asset=asset, person=request.user)
    return FileResponse(packed, as_attachment=True, filename=name, content_type="application/zip")


def _asset(request: PageRequest, pk: int) -> Asset:
    seen = access.assets(request.user).select_related("brand", "created_by")
    return get_object_or_404(seen, pk=pk)

"""Provenance record of an asset: as a page, as JSON, and as an archive with the file."""

from __future__ import annotations

from pathlib import PurePath

from django.contrib.auth.decorators import login_required
from django.http import FileResponse, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from assetbank import permissions
from assetbank.assets import downloads
from assetbank.http import PageRequest
from assetbank.models import Asset
from generation.lineage import record


@login_required
@require_safe
def page(request: PageRequest, pk: int) -> HttpResponse:
    asset = _asset(request, pk)
    context = {
        "asset": asset,
        "record": record.provenance_record(asset=asset, person=request.user),
        "may_download": downloads.may_download(request.user, asset),
    }
    return render(request, "generation/record.html", context)


@login_required
@require_safe
def as_json(request: PageRequest, pk: int) -> HttpResponse:
    asset = _asset(request, pk)
    document = record.provenance_record(asset=asset, person=request.user)
    return HttpResponse(record.as_json(document), content_type="application/json")


@login_required
@require_safe
def as_zip(request: PageRequest, pk: int) -> HttpResponseBase:
    asset = _asset(request, pk)
    name = f"{PurePath(asset.filename).stem or 'picture'}-with-record.zip"
    packed = record.provenance_archive(asset=asset, person=request.user)
    return FileResponse(packed, as_attachment=True, filename=name, content_type="application/zip")


def _asset(request: PageRequest, pk: int) -> Asset:
    visible = permissions.downloadable(request.user).select_related("created_by")
    return get_object_or_404(visible, pk=pk)

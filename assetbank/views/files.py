"""Files of an asset, for users who may see it, or restore it from the trash.

Nothing in the storage has a public address.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.files.storage import FileSystemStorage, default_storage
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.cache import get_conditional_response
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe
from rest_framework.authentication import TokenAuthentication
from rest_framework.exceptions import AuthenticationFailed

from assetbank import permissions
from assetbank.assets import downloads, open_rendition, versions
from assetbank.errors import FileMissing, InvalidAsset
from assetbank.media import images
from assetbank.models import Asset

# Parameter of each storage backend that sets Content-Disposition in a signed address
DISPOSITIONS = {
    "s3": "ResponseContentDisposition",
    "gcloud": "response_disposition",
    "azure_storage": "content_disposition",
}
View = Callable[..., HttpResponseBase]
# Browsers must not treat an uploaded file as anything but an image
SANDBOX_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
}


def token_or_session(view: View) -> View:
    """Decorate a view to accept a session cookie or `Authorization: Token …`.

    Pages and programs use the same addresses of files.
    """

    @wraps(view)
    def authenticated(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            # None for other schemes: Basic may be meant for a proxy
            identity = TokenAuthentication().authenticate(request)  # type: ignore[arg-type]
        except AuthenticationFailed as error:
            headers = {"WWW-Authenticate": "Token"}
            sentence = str(error.detail)
            return HttpResponse(sentence, status=401, headers=headers, content_type="text/plain")
        if identity:
            request.user = identity[0]
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        return view(request, *args, **kwargs)

    return authenticated


@require_safe
@token_or_session
def original(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Send the original as a download under its file name, if need be without coordinates."""
    asset = get_object_or_404(permissions.downloadable(request.user, with_trash=True), pk=pk)
    downloads.require_download(request.user, asset)
    return _send_original(asset)


@require_safe
@token_or_session
def version_original(request: HttpRequest, pk: int, number: int) -> HttpResponseBase:
    """Send the original of a version as a download under its file name."""
    asset = _version(request, pk, number)
    downloads.require_download(request.user, asset)
    return _send_original(asset)


@require_safe
@token_or_session
def version_rendition(request: HttpRequest, pk: int, number: int, name: str) -> HttpResponseBase:
    """Send a rendition of a version; whether the user may still see it is asked each time."""
    if name not in images.SHOWN:
        raise Http404(f"There is no rendition {name}.")
    response = _send_rendition(request, _version(request, pk, number), name)
    if _storage_is_local():
        response["Cache-Control"] = "private, no-cache"
    return response


def _version(request: HttpRequest, pk: int, number: int) -> Asset:
    """Return the asset with the file of that version."""
    visible = permissions.downloadable(request.user).select_related("created_by")
    asset = get_object_or_404(visible, pk=pk)
    versions.require_access(request.user, asset)
    return versions.get_version(asset, number).as_asset


def _send_original(asset: Asset) -> HttpResponseBase:
    path = downloads.original_path(asset=asset, location=permissions.keeps_location(asset))
    if not _storage_is_local():
        return _redirect_to_storage(path, download_as=downloads.original_name(asset))
    try:
        file = default_storage.open(path)
    except FileNotFoundError as error:
        raise FileMissing(f"The original file of “{asset}” is missing from the storage.") from error
    except OSError as error:
        raise FileMissing(f"The file storage is not responding: {error}.") from error
    response = FileResponse(
        file,
        as_attachment=True,
        filename=downloads.original_name(asset),
        content_type=asset.mime,
        headers=SANDBOX_HEADERS,
    )
    response["Cache-Control"] = "private, no-cache"
    return response


@require_safe
@token_or_session
def download(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Render the asset as a download: `?format=jpeg&side=1600`."""
    asset = get_object_or_404(permissions.downloadable(request.user, with_trash=True), pk=pk)
    downloads.require_download(request.user, asset)
    side = request.GET.get("side", "")
    if side and not (side.isdecimal() and len(side) < 9):
        raise InvalidAsset("side must be a number of pixels.")
    return as_download(
        downloads.render_download(
            asset=asset,
            fmt=request.GET.get("format", "jpeg"),
            side=int(side) if side else None,
            location=permissions.keeps_location(asset),
            by=request.user,
        )
    )


def as_download(download: downloads.Download) -> HttpResponse:
    """Return the response that sends a rendered download as an attachment."""
    response = HttpResponse(download.data, content_type=download.mime, headers=SANDBOX_HEADERS)
    response["Content-Disposition"] = content_disposition_header(True, download.filename) or ""
    response["Cache-Control"] = "private, no-cache"
    return response


@require_safe
@token_or_session
def rendition(request: HttpRequest, pk: int, name: str) -> HttpResponseBase:
    """Send a rendition; browsers cache it for ever."""
    if name not in images.SHOWN:
        raise Http404(f"There is no rendition {name}.")
    asset = get_object_or_404(permissions.assets_and_trash(request.user), pk=pk)
    return _send_rendition(request, asset, name)


def _send_rendition(request: HttpRequest, asset: Asset, name: str) -> HttpResponseBase:
    etag = f'"{asset.rendition_version}-{name}"'
    if _storage_is_local() and (unchanged := get_conditional_response(request, etag=etag)):
        return _cache_forever(unchanged, etag)
    file = open_rendition(asset=asset, name=name)  # renders it again if the storage has lost it
    if not _storage_is_local():
        file.close()
        return _redirect_to_storage(asset.rendition_path(name))
    return _cache_forever(
        FileResponse(file, content_type="image/webp", headers=SANDBOX_HEADERS), etag
    )


def _cache_forever(response: HttpResponseBase, etag: str) -> HttpResponseBase:
    """Let browsers cache the response for ever: its address changes with its bytes."""
    response["Cache-Control"] = "private, max-age=31536000, immutable"
    response["ETag"] = etag
    return response


def _storage_is_local() -> bool:
    return isinstance(default_storage, FileSystemStorage)


def _redirect_to_storage(path: str, *, download_as: str = "") -> HttpResponseBase:
    """Redirect to a signed, short-lived address of the storage, which must not be cached."""
    backend = settings.STORAGES["default"]["BACKEND"].split(".")[-2]
    options: dict[str, Any] = {}
    if download_as and backend in DISPOSITIONS:
        header = content_disposition_header(True, download_as)
        options["parameters"] = {DISPOSITIONS[backend]: header}
    try:
        response = HttpResponseRedirect(default_storage.url(path, **options))
    except Exception as error:  # each storage backend raises its own
        raise FileMissing(f"The file storage is not responding: {error}.") from error
    response["Cache-Control"] = "private, no-store"
    return response

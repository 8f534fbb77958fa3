"""The bytes of an asset, for those who may see it: nothing in the storage has an open address."""

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
from assetbank.assets import downloads, open_rendition
from assetbank.errors import FileMissing, InvalidAsset
from assetbank.media import images

# How each storage backend is told under which name a browser saves what a signed address gives
DISPOSITIONS = {
    "s3": "ResponseContentDisposition",
    "gcloud": "response_disposition",
    "azure_storage": "content_disposition",
}
View = Callable[..., HttpResponseBase]
# What came in from outside is shown by nobody's browser as anything but a picture
CAGE = {
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
}


def token_or_session(view: View) -> View:
    """Pages and programs fetch the same addresses: a cookie or `Authorization: Token …` does."""

    @wraps(view)
    def asked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            # None for other schemes: a proxy's Basic is no business of ours
            known = TokenAuthentication().authenticate(request)  # type: ignore[arg-type]
        except AuthenticationFailed as error:
            headers = {"WWW-Authenticate": "Token"}
            sentence = str(error.detail)
            return HttpResponse(sentence, status=401, headers=headers, content_type="text/plain")
        if known:
            request.user = known[0]
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        return view(request, *args, **kwargs)

    return asked


@require_safe
@token_or_session
def original(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The bytes that came in, as a download under the name they came with."""
    asset = get_object_or_404(permissions.assets(request.user).select_related("brand"), pk=pk)
    downloads.require_download(request.user, asset)
    if not _local():
        return _signed(asset.path, download_as=downloads.original_name(asset))
    try:
        file = asset.file.open("rb")
    except FileNotFoundError as error:
        raise FileMissing(f"The original file of “{asset}” is gone from the storage.") from error
    except OSError as error:
        raise FileMissing(f"The file storage does not answer: {error}.") from error
    response = FileResponse(
        file,
        as_attachment=True,
        filename=downloads.original_name(asset),
        content_type=asset.mime,
        headers=CAGE,
    )
    response["Cache-Control"] = "private, no-cache"
    return response


@require_safe
@token_or_session
def download(request: HttpRequest, pk: int) -> HttpResponseBase:
    """`?format=jpeg&side=1600`: drawn for this request."""
    asset = get_object_or_404(permissions.assets(request.user).select_related("brand"), pk=pk)
    downloads.require_download(request.user, asset)
    side = request.GET.get("side", "")
    if side and not (side.isdecimal() and len(side) < 9):
        raise InvalidAsset("side is a number of pixels.")
    return as_download(
        downloads.render_download(
            asset=asset, fmt=request.GET.get("format", "jpeg"), side=int(side) if side else None
        )
    )


def as_download(drawn: downloads.Download) -> HttpResponse:
    response = HttpResponse(drawn.data, content_type=drawn.mime, headers=CAGE)
    response["Content-Disposition"] = content_disposition_header(True, drawn.filename) or ""
    response["Cache-Control"] = "private, no-cache"
    return response


@require_safe
@token_or_session
def rendition(request: HttpRequest, pk: int, name: str) -> HttpResponseBase:
    if name not in images.RENDITIONS:
        raise Http404(f"There is no rendition {name}.")
    asset = get_object_or_404(permissions.assets(request.user), pk=pk)
    etag = f'"{asset.rendition_version}-{name}"'
    if _local() and (unchanged := get_conditional_response(request, etag=etag)):
        return _for_good(unchanged, etag)
    file = open_rendition(asset=asset, name=name)  # drawn again if the storage lost it
    if not _local():
        file.close()
        return _signed(asset.rendition_path(name))
    return _for_good(FileResponse(file, content_type="image/webp", headers=CAGE), etag)


def _for_good(response: HttpResponseBase, etag: str) -> HttpResponseBase:
    """The address carries the checksum: other bytes have another address."""
    response["Cache-Control"] = "private, max-age=31536000, immutable"
    response["ETag"] = etag
    return response


def _local() -> bool:
    return isinstance(default_storage, FileSystemStorage)


def _signed(path: str, *, download_as: str = "") -> HttpResponseBase:
    """A short-lived address at the storage itself, which must not be kept."""
    backend = settings.STORAGES["default"]["BACKEND"].split(".")[-2]
    options: dict[str, Any] = {}
    if download_as and backend in DISPOSITIONS:
        header = content_disposition_header(True, download_as)
        options["parameters"] = {DISPOSITIONS[backend]: header}
    try:
        response = HttpResponseRedirect(default_storage.url(path, **options))
    except Exception as error:  # each storage backend raises its own
        raise FileMissing(f"The file storage does not answer: {error}.") from error
    response["Cache-Control"] = "private, no-store"
    return response

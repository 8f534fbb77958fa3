"""Uploads: files are ingested one by one, and an invalid file does not stop the others."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.files.uploadedfile import UploadedFile
from django.forms import Form
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.views.decorators.http import require_http_methods

from assetbank import permissions
from assetbank.assets import IngestResult, ingest_asset
from assetbank.errors import AssetInTrash, NotAllowed, ProblemError
from assetbank.forms import CustomValuesForm, UploadForm
from assetbank.http import PageRequest, problems
from assetbank.models import Asset

MAX_NAMED = 5  # maximum number of duplicates that a message names
NOT_IN_SEARCH = (Asset.Status.ARCHIVED, Asset.Status.QUARANTINED)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def upload(request: PageRequest) -> HttpResponse:
    """Ingest posted files: one from a script, which gets JSON, or several from a plain form.

    The JSON is `{"outcome": "stored" | "duplicate", "title", "url", "card"}`, with `"aside":
    "archived" | "quarantined"` for a duplicate that searches do not show, `"version": number` if it
    is an earlier version of that asset, `"added": sentence` if it was added to a collection, and
    `"also_in": [names]` if other brands of the user have the same bytes; or a problem with the
    status of its error. A plain form is redirected to the library.
    """
    if not permissions.brands(request.user, *permissions.EDITORS).exists():
        error = NotAllowed(
            "You have view access to the library only. Ask a manager of a brand for the "
            "creator role."
        )
        return _problem(request, error) if _wants_json(request) else _raise(error)
    if request.method != "POST":
        return render(request, "assetbank/upload.html", {"form": UploadForm(user=request.user)})
    form = UploadForm(request.POST, request.FILES, user=request.user)
    if not form.is_valid():
        return _invalid(request, form, form)
    custom = CustomValuesForm(request.POST, brand=form.cleaned_data["brand"])
    if not custom.is_valid():
        return _invalid(request, form, custom)
    form.cleaned_data["custom"] = custom.values()
    if _wants_json(request):
        return _upload_one(request, form)
    return _upload_several(request, form)


def _invalid(request: PageRequest, form: UploadForm, wrong: Form) -> HttpResponse:
    """Return the errors of `wrong`: the form of the upload, or that of its custom fields."""
    if _wants_json(request):
        errors = {name: [str(line) for line in lines] for name, lines in wrong.errors.items()}
        sentence = " ".join(line for lines in errors.values() for line in lines)
        return JsonResponse(problems.problem("invalid", sentence, errors), status=400)
    context = {"form": form, "custom_form": None if wrong is form else wrong}
    return render(request, "assetbank/upload.html", context, status=400)


def _upload_one(request: PageRequest, form: UploadForm) -> HttpResponse:
    try:
        result = _ingest(request, form, form.cleaned_data["file"][0])
    except ProblemError as error:
        return _problem(request, error)
    answer: dict[str, Any] = {
        "outcome": "stored" if result.created else "duplicate",
        "title": result.asset.display_title,
        "url": result.asset.get_absolute_url(),
        # `search` renders cards; this app knows only the address
        "card": reverse("asset-card", args=[result.asset.pk]),
    }
    if not result.created and result.asset.status in NOT_IN_SEARCH:
        answer["aside"] = result.asset.status
    if result.added.collection:
        answer["added"] = f"Added to the collection “{result.added.collection}”"
    if result.version:
        answer["version"] = result.version
    if copies := permissions.copies_in_other_brands(request.user, result.asset):
        answer["also_in"] = [other.brand.name for other in copies]
    return JsonResponse(answer, status=201 if result.created else 200)


def _upload_several(request: PageRequest, form: UploadForm) -> HttpResponse:
    created, duplicates = 0, []
    for file in form.cleaned_data["file"]:
        try:
            result = _ingest(request, form, file)
        except NotAllowed:
            raise
        except ProblemError as error:
            messages.error(request, _refusal(request, file.name, error))
        else:
            created += result.created
            duplicates += [] if result.created else [result]
    if created:
        messages.success(request, f"{created} {'asset' if created == 1 else 'assets'} added.")
    if duplicates:
        links = format_html_join(
            ", ",
            '<a href="{}">{}</a>{}',
            (
                (
                    result.asset.get_absolute_url(),
                    result.asset,
                    f", {result.asset.status}" * (result.asset.status in NOT_IN_SEARCH)
                    + ", now in the collection" * bool(result.added.collection),
                )
                for result in duplicates[:MAX_NAMED]
            ),
        )
        more = f" and {len(duplicates) - MAX_NAMED} more" if len(duplicates) > MAX_NAMED else ""
        messages.info(request, format_html("Already in the library: {}{}.", links, more))
    return redirect("library")


def _ingest(request: PageRequest, form: UploadForm, file: UploadedFile[bytes]) -> IngestResult:
    data = form.cleaned_data
    permissions.require_editor(request.user, data["brand"])
    return ingest_asset(
        brand=data["brand"],
        file=file,
        filename=file.name or "",
        by=request.user,
        collection=data["collection"],
        complete=True,
        custom=data["custom"],
        **form.details(),
    )


def _wants_json(request: PageRequest) -> bool:
    return request.headers.get("Accept", "").startswith("application/json")


def _refusal(request: PageRequest, name: str | None, error: ProblemError) -> str:
    """Return the sentence for a refused file; for one in the trash, with a link to restore it."""
    if not _may_restore(request, error):
        return f"{name}: {error.message}"
    link = format_html('<a href="{}">Restore it</a>', error.extra["page"])
    return format_html("{}: {} {}", name, error.message, link)


def _problem(request: PageRequest, error: ProblemError) -> JsonResponse:
    """Return the problem as JSON, with `"may_restore": true` if the file is in the trash and the
    user may restore it."""
    body: dict[str, Any] = {**problems.problem(error.code, error.message), **error.extra}
    if _may_restore(request, error):
        body["may_restore"] = True
    return JsonResponse(body, status=error.status)


def _may_restore(request: PageRequest, error: ProblemError) -> bool:
    if not isinstance(error, AssetInTrash):
        return False
    return permissions.trash(request.user).filter(pk=error.extra["asset"]).exists()


def _raise(error: ProblemError) -> HttpResponse:
    raise error

"""Pictures come in one by one: a bad file never stops the rest."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.views.decorators.http import require_http_methods

from assetbank import permissions
from assetbank.assets import IngestResult, ingest_asset
from assetbank.errors import NotAllowed, ProblemError
from assetbank.forms import UploadForm
from assetbank.http import PageRequest, problems
from assetbank.models import Asset

MAX_NAMED = 5  # duplicates, in a message
ASIDE = (Asset.Status.ARCHIVED, Asset.Status.QUARANTINED)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def upload(request: PageRequest) -> HttpResponse:
    """A script posts one file and reads JSON; a plain form posts several and goes to the library.

    JSON: `{"outcome": "stored" | "duplicate", "title", "url", "card"}`, with `"aside": "archived" |
    "quarantined"` for a duplicate that no search shows, and `"also_in": [names]` where other brands
    of this person have the same bytes; or a problem document with the status of its error.
    """
    if not permissions.brands(request.user, *permissions.EDITORS).exists():
        error = NotAllowed("You may look at the library, but not add to it.")
        return _problem(error) if _wants_json(request) else _raise(error)
    if request.method != "POST":
        return render(request, "assetbank/upload.html", {"form": UploadForm(person=request.user)})
    form = UploadForm(request.POST, request.FILES, person=request.user)
    if not form.is_valid():
        if _wants_json(request):
            errors = {name: [str(line) for line in lines] for name, lines in form.errors.items()}
            sentence = " ".join(line for lines in errors.values() for line in lines)
            return JsonResponse(problems.problem("invalid", sentence, errors), status=400)
        return render(request, "assetbank/upload.html", {"form": form}, status=400)
    if _wants_json(request):
        return _one(request, form)
    return _several(request, form)


def _one(request: PageRequest, form: UploadForm) -> HttpResponse:
    try:
        stored = _store(request, form, form.cleaned_data["file"][0])
    except ProblemError as error:
        return _problem(error)
    answer: dict[str, Any] = {
        "outcome": "stored" if stored.created else "duplicate",
        "title": stored.asset.title,
        "url": stored.asset.get_absolute_url(),
        # search draws cards; its address is all that this app knows of it
        "card": reverse("asset-card", args=[stored.asset.pk]),
    }
    if not stored.created and stored.asset.status in ASIDE:
        answer["aside"] = stored.asset.status
    if others := permissions.copies_in_other_brands(request.user, stored.asset):
        answer["also_in"] = [other.brand.name for other in others]
    return JsonResponse(answer, status=201 if stored.created else 200)


def _several(request: PageRequest, form: UploadForm) -> HttpResponse:
    new, known = 0, []
    for file in form.cleaned_data["file"]:
        try:
            stored = _store(request, form, file)
        except NotAllowed:
            raise
        except ProblemError as error:
            messages.error(request, f"{file.name}: {error.message}")
        else:
            new += stored.created
            known += [] if stored.created else [stored.asset]
    if new:
        messages.success(request, f"{new} new {'picture' if new == 1 else 'pictures'}.")
    if known:
        named = format_html_join(
            ", ",
            '<a href="{}">{}</a>{}',
            (
                (asset.get_absolute_url(), asset, f", {asset.status}" * (asset.status in ASIDE))
                for asset in known[:MAX_NAMED]
            ),
        )
        more = f" and {len(known) - MAX_NAMED} more" if len(known) > MAX_NAMED else ""
        messages.info(request, format_html("Already here: {}{}.", named, more))
    return redirect("library")


def _store(request: PageRequest, form: UploadForm, file: UploadedFile[bytes]) -> IngestResult:
    data = form.cleaned_data
    permissions.require_editor(request.user, data["brand"])
    return ingest_asset(
        brand=data["brand"],
        file=file,
        filename=file.name or "",
        by=request.user,
        collection=data["collection"],
    )


def _wants_json(request: PageRequest) -> bool:
    return request.headers.get("Accept", "").startswith("application/json")


def _problem(error: ProblemError) -> JsonResponse:
    return JsonResponse(problems.problem(error.code, error.message), status=error.status)


def _raise(error: ProblemError) -> HttpResponse:
    raise error

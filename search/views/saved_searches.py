"""Saved searches, listed next to the collections, and clicks on results for the search gaps."""

from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from assetbank import permissions
from assetbank.errors import ProblemError
from assetbank.http import PageRequest
from assetbank.models import Brand
from search.errors import InvalidQuery
from search.insights import gaps
from search.models import SavedSearch
from search.query import read_query
from search.saved import searches, stored_query
from search.saved import updates as matches


class SaveForm(forms.Form):
    """Form to save a search; users who may edit only one brand can omit `brand`."""

    name = forms.CharField(max_length=searches.MAX_NAME_LENGTH)
    brand = forms.ModelChoiceField(
        Brand.objects.none(), required=False, to_field_name="slug", empty_label=None
    )
    question = forms.CharField(widget=forms.HiddenInput, max_length=10_000)

    def __init__(self, *args: Any, person: permissions.AnyUser, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.creates_in = list(permissions.brands(person, *permissions.EDITORS))
        # All visible brands: one that the user may not edit is refused with a sentence
        self.fields["brand"].queryset = permissions.brands(person)  # type: ignore[attr-defined]

    def clean_brand(self) -> Brand:
        brand: Brand | None = self.cleaned_data["brand"]
        if brand is None and len(self.creates_in) == 1:
            brand = self.creates_in[0]
        if brand is None:
            raise forms.ValidationError("Choose a brand.")
        return brand


@login_required
@require_safe
def saved_searches(request: PageRequest) -> HttpResponse:
    """List the saved searches below the collections, or without scripts as a page."""
    rows = matches.saved_search_updates(request.user)
    context = {
        "rows": rows,
        "problem": next((row.problem for row in rows if row.down), ""),
        "manages": permissions.brands(request.user, *permissions.MANAGERS).exists(),
    }
    template = "search/_saved.html" if request.htmx else "search/saved.html"
    response = render(request, template, context)
    response["Vary"], response["Cache-Control"] = "HX-Request, Cookie", "private, no-store"
    return response


@login_required
@require_safe
def news(request: PageRequest) -> HttpResponse:
    """Render the dot next to "Collections", fetched after the page."""
    response = render(
        request, "search/_saved_news.html", {"news": matches.has_updates(request.user)}
    )
    response["Cache-Control"] = "private, no-store"
    return response


@login_required
@require_safe
def saved_search(request: PageRequest, pk: int) -> HttpResponse:
    """Redirect to the library page with the saved query, and record the visit."""
    saved = _saved(request, pk)
    try:
        stored_query.query_of(saved, request.user)
    except InvalidQuery as error:
        context = {
            "saved": saved,
            "problem": error,
            "changes": searches.may_change(request.user, saved),
        }
        return render(request, "search/saved_broken.html", context, status=error.status)
    searches.record_visit(saved=saved, person=request.user)
    return HttpResponseRedirect(_library(saved))


@login_required
@require_POST
def save(request: PageRequest) -> HttpResponse:
    """Save the query string `question` under `name` for `brand`."""
    form = SaveForm(request.POST, person=request.user)
    if form.is_valid():
        brand = form.cleaned_data["brand"]
        permissions.require_editor(request.user, brand)
        try:
            question = read_query(form.cleaned_data["question"], person=request.user)
            saved = searches.save_search(
                brand=brand, name=form.cleaned_data["name"], question=question, by=request.user
            )
        except InvalidQuery as error:
            form.add_error(None, error.message)
        else:
            messages.success(
                request, f"Saved for all members of {brand}. It updates itself as new assets match."
            )
            return HttpResponseRedirect(_library(saved))
    return render(request, "search/saved_form.html", {"form": form}, status=400)


@login_required
@require_POST
def rename(request: PageRequest, pk: int) -> HttpResponse:
    """Rename a saved search."""
    saved = _changeable(request, pk)
    try:
        searches.change_search(saved=saved, name=request.POST.get("name", ""))
    except ProblemError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, f"Renamed to “{saved}”.")
    return HttpResponseRedirect(_library(saved))


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: PageRequest, pk: int) -> HttpResponse:
    """Delete a saved search after a confirmation."""
    saved = _changeable(request, pk)
    if request.method != "POST":
        return render(request, "search/saved_delete.html", {"saved": saved})
    address = _library(saved)
    searches.delete_search(saved=saved)
    try:
        read_query(saved.question, person=request.user)
    except InvalidQuery:
        messages.success(request, f"“{saved}” is deleted; its assets are kept.")
        return redirect("collections")
    # The query stays open, so that a deletion by mistake needs only another save
    messages.success(
        request, f"“{saved}” is deleted. Its search is still open, so that you can save it again."
    )
    return HttpResponseRedirect(address)


@login_required
@require_POST
def click(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    """Count a click on a result; sent in the background."""
    gaps.record_click(log=pk, person=request.user)
    return HttpResponse(status=204)


def _saved(request: PageRequest, pk: int) -> SavedSearch:
    """Return the saved search with this id; raise Http404 if the user may not see it."""
    return get_object_or_404(searches.saved_searches(request.user), pk=pk)


def _changeable(request: PageRequest, pk: int) -> SavedSearch:
    """Return the saved search. Raises NotAllowed if the user may not change it."""
    saved = _saved(request, pk)
    searches.require_change(request.user, saved)
    return saved


def _library(saved: SavedSearch) -> str:
    """Return the address of the library page with the saved query."""
    return f"{reverse('library')}?{stored_query.querystring_of(saved)}"

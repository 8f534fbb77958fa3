"""Search gaps and the shoot list: images that users search for and the library lacks."""

from __future__ import annotations

import csv
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe

from assetbank import permissions
from assetbank.errors import NotAllowed
from assetbank.http import PageRequest
from assetbank.models import Brand
from search.errors import InvalidQuery
from search.insights import gaps, shoot_list
from search.models import ShootListItem

P = ParamSpec("P")
View = Callable[Concatenate[PageRequest, P], HttpResponse]
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # first characters of a formula
DONE_SHOWN = 20  # completed items in the list


class BoardForm(forms.Form):
    days = forms.TypedChoiceField(
        choices=[(days, f"{days} days") for days in gaps.PERIODS],
        coerce=int,
        required=False,
    )
    kind = forms.TypedChoiceField(
        choices=[
            (gaps.Kind.ALL, "All questions"),
            (gaps.Kind.NOTHING, "Nothing found"),
            (gaps.Kind.UNCLICKED, "No click"),
        ],
        coerce=gaps.Kind,
        required=False,
    )
    page = forms.IntegerField(required=False, min_value=1, max_value=100_000)


class ShootForm(forms.Form):
    words = forms.CharField(max_length=1_000)
    brand = forms.ModelChoiceField(Brand.objects.all(), required=False, to_field_name="slug")
    note = forms.CharField(max_length=2_000, required=False)


def for_staff(view: View[P]) -> View[P]:
    """Restrict a view to staff. Raises NotAllowed for other users."""

    @login_required
    @wraps(view)
    def checked(request: PageRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if not permissions.has_full_access(request.user):
            raise NotAllowed("The search-gap board is for staff: it shows what everybody asked.")
        return view(request, *args, **kwargs)

    return checked  # type: ignore[return-value]


@for_staff
@require_safe
def board(request: PageRequest) -> HttpResponse:
    """Show one page of search gaps, and the shoot list."""
    form = BoardForm(request.GET)
    options: dict[str, Any] = {"days": gaps.PERIODS[0], "kind": gaps.Kind.ALL, "page": 1}
    if form.is_valid():
        options |= {name: value for name, value in form.cleaned_data.items() if value}
    items = ShootListItem.objects.select_related("brand", "created_by")
    found = gaps.search_gaps(**options)
    context = {
        "form": form,
        "board": found,
        "days": options["days"],
        "kind": options["kind"],
        "items": [*items.filter(done=False), *items.filter(done=True)[:DONE_SHOWN]],
        "brands": list(Brand.objects.order_by("name")),
        "earlier": _page(request, options["page"] - 1),
        "later": _page(request, options["page"] + 1)
        if options["page"] * gaps.PER_PAGE < found.total
        else "",
    }
    status = 200 if form.is_valid() else 400
    return render(request, "search/gaps.html", context, status=status)


def _page(request: PageRequest, number: int) -> str:
    """Return the query string of a page; "" before the first."""
    if number < 1:
        return ""
    query = request.GET.copy()
    query["page"] = str(number)
    return f"?{query.urlencode()}"


@for_staff
@require_POST
def add(request: PageRequest) -> HttpResponse:
    """Add an item from `words`, `brand` and `note`."""
    form = ShootForm(request.POST)
    try:
        if not form.is_valid():
            raise InvalidQuery(" ".join(str(said[0]) for said in form.errors.values()))
        item = shoot_list.add_item(by=request.user, **form.cleaned_data)
    except InvalidQuery as error:
        messages.error(request, error.message)
    else:
        messages.success(request, f"“{item}” is on the shoot list.")
    return _back(request)


@for_staff
@require_POST
def change(request: PageRequest, pk: int) -> HttpResponse:
    """Set `done` (1 or 0) of an item, or `delete` it."""
    item = get_object_or_404(ShootListItem, pk=pk)
    if "delete" in request.POST:
        shoot_list.delete_item(item=item)
        messages.success(request, f"“{item}” is off the shoot list.")
    else:
        shoot_list.set_done(item=item, done=request.POST.get("done") == "1")
    return _back(request)


def _back(request: PageRequest) -> HttpResponse:
    """Redirect to the page that the user came from, if it is on this site."""
    after = request.POST.get("next", "")
    here = url_has_allowed_host_and_scheme(
        after, {request.get_host()}, require_https=request.is_secure()
    )
    return HttpResponseRedirect(after if here else f"{reverse('gaps')}#shoot-list")


@for_staff
@require_safe
def download(request: PageRequest) -> HttpResponse:
    """Return the shoot list as CSV."""
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    name = f"shoot-list-{timezone.localdate():%Y-%m-%d}.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response.write("\ufeff")  # otherwise Excel does not detect UTF-8
    rows = csv.writer(response)
    rows.writerow(["Words", "Brand", "Note", "Done", "Added by", "Added on"])
    for item in ShootListItem.objects.select_related("brand", "created_by"):
        by = item.created_by
        rows.writerow(
            _plain(text)
            for text in (
                item.words,
                item.brand.name if item.brand else "",
                item.note,
                "yes" if item.done else "no",
                (by.get_full_name() or by.username) if by else "",
                f"{timezone.localtime(item.created_at):%Y-%m-%d}",
            )
        )
    return response


def _plain(text: str) -> str:
    """Return the text with an apostrophe if a spreadsheet would run it as a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text

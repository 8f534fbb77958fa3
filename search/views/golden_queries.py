"""Pages about golden queries, which managers add and measure."""

from __future__ import annotations

import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Count, Prefetch, Q
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from assetbank import permissions
from assetbank.errors import NotAllowed, ProblemError
from assetbank.http import PageRequest
from assetbank.models import Asset, Brand
from assetbank.text import parse_id, parse_ids
from search.errors import InvalidQuery, SearchUnavailable
from search.evaluation import metrics
from search.indexing import spaces
from search.models import GoldenQuestion
from search.query import SearchHit, SearchQuery, read_query, search
from search.saved import golden as golden_module
from search.saved import stored_query

OFFERED = 24  # results from which the right ones are chosen
SHOWN = 5  # expected assets in the list; its template depends on it
# An address of an asset, or its id
ASSET_REFERENCE = re.compile(r"\S*/assets/(\d+)(?:[/?#]\S*)?|(\d+)")


@dataclass(frozen=True)
class Choice:
    """A result to choose from."""

    asset: Asset
    chosen: bool


@login_required
@require_safe
def golden_questions(request: PageRequest) -> HttpResponse:
    """Show the golden queries of the user's brands with their metrics."""
    manages = _managed_brands(request)
    seen = permissions.assets(request.user)
    questions = (
        _managed_queries(request)
        .annotate(size=Count("expected", filter=Q(expected__deleted_at=None)))
        .prefetch_related(Prefetch("expected", seen.order_by("pk")[:SHOWN], to_attr="shown"))
    )
    rows = list(questions)
    measured = [row.measured for row in rows if "ndcg" in row.measured]
    context = {
        "rows": rows,
        "manages": manages,
        "means": {
            name: statistics.fmean(row[name] for row in measured) if measured else None
            for name in ("ndcg", "recall", "mrr")
        },
        "measured": measured,
    }
    return render(request, "search/golden.html", context)


@login_required
@require_POST
def measure(request: PageRequest) -> HttpResponse:
    """Measure all golden queries that the user manages with the active encoder, now."""
    _managed_brands(request)
    try:
        result = metrics.measure_golden_queries(
            _managed_queries(request), space=spaces.active_space()
        )
    except SearchUnavailable as error:
        messages.error(request, error.message)
    else:
        messages.success(
            request,
            f"{result.questions} queries measured: nDCG@{result.k} {result.ndcg:.2f} on average.",
        )
    return redirect("golden-questions")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: PageRequest) -> HttpResponse:
    """Add the query in the address as a golden query of the brand `for`."""
    manages = _managed_brands(request)
    question = read_query(request.GET.urlencode(), person=request.user)
    fits = [b for b in manages if not question.filters.brands or b.slug in question.filters.brands]
    if not fits:
        raise NotAllowed("You do not manage the brand of this search.")
    brand = next((brand for brand in fits if brand.slug == request.GET.get("for")), fits[0])
    existing = (
        _managed_queries(request)
        .filter(brand=brand, question=stored_query.query_key(question))
        .first()
    )
    if existing:
        return redirect("golden-question", pk=existing.pk)
    problem = ""
    if request.method == "POST":
        try:
            golden_module.add_golden_query(
                brand=brand, question=question, expected=_chosen(request, brand), by=request.user
            )
        except InvalidQuery as error:
            problem = error.message
        else:
            messages.success(
                request,
                "Added to the relevance test set. A new encoder must do as well on it as the "
                "active one.",
            )
            return redirect("golden-questions")
    context = {
        "brand": brand,
        "brands": fits,
        "given": [each for each in request.GET.lists() if each[0] != "for"],
        "question": stored_query.query_key(question),
    }
    return _form(request, question, brand, context, problem)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def golden_question(request: PageRequest, pk: int) -> HttpResponse:
    """Change the expected assets of a golden query."""
    golden = _golden(request, pk)
    problem = ""
    if request.method == "POST":
        try:
            golden_module.set_expected(golden=golden, expected=_chosen(request, golden.brand))
        except InvalidQuery as error:
            problem = error.message
        else:
            messages.success(request, "Saved. Measure again to update its figures.")
            return redirect("golden-questions")
    context = {"golden": golden, "brand": golden.brand, "question": golden.question}
    expected = list(golden.expected.order_by("pk"))
    try:
        question = stored_query.query_of(golden, request.user)
    except InvalidQuery as error:
        context |= {"choices": [Choice(asset, True) for asset in expected], "unasked": error}
        return render(request, "search/golden_form.html", {**context, "problem": problem})
    return _form(request, question, golden.brand, context, problem, expected)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: PageRequest, pk: int) -> HttpResponse:
    """Delete a golden query after a confirmation."""
    golden = _golden(request, pk)
    if request.method != "POST":
        return render(request, "search/golden_delete.html", {"golden": golden})
    address = f"{reverse('golden-new')}?{stored_query.querystring_of(golden)}"
    golden_module.delete_golden_query(golden=golden)
    messages.success(request, "The test query is deleted; its assets are kept.")
    try:  # to the page where it can be added again
        read_query(golden.question, person=request.user)
    except InvalidQuery:
        return redirect("golden-questions")
    return HttpResponseRedirect(address)


def _form(
    request: PageRequest,
    question: SearchQuery,
    brand: Brand,
    context: dict[str, Any],
    problem: str,
    expected: Sequence[Asset] | None = None,
) -> HttpResponse:
    """Render the current results to choose from; at first, those that match are chosen."""
    found: list[SearchHit] = []
    unasked: ProblemError | None = None
    try:
        found = search(
            person=request.user, question=question.within(brand), limit=OFFERED, keep=False
        ).found
    except ProblemError as error:
        unasked = error
    if expected is None:
        choices = [Choice(each.asset, each.matches) for each in found]
    else:
        expected_ids = {asset.pk for asset in expected}
        choices = [Choice(asset, True) for asset in expected]
        choices += [
            Choice(each.asset, False) for each in found if each.asset.pk not in expected_ids
        ]
    if problem:  # keep the submitted choice
        ticked = request.POST.getlist("asset")
        choices = [Choice(each.asset, str(each.asset.pk) in ticked) for each in choices]
    context |= {"choices": choices, "unasked": unasked, "problem": problem}
    context["others"] = request.POST.get("others", "")
    status = 400 if problem else 200
    return render(request, "search/golden_form.html", context, status=status)


def _chosen(request: PageRequest, brand: Brand) -> list[Asset]:
    """Return the brand's assets that are ticked, or named in `others` by id or address.

    Raises InvalidQuery for an asset that the user may not see.
    """
    ids = set(parse_ids(request.POST.getlist("asset")))
    for text in re.findall(r"[^\s,;]+", request.POST.get("others", "")):
        named = ASSET_REFERENCE.fullmatch(text)
        pk = parse_id(named[1] or named[2]) if named else None
        if pk is None:
            raise InvalidQuery(f"“{text[:60]}” is neither the URL nor the ID of an asset.")
        ids.add(pk)
    assets = permissions.assets(request.user).filter(brand=brand).in_bulk(ids)
    if missing := sorted(ids - assets.keys()):
        raise InvalidQuery(f"{brand} has no asset with ID {', '.join(map(str, missing[:10]))}.")
    return list(assets.values())


def _managed_brands(request: PageRequest) -> list[Brand]:
    """Return the brands that the user manages. Raises NotAllowed if there are none."""
    brands = list(permissions.brands(request.user, *permissions.MANAGERS).order_by("name"))
    if not brands:
        raise NotAllowed("The relevance test set is for managers of a brand.")
    return brands


def _managed_queries(request: PageRequest) -> Any:
    """Return the golden queries of brands that the user manages."""
    managed = permissions.brands(request.user, *permissions.MANAGERS)
    return golden_module.golden_queries(request.user).filter(brand__in=managed)


def _golden(request: PageRequest, pk: int) -> GoldenQuestion:
    """Return the golden query with this id.

    Raises Http404 if the user may not see it, and NotAllowed.
    """
    golden: GoldenQuestion = get_object_or_404(golden_module.golden_queries(request.user), pk=pk)
    permissions.require_manager(request.user, golden.brand)
    return golden

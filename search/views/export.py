"""The assets of a search as CSV."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from django.views.decorators.http import require_safe

from assetbank import permissions
from assetbank.assets.metadata import csv, custom_fields
from assetbank.errors import NotAllowed
from assetbank.http import PageRequest
from assetbank.models import Asset, AssetQuerySet
from search.errors import InvalidQuery
from search.query import SearchForm, SearchQuery, facets, fulltext, rank_for_user
from search.query.filters import to_queryset

CHUNK = 500  # Assets that are read at a time


@login_required
@require_safe
def export_csv(request: PageRequest) -> StreamingHttpResponse:
    """Stream the assets that match the query of the address, of the brands in which the user edits,
    as CSV with all metadata; of a search by meaning, the matches among the first hits."""
    editable = permissions.brands(request.user, *permissions.EDITORS)
    if not editable.exists():
        raise NotAllowed("Only creators and managers of a brand export metadata.")
    form = SearchForm(request.GET, person=request.user)
    if not form.is_valid():
        raise InvalidQuery(str(next(iter(form.errors.values()))[0]))
    assets = matching_assets(request, form.question()).filter(brand__in=editable)
    brands = form.cleaned_data["brand"] or editable
    fields = [field for brand in brands for field in custom_fields.fields_of(brand)]
    rows = assets.with_tags().select_related("brand").iterator(chunk_size=CHUNK)
    response = StreamingHttpResponse(csv.export_rows(rows, fields), content_type="text/csv")
    response["Content-Disposition"] = 'attachment; filename="assets.csv"'
    return response


def matching_assets(request: PageRequest, question: SearchQuery) -> AssetQuerySet:
    """Return the assets that match a query, newest first."""
    assets = permissions.assets(request.user).order_by("-created_at", "-id")
    if question.browsing:
        found: QuerySet[Asset] = to_queryset(question.filters, assets)
        return fulltext.exclude_terms(question.terms, found)  # type: ignore[return-value]
    ranked = rank_for_user(person=request.user, question=question, depth=facets.DEPTH)
    return assets.filter(pk__in=[hit.id for hit in ranked.hits if hit.matches])

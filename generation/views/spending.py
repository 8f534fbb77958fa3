"""Spending of a month: a page, and the entries of the ledger as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from assetbank import permissions
from assetbank.http import PageRequest
from assetbank.models import Brand
from generation.billing import reports
from generation.views.querysets import require_creator_somewhere


@login_required
@require_safe
def report(request: PageRequest) -> HttpResponse:
    """Show the spending of a month: of the brands that the user manages, and of their own
    generations. Query string: `?month=2026-11&brand=<slug>`."""
    require_creator_somewhere(request)
    brand = _brand(request)
    month = reports.first_day(request.GET.get("month", ""))
    context = {
        "report": reports.report(request.user, month, brand),
        "months": sorted({*reports.months(request.user), month}, reverse=True),
        "brands": permissions.brands(request.user, *permissions.EDITORS),
        "brand": brand,
        "manages": permissions.brands(request.user, *permissions.MANAGERS).exists(),
    }
    return render(request, "generation/spending.html", context)


@login_required
@require_safe
def entries_csv(request: PageRequest) -> HttpResponseBase:
    """Return the ledger entries of a month that the user may view as CSV, oldest first."""
    require_creator_somewhere(request)
    month = reports.first_day(request.GET.get("month", ""))
    rows = reports.in_month(reports.entries(request.user, _brand(request)), month)
    name = f"spending-{month:%Y-%m}.csv"
    return StreamingHttpResponse(
        _csv(reports.table(rows)),
        content_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "private, no-store",
        },
    )


def _csv(rows: Iterator[list[str]]) -> Iterator[str]:
    yield "\ufeff"  # byte order mark: without it Excel does not read UTF-8
    for row in rows:
        line = io.StringIO()
        csv.writer(line).writerow(row)
        yield line.getvalue()


def _brand(request: PageRequest) -> Brand | None:
    slug = request.GET.get("brand", "").replace("\0", "")
    visible = permissions.brands(request.user, *permissions.EDITORS)
    return get_object_or_404(visible, slug=slug) if slug else None

"""Comparison of two assets, side by side or with a slider: an output with a sibling, or with one of
its references."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from assetbank import permissions
from assetbank.http import PageRequest
from assetbank.models import Asset
from assetbank.text import parse_id
from generation.models import Generation, Output
from generation.review import verdicts
from generation.views.querysets import generation_details

MODES = ("side", "slider")


@dataclass(frozen=True)
class Side:
    """One of the two compared assets: `output` is the output that it is, None unless the user may
    view the generation that made it."""

    name: str
    asset: Asset
    output: Output | None


@dataclass(frozen=True)
class Neighbours:
    """Siblings before and after the first asset, for stepping through them; `place` is its position
    among its siblings, from 1, and their number."""

    earlier: Asset | None = None
    later: Asset | None = None
    place: tuple[int, int] | None = None


@dataclass(frozen=True)
class Comparison:
    """The two assets on the page, and how it shows them: `mode` is one of MODES."""

    first: Asset
    second: Asset | None
    mode: str

    def address(self, **changes: Any) -> str:
        """Return the query string of this comparison with some fields changed."""
        changed = replace(self, **changes)
        second = changed.second.pk if changed.second else None
        params = {"a": changed.first.pk, "b": second, "way": changed.mode}
        return f"?{urlencode({name: value for name, value in params.items() if value})}"


@login_required
@require_safe
def compare(request: PageRequest) -> HttpResponse:
    """Compare the assets `a` and `b`; without `b`, compare with the first reference of `a`, or with
    its first sibling. `way` is one of MODES."""
    first = _asset(request, "a")
    if first is None:
        raise Http404
    generations = _sibling_generations(request, first)
    siblings = [output for each in generations for output in each.outputs.all() if output.asset]
    own = next((each for each in generations if _output_of(first, each.outputs.all())), None)
    references = [row for row in own.reference_rows.all() if row.asset] if own else []
    others = [row.asset for row in references] + [output.asset for output in siblings]
    second = _asset(request, "b") or next((each for each in others if each != first), None)
    mode = request.GET.get("way", "")
    comparison = Comparison(first, second, mode if mode in MODES else MODES[0])
    context = {
        **_comparison_context(comparison, siblings),
        "references": [
            (row, comparison.address(second=row.asset), row.asset == second) for row in references
        ],
        "generation": own,
        "may_create": own is not None and permissions.can_edit(request.user, own.brand),
        "reasons": verdicts.REASONS,
        "next": request.get_full_path(),
    }
    return render(request, "generation/compare.html", context)


def _comparison_context(comparison: Comparison, siblings: Sequence[Output]) -> dict[str, Any]:
    """Return the template context of a comparison: its two sides, and the links to the other mode,
    to neighbours and to siblings."""
    first, second, address = comparison.first, comparison.second, comparison.address
    neighbours = _neighbours(first, second, siblings)
    return {
        "sides": [
            Side(name, asset, _output_of(asset, siblings))
            for name, asset in (("a", first), ("b", second))
            if asset
        ],
        "way": comparison.mode,
        "ways": [(mode, address(mode=mode), mode == comparison.mode) for mode in MODES],
        "earlier": address(first=neighbours.earlier) if neighbours.earlier else "",
        "later": address(first=neighbours.later) if neighbours.later else "",
        "place": neighbours.place,
        "swapped": address(first=second, second=first) if second else "",
        "outputs": [
            (output, address(second=output.asset), output.asset == second)
            for output in siblings
            if output.asset != first
        ],
    }


def _neighbours(first: Asset, second: Asset | None, siblings: Sequence[Output]) -> Neighbours:
    # the second asset is skipped: it would be compared with itself
    row = [each.asset for each in siblings if each.asset != second or second == first]
    if first not in row or len(row) == 1:
        return Neighbours()
    position = row.index(first)
    earlier, later = row[position - 1] if position else None, row[position + 1 : position + 2]
    return Neighbours(earlier, later[0] if later else None, (position + 1, len(row)))


def _asset(request: PageRequest, name: str) -> Asset | None:
    if not (given := request.GET.get(name, "")):
        return None
    visible = permissions.assets(request.user).select_related("brand")
    return get_object_or_404(visible, pk=parse_id(given))


def _sibling_generations(request: PageRequest, asset: Asset) -> list[Generation]:
    """Return the generations whose outputs are siblings of an asset: those of the batch that made
    it, or the generation that made it alone."""
    output = (
        Output.objects.filter(asset=asset, generation__brand__in=permissions.brands(request.user))
        .defer("data")
        .select_related("generation")
        .order_by("-pk")
        .first()
    )
    if output is None:
        return []
    batch = output.generation.batch_id
    rows = generation_details(request).order_by("pk")
    return list(rows.filter(batch=batch) if batch else rows.filter(pk=output.generation_id))


def _output_of(asset: Asset, outputs: Iterable[Output]) -> Output | None:
    return next((output for output in outputs if output.asset == asset), None)

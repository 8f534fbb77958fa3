"""Two pictures side by side, or one over the other: an output with another, or with what it was
made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
from generation.views.querysets import followed

WAYS = ("side", "slider")


@dataclass(frozen=True)
class Side:
    """`output` is None where the picture did not come from a generation that one may see."""

    name: str
    asset: Asset
    output: Output | None


@dataclass(frozen=True)
class Walk:
    """The pictures before and after the first one, and its place among how many."""

    earlier: Asset | None = None
    later: Asset | None = None
    place: tuple[int, int] | None = None


@login_required
@require_safe
def compare(request: PageRequest) -> HttpResponse:
    """`a` and `b` are assets; without `b`, what `a` was made from, or the next one beside it.
    `way`: side or slider."""
    first = _asset(request, "a")
    if first is None:
        raise Http404
    beside = _beside(request, first)
    siblings = [output for each in beside for output in each.outputs.all() if output.asset]
    own = next((each for each in beside if _of(first, each.outputs.all())), None)
    used = [row for row in own.reference_rows.all() if row.asset] if own else []
    others = [row.asset for row in used] + [output.asset for output in siblings]
    second = _asset(request, "b") or next((each for each in others if each != first), None)
    way = request.GET.get("way", "")
    way = way if way in WAYS else WAYS[0]

    def address(a: Asset | None, b: Asset | None = second, shown: str = way) -> str:
        asked = {"a": a and a.pk, "b": b and b.pk, "way": shown}
        return f"?{urlencode({name: value for name, value in asked.items() if value})}"

    sides = [Side("a", first, _of(first, siblings))]
    if second:
        sides.append(Side("b", second, _of(second, siblings)))
    walk = _walk(first, second, siblings)
    context = {
        "sides": sides,
        "way": way,
        "ways": [(each, address(first, shown=each), each == way) for each in WAYS],
        "earlier": address(walk.earlier) if walk.earlier else "",
        "later": address(walk.later) if walk.later else "",
        "place": walk.place,
        "swapped": address(second, first) if second else "",
        "references": [(row, address(first, row.asset), row.asset == second) for row in used],
        "outputs": [
            (output, address(first, output.asset), output.asset == second)
            for output in siblings
            if output.asset != first
        ],
        "generation": own,
        "may_create": own is not None and permissions.can_edit(request.user, own.brand),
        "reasons": verdicts.REASONS,
        "next": request.get_full_path(),
    }
    return render(request, "generation/compare.html", context)


def _walk(first: Asset, second: Asset | None, siblings: Sequence[Output]) -> Walk:
    # the other one is passed over: it would be compared with itself
    row = [each.asset for each in siblings if each.asset != second or second == first]
    if first not in row or len(row) == 1:
        return Walk()
    here = row.index(first)
    earlier, later = row[here - 1] if here else None, row[here + 1 : here + 2]
    return Walk(earlier, later[0] if later else None, (here + 1, len(row)))


def _asset(request: PageRequest, name: str) -> Asset | None:
    if not (given := request.GET.get(name, "")):
        return None
    seen = permissions.assets(request.user).select_related("brand")
    return get_object_or_404(seen, pk=parse_id(given))


def _beside(request: PageRequest, asset: Asset) -> list[Generation]:
    """The batch that the picture came in, or its generation alone."""
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
    rows = followed(request).order_by("pk")
    return list(rows.filter(batch=batch) if batch else rows.filter(pk=output.generation_id))


def _of(asset: Asset, outputs: object) -> Output | None:
    return next((output for output in outputs if output.asset == asset), None)  # type: ignore[attr-defined]

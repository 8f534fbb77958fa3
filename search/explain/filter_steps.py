"""The filters of a question, each by itself, in Postgres and in Milvus; with the value that
decides."""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef

from assetbank import permissions
from assetbank.media import colours
from assetbank.models import Asset, Brand, Collection
from assetbank.rights import terms
from search.errors import SearchUnavailable
from search.explain.context import ExplainContext
from search.explain.types import Detail, Repair, State, Step, step
from search.query import PARAMETERS, RATIO_TOLERANCE, Filters
from search.query.filters import to_milvus, to_queryset
from search.vectorstore import VectorStoreUnavailable

ANY_STATUS = tuple(Asset.Status.values)


def filters(case: ExplainContext) -> Step:
    """Each filter by itself, in Postgres and in Milvus."""
    asked = case.question.filters
    given = asked.given()
    active = [name for name, field in PARAMETERS.items() if field in given or name == "status"]
    passes = _in_postgres(case, active)
    in_milvus, silent = _in_milvus(case, active)
    details, wrong, disagree = [], [], []
    for name in active:
        said = _said(name, asked, case.asset, passes=passes[name])
        if not passes[name]:
            wrong.append(name)
        if name in in_milvus and in_milvus[name] != passes[name]:
            disagree.append(name)
            said += "; Milvus lets it pass" if in_milvus[name] else "; Milvus keeps it out"
        bad = name in wrong or name in disagree
        details.append(Detail(name, said, State.BAD if bad else State.GOOD))
    if silent:
        details.append(Detail("Milvus", silent))
    repairs = (Repair.INDEX,) if disagree else ()
    if wrong:
        plural = "filters keep" if len(wrong) > 1 else "filter keeps"
        said = f"The {plural} it out: {_listed(wrong)}."
    elif disagree:
        said = f"Postgres and Milvus disagree about it: {_listed(disagree)}."
    else:
        many = len(active) - (not asked.statuses)
        said = "It passes every filter." if many else "No filter is asked for."
        return step("filters", State.GOOD, said, details)
    return step("filters", State.BAD, said, details, repairs)


def _listed(names: list[str]) -> str:
    return ", ".join(name.replace("_", " ") for name in names)


def _alone(filters: Filters, name: str) -> Filters:
    """This filter without the others; also without the silent one against what is put aside."""
    attribute = PARAMETERS[name]
    return Filters(**{"statuses": ANY_STATUS, attribute: getattr(filters, attribute)})


def _in_postgres(case: ExplainContext, names: list[str]) -> dict[str, bool]:
    """In one query."""
    this = Asset.objects.filter(pk=OuterRef("pk"))
    asked = case.question.filters
    checks = {f"passes_{name}": Exists(to_queryset(_alone(asked, name), this)) for name in names}
    row = Asset.objects.filter(pk=case.asset.pk).order_by().values(**checks).first() or {}
    return {name: bool(row.get(f"passes_{name}")) for name in names}


def _in_milvus(case: ExplainContext, names: list[str]) -> tuple[dict[str, bool], str]:
    """And why there is no answer, if there is none. One call for each filter."""
    if case.browsing:
        return {}, ""
    asked = case.question.filters
    found: dict[str, bool] = {}
    try:
        if not case.stored:
            return {}, "not asked: it does not have it"
        for name in names:
            reach = permissions.AssetScope(None)
            if name == "brand":
                chosen = Brand.objects.filter(slug__in=asked.brands)
                reach = permissions.AssetScope(frozenset(chosen.values_list("pk", flat=True)))
            found[name] = case.holds(to_milvus(_alone(asked, name), reach))
    except (VectorStoreUnavailable, SearchUnavailable) as error:
        return found, str(error)
    return found, ""


# ------------------------------------------------------------------------ what decides


def _said(name: str, filters: Filters, asset: Asset, *, passes: bool) -> str:
    """`name` is the parameter of an address. At most one query."""
    if name in ("tags", "tags_any", "tags_none"):
        return _tags(name, filters, asset)
    if name in ("min_width", "min_height"):
        side = name.removeprefix("min_")
        return f"{getattr(asset, side)} px; at least {getattr(filters, name)} is asked for"
    match name:
        case "status" if not filters.statuses:
            return f"{asset.status}; archived or quarantined pictures show only when asked for"
        case "aspect_ratio":
            within = f"{filters.aspect_ratio:.2f} within {RATIO_TOLERANCE:.0%} is asked for"
            return f"{asset.aspect_ratio:.2f}; {within}"
        case "created_after":
            return f"created {asset.created_at:%Y-%m-%d}; from {filters.created_after} is asked for"
        case "created_before":
            until = f"until {filters.created_before} is asked for"
            return f"created {asset.created_at:%Y-%m-%d}; {until}"
        case "colour":
            return _colour(filters.colour, asset)
        case "usable":
            if refused := terms.usage_problem(asset):
                return refused.rstrip(".")
            end = terms.usable_until(asset)
            return f"rights end on {end}" if end else "no end"
        case "collection":
            there = Collection.objects.filter(pk=filters.collection or 0).first()
            return f"in {there}" if passes else f"not in {there}"
        case "created_by":
            asked = User.objects.filter(pk=filters.created_by or 0).first()
            return f"added by {asset.created_by or 'nobody'}; {asked} is asked for"
    if name not in (values := _values(filters, asset)):
        given = [value for parameter, value in filters.parameters() if parameter == name]
        return f"{', '.join(given)} is asked for"
    has, wanted = values[name]
    return f"{has}, as asked" if passes else f"{has or 'none'} is not {' or '.join(wanted)}"


def _values(filters: Filters, asset: Asset) -> dict[str, tuple[str, Sequence[str]]]:
    """What it has, and any of what is asked for."""
    return {
        "brand": (asset.brand.slug, filters.brands),
        "kind": (asset.kind, filters.kinds),
        "origin": (asset.origin, filters.origins),
        "status": (asset.status, filters.statuses),
        "orientation": (asset.orientation, [filters.orientation]),
        "engine_model": (asset.engine_model, filters.engine_models),
        "preset": (asset.preset, filters.presets),
    }


def _tags(name: str, filters: Filters, asset: Asset) -> str:
    asked: tuple[str, ...] = getattr(filters, name)
    own = {tag.lower() for tag in asset.tag_names}
    there = [tag for tag in asked if tag.lower() in own]
    missing = [tag for tag in asked if tag.lower() not in own]
    if name == "tags":
        return f"missing: {', '.join(missing)}" if missing else f"has {', '.join(there)}"
    if there:
        return f"has {', '.join(there)}"
    return f"has none of {', '.join(asked)}"


def _colour(asked: str, asset: Asset) -> str:
    if not asset.colours:
        return "its colours are not known"
    apart = {colour: colours.distance(colour, asked) for colour in asset.colours}
    nearest = min(apart, key=apart.__getitem__)
    return (
        f"the nearest dominant colour, {nearest}, is {apart[nearest]:.2f} away; "
        f"{colours.RADIUS} is the limit"
    )

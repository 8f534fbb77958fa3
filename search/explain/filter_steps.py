"""Explanation step about the filters of a query: each in Postgres and in Milvus."""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef

from assetbank import permissions
from assetbank.assets.metadata import custom_fields
from assetbank.media import colours
from assetbank.models import Asset, Brand, Collection
from assetbank.rights import terms
from search.errors import SearchUnavailable
from search.explain.context import ExplainContext
from search.explain.types import Detail, Repair, State, Step, step
from search.query import PARAMETERS, RATIO_TOLERANCE, Filters
from search.query.filters import to_milvus, to_queryset
from search.vectorstore import VectorStoreUnavailable

METADATA = ("captured_from", "captured_to", "has_alt_text", "terms_to_check")
ANY_STATUS = tuple(Asset.Status.values)


def filters(context: ExplainContext) -> Step:
    """Check each filter on its own, in Postgres and in Milvus, with the value that decides."""
    requested = context.question.filters
    given = requested.given()
    active = [name for name, field in PARAMETERS.items() if field in given or name == "status"]
    passes = _in_postgres(context, active)
    in_milvus, silent = _in_milvus(context, active)
    details, failing, disagree = [], [], []
    for name in active:
        describe = _custom if name == "custom" else _describe
        sentence = describe(name, requested, context.asset, passes=passes[name])
        if not passes[name]:
            failing.append(name)
        if name in in_milvus and in_milvus[name] != passes[name]:
            disagree.append(name)
            sentence += "; Milvus includes it" if in_milvus[name] else "; Milvus excludes it"
        bad = name in failing or name in disagree
        details.append(Detail(name, sentence, State.BAD if bad else State.GOOD))
    if silent:
        details.append(Detail("Milvus", silent))
    repairs = (Repair.INDEX,) if disagree else ()
    if failing:
        plural = "filters exclude" if len(failing) > 1 else "filter excludes"
        sentence = f"The {plural} it: {_listed(failing)}."
    elif disagree:
        sentence = f"Postgres and Milvus disagree about it: {_listed(disagree)}."
    else:
        many = len(active) - (not requested.statuses)
        sentence = "It passes every filter." if many else "The search has no filters."
        return step("filters", State.GOOD, sentence, details)
    return step("filters", State.BAD, sentence, details, repairs)


def _listed(names: list[str]) -> str:
    return ", ".join(name.replace("_", " ") for name in names)


def _single_filter(filters: Filters, name: str) -> Filters:
    """Return filters with `name` (a query parameter) alone, and with assets of any status shown."""
    attribute = PARAMETERS[name]
    return Filters(**{"statuses": ANY_STATUS, attribute: getattr(filters, attribute)})


def _in_postgres(context: ExplainContext, names: list[str]) -> dict[str, bool]:
    """Return, by query parameter, True if the asset passes that filter in PostgreSQL; in one
    query."""
    same_asset = Asset.objects.filter(pk=OuterRef("pk"))
    requested = context.question.filters
    checks = {
        f"passes_{name}": Exists(to_queryset(_single_filter(requested, name), same_asset))
        for name in names
    }
    row = Asset.objects.filter(pk=context.asset.pk).order_by().values(**checks).first() or {}
    return {name: bool(row.get(f"passes_{name}")) for name in names}


def _in_milvus(context: ExplainContext, names: list[str]) -> tuple[dict[str, bool], str]:
    """Return, by query parameter, True if the asset passes that filter in Milvus.

    The second value is the reason why filters are missing, or "". Calls Milvus once per filter.
    """
    if context.browsing:
        return {}, ""
    requested = context.question.filters
    found: dict[str, bool] = {}
    try:
        if not context.stored:
            return {}, "not checked: it does not contain the asset"
        for name in names:
            scope = permissions.AssetScope(None)
            if name == "brand":
                chosen = Brand.objects.filter(slug__in=requested.brands)
                scope = permissions.AssetScope(frozenset(chosen.values_list("pk", flat=True)))
            found[name] = context.holds(to_milvus(_single_filter(requested, name), scope))
    except (VectorStoreUnavailable, SearchUnavailable) as error:
        return found, str(error)
    return found, ""


# ------------------------------------------------------------------------ deciding values


def _describe(name: str, filters: Filters, asset: Asset, *, passes: bool) -> str:
    """Describe the asset's value and the requested one; `name` is a query parameter.

    At most one query.
    """
    if name in ("tags", "tags_any", "tags_none"):
        return _tags(name, filters, asset)
    if name in ("min_width", "min_height"):
        side = name.removeprefix("min_")
        return f"{getattr(asset, side)} px; the minimum is {getattr(filters, name)}"
    if name in METADATA:
        return _metadata(name, filters, asset)
    match name:
        case "status" if not filters.statuses:
            return f"{asset.status}; archived and quarantined assets are shown only if filtered for"
        case "aspect_ratio":
            within = f"{filters.aspect_ratio:.2f} within {RATIO_TOLERANCE:.0%}"
            return f"{asset.aspect_ratio:.2f}; {within}"
        case "created_after" | "created_before":
            bound = "from" if name == "created_after" else "until"
            day = getattr(filters, name)
            return f"created {asset.created_at:%Y-%m-%d}; the filter is {bound} {day}"
        case "colour":
            return _colour(filters.colour, asset)
        case "usable":
            if refused := terms.usage_problem(asset):
                return refused.rstrip(".")
            end = terms.usable_until(asset)
            return f"usage rights expire on {end}" if end else "no expiry date"
        case "collection":
            collection = Collection.objects.filter(pk=filters.collection or 0).first()
            return f"in {collection}" if passes else f"not in {collection}"
        case "created_by":
            creator = User.objects.filter(pk=filters.created_by or 0).first()
            return f"added by {asset.created_by or 'no user'}; the filter is {creator}"
    if name not in (values := _values(filters, asset)):
        given = [value for parameter, value in filters.parameters() if parameter == name]
        return f"the filter is {', '.join(given)}"
    value, allowed = values[name]
    return f"{value}, matches" if passes else f"{value or 'none'} is not {' or '.join(allowed)}"


def _values(filters: Filters, asset: Asset) -> dict[str, tuple[str, Sequence[str]]]:
    """Return, by query parameter, the asset's value and the values that the filter accepts."""
    return {
        "brand": (asset.brand.slug, filters.brands),
        "kind": (asset.kind, filters.kinds),
        "origin": (asset.origin, filters.origins),
        "status": (asset.status, filters.statuses),
        "orientation": (asset.orientation, [filters.orientation]),
        "engine_model": (asset.engine_model, filters.engine_models),
        "preset": (asset.preset, filters.presets),
        "captured_year": (_taken(asset), filters.captured_years),
        "creator": (asset.creator, filters.creators),
        "place": (asset.place, filters.places),
    }


def _metadata(name: str, filters: Filters, asset: Asset) -> str:
    """Describe the value of a filter in METADATA."""
    if name in ("captured_from", "captured_to"):
        bound = "from" if name == "captured_from" else "until"
        return f"{_taken(asset)}; the filter is {bound} {getattr(filters, name)}"
    field = name.removeprefix("has_")
    return f"it has {'' if getattr(asset, field) else 'no '}{field.replace('_', ' ')}"


def _taken(asset: Asset) -> str:
    local = asset.captured_local
    return f"taken {local:%Y-%m-%d}" if local else "without a date of capture"


def _tags(name: str, filters: Filters, asset: Asset) -> str:
    requested: tuple[str, ...] = getattr(filters, name)
    own = {tag.lower() for tag in asset.tag_names}
    present = [tag for tag in requested if tag.lower() in own]
    missing = [tag for tag in requested if tag.lower() not in own]
    if name == "tags":
        return f"missing: {', '.join(missing)}" if missing else f"has {', '.join(present)}"
    if present:
        return f"has {', '.join(present)}"
    return f"has none of {', '.join(requested)}"


def _custom(name: str, filters: Filters, asset: Asset, *, passes: bool) -> str:
    """Describe, as `_describe` does, the values of the custom fields that are filtered by."""
    said = []
    for each in filters.custom:
        value = custom_fields.as_text(asset.custom.get(each.name)) or "no value"
        requested = ", ".join(text for _, text in each.parameters())
        said.append(f"{each.name}: {value}; the filter is {requested}")
    return "; ".join(said)


def _colour(requested: str, asset: Asset) -> str:
    if not asset.colours:
        return "its colours are not computed"
    apart = {colour: colours.distance(colour, requested) for colour in asset.colours}
    nearest = min(apart, key=apart.__getitem__)
    return (
        f"the nearest dominant colour, {nearest}, is {apart[nearest]:.2f} away; "
        f"{colours.RADIUS} is the limit"
    )

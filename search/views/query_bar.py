"""Parts of a query as pages show them: filters as chips, query images as thumbnails.

Each has the address of the query without it, or with another weight.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.http import QueryDict
from django.urls import reverse

from assetbank.media import colours
from assetbank.models import Asset
from search.query import PARAMETERS, SearchForm, Sort
from search.query.filters import custom_fields

WORDS: dict[str, dict[str, str]] = {
    "kind": dict(Asset.Kind.choices),
    "origin": dict(Asset.Origin.choices),
    "status": dict(Asset.Status.choices),
    "orientation": dict(Asset.Orientation.choices),
}
SENTENCES = {
    "aspect_ratio": "{}",
    "min_width": "at least {} px wide",
    "min_height": "at least {} px high",
    "created_after": "from {}",
    "created_before": "until {}",
    "captured_from": "taken from {}",
    "captured_to": "taken until {}",
    "has_alt_text": "alt text: {}",
}
FLAGS = {"usable": "usable today", "terms_to_check": "terms to check"}
VALUES = {  # parameters whose values each get a chip
    "engine_model": "{}",
    "preset": "{}",
    "captured_year": "taken in {}",
    "creator": "created by {}",
    "place": "{}",
}
WEIGHTS = (
    (2.0, "More like this"),
    (1.0, "Normal"),
    (0.5, "Less like this"),
    (-1.0, "Exclude similar"),
)
BALANCE = ((3.0, "Text"), (1.0, "Both"), (0.3, "Image"))  # weight of the text against images
PAGE_PARAMETERS = ("cursor", "below")  # position in the results


@dataclass(frozen=True)
class Chip:
    """One filter value."""

    label: str
    without: str  # query string without it, "?…"
    colour: str = ""


@dataclass(frozen=True)
class Choice:
    """One option of a weight."""

    label: str
    value: str  # the parameter's value
    chosen: bool
    address: str = ""  # query string, "?…"


@dataclass(frozen=True)
class Thumb:
    """A query image."""

    name: str  # the parameter
    value: str
    label: str
    image: str  # address of the thumbnail
    weight: float
    without: str
    choices: tuple[Choice, ...]

    @property
    def mark(self) -> str:
        """Weight as a word; "" for the normal weight."""
        if self.weight < 0:
            return "not"
        return "more" if self.weight > 1 else "less" if self.weight < 1 else ""


def chips(form: SearchForm) -> list[Chip]:
    """Return the chips of a valid form."""
    given: QueryDict = form.data  # type: ignore[assignment]
    labels = list(_labels(form))
    filters, worded = form.question().filters.given(), {name for name, _, _ in labels}
    labels += custom_labels(form)
    worded |= {"custom"}
    labels += [  # a filter that no words were found for yet
        (name, "", f"{name.replace('_', ' ')} {', '.join(given.getlist(name))}")
        for name, field in PARAMETERS.items()
        if field in filters and name not in worded
    ]
    return [
        Chip(
            label,
            without(given, name, value=value),
            form.cleaned_data["colour"] if name == "colour" else "",
        )
        for name, value, label in labels
    ]


def thumbs(form: SearchForm) -> list[Thumb]:
    """Return the query images of a validated form; an invalid filter removes none of them."""
    given: QueryDict = form.data  # type: ignore[assignment]
    data = form.cleaned_data
    shown = [
        (name, value, row, weight)
        for name in ("like", "picture")
        if name in data
        for value, (row, weight) in zip(filter(None, given.getlist(name)), data[name], strict=True)
    ]
    alone = len(shown) == 1 and not data.get("q")
    found = []
    for name, value, row, weight in shown:
        is_asset = isinstance(row, Asset)
        image = row.grid_url if is_asset else reverse("picture-thumbnail", args=[row.pk])
        choices = []
        for offered, label in WEIGHTS:
            if offered < 0 and alone:
                continue  # an exclusion alone finds nothing
            replacement = f"{row.pk}" if offered == 1 else f"{row.pk}*{offered:g}"
            address = with_replaced(given, name, value, replacement)
            choices.append(Choice(label, replacement, offered == weight, address))
        label = str(row) if is_asset else "Your image"
        removed = without(given, name, value=value)
        found.append(Thumb(name, value, label, image, weight, removed, tuple(choices)))
    return found


def balance(form: SearchForm) -> list[Choice]:
    """Return the options for the weight of words against images, of a form as for `thumbs`.

    Empty unless the query has both. Another weight stays as it is, as the nearest option.
    """
    data = form.cleaned_data
    shown = [*data.get("like", []), *data.get("picture", [])]
    if not data.get("q") or not any(weight > 0 for _, weight in shown):
        return []
    given = data.get("text_weight", 1.0)
    nearest = min((abs(given - weight), weight) for weight, _ in BALANCE)[1]
    return [
        Choice(label, f"{given if weight == nearest else weight:g}", weight == nearest)
        for weight, label in BALANCE
    ]


def without(given: QueryDict, *names: str, value: str = "") -> str:
    """Return the query string of the first page without `names`, or without one value of them.

    The name "custom" stands for all filters by custom fields.
    """
    rest = given.copy()
    if "custom" in names:
        names = (*names, *(name for name in given if name.startswith(custom_fields.PREFIX)))
    for name in names:
        rest.setlist(name, [each for each in rest.getlist(name) if value and each != value])
    return _address(rest)


def with_replaced(given: QueryDict, name: str, value: str, other: str) -> str:
    """Return the query string with `other` in place of one value of `name`."""
    rest = given.copy()
    rest.setlist(name, [other if each == value else each for each in rest.getlist(name)])
    return _address(rest)


def _address(rest: QueryDict) -> str:
    for empty in [key for key in rest if key in PAGE_PARAMETERS or not any(rest.getlist(key))]:
        del rest[empty]
    return f"?{rest.urlencode()}"


def custom_labels(form: SearchForm) -> list[tuple[str, str, str]]:
    """Return parameter, value and label of each filter by a custom field."""
    if not (filters := form.cleaned_data["custom"]):
        return []
    fields = custom_fields.visible_fields(form.person, form.cleaned_data["brand"])
    return list(custom_fields.labels(filters, fields))


def _labels(form: SearchForm) -> Iterator[tuple[str, str, str]]:
    """Yield parameter, value and label of each filter."""
    given: QueryDict = form.data  # type: ignore[assignment]
    data = form.cleaned_data
    if data["collection"]:
        yield "collection", "", f"in {data['collection']}"
    for brand in data["brand"]:
        yield "brand", brand.slug, brand.name
    for name, words in WORDS.items():
        for value in given.getlist(name):
            if value in words:
                yield name, value, words[value]
    if data["tags"]:
        yield "tags", "", " + ".join(f"#{tag}" for tag in data["tags"])
    if data["tags_any"]:
        yield "tags_any", "", " or ".join(f"#{tag}" for tag in data["tags_any"])
    if data["tags_none"]:
        yield "tags_none", "", "without " + ", ".join(f"#{tag}" for tag in data["tags_none"])
    if data["colour"]:
        yield "colour", "", f"near {colours.colour_name(data['colour'])}"
    for name, label in FLAGS.items():
        if data[name]:
            yield name, "", label
    if data["created_by"]:
        person = data["created_by"]
        yield "created_by", "", f"by {person.get_full_name() or person.username}"
    for name, sentence in VALUES.items():
        for value in data[name]:
            yield name, value, sentence.format(value)
    if data["sort"] and form.question().browsing:
        yield "sort", "", Sort(data["sort"]).label
    for name, sentence in SENTENCES.items():
        if value := given.get(name, ""):
            yield name, "", sentence.format(value)

"""The filters of a question as words, each with the address of the question without it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.http import QueryDict

from assetbank.models import Asset
from search.forms import QuestionForm

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
}


@dataclass(frozen=True)
class Chip:
    label: str
    without: str  # query string, "?…"


def chips(form: QuestionForm) -> list[Chip]:
    """Of a valid form."""
    given: QueryDict = form.data  # type: ignore[assignment]
    return [Chip(label, without(given, name, value=value)) for name, value, label in _labels(form)]


def without(given: QueryDict, *names: str, value: str = "") -> str:
    """The query string without `names` (or only one value of them), and back on the first page."""
    rest = given.copy()
    for name in names:
        rest.setlist(name, [each for each in rest.getlist(name) if value and each != value])
    for empty in [key for key in rest if key == "cursor" or not any(rest.getlist(key))]:
        del rest[empty]
    return f"?{rest.urlencode()}"


def _labels(form: QuestionForm) -> Iterator[tuple[str, str, str]]:
    """(parameter, value, words)"""
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
    for name, sentence in SENTENCES.items():
        if value := given.get(name, ""):
            yield name, "", sentence.format(value)

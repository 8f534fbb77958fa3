"""Full-text search: parse the text of a query, and match it with PostgreSQL.

`Document` holds the text about each asset. One database function normalises both the text and the
query (lower case, no accents, letters and digits only), so they always agree.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from django.contrib.postgres.search import (
    SearchHeadline,
    SearchQueryField,
    SearchRank,
)
from django.contrib.postgres.search import (
    SearchQuery as TextQuery,
)
from django.db import connection
from django.db.models import Case, F, Func, Q, QuerySet, TextField, Value, When
from django.db.models.functions import Concat, Replace

from assetbank.models import Asset, AssetQuerySet
from search.models import Document
from search.query.prepared import MAX_PREPARED, Param, PreparedQuery, is_in_param

LANGUAGE = "english"
PHRASE = f"phraseto_tsquery('{LANGUAGE}', search_folded(%s))"
# Any of a list of phrases; those of stop words only are dropped
ANY_OF = """(
  SELECT string_agg('(' || phrase::text || ')', '|')::tsquery
  FROM unnest(%(expressions)s::text[]) AS given (text),
    phraseto_tsquery('english', search_folded(text)) AS phrase
  WHERE numnode(phrase) > 0
)"""
MAX_HITS = 1_000  # Maximum hits of one text match
TOKEN = re.compile(r'(?:(?<=\s)|^)(-?)"([^"]+)"|(\S+)')
NEGATED = re.compile(r"-+(?=\w)")
# One headline covers all fields and is split afterwards: clean text has no control characters
FIELD, START, STOP = "\x1e", "\x02", "\x03"
FIELDS = (
    *("title", "tags", "filename", "headline", "creator", "place", "credit", "description"),
    *("alt_text", "extended_description", "copyright", "prompt"),
)
# Maximum highlighted phrases: PostgreSQL compares each word of a text with each of them
MAX_MARKED = 32
SNIPPET = 60  # Characters shown on each side of a match in a long text


@dataclass(frozen=True)
class ParsedText:
    """A parsed query text such as `red "silk cape" -striped`: included and excluded terms."""

    include: tuple[str, ...] = ()  # Words, and phrases with spaces
    exclude: tuple[str, ...] = ()
    # The whole text, which may be a file name or article number
    typed: str = field(default="", compare=False)

    @property
    def description(self) -> str:
        """Return the included terms as one sentence, for the encoder."""
        return " ".join(self.include)


@dataclass(frozen=True)
class WordHit:
    """The id of an asset that matches the text."""

    id: int
    named: bool  # True if the text is its exact file name or article number


def parse(text: str) -> ParsedText:
    """Return the terms of a query text. A minus excludes only at the start of a word: `t-shirt` is
    one word, and `a - b` excludes nothing."""
    include: list[str] = []
    exclude: list[str] = []
    for match in TOKEN.finditer(text):
        minus, phrase, word = match.groups()
        if phrase is not None:
            (exclude if minus else include).append(" ".join(phrase.split()))
        elif NEGATED.match(word):
            exclude.append(word.lstrip("-"))
        elif re.search(r"\w", word):
            include.append(word)
    return ParsedText(
        tuple(each for each in include if each), tuple(each for each in exclude if each), text
    )


def any_word_query(words: Sequence[str]) -> TextQuery:
    """Return the PostgreSQL query for documents with at least one of `words`, compared by their
    stems in LANGUAGE. `words` are lower case without accents, as the documents are."""
    return TextQuery(" or ".join(words), config=LANGUAGE, search_type="websearch")


def compile_match(
    assets: QuerySet[Asset], *, include: int, exclude: int = 0, limit: int = MAX_HITS
) -> PreparedQuery[Asset]:
    """Return the statement that `match` runs on `assets`, for texts with these numbers of included
    and excluded phrases.

    Its rows are (id, named), best first; an exact file name or article number precedes all others.
    """
    name = Func(Value(Param("name")), function="search_name", output_field=TextField())
    named = Q(document__names__contains=Func(name, template="ARRAY[NULLIF(%(expressions)s, '')]"))
    phrases = _Phrases(_params("include", include), "&&")
    matching = Q(document__words=phrases)
    if exclude:  # Not for names: in a name, a word after a minus is a part of it
        matching &= ~Q(document__words=_Phrases(_params("exclude", exclude), "||"))
    found = (
        assets.filter(named | matching)
        .annotate(named=named, rank=SearchRank(F("document__words"), phrases))
        .order_by("-named", "-rank", "-created_at", "-id")
        .values_list("pk", "named")
    )
    return PreparedQuery(found[:limit])


def match(terms: ParsedText, statement: PreparedQuery[Asset]) -> list[WordHit]:
    """Return the assets that contain all included terms and no excluded one, best first.
    `statement` comes from `compile_match`, for as many terms; [] without included terms."""
    if not terms.include:
        return []
    rows = statement.tuples(name=terms.typed, **_phrase_values(terms))
    return [WordHit(pk, is_named) for pk, is_named in rows]


def _params(name: str, count: int) -> list[Param]:
    return [Param(f"{name}_{number}") for number in range(count)]


def _phrase_values(terms: ParsedText) -> dict[str, str]:
    """Return the values of a statement's Params: each phrase by the name of its Param."""
    include = _params("include", len(terms.include))
    exclude = _params("exclude", len(terms.exclude))
    phrases = (*terms.include, *terms.exclude)
    return dict(zip([*include, *exclude], phrases, strict=True))


def exclude_terms(terms: ParsedText, assets: QuerySet[Asset]) -> QuerySet[Asset]:
    """Return those of `assets` that contain no excluded term."""
    if not terms.exclude:
        return assets
    return assets.exclude(document__words=_Phrases(terms.exclude, "||"))


def excluded_ids(terms: ParsedText, assets: QuerySet[Asset] | Collection[int]) -> set[int]:
    """Return the ids of those of `assets`, a query set or ids, that contain an excluded term."""
    if not terms.exclude:
        return set()
    if not isinstance(assets, QuerySet):
        statement = _any_phrase(len(terms.exclude))
        return {pk for (pk,) in statement.tuples(ids=assets, **_phrase_values(terms))}
    found = Document.objects.filter(asset__in=assets, words=_Phrases(terms.exclude, "||"))
    return set(found.values_list("pk", flat=True))


@lru_cache(maxsize=MAX_PREPARED)
def _any_phrase(exclude: int) -> PreparedQuery[Document]:
    phrases = _Phrases(_params("exclude", exclude), "||")
    matching = Document.objects.filter(is_in_param("asset_id", "ids"), words=phrases)
    return PreparedQuery(matching.values_list("pk"))


def write_documents(assets: Sequence[int]) -> None:
    """Write the documents of these asset ids again. PostgreSQL's triggers do so after every change,
    but not after a restore without triggers."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT search_document_write(%s)", [list(assets)])


class _Phrases(TextQuery):
    """All (`&&`) or any (`||`) of these phrases as one SQL expression: Django needs 3 ms to compile
    a tree of them, and a query may have 500 words."""

    def __init__(self, phrases: Sequence[str], join: str) -> None:
        super().__init__(Value(""))
        self.phrases, self.join = phrases, join

    def as_sql(self, *args: Any, **kwargs: Any) -> Any:
        return f"({f' {self.join} '.join([PHRASE] * len(self.phrases))})", [*self.phrases]


# ------------------------------------------------------------------------ highlights


def with_highlights(assets: AssetQuerySet, *, of: str, phrases: str) -> AssetQuerySet:
    """Annotate assets with `marked`, the text that `highlights` reads, for a PreparedQuery.

    `of` and `phrases` name its Params: the ids of the assets to highlight, and the phrases to find.
    `assets` must come from `with_tags`.
    """
    spaced = Replace(Replace(F("filename"), Value("_"), Value(" ")), Value("-"), Value(" "))
    tags = Func(
        F("annotated_tags"), Value(", "), function="array_to_string", output_field=TextField()
    )
    place = [F("city"), Value(" "), F("country")]
    special: dict[str, list[Any]] = {"tags": [tags], "filename": [spaced], "place": place}
    parts: list[object] = []
    for name in FIELDS:
        parts += [*special.get(name, [F(name)]), Value(FIELD)]
    marked = SearchHeadline(
        Concat(*parts, output_field=TextField()),
        Func(Value(Param(phrases)), template=ANY_OF, output_field=SearchQueryField()),
        config=LANGUAGE,
        start_sel=START,
        stop_sel=STOP,
        highlight_all=True,
    )
    highlighted = When(is_in_param("pk", of), then=marked)
    return assets.annotate(marked=Case(highlighted, output_field=TextField()))


@dataclass(frozen=True)
class Highlight:
    """Matches in one field: consecutive pieces of its text, each with True if it is a match."""

    field: str
    pieces: tuple[tuple[str, bool], ...]

    def __str__(self) -> str:
        return "".join(text for text, _ in self.pieces)


def highlights(asset: Asset) -> list[Highlight]:
    """Return the fields with matches, of an asset from `with_highlights`."""
    marked = str(getattr(asset, "marked", "") or "").split(FIELD)
    return [
        Highlight(name, tuple(_pieces(_snippet(text))))
        for name, text in zip(FIELDS, marked, strict=False)
        if START in text
    ]


def _snippet(text: str) -> str:
    """Return the first matches with SNIPPET characters of text around them."""
    begin = max(0, text.index(START) - SNIPPET)
    end = min(len(text), text.index(STOP) + SNIPPET)
    if begin:
        begin = text.find(" ", begin) + 1
    cut = text[begin:end] if end == len(text) else text[begin:end].rpartition(" ")[0]
    if cut.count(START) > cut.count(STOP):
        cut = cut.rpartition(START)[0]
    return f"{'…' if begin else ''}{cut}{'…' if end < len(text) else ''}"


def _pieces(text: str) -> list[tuple[str, bool]]:
    pieces = []
    for part in text.split(START):
        found, stop, rest = part.partition(STOP)
        if stop:
            pieces.append((found, True))
        pieces.append((rest if stop else found, False))
    return [(piece, is_word) for piece, is_word in pieces if piece]

"""Words: what a typed question wants and does not want, and PostgreSQL's full-text answer.

`Document` holds what is written about each asset; both sides are folded by the same function of
the database (lower case, no accents, letters and digits only), so they always agree.
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
from search.query.prepared import MAX_PREPARED, Param, PreparedQuery, id_any

LANGUAGE = "english"
PHRASE = f"phraseto_tsquery('{LANGUAGE}', search_folded(%s))"
# Of a list of phrases; of stop words nothing is left
ANY_OF = """(
  SELECT string_agg('(' || phrase::text || ')', '|')::tsquery
  FROM unnest(%(expressions)s::text[]) AS given (text),
    phraseto_tsquery('english', search_folded(text)) AS phrase
  WHERE numnode(phrase) > 0
)"""
MAX_HITS = 1_000
TOKEN = re.compile(r'(?:(?<=\s)|^)(-?)"([^"]+)"|(\S+)')
NEGATED = re.compile(r"-+(?=\w)")
# One headline over all fields, cut apart again: control characters do not occur in clean text
FIELD, START, STOP = "\x1e", "\x02", "\x03"
FIELDS = ("title", "tags", "filename", "credit", "description", "prompt")
MAX_MARKED = 32  # PostgreSQL compares each word of a text with each of these
SNIPPET = 60  # characters on each side of what was found in a long text


@dataclass(frozen=True)
class ParsedText:
    """`red "silk cape" -striped`: what it asks for, and what it does not want to see."""

    include: tuple[str, ...] = ()  # words, and phrases with spaces
    exclude: tuple[str, ...] = ()
    typed: str = field(default="", compare=False)  # all of it: may be a name

    @property
    def description(self) -> str:
        """As one sentence, for the encoder."""
        return " ".join(self.include)


@dataclass(frozen=True)
class WordHit:
    id: int
    named: bool  # its file name or article number was typed exactly


def parse(text: str) -> ParsedText:
    """A minus counts only where a word begins: `t-shirt` is one word, `a - b` has no minus."""
    wanted: list[str] = []
    unwanted: list[str] = []
    for match in TOKEN.finditer(text):
        minus, phrase, word = match.groups()
        if phrase is not None:
            (unwanted if minus else wanted).append(" ".join(phrase.split()))
        elif NEGATED.match(word):
            unwanted.append(word.lstrip("-"))
        elif re.search(r"\w", word):
            wanted.append(word)
    return ParsedText(
        tuple(each for each in wanted if each), tuple(each for each in unwanted if each), text
    )


def compile_match(
    assets: QuerySet[Asset], *, wanted: int, unwanted: int = 0, most: int = MAX_HITS
) -> PreparedQuery[Asset]:
    """Finds among `assets`, for wordings of so many wanted and unwanted phrases. Best first; one
    whose file name or article number was typed exactly comes before all others."""
    name = Func(Value(Param("name")), function="search_name", output_field=TextField())
    named = Q(document__names__contains=Func(name, template="ARRAY[NULLIF(%(expressions)s, '')]"))
    phrases = _Phrases(_names("wanted", wanted), "&&")
    having = Q(document__words=phrases)
    if unwanted:  # of a name, what follows a minus is a part
        having &= ~Q(document__words=_Phrases(_names("unwanted", unwanted), "||"))
    found = (
        assets.filter(named | having)
        .annotate(named=named, rank=SearchRank(F("document__words"), phrases))
        .order_by("-named", "-rank", "-created_at", "-id")
        .values_list("pk", "named")
    )
    return PreparedQuery(found[:most])


def match(wording: ParsedText, among: PreparedQuery[Asset]) -> list[WordHit]:
    """Those in which all wanted words occur and none of the unwanted; `among` is `finding`'s."""
    if not wording.include:
        return []
    found = among.tuples(name=wording.typed, **_named(wording))
    return [WordHit(pk, is_named) for pk, is_named in found]


def _names(name: str, count: int) -> list[Param]:
    return [Param(f"{name}_{number}") for number in range(count)]


def _named(wording: ParsedText) -> dict[str, str]:
    """The phrases, for statements."""
    wanted = _names("wanted", len(wording.include))
    unwanted = _names("unwanted", len(wording.exclude))
    phrases = (*wording.include, *wording.exclude)
    return dict(zip([*wanted, *unwanted], phrases, strict=True))


def exclude_terms(wording: ParsedText, assets: QuerySet[Asset]) -> QuerySet[Asset]:
    """Those of `assets` in which no unwanted word occurs."""
    if not wording.exclude:
        return assets
    return assets.exclude(document__words=_Phrases(wording.exclude, "||"))


def excluded_ids(wording: ParsedText, assets: QuerySet[Asset] | Collection[int]) -> set[int]:
    """Ids of those of `assets`, or of these ids, in which an unwanted word occurs."""
    if not wording.exclude:
        return set()
    if not isinstance(assets, QuerySet):
        statement = _having_any(len(wording.exclude))
        return {pk for (pk,) in statement.tuples(ids=assets, **_named(wording))}
    found = Document.objects.filter(asset__in=assets, words=_Phrases(wording.exclude, "||"))
    return set(found.values_list("pk", flat=True))


@lru_cache(maxsize=MAX_PREPARED)
def _having_any(unwanted: int) -> PreparedQuery[Document]:
    phrases = _Phrases(_names("unwanted", unwanted), "||")
    having = Document.objects.filter(id_any("asset_id", "ids"), words=phrases)
    return PreparedQuery(having.values_list("pk"))


def rewrite(assets: Sequence[int]) -> None:
    """Write the documents of these asset ids anew: PostgreSQL does so itself with every change, but
    not after a restore without its triggers."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT search_document_write(%s)", [list(assets)])


class _Phrases(TextQuery):
    """All of these (`&&`) or any (`||`), as one expression: Django takes 3 ms for a tree of them,
    and a question may have 500 words."""

    def __init__(self, phrases: Sequence[str], join: str) -> None:
        super().__init__(Value(""))
        self.phrases, self.join = phrases, join

    def as_sql(self, *args: Any, **kwargs: Any) -> Any:
        return f"({f' {self.join} '.join([PHRASE] * len(self.phrases))})", [*self.phrases]


# ------------------------------------------------------------------------ which field, highlighted


def with_highlights(assets: AssetQuerySet, *, of: str, phrases: str) -> AssetQuerySet:
    """For a statement. Each asset with `marked`, for `highlights`, if its id is in the list given
    as `of`: where any of those given as `phrases` occurs. They must come `with_tags`."""
    spaced = Replace(Replace(F("filename"), Value("_"), Value(" ")), Value("-"), Value(" "))
    tags = Func(
        F("annotated_tags"), Value(", "), function="array_to_string", output_field=TextField()
    )
    parts: list[object] = []
    for part in (F("title"), tags, spaced, F("credit"), F("description"), F("prompt")):
        parts += [part, Value(FIELD)]
    marked = SearchHeadline(
        Concat(*parts, output_field=TextField()),
        Func(Value(Param(phrases)), template=ANY_OF, output_field=SearchQueryField()),
        config=LANGUAGE,
        start_sel=START,
        stop_sel=STOP,
        highlight_all=True,
    )
    among = When(id_any("pk", of), then=marked)
    return assets.annotate(marked=Case(among, output_field=TextField()))


@dataclass(frozen=True)
class Highlight:
    """Where a wanted word occurs: pieces of text, and whether each is such a word."""

    field: str
    pieces: tuple[tuple[str, bool], ...]

    def __str__(self) -> str:
        return "".join(text for text, _ in self.pieces)


def highlights(asset: Asset) -> list[Highlight]:
    marked = str(getattr(asset, "marked", "") or "").split(FIELD)
    return [
        Highlight(name, tuple(_pieces(_snippet(text))))
        for name, text in zip(FIELDS, marked, strict=False)
        if START in text
    ]


def _snippet(text: str) -> str:
    """The first words found, with some text around them."""
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

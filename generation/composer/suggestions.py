"""References that the library suggests for a prompt: near to it, and unlike each other.

A prompt names several things ("a model with the red cape, on a beach"), so it is asked whole and in
phrases. The brand's own anchors come first; behind them, pictures whose titles the prompt names and
those that search finds are taken by maximal marginal relevance (Carbonell & Goldstein, SIGIR 1998):
each time the one with the largest

    LAMBDA * nearness - (1 - LAMBDA) * (likeness to the most alike of those taken already)

so that something else comes before more of the same; and of near-copies only one is offered.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from django.contrib.postgres.search import SearchQuery as TextQuery
from django.contrib.postgres.search import SearchRank
from django.db.models import F

from assetbank import permissions
from assetbank.models import Asset, AssetQuerySet, Brand
from assetbank.rights import terms
from assetbank.text import clean_text
from generation.prompting import brand_rules_of
from search.errors import InvalidQuery, SearchUnavailable
from search.models import Embedding
from search.query import (
    HIDDEN_STATUSES,
    MAX_TEXT_LENGTH,
    Filters,
    RankedId,
    SearchQuery,
    rank_query,
)

MAX_SUGGESTIONS = 8
MAX_ANCHORS = 3  # of these; the rest is for what the prompt is about
CANDIDATES = 24  # for each phrase
PHRASES = 4
LAMBDA = 0.6  # 1: nearness to the prompt alone; 0: difference alone
COPY = 0.97  # cosine from which on two pictures are near-copies of each other
MIN_ODDS = -8.0  # log-odds of a match; what is further away would be there for its difference only
BETWEEN = re.compile(
    r"[^\w\s'-]+|\b(?:and|with|on|in|at|by|from|near|beside|behind|under|over|against|wearing|"
    r"holding|carrying|leaning|standing|sitting|next to)\b",
    re.IGNORECASE,
)
# What photographs have and libraries are not asked for; last in "soft morning light"
NO_THING = {
    *("light", "lighting", "sun", "sunlight", "shadow", "shadows", "focus", "blur", "mood"),
    *("background", "foreground", "scene", "style", "colour", "colours", "color", "colors"),
    *("photo", "photograph", "picture", "image", "shot", "view", "angle"),
}
NAMED = 2 / 3  # of a title's words that a prompt must hold to mean that picture
MAX_WORDS = 32  # of a prompt that are looked for in titles

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Suggestion:
    asset: Asset
    anchor: bool = False  # one of the brand's own best pictures


@dataclass(frozen=True)
class Suggestions:
    offered: tuple[Suggestion, ...] = ()
    note: str = ""  # why there are fewer than there might be, in a sentence


def suggest_references(
    *,
    person: permissions.AnyUser,
    brand: Brand,
    prompt: str,
    taken: Collection[int] = (),
    most: int = MAX_SUGGESTIONS,
) -> Suggestions:
    """At most `most` references for a picture of `brand`, of those in its library that `person`
    may see and that new pictures may be made from; `taken` are in use already. Nothing that is
    asked here is remembered as a question. Search being down is a note, and no error."""
    odds, note = _odds(person, brand, prompt)
    anchors = _anchors(brand)
    found = _usable(person, brand).in_bulk({*odds, *anchors} - set(taken))
    odds = {pk: value for pk, value in odds.items() if pk in found}
    places = {pk: n for n, pk in enumerate(sorted(odds, key=lambda pk: -odds[pk]))}
    own = [pk for pk in anchors if pk in found]
    own.sort(key=lambda pk: places.get(pk, len(places)))
    vectors = _vectors({*own, *odds})
    first = spread(
        {pk: 1 - n / len(own) for n, pk in enumerate(own)}, vectors, most=min(MAX_ANCHORS, most)
    )
    rest = {pk: value for pk, value in odds.items() if pk not in first}
    chosen = first + spread(_evened(rest), vectors, most=most - len(first), beside=first)
    return Suggestions(tuple(Suggestion(found[pk], pk in anchors) for pk in chosen), note)


def search_query_for(prompt: str) -> str:
    """A prompt as search reads it: a minus or quotation marks mean nothing special in it."""
    plain = clean_text(prompt).replace('"', " ")
    words = (word.strip("\"“”„'").lstrip("-") for word in plain.split())
    return " ".join(word for word in words if word)[:MAX_TEXT_LENGTH]


def words_of(text: str) -> set[str]:
    """The words of a text that say something, in a form in which they can be compared."""
    return {_stem(word) for word in _words(text)}


def phrases(text: str) -> list[str]:
    """The prompt itself, and the first things that it names."""
    parts = [" ".join(part.split()) for part in BETWEEN.split(text)]
    # a word that stands alone is rather a verb that was cut off than a thing
    named = [part for part in parts if " " in part and part.split()[-1].lower() not in NO_THING]
    return list(dict.fromkeys([text, *named]))[: 1 + PHRASES]


def spread(
    nearness: Mapping[int, float],
    vectors: Mapping[int, Floats],
    *,
    most: int,
    beside: Sequence[int] = (),
) -> list[int]:
    """So many ids by maximal marginal relevance, seeing what stands `beside`; `nearness`: 0 to 1.

    Likeness is the cosine of the vectors, stretched so that the least alike of them all have 0 and
    copies 1: how alike ordinary pictures are is another number in each encoder. Without a vector a
    picture is taken to be like no other.
    """
    ids = [*nearness, *beside]
    cosines = _cosines(ids, vectors)
    least = min(float(cosines.min(initial=1.0)), 1 - 1e-6)
    likeness = (cosines - least) / (1 - least)
    left = set(range(len(nearness)))
    taken = list(range(len(nearness), len(ids)))
    chosen: list[int] = []
    while len(chosen) < most:
        left = {n for n in left if cosines[n, taken].max(initial=-1.0) < COPY}
        if not left:
            break
        worth = {
            n: LAMBDA * nearness[ids[n]] - (1 - LAMBDA) * likeness[n, taken].max(initial=0.0)
            for n in left
        }
        best = max(left, key=lambda n: (worth[n], nearness[ids[n]], -n))
        left.remove(best)
        taken.append(best)
        chosen.append(ids[best])
    return chosen


def _evened(odds: Mapping[int, float]) -> dict[int, float]:
    """Log-odds, which are linear in the encoder's scores, from 0 to 1."""
    if not odds:
        return {}
    least, most = min(odds.values()), max(odds.values())
    return {pk: (value - least) / (most - least or 1.0) for pk, value in odds.items()}


def _cosines(ids: Sequence[int], vectors: Mapping[int, Floats]) -> Floats:
    """[n, n]; with one that has no vector: the least of all others."""
    known = [n for n, pk in enumerate(ids) if pk in vectors]
    if not known:
        return np.zeros((len(ids), len(ids)), np.float32)
    rows = np.stack([vectors[ids[n]] for n in known])
    between = rows @ rows.T
    cosines = np.full((len(ids), len(ids)), between.min(), np.float32)
    cosines[np.ix_(known, known)] = between
    return cosines


def _odds(person: permissions.AnyUser, brand: Brand, prompt: str) -> tuple[dict[int, float], str]:
    """How surely each picture is one that the prompt speaks of, in log-odds; and what went wrong
    with asking, if anything did. Where nothing matches, nothing is near either."""
    if not (text := search_query_for(prompt)):
        return {}, ""
    found: dict[int, float] = {}
    note = ""
    try:
        for phrase in phrases(text):
            for hit in _asked(person, brand, phrase):
                found[hit.id] = max(found.get(hit.id, MIN_ODDS), _log_odds(hit.relevance))
    except SearchUnavailable:
        note = "Search is down for a moment, so there are fewer suggestions than usual."
    except InvalidQuery as error:
        note = error.message
    named = _named(person, brand, text)
    best = max(found.values(), default=0.0)
    if best < 0 and not named:
        return {}, note
    near = {pk: odds for pk, odds in found.items() if odds > MIN_ODDS}
    return {**near, **dict.fromkeys(named, max(best, 0.0))}, note


def _asked(person: permissions.AnyUser, brand: Brand, phrase: str) -> Sequence[RankedId]:
    question = SearchQuery(text=phrase, filters=Filters(brands=(brand.slug,), usable=True))
    return rank_query(person=person, question=question, depth=CANDIDATES).hits[:CANDIDATES]


def _log_odds(relevance: float | None) -> float:
    """Of a hit by words alone: a match, and no more."""
    if relevance is None:
        return 0.0
    bounded = min(max(relevance, 1e-9), 1 - 1e-9)
    return math.log(bounded / (1 - bounded))


def _named(person: permissions.AnyUser, brand: Brand, text: str) -> list[int]:
    """Pictures whose title the prompt holds, or nearly: search asks for the opposite, all words of
    a question in a title."""
    said = list(dict.fromkeys(_words(text)))[:MAX_WORDS]
    if not said:
        return []
    # PostgreSQL knows plurals and endings; a title's words are weighed against all of a prompt's
    some = TextQuery(" or ".join(said), config="english", search_type="websearch")
    titled = (
        _usable(person, brand)
        .filter(document__words=some)
        .annotate(rank=SearchRank(F("document__words"), some, weights=[0.0, 0.0, 0.1, 1.0]))
        .order_by("-rank", "-id")
        .values_list("pk", "title")[:CANDIDATES]
    )
    stems = {_stem(word) for word in said}
    shares = {}
    for pk, title in titled:
        if words := words_of(title):
            shares[pk] = len(words & stems) / len(words)
    named = [pk for pk, share in shares.items() if share >= NAMED]
    return sorted(named, key=lambda pk: -shares[pk])


def _words(text: str) -> list[str]:
    """Without capitals and accents, as search keeps them."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(letter for letter in apart if not unicodedata.combining(letter))
    return [word for word in re.findall(r"\w+", plain) if len(word) > 2]


def _stem(word: str) -> str:
    return word.removesuffix("s")


def _anchors(brand: Brand) -> list[int]:
    """In the order of their collection."""
    rules = brand_rules_of(brand)
    if rules.anchors is None:
        return []
    return list(rules.anchors.items.values_list("asset_id", flat=True)[:CANDIDATES])


def _usable(person: permissions.AnyUser, brand: Brand) -> AssetQuerySet:
    seen = permissions.assets(person).filter(brand=brand).exclude(status__in=HIDDEN_STATUSES)
    # what the studio made is a reference once somebody has approved it
    seen = seen.exclude(origin=Asset.Origin.GENERATED, status=Asset.Status.DRAFT)
    return terms.usable(seen, derive=True)


def _vectors(ids: Collection[int]) -> dict[int, Floats]:
    rows = Embedding.objects.in_active_space().filter(asset_id__in=ids).exclude(vector_bytes=None)
    found = {row.asset_id: row.vector for row in rows.only("asset_id", "vector_bytes")}
    return {pk: vector for pk, vector in found.items() if vector is not None}

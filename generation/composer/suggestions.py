"""References suggested for a prompt: assets that match it and differ from each other.

A prompt names several things ("a model with the red cape, on a beach"), so the whole prompt and its
phrases are search queries. The brand's anchors come first. Then assets whose titles the prompt
names, and search hits, are chosen by maximal marginal relevance (Carbonell & Goldstein, SIGIR
1998): each time the one with the largest

    LAMBDA * relevance - (1 - LAMBDA) * (similarity to the most similar of those chosen already)

so that a different image comes before another similar one. Of near-copies only one is suggested.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from django.contrib.postgres.search import SearchRank
from django.db.models import F

from assetbank import permissions
from assetbank.assets.metadata import says_nothing
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
    fulltext,
    rank_for_user,
)

MAX_SUGGESTIONS = 8
MAX_ANCHORS = 3  # of the suggestions; the others match the prompt
MAX_CANDIDATES = 24  # hits of each search query
MAX_PHRASES = 4
LAMBDA = 0.6  # 1: relevance only; 0: difference only
MIN_COPY_COSINE = 0.97  # cosine similarity from which two images are near-copies
MIN_ODDS = -8.0  # log-odds of a match; a less likely one would be chosen for its difference only
SEPARATOR = re.compile(
    r"[^\w\s'-]+|\b(?:and|with|on|in|at|by|from|near|beside|behind|under|over|against|wearing|"
    r"holding|carrying|leaning|standing|sitting|next to)\b",
    re.IGNORECASE,
)
# Phrases that end with one of these, like "soft morning light", name no thing to search for
NO_THING = {
    *("light", "lighting", "sun", "sunlight", "shadow", "shadows", "focus", "blur", "mood"),
    *("background", "foreground", "scene", "style", "colour", "colours", "color", "colors"),
    *("photo", "photograph", "picture", "image", "shot", "view", "angle"),
}
MIN_TITLE_SHARE = 2 / 3  # of a title's words that a prompt must contain to name that asset
MAX_WORDS = 32  # words of a prompt that are searched for in titles

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Suggestion:
    """One asset suggested as a reference."""

    asset: Asset
    anchor: bool = False  # a brand reference image


@dataclass(frozen=True)
class Suggestions:
    """References suggested for a prompt: brand reference images first, then matches."""

    offered: tuple[Suggestion, ...] = ()
    note: str = ""  # a sentence that says why there are fewer than usual


def suggest_references(
    *,
    person: permissions.AnyUser,
    brand: Brand,
    prompt: str,
    taken: Collection[int] = (),
    limit: int = MAX_SUGGESTIONS,
) -> Suggestions:
    """Return at most `limit` suggestions among the assets of `brand` that `person` may view and
    that allow derivatives, without the ids `taken`.

    The search queries are not logged. If search is unavailable, `note` says so."""
    odds, note = _odds(person, brand, prompt)
    anchors = _anchors(brand)
    found = _usable(person, brand).in_bulk({*odds, *anchors} - set(taken))
    odds = {pk: value for pk, value in odds.items() if pk in found}
    ranks = {pk: n for n, pk in enumerate(sorted(odds, key=lambda pk: -odds[pk]))}
    usable_anchors = [pk for pk in anchors if pk in found]
    usable_anchors.sort(key=lambda pk: ranks.get(pk, len(ranks)))
    vectors = _vectors({*usable_anchors, *odds})
    first = diversify(
        {pk: 1 - n / len(usable_anchors) for n, pk in enumerate(usable_anchors)},
        vectors,
        limit=min(MAX_ANCHORS, limit),
    )
    rest = {pk: value for pk, value in odds.items() if pk not in first}
    chosen = first + diversify(_scaled(rest), vectors, limit=limit - len(first), after=first)
    return Suggestions(tuple(Suggestion(found[pk], pk in anchors) for pk in chosen), note)


def search_query_for(prompt: str) -> str:
    """Return a prompt as plain search text, without the operators minus and quotation marks."""
    plain = clean_text(prompt).replace('"', " ")
    words = (word.strip("\"“”„'").lstrip("-") for word in plain.split())
    return " ".join(word for word in words if word)[:MAX_TEXT_LENGTH]


def words_of(text: str) -> set[str]:
    """Return the stems of the words of a text, of more than two characters each."""
    return {_stem(word) for word in _words(text)}


def phrases(text: str) -> list[str]:
    """Return the search queries for a prompt: the prompt itself, and its first MAX_PHRASES phrases
    that name things."""
    parts = [" ".join(part.split()) for part in SEPARATOR.split(text)]
    # a single word is more often a verb that was cut off than a thing
    things = [part for part in parts if " " in part and part.split()[-1].lower() not in NO_THING]
    return list(dict.fromkeys([text, *things]))[: 1 + MAX_PHRASES]


def diversify(
    relevance: Mapping[int, float],
    vectors: Mapping[int, Floats],
    *,
    limit: int,
    after: Sequence[int] = (),
) -> list[int]:
    """Return at most `limit` ids by maximal marginal relevance, in the order of choice, given those
    in `after` as chosen before; `relevance` is 0 to 1.

    Similarity is the cosine of the vectors, scaled so that the least similar pair has 0 and copies
    have 1: the cosine of two unrelated images depends on the encoder. An asset without a vector is
    similar to no other.
    """
    ids = [*relevance, *after]
    cosines = _cosines(ids, vectors)
    lowest = min(float(cosines.min(initial=1.0)), 1 - 1e-6)
    similarity = (cosines - lowest) / (1 - lowest)
    candidates = set(range(len(relevance)))
    taken = list(range(len(relevance), len(ids)))
    chosen: list[int] = []
    while len(chosen) < limit:
        candidates = {
            n for n in candidates if cosines[n, taken].max(initial=-1.0) < MIN_COPY_COSINE
        }
        if not candidates:
            break
        scores = {
            n: LAMBDA * relevance[ids[n]] - (1 - LAMBDA) * similarity[n, taken].max(initial=0.0)
            for n in candidates
        }
        best = max(candidates, key=lambda n: (scores[n], relevance[ids[n]], -n))
        candidates.remove(best)
        taken.append(best)
        chosen.append(ids[best])
    return chosen


def _scaled(odds: Mapping[int, float]) -> dict[int, float]:
    """Return log-odds, which are linear in the encoder's scores, scaled to 0 to 1."""
    if not odds:
        return {}
    lowest, highest = min(odds.values()), max(odds.values())
    return {pk: (value - lowest) / (highest - lowest or 1.0) for pk, value in odds.items()}


def _cosines(ids: Sequence[int], vectors: Mapping[int, Floats]) -> Floats:
    """Return the cosines [n, n] of `ids`; without a vector, the lowest of all others."""
    known = [n for n, pk in enumerate(ids) if pk in vectors]
    if not known:
        return np.zeros((len(ids), len(ids)), np.float32)
    rows = np.stack([vectors[ids[n]] for n in known])
    products = rows @ rows.T
    cosines = np.full((len(ids), len(ids)), products.min(), np.float32)
    cosines[np.ix_(known, known)] = products
    return cosines


def _odds(person: permissions.AnyUser, brand: Brand, prompt: str) -> tuple[dict[int, float], str]:
    """Return the log-odds that assets match the prompt, by their ids, and a note if search failed.
    No ids are returned if no asset is a likely match and the prompt names none by its title."""
    if not (text := search_query_for(prompt)):
        return {}, ""
    found: dict[int, float] = {}
    note = ""
    try:
        for phrase in phrases(text):
            for hit in _search(person, brand, phrase):
                found[hit.id] = max(found.get(hit.id, MIN_ODDS), _log_odds(hit.relevance))
    except SearchUnavailable:
        note = "Search is temporarily unavailable, so there are fewer suggestions than usual."
    except InvalidQuery as error:
        note = error.message
    named = _titled(person, brand, text)
    best = max(found.values(), default=0.0)
    if best < 0 and not named:
        return {}, note
    likely = {pk: odds for pk, odds in found.items() if odds > MIN_ODDS}
    return {**likely, **dict.fromkeys(named, max(best, 0.0))}, note


def _search(person: permissions.AnyUser, brand: Brand, phrase: str) -> Sequence[RankedId]:
    query = SearchQuery(text=phrase, filters=Filters(brands=(brand.slug,), usable=True))
    return rank_for_user(person=person, question=query, depth=MAX_CANDIDATES).hits[:MAX_CANDIDATES]


def _log_odds(relevance: float | None) -> float:
    """Return the log-odds of a search hit from its relevance; 0 for a hit by text only, which has
    no relevance."""
    if relevance is None:
        return 0.0
    bounded = min(max(relevance, 1e-9), 1 - 1e-9)
    return math.log(bounded / (1 - bounded))


def _titled(person: permissions.AnyUser, brand: Brand, text: str) -> list[int]:
    """Return ids of the brand's assets that the prompt `text` names: it contains at least the share
    MIN_TITLE_SHARE of the words of their title. Largest share first.

    A search does the opposite: it requires all words of the query in the document.
    """
    words = list(dict.fromkeys(_words(text)))[:MAX_WORDS]
    if not words:
        return []
    # PostgreSQL knows plurals and endings, and ranks by title; the share is computed below
    any_word = fulltext.any_word_query(words)
    titled = (
        _usable(person, brand)
        .filter(document__words=any_word)
        .annotate(rank=SearchRank(F("document__words"), any_word, weights=[0.0, 0.0, 0.1, 1.0]))
        .order_by("-rank", "-id")
        .values_list("pk", "title")[:MAX_CANDIDATES]
    )
    stems = {_stem(word) for word in words}
    shares = {}
    for pk, title in titled:
        if not says_nothing(title) and (title_stems := words_of(title)):
            shares[pk] = len(title_stems & stems) / len(title_stems)
    titled_ids = [pk for pk, share in shares.items() if share >= MIN_TITLE_SHARE]
    return sorted(titled_ids, key=lambda pk: -shares[pk])


def _words(text: str) -> list[str]:
    """Return the words of a text, of more than two characters each, without capitals and accents,
    as the search index has them."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return [word for word in re.findall(r"\w+", plain) if len(word) > 2]


def _stem(word: str) -> str:
    return word.removesuffix("s")


def _anchors(brand: Brand) -> list[int]:
    """Return ids of the first MAX_CANDIDATES brand reference images, in the order of their
    collection."""
    rules = brand_rules_of(brand)
    if rules.anchors is None:
        return []
    items = rules.anchors.items.filter(asset__deleted_at=None)
    return list(items.values_list("asset_id", flat=True)[:MAX_CANDIDATES])


def _usable(person: permissions.AnyUser, brand: Brand) -> AssetQuerySet:
    visible = permissions.assets(person).filter(brand=brand).exclude(status__in=HIDDEN_STATUSES)
    # a generated asset is suggested only after its approval
    visible = visible.exclude(origin=Asset.Origin.GENERATED, status=Asset.Status.DRAFT)
    return terms.usable(visible, derive=True)


def _vectors(ids: Collection[int]) -> dict[int, Floats]:
    rows = Embedding.objects.in_active_space().filter(asset_id__in=ids).exclude(vector_bytes=None)
    found = {row.asset_id: row.vector for row in rows.only("asset_id", "vector_bytes")}
    return {pk: vector for pk, vector in found.items() if vector is not None}

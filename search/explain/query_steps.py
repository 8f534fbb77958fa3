"""Explanation steps about a query: its words, its meaning, and the asset's rank."""

from __future__ import annotations

from django.db.models import Count, Q

from assetbank.models import CollectionItem
from search.encoders import relevance
from search.explain import term_matches
from search.explain.context import ExplainContext
from search.explain.types import Detail, Repair, State, Step, step
from search.query import (
    FIRST_DEPTH,
    HIDDEN_STATUSES,
    PAGE_SIZE,
    MatchedBy,
    Ranking,
    fulltext,
    ranking,
)
from search.query.filters import to_queryset
from search.vectorstore import expressions as e
from search.vectorstore import store

NEAR = 1_000  # hits that are searched first; then as many as Milvus returns
NOTHING_ASKED = "There is no text or image to compare: assets are listed newest first."


def wording(context: ExplainContext) -> Step:
    """Report which included and excluded words occur in the asset's document."""
    terms = context.question.terms
    included, excluded = terms.include, terms.exclude
    if not (included or excluded):
        return step("wording", State.NOT_ASKED, "The search has no text.")
    found, named = term_matches.occurrences(context.asset, terms)
    of_included, of_excluded = found[: len(included)], found[len(included) :]
    details = [_occurrence(each, included=True) for each in of_included]
    details += [_occurrence(each, included=False) for each in of_excluded]
    excluded_by = [each.phrase for each in of_excluded if each.in_document]
    stale = [each.phrase for each in of_included if each.fields and not each.in_document]
    missing = [each.phrase for each in of_included if each.counts and not each.in_document]
    if excluded_by and not named:
        sentence = f"The search excludes it with {_quoted(excluded_by)}."
        return step("wording", State.BAD, sentence, details)
    if stale:
        sentence = (
            f"The full-text index does not contain {_quoted(stale)}, although its metadata "
            "does. Reindex its text."
        )
        return step("wording", State.BAD, sentence, details, (Repair.WORDS,))
    if named:
        sentence = "The search matches its file name or article number exactly: it ranks first."
        return step("wording", State.GOOD, sentence, details)
    if missing or not any(each.counts for each in of_included):
        sentence = f"The text does not match: its metadata does not contain {_quoted(missing)}."
        if not missing:
            sentence = "The search has no word that can be matched as text."
        return step("wording", State.NOTE, sentence, details)
    return step("wording", State.GOOD, "All words of the search occur in its metadata.", details)


def _occurrence(found: term_matches.Occurrence, *, included: bool) -> Detail:
    label = found.phrase if included else f"-{found.phrase}"
    if not found.counts:
        return Detail(label, "too common to be indexed")
    where = f"in {' and '.join(found.fields)}" if found.fields else "in title and tags together"
    if included:
        state = State.GOOD if found.in_document else State.NOTE
        return Detail(label, where if found.in_document or found.fields else "nowhere", state)
    state = State.BAD if found.in_document else State.GOOD
    return Detail(label, where if found.in_document else "nowhere", state)


def _quoted(phrases: list[str]) -> str:
    return ", ".join(f"“{phrase}”" for phrase in phrases)


# ------------------------------------------------------------------------ meaning


def meaning(context: ExplainContext) -> Step:
    """Report the relevance of the asset's vector.

    Raises InvalidQuery, SearchUnavailable and VectorStoreUnavailable.
    """
    if context.browsing:
        return step("meaning", State.NOT_ASKED, NOTHING_ASKED)
    same_id = e.equals("id", context.asset.pk)
    vector, collection = context.composed.vector, context.space.collection
    own = store.search(vector, limit=1, where=same_id, collection=collection)
    if not own:
        sentence = "Its vector is missing in Milvus, so its image cannot be compared."
        return step("meaning", State.NOTE, sentence)
    score = own[0].score
    hits, _ = context.nearest(NEAR)
    best = max(score, hits[0].score if hits else score)
    share = float(context.composed.relevance([score], best=best)[0])
    details = [
        Detail("Relevance", f"{share:.2f}; the threshold is {relevance.MATCH_THRESHOLD}"),
        Detail("Cosine", f"{score:.4f}"),
    ]
    if hits:
        last = hits[:PAGE_SIZE][-1]
        scores = f"{hits[0].score:.4f} to {last.score:.4f}"
        details.append(Detail("Cosines of the nearest", f"{scores}, of {PAGE_SIZE} at most"))
    if share >= relevance.MATCH_THRESHOLD:
        sentence = "Its image matches the search."
        return step("meaning", State.GOOD, sentence, details)
    sentence = "Its image is below the relevance threshold."
    return step("meaning", State.NOTE, sentence, details)


# ------------------------------------------------------------------------ rank


def rank(context: ExplainContext) -> Step:
    """Report the asset's rank on the pages. Raises InvalidQuery and SearchUnavailable."""
    if not context.admitted:
        sentence = "It has no rank: the problems above exclude it."
        return step("rank", State.NOT_ASKED, sentence)
    if context.asset.pk in context.question.assets:
        sentence = "It is the search image itself, and search images are excluded from the results."
        return step("rank", State.BAD, sentence)
    if context.browsing:
        before, total = _browsed(context)
        return _placed(before, total, [])
    ranked = _ranked(context)
    details = [Detail("Semantic rank", _by_meaning(context))]
    ids = [hit.id for hit in ranked.hits]
    if context.asset.pk not in ids:
        sentence = f"It is not among the {len(ids)} results of this search."
        return step("rank", State.BAD, sentence, details)
    at = ids.index(context.asset.pk)
    hit = ranked.hits[at]
    before = _shown(context, ids[:at])
    names = [str(by.name).lower() for by in MatchedBy if by in hit.by]
    details.append(Detail("Found by", " and ".join(names) or "similarity only"))
    if not hit.matches:
        sentence = f"It is a weak match, shown at rank {before + 1}"
        behind = (
            f", after {ranked.matched} good match{'es' * (ranked.matched > 1)}."
            if ranked.matched
            else "; there are no good matches."
        )
        return step("rank", State.BAD, sentence + behind, details)
    return _placed(before, ranked.matched, details)


def _placed(before: int, total: int, details: list[Detail]) -> Step:
    """Return the step for an asset that `before` results precede, of `total` results."""
    page = before // PAGE_SIZE + 1
    sentence = f"It is at rank {before + 1} of {total}, on page {page}."
    if page == 1:
        return step("rank", State.GOOD, sentence, details)
    return step(
        "rank", State.NOTE, f"{sentence} A more specific search would rank it higher.", details
    )


def _ranked(context: ExplainContext) -> Ranking:
    """Return the query's ranking down to the asset, deepened in the same steps as for a user's
    pages."""
    ranked = _rank(context, FIRST_DEPTH)
    while not ranked.complete and all(hit.id != context.asset.pk for hit in ranked.hits):
        deeper = _rank(context, 4 * max(FIRST_DEPTH, len(ranked.hits)))
        ranked = ranking.extend_ranking(ranked, deeper)
    return ranked


def _rank(context: ExplainContext, depth: int) -> Ranking:
    return ranking.rank(context.question, space=context.space, scope=context.scope, depth=depth)


def _shown(context: ExplainContext, ids: list[int]) -> int:
    """Return how many of these asset ids the pages of results show."""
    shown = context.assets.filter(pk__in=ids)
    if not context.question.filters.statuses:
        shown = shown.exclude(status__in=HIDDEN_STATUSES)
    return shown.count()


def _by_meaning(context: ExplainContext) -> str:
    """Return the asset's rank by vector alone, as words."""
    for many in (NEAR, store.MAX_HITS):
        hits, are_all = context.nearest(many)
        for place, hit in enumerate(hits, start=1):
            if hit.id == context.asset.pk:
                return f"rank {place}"
        if are_all:
            return f"not among the {len(hits)} results from Milvus"
    return f"after the first {store.MAX_HITS:,}"


def _browsed(context: ExplainContext) -> tuple[int, int]:
    """Return how many results precede the asset when browsing, and the number of all results."""
    found = fulltext.exclude_terms(
        context.question.terms, to_queryset(context.question.filters, context.assets)
    )
    asset, collection = context.asset, context.question.filters.collection
    if collection is None:
        newer = Q(created_at__gt=asset.created_at)
        before = newer | Q(created_at=asset.created_at, pk__gt=asset.pk)
    else:
        item = CollectionItem.objects.filter(collection=collection)
        place = item.filter(asset=asset).values_list("position", flat=True).first() or 0
        earlier = item.filter(Q(position__lt=place) | Q(position=place, asset__lt=asset.pk))
        before = Q(pk__in=earlier.values("asset"))
    counted = found.order_by().aggregate(before=Count("pk", filter=before), total=Count("pk"))
    return int(counted["before"]), int(counted["total"])

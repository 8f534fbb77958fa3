"""What becomes of an asset in a question: its words, its meaning, its place."""

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

NEAR = 1_000  # neighbours that are looked through first; then as many as Milvus gives
NOTHING_ASKED = "Nothing is asked that could be compared: this is browsing, newest first."


def wording(case: ExplainContext) -> Step:
    terms = case.question.terms
    wanted, unwanted = terms.wanted, terms.unwanted
    if not (wanted or unwanted):
        return step("wording", State.NOT_ASKED, "The question has no words.")
    found, named = term_matches.occurrences(case.asset, terms)
    of_wanted, of_unwanted = found[: len(wanted)], found[len(wanted) :]
    details = [_occurrence(each, wanted=True) for each in of_wanted]
    details += [_occurrence(each, wanted=False) for each in of_unwanted]
    thrown = [each.phrase for each in of_unwanted if each.in_document]
    stale = [each.phrase for each in of_wanted if each.fields and not each.in_document]
    missing = [each.phrase for each in of_wanted if each.counts and not each.in_document]
    if thrown and not named:
        said = f"It is thrown out by what is not wanted: {_quoted(thrown)}."
        return step("wording", State.BAD, said, details)
    if stale:
        said = f"The full-text index does not know of {_quoted(stale)}, which is written there."
        return step("wording", State.BAD, said, details, (Repair.WORDS,))
    if named:
        said = "Its file name or article number is typed exactly: it comes first."
        return step("wording", State.GOOD, said, details)
    if missing or not any(each.counts for each in of_wanted):
        said = f"Words alone do not find it: nothing written about it has {_quoted(missing)}."
        if not missing:
            said = "The question has no word that words are found by."
        return step("wording", State.NOTE, said, details)
    return step("wording", State.GOOD, "All words of the question are written about it.", details)


def _occurrence(found: term_matches.Occurrence, *, wanted: bool) -> Detail:
    label = found.phrase if wanted else f"-{found.phrase}"
    if not found.counts:
        return Detail(label, "too common to count")
    where = f"in {' and '.join(found.fields)}" if found.fields else "in title and tags together"
    if wanted:
        mark = State.GOOD if found.in_document else State.NOTE
        return Detail(label, where if found.in_document or found.fields else "nowhere", mark)
    mark = State.BAD if found.in_document else State.GOOD
    return Detail(label, where if found.in_document else "nowhere", mark)


def _quoted(phrases: list[str]) -> str:
    return ", ".join(f"“{phrase}”" for phrase in phrases)


# ------------------------------------------------------------------------ meaning


def meaning(case: ExplainContext) -> Step:
    """Raises InvalidQuestion, SearchUnavailable and MilvusDown."""
    if case.browsing:
        return step("meaning", State.NOT_ASKED, NOTHING_ASKED)
    this = e.equals("id", case.asset.pk)
    vector, collection = case.composed.vector, case.space.collection
    own = store.search(vector, limit=1, where=this, collection=collection)
    if not own:
        said = "Milvus does not have it, so what it shows cannot be compared."
        return step("meaning", State.NOTE, said)
    score = own[0].score
    hits, _ = case.nearest(NEAR)
    best = max(score, hits[0].score if hits else score)
    share = float(case.composed.relevance([score], best=best)[0])
    details = [
        Detail("Relevance", f"{share:.2f}; the line is at {relevance.MATCH_THRESHOLD}"),
        Detail("Cosine", f"{score:.4f}"),
    ]
    if hits:
        last = hits[:PAGE_SIZE][-1]
        scores = f"{hits[0].score:.4f} to {last.score:.4f}"
        details.append(Detail("Cosines of the nearest", f"{scores}, of {PAGE_SIZE} at most"))
    if share >= relevance.MATCH_THRESHOLD:
        said = "What it shows matches the question."
        return step("meaning", State.GOOD, said, details)
    said = "What it shows does not really match: it is below the line."
    return step("meaning", State.NOTE, said, details)


# ------------------------------------------------------------------------ rank


def rank(case: ExplainContext) -> Step:
    """Where the pages show it. Raises InvalidQuestion and SearchUnavailable."""
    if not case.admitted:
        said = "It has no place: what is said above keeps it out."
        return step("rank", State.NOT_ASKED, said)
    if case.asset.pk in case.question.assets:
        said = "It is what is asked with, and nobody looks for what they hold up."
        return step("rank", State.BAD, said)
    if case.browsing:
        before, total = _browsed(case)
        return _placed(before, total, [])
    ranked = _ranked(case)
    details = [Detail("By meaning", _by_meaning(case))]
    ids = [hit.id for hit in ranked.hits]
    if case.asset.pk not in ids:
        said = f"It is not among the {len(ids)} that this question finds."
        return step("rank", State.BAD, said, details)
    at = ids.index(case.asset.pk)
    hit = ranked.hits[at]
    before = _shown(case, ids[:at])
    names = [str(by.name).lower() for by in MatchedBy if by in hit.by]
    details.append(Detail("Found by", " and ".join(names) or "being near, no more"))
    if not hit.matches:
        said = f"It does not really match: it is shown at place {before + 1}"
        behind = f", behind the {ranked.matched} that do." if ranked.matched else "; nothing does."
        return step("rank", State.BAD, said + behind, details)
    return _placed(before, ranked.matched, details)


def _placed(before: int, total: int, details: list[Detail]) -> Step:
    page = before // PAGE_SIZE + 1
    said = f"It is at place {before + 1} of {total}, on page {page}."
    if page == 1:
        return step("rank", State.GOOD, said, details)
    return step("rank", State.NOTE, f"{said} A narrower question brings it forward.", details)


def _ranked(case: ExplainContext) -> Ranking:
    """As far as it takes to find it, in the steps in which pages rank."""
    ranked = _rank(case, FIRST_DEPTH)
    while not ranked.complete and all(hit.id != case.asset.pk for hit in ranked.hits):
        deeper = _rank(case, 4 * max(FIRST_DEPTH, len(ranked.hits)))
        ranked = ranking.extend(ranked, deeper)
    return ranked


def _rank(case: ExplainContext, depth: int) -> Ranking:
    return ranking.rank(case.question, space=case.space, reach=case.reach, depth=depth)


def _shown(case: ExplainContext, ids: list[int]) -> int:
    """How many of them a page shows."""
    shown = case.assets.filter(pk__in=ids)
    if not case.question.filters.statuses:
        shown = shown.exclude(status__in=HIDDEN_STATUSES)
    return shown.count()


def _by_meaning(case: ExplainContext) -> str:
    for many in (NEAR, store.MAX_HITS):
        hits, are_all = case.nearest(many)
        for place, hit in enumerate(hits, start=1):
            if hit.id == case.asset.pk:
                return f"place {place}"
        if are_all:
            return f"not among the {len(hits)} that Milvus has for it"
    return f"behind the first {store.MAX_HITS:,}"


def _browsed(case: ExplainContext) -> tuple[int, int]:
    """How many are before it, and how many there are."""
    found = fulltext.exclude_terms(
        case.question.terms, to_queryset(case.question.filters, case.assets)
    )
    asset, collection = case.asset, case.question.filters.collection
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

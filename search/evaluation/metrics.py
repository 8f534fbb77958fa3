"""Relevance metrics of a vector space on queries with known right answers."""

from __future__ import annotations

import contextlib
import math
import statistics
import time
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from django.db.models import Prefetch, QuerySet
from django.utils import timezone

from assetbank import permissions
from assetbank.models import Asset, Brand
from search.errors import InvalidQuery, SearchUnavailable
from search.models import GoldenQuestion, VectorSpace
from search.query import SearchQuery, ranking, read_query

K = 10  # results that count


def recall_at(k: int, found: Sequence[int], expected: Collection[int]) -> float:
    """Return the share of expected ids (at most k of them) among the first k, 0 to 1."""
    if not expected:
        return 0.0
    return len(set(found[:k]) & set(expected)) / min(k, len(set(expected)))


def reciprocal_rank(found: Sequence[int], expected: Collection[int]) -> float:
    """Return 1 / rank of the first expected id; 0 without one."""
    relevant = set(expected)
    return next((1 / place for place, pk in enumerate(found, 1) if pk in relevant), 0.0)


def ndcg_at(k: int, found: Sequence[int], expected: Collection[int]) -> float:
    """Return the normalised discounted cumulative gain at k, 0 to 1, with gains of 0 and 1.

    Järvelin and Kekäläinen 2002.
    """
    relevant = set(expected)
    gain = sum(1 / math.log2(place + 1) for place, pk in enumerate(found[:k], 1) if pk in relevant)
    best = sum(1 / math.log2(place + 1) for place in range(1, min(k, len(relevant)) + 1))
    return gain / best if best else 0.0


@dataclass(frozen=True)
class EvaluationQuery:
    """A query, the ids of its relevant assets, and its label in a table."""

    question: SearchQuery
    expected: frozenset[int]  # asset ids
    label: str
    brand: str = ""


@dataclass(frozen=True)
class Result:
    """Means over the queries: metrics 0 to 1, median and 95th percentile in milliseconds."""

    questions: int
    k: int
    recall: float
    mrr: float
    ndcg: float
    p50_ms: float
    p95_ms: float
    rows: list[dict[str, Any]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def evaluate_query(query: EvaluationQuery, *, space: VectorSpace, k: int = K) -> dict[str, Any]:
    """Return one row of a Result: question, brand, recall, mrr, ndcg, ms.

    Raises InvalidQuery and SearchUnavailable.
    """
    scope = _scope_of_brands(query.question)
    started = time.perf_counter()
    ranked = ranking.rank(query.question, space=space, scope=scope, depth=max(k, 50))
    took = 1000 * (time.perf_counter() - started)
    found = [hit.id for hit in ranked.hits]
    return {
        "question": query.label,
        "brand": query.brand,
        "recall": recall_at(k, found, query.expected),
        "mrr": reciprocal_rank(found, query.expected),
        "ndcg": ndcg_at(k, found, query.expected),
        "ms": took,
    }


def _scope_of_brands(question: SearchQuery) -> permissions.AssetScope:
    """Return the scope with all assets, of any status, of the brands that the query filters by.

    Without such a filter it contains the assets of every brand.
    """
    everything, chosen = permissions.AssetScope(None), question.filters.brands
    if not chosen:
        return everything
    brands = Brand.objects.filter(slug__in=chosen).values_list("pk", flat=True)
    return everything.limit_to(frozenset(brands))


def mean_metrics(rows: list[dict[str, Any]], k: int = K) -> Result:
    """Return the means of rows of `evaluate_query`."""

    def mean(name: str) -> float:
        return statistics.fmean(row[name] for row in rows) if rows else 0.0

    times = sorted(row["ms"] for row in rows) or [0.0]
    return Result(
        questions=len(rows),
        k=k,
        recall=mean("recall"),
        mrr=mean("mrr"),
        ndcg=mean("ndcg"),
        p50_ms=statistics.median(times),
        p95_ms=times[min(len(times) - 1, math.ceil(0.95 * len(times)) - 1)],
        rows=rows,
    )


def evaluate_golden_queries(*spaces: VectorSpace) -> list[Result]:
    """Evaluate the golden queries in each of the spaces, each within its brand.

    Only queries that every space can answer count. Raises SearchUnavailable when a service is
    unavailable.
    """
    rows_by_query = []
    for query in golden_evaluation_queries():
        try:
            rows_by_query.append([evaluate_query(query, space=space) for space in spaces])
        except InvalidQuery:
            continue
        except SearchUnavailable as error:
            if error.__cause__ is not None:
                raise
    return [mean_metrics([rows[place] for rows in rows_by_query]) for place in range(len(spaces))]


def golden_evaluation_queries() -> list[EvaluationQuery]:
    """Return the golden queries whose images and collections still exist."""
    queries = []
    for row in _with_expected(GoldenQuestion.objects.all()):
        with contextlib.suppress(InvalidQuery):
            queries.append(_evaluation_query(row))
    return queries


def measure_golden_queries(questions: QuerySet[GoldenQuestion], *, space: VectorSpace) -> Result:
    """Evaluate golden queries, and save on each its metrics or why it could not be run.

    Raises SearchUnavailable when a service is unavailable.
    """
    rows = []
    for golden in _with_expected(questions):
        try:
            row = evaluate_query(_evaluation_query(golden), space=space)
        except InvalidQuery as error:
            golden.measured = {"problem": error.message}
        except SearchUnavailable as error:
            if error.__cause__ is not None:
                raise
            golden.measured = {"problem": error.message}  # its query image is not indexed yet
        else:
            rows.append(row)
            golden.measured = {name: row[name] for name in ("recall", "mrr", "ndcg")}
            golden.measured |= {"at": timezone.now().isoformat(), "encoder": space.model}
        golden.save(update_fields=["measured"])
    return mean_metrics(rows)


def _with_expected(questions: QuerySet[GoldenQuestion]) -> QuerySet[GoldenQuestion]:
    expected = Prefetch("expected", Asset.objects.only("pk"))
    return questions.select_related("brand").prefetch_related(expected)


def _evaluation_query(golden: GoldenQuestion) -> EvaluationQuery:
    """Return a golden query within its brand, with the ids of its expected assets.

    Raises InvalidQuery if it is no longer valid, or if none of these assets exists.
    """
    ids = frozenset(asset.pk for asset in golden.expected.all())
    if not ids:
        raise InvalidQuery("None of the expected assets exists any longer. Edit the query.")
    question = read_query(golden.question, person=permissions.system_user())
    return EvaluationQuery(question.within(golden.brand), ids, str(golden), golden.brand.name)

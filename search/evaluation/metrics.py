"""How well a vector space answers questions whose right answers are known."""

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

K = 10


def recall_at(k: int, found: Sequence[int], expected: Collection[int]) -> float:
    """Share of the expected ones (at most k of them can be) among the first k."""
    if not expected:
        return 0.0
    return len(set(found[:k]) & set(expected)) / min(k, len(set(expected)))


def reciprocal_rank(found: Sequence[int], expected: Collection[int]) -> float:
    """1 / place of the first expected one; 0 when there is none."""
    wanted = set(expected)
    return next((1 / place for place, pk in enumerate(found, 1) if pk in wanted), 0.0)


def ndcg_at(k: int, found: Sequence[int], expected: Collection[int]) -> float:
    """Normalised discounted cumulative gain, gains of 0 and 1 (Järvelin and Kekäläinen 2002)."""
    wanted = set(expected)
    gain = sum(1 / math.log2(place + 1) for place, pk in enumerate(found[:k], 1) if pk in wanted)
    best = sum(1 / math.log2(place + 1) for place in range(1, min(k, len(wanted)) + 1))
    return gain / best if best else 0.0


@dataclass(frozen=True)
class EvaluationQuery:
    """A question, what it should find, and how it is called in a table."""

    question: SearchQuery
    expected: frozenset[int]  # ids of assets
    label: str
    brand: str = ""


@dataclass(frozen=True)
class Result:
    """Means over the questions, each measure 0 to 1; milliseconds of the median and slowest."""

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


def evaluate_query(asking: EvaluationQuery, *, space: VectorSpace, k: int = K) -> dict[str, Any]:
    """One row of a Result: question, brand, recall, mrr, ndcg, ms. Raises InvalidQuestion and
    SearchUnavailable."""
    reach = _scope(asking.question)
    started = time.perf_counter()
    ranked = ranking.rank(asking.question, space=space, reach=reach, depth=max(k, 50))
    took = 1000 * (time.perf_counter() - started)
    found = [hit.id for hit in ranked.hits]
    return {
        "question": asking.label,
        "brand": asking.brand,
        "recall": recall_at(k, found, asking.expected),
        "mrr": reciprocal_rank(found, asking.expected),
        "ndcg": ndcg_at(k, found, asking.expected),
        "ms": took,
    }


def _scope(question: SearchQuery) -> permissions.AssetScope:
    """All of the brands that it asks for."""
    everything, chosen = permissions.AssetScope(None), question.filters.brands
    if not chosen:
        return everything
    brands = Brand.objects.filter(slug__in=chosen).values_list("pk", flat=True)
    return everything.within(frozenset(brands))


def mean_metrics(rows: list[dict[str, Any]], k: int = K) -> Result:
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
    """The questions that brands have pinned, each within its brand, as each of these spaces answers
    them: those that can be asked in all of them. Raises SearchUnavailable when a service is down.
    """
    asked = []
    for asking in golden_evaluation_queries():
        try:
            asked.append([evaluate_query(asking, space=space) for space in spaces])
        except InvalidQuery:
            continue
        except SearchUnavailable as error:
            if error.__cause__ is not None:
                raise
    return [mean_metrics([rows[place] for rows in asked]) for place in range(len(spaces))]


def golden_evaluation_queries() -> list[EvaluationQuery]:
    """Those that can be asked still: their pictures and collections are there."""
    askings = []
    for row in _with_expected(GoldenQuestion.objects.all()):
        with contextlib.suppress(InvalidQuery):
            askings.append(_asking(row))
    return askings


def measure_golden_queries(questions: QuerySet[GoldenQuestion], *, space: VectorSpace) -> Result:
    """Ask these, and keep on each how it was answered, or why it could not be asked. Raises
    SearchUnavailable when a service is down."""
    rows = []
    for golden in _with_expected(questions):
        try:
            row = evaluate_query(_asking(golden), space=space)
        except InvalidQuery as error:
            golden.measured = {"problem": error.message}
        except SearchUnavailable as error:
            if error.__cause__ is not None:
                raise
            golden.measured = {"problem": error.message}  # what it asks with is not indexed yet
        else:
            rows.append(row)
            golden.measured = {name: row[name] for name in ("recall", "mrr", "ndcg")}
            golden.measured |= {"at": timezone.now().isoformat(), "encoder": space.model}
        golden.save(update_fields=["measured"])
    return mean_metrics(rows)


def _with_expected(questions: QuerySet[GoldenQuestion]) -> QuerySet[GoldenQuestion]:
    expected = Prefetch("expected", Asset.objects.only("pk"))
    return questions.select_related("brand").prefetch_related(expected)


def _asking(golden: GoldenQuestion) -> EvaluationQuery:
    """Raises InvalidQuestion."""
    ids = frozenset(asset.pk for asset in golden.expected.all())
    if not ids:
        raise InvalidQuery("None of the pictures that it should find is there any more.")
    question = read_query(golden.question, person=permissions.system_user())
    return EvaluationQuery(question.within(golden.brand), ids, str(golden), golden.brand.name)

"""`manage.py evaluate_search`: measure relevance with queries of a file."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.http import QueryDict

from assetbank import permissions
from assetbank.models import Asset, Brand
from assetbank.text import clean_text
from search.errors import InvalidQuery, SearchUnavailable
from search.evaluation import EvaluationQuery, metrics
from search.indexing import spaces
from search.models import VectorSpace
from search.query import SearchForm, SearchQuery, read_query

MAX_NAMED = 50  # skipped lines that are printed


class BadLine(Exception):
    """Line that cannot be used; the message is a sentence with the reason."""


@dataclass(frozen=True)
class Line:
    """One query of the file."""

    number: int  # line of the file, from 1
    question: str
    expected: tuple[str, ...] = ()  # ids or file names
    problem: str = ""  # why it cannot be used


class Command(BaseCommand):
    help = (
        'Run the queries of a file and measure the results. JSON lines ({"question": "red '
        'handbag", "expected": [12, "bag.jpg"]}) or CSV with the columns question and '
        "expected (several: separated by semicolons). A question is plain text or parameters "
        "like q=red&kind=logo. Exit code 1 if no query could be run."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--k", type=int, default=metrics.K, help="Number of results to measure."
        )
        parser.add_argument(
            "--json", type=Path, metavar="OUT", help="Write the figures to this file."
        )
        parser.add_argument("--brand", default="", metavar="SLUG", help="Search this brand only.")
        parser.add_argument(
            "--space", default="", metavar="MODEL", help="Encoder to use instead of the active one."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        k: int = options["k"]
        if not 1 <= k <= 1_000:
            raise CommandError("--k must be a number from 1 to 1000.")
        brand, space = _brand(options["brand"]), _space(options["space"])
        try:
            lines = list(read_lines(options["file"].read_text("utf-8-sig")))
            # Loading and connecting for the first query do not count as latency
            metrics.evaluate_query(
                EvaluationQuery(SearchQuery(text="warm up"), frozenset(), ""), space=space
            )
        except (OSError, ValueError, csv.Error) as error:
            why = getattr(error, "strerror", None) or error
            raise CommandError(f"{options['file']} cannot be read: {why}.") from error
        except SearchUnavailable as error:
            raise CommandError(error.message) from error
        rows, left_out = self._ask(lines, brand, space, k)
        result = metrics.mean_metrics(rows, k)
        if options["json"]:
            answer = {"encoder": space.model, **result.as_json(), "left_out": left_out}
            _write(options["json"], answer)
        for each in left_out[:MAX_NAMED]:
            self.stderr.write(f"line {each['line']} is skipped: {each['reason']}")
        if not rows:
            raise CommandError("No query could be run.")
        self._say("mean", result.recall, result.mrr, result.ndcg)
        self.stdout.write(
            f"{len(rows)} queries of {space.model}, {len(left_out)} skipped; p50 "
            f"{result.p50_ms:.1f} ms, p95 {result.p95_ms:.1f} ms"
        )

    def _ask(
        self, lines: Iterable[Line], brand: Brand | None, space: VectorSpace, k: int
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Return rows for `metrics.mean_metrics`, and the lines that were skipped."""
        rows, left_out = [], []
        self.stdout.write(f"recall@{k:<5}   MRR  nDCG@{k:<4}    ms  question")
        for line in lines:
            try:
                row = metrics.evaluate_query(_evaluation_query(line, brand), space=space, k=k)
            except (BadLine, InvalidQuery) as error:
                left_out.append({"line": line.number, "reason": str(error)})
            except SearchUnavailable as error:
                # A service is unavailable, also for the other lines
                if error.__cause__ is not None:
                    raise CommandError(error.message) from error
                left_out.append({"line": line.number, "reason": error.message})
            else:
                rows.append(row)
                self._say(row["question"], row["recall"], row["mrr"], row["ndcg"], row["ms"])
        return rows, left_out

    def _say(
        self, label: str, recall: float, mrr: float, ndcg: float, ms: float | None = None
    ) -> None:
        took = "" if ms is None else f"{ms:.1f}"
        self.stdout.write(f"{recall:12.3f} {mrr:5.3f} {ndcg:9.3f} {took:>7}  {label}")


# ------------------------------------------------------------------------ the file


def read_lines(text: str) -> Iterator[Line]:
    """Yield a Line for each query of a text in JSON lines or CSV.

    An unusable line is yielded with its `problem`.
    """
    if text.lstrip().startswith("{"):
        for number, line in enumerate(text.splitlines(), 1):
            if line.strip():
                yield _json_line(number, line)
        return
    rows = csv.reader(io.StringIO(text))
    header = [name.strip().lower() for name in next(rows, [])]
    if not {"question", "expected"} <= set(header):
        yield Line(
            1, "", problem="The CSV must begin with a header line with question and expected."
        )
        return
    for row in rows:
        if any(cell.strip() for cell in row):
            cells = dict(zip(header, row, strict=False))
            expected = tuple(cells.get("expected", "").split(";"))
            yield _line(rows.line_num, cells.get("question", ""), expected)


def _json_line(number: int, text: str) -> Line:
    try:
        data = json.loads(text)
        question, expected = data["question"], data["expected"]
    except (ValueError, RecursionError) as error:
        return Line(number, "", problem=f"This is not JSON: {error}")
    except (KeyError, TypeError):
        return Line(number, "", problem="question and expected are required.")
    several = expected if isinstance(expected, list) else [expected]
    if not isinstance(question, str) or not all(isinstance(each, str | int) for each in several):
        return Line(
            number, "", problem="question must be text, expected must be IDs or file names."
        )
    return _line(number, question, tuple(map(str, several)))


def _line(number: int, question: str, expected: tuple[str, ...]) -> Line:
    """Return one query, normalised like stored file names: composed, without control characters."""
    question = " ".join(clean_text(question).split())
    expected = tuple(dict.fromkeys(name for each in expected if (name := clean_text(each))))
    problem = "" if question else "question is empty."
    if not expected:
        problem = problem or "expected is empty."
    return Line(number, question, expected, problem)


def _evaluation_query(line: Line, brand: Brand | None) -> EvaluationQuery:
    """Return the query of a line with the ids of its expected assets, within `brand` if given.

    Raises BadLine and InvalidQuery.
    """
    if line.problem:
        raise BadLine(line.problem)
    question = _question(line.question)
    if brand:
        question = question.within(brand)
    assets = Asset.objects.filter(brand=brand) if brand else Asset.objects.all()
    found: set[int] = set()
    for each in line.expected:
        by_id = assets.filter(pk=each) if re.fullmatch(r"[0-9]{1,18}", each) else assets.none()
        ids = (by_id or assets.filter(filename=each)).values_list("pk", flat=True)
        if not ids:
            where = f" in {brand}" if brand else ""
            raise BadLine(f"There is no asset “{each}”{where}.")
        found.update(ids)
    return EvaluationQuery(question, frozenset(found), line.question, brand.name if brand else "")


def _question(text: str) -> SearchQuery:
    """Return the query that a text of the file stands for. Raises InvalidQuery.

    A text that begins with a parameter (`q=red&tags=summer`) is a query string, any other the words
    of a query.
    """
    name, equals, _ = text.partition("=")
    if equals and name in SearchForm.base_fields:
        return read_query(text, person=permissions.system_user())
    query = QueryDict(mutable=True)
    query["q"] = text
    return read_query(query.urlencode(), person=permissions.system_user())


# ------------------------------------------------------------------------ options


def _brand(slug: str) -> Brand | None:
    brand = Brand.objects.filter(slug=slug).first()
    if slug and brand is None:
        slugs = ", ".join(Brand.objects.values_list("slug", flat=True)) or "none yet"
        raise CommandError(f"There is no brand “{slug}”. Brands: {slugs}.")
    return brand


def _space(model: str) -> VectorSpace:
    if not model:
        try:
            return spaces.active_space()
        except SearchUnavailable as error:
            raise CommandError(error.message) from error
    known = VectorSpace.objects.exclude(fingerprint=None)
    space = known.filter(model=model).order_by("-active", "-pk").first()
    if space is None:
        models = ", ".join(known.values_list("model", flat=True)) or "none yet"
        raise CommandError(f"There is no vector space of {model}. Existing ones: {models}.")
    return space


def _write(path: Path, answer: dict[str, Any]) -> None:
    try:
        path.write_text(json.dumps(answer, indent=2, ensure_ascii=False) + "\n", "utf-8")
    except OSError as error:
        raise CommandError(f"{path} is not writable: {error.strerror}.") from error

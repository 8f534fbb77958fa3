"""Tests of PreparedQuery: each statement must equal the query of the ORM that it replaces.

`search.query.prepared` takes apart SQL that Django compiled; these tests fail with a version of
Django that compiles, or passes parameters, differently.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.db.models import QuerySet

from assetbank import permissions
from assetbank.models import Asset
from search.models import Embedding, VectorSpace
from search.query import Filters, embedding, fulltext, ranking, retrieval
from search.query import prepared as statements
from search.query.filters import to_queryset
from search.query.prepared import PreparedQuery, is_in_param
from tests.conftest import Cast

MakeAsset = Callable[..., Asset]
STATEMENTS = [  # Function that prepares it, and a variant
    "fulltext.compile_match",
    "fulltext.compile_match, by name",
    "fulltext._any_phrase",
    "retrieval._rows_query",
    "retrieval._rows_query, marked",
    "retrieval._scope_query",
    "retrieval._scope_query, a brand",
    "embedding._stored_vectors",
]


@dataclass(frozen=True)
class Prepared:
    """A function that builds a statement, and the values for its Params."""

    build: Callable[[], PreparedQuery[Any]]
    given: dict[str, Any]
    as_tuples: bool = False


@pytest.fixture
def prepared(cast: Cast, make_asset: MakeAsset) -> dict[str, Prepared]:
    """Return each of STATEMENTS with values that match rows."""
    silk = make_asset(title="Silk cape", tags=["Evening"], filename="AB-12.png")
    striped = make_asset(title="Striped silk cape", tags=["Evening", "gold"])
    space = VectorSpace.objects.create(model="demo", active=True, fingerprint="f", dimension=2)
    for asset in (silk, striped):
        row, _ = Embedding.objects.update_or_create(asset=asset, space=space)
        row.vector_bytes = b"\0" * 8
        row.save()
    scope, ids = permissions.asset_scope(cast.viewer), [silk.pk, striped.pk]
    two = {"include_0": "silk", "include_1": "silk cape", "exclude_0": "striped"}
    named = {"name": "AB-12", "include_0": "AB-12"}
    filters = Filters(tags=("evening",), orientation="landscape", usable=True)
    among = to_queryset(filters, scope.assets()).filter(ranking._searchable())

    def rows(*, include_hidden: bool, marked: bool) -> Callable[[], PreparedQuery[Any]]:
        build = retrieval._rows_query.__wrapped__
        return lambda: build(space.pk, scope, include_hidden, marked=marked)

    def scope_query(person: permissions.AnyUser, *chosen: str) -> Callable[[], PreparedQuery[Any]]:
        return lambda: retrieval._scope_query.__wrapped__(person, chosen)

    shown = {"ids": ids, "by_words": [], "phrases": ()}
    marked = {"ids": ids, "by_words": ids, "phrases": ["of the", "silk", "evening cape"]}
    return {
        "fulltext.compile_match": Prepared(
            lambda: fulltext.compile_match(among, include=2, exclude=1),
            {"name": "", **two},
            as_tuples=True,
        ),
        "fulltext.compile_match, by name": Prepared(
            lambda: fulltext.compile_match(Asset.objects.all(), include=1, limit=3),
            named,
            as_tuples=True,
        ),
        "fulltext._any_phrase": Prepared(
            lambda: fulltext._any_phrase.__wrapped__(2),
            {"ids": ids, "exclude_0": "striped", "exclude_1": "gold"},
            as_tuples=True,
        ),
        "retrieval._rows_query": Prepared(rows(include_hidden=False, marked=False), shown),
        "retrieval._rows_query, marked": Prepared(rows(include_hidden=True, marked=True), marked),
        "retrieval._scope_query": Prepared(scope_query(cast.viewer), {}),
        "retrieval._scope_query, a brand": Prepared(scope_query(cast.staff, "acme"), {}),
        "embedding._stored_vectors": Prepared(
            embedding._stored_vectors.__wrapped__, {"spaces": [space.pk], "assets": ids}
        ),
    }


def queryset_of(prepared: Prepared, monkeypatch: pytest.MonkeyPatch) -> QuerySet[Any]:
    """Return the query set that `prepared` compiles, with values in place of its Params."""
    built: list[QuerySet[Any]] = []
    with monkeypatch.context() as patch:
        for module in (statements, fulltext):
            patch.setattr(module, "Param", prepared.given.__getitem__)
        patch.setattr(PreparedQuery, "__init__", lambda self, rows: built.append(rows))
        prepared.build()
    return built[0]


def sent(ask: Callable[[], list[Any]]) -> tuple[list[Any], list[tuple[str, list[Any]]]]:
    """Return the result of `ask`, and the SQL and parameters that it sends."""
    seen: list[tuple[str, list[Any]]] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        seen.append((sql, [list(it) if isinstance(it, tuple) else it for it in params]))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        return ask(), seen


def values(row: Any) -> Any:
    """Return all columns and annotations of a row."""
    hidden = {"_state"}
    return (
        row if isinstance(row, tuple) else {k: v for k, v in vars(row).items() if k not in hidden}
    )


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_statement_sends_and_answers_what_its_query_set_does(
    prepared: dict[str, Prepared], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    chosen = prepared[name]
    queryset = queryset_of(chosen, monkeypatch)
    expected, by_orm = sent(lambda: list(queryset))
    assert expected
    assert len(by_orm) == 1
    statement = chosen.build()
    ask = statement.tuples if chosen.as_tuples else statement.rows
    for _ in range(2):  # A statement can run repeatedly
        found, asked = sent(lambda: ask(**chosen.given))
        assert asked == by_orm
        assert [values(row) for row in found] == [values(row) for row in expected]


def test_every_statement_of_the_product_is_compared() -> None:
    builders = set()
    for path in Path(settings.BASE_DIR, "search").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and any(
                isinstance(call, ast.Call)
                and isinstance(call.func, ast.Name)
                and call.func.id == "PreparedQuery"
                for call in ast.walk(node)
            ):
                builders.add(f"{path.stem}.{node.name}")
    assert builders == {name.partition(",")[0] for name in STATEMENTS}


def test_a_statement_that_can_find_nothing_asks_nothing(cast: Cast, make_asset: MakeAsset) -> None:
    make_asset()
    statement = PreparedQuery(Asset.objects.filter(is_in_param("pk", "ids"), brand__in=[]))
    assert sent(lambda: statement.rows(ids=[1])) == ([], [])
    assert sent(lambda: statement.tuples(ids=[1])) == ([], [])

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as fuzz
from hypothesis import strategies as st

from search.vectorstore import connection, schema, store
from search.vectorstore import expressions as e
from tests.support.milvus_server import either_milvus, real_server  # noqa: F401 - fixtures

# Texts of tags, prompts and paths, with many of the characters that end strings
hostile = st.text(
    st.one_of(
        st.sampled_from("\\\"'\n\t\r{}[]()%_ \x00\x1b\x7f\u2028🤠"),
        st.characters(exclude_categories=["Cs"]),
    ),
    min_size=1,
    max_size=12,
)


def test_literals() -> None:
    assert e.literal('a"b\\c\n') == '"a\\"b\\\\c\\n"'
    assert e.literal(3) == "3"
    assert e.literal(-0.5) == "-0.5"


@pytest.mark.parametrize("value", [True, float("nan"), float("inf"), None, b"bytes"])
def test_what_milvus_would_misread_is_no_literal(value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        e.literal(value)  # type: ignore[arg-type]


def test_no_values_match_no_row_and_no_terms_match_all() -> None:
    assert e.one_of("kind", []) == e.NOTHING
    assert e.all_of([]) == ""
    assert e.all_of(["a == 1", "b == 2"]) == "(a == 1) and (b == 2)"


def test_an_empty_term_filters_nothing_and_no_alternative_finds_nothing() -> None:
    assert e.all_of(["a == 1", "", e.none_of("kind", [])]) == "(a == 1)"
    assert e.any_of([]) == e.contains_any("tags", []) == e.NOTHING


@pytest.mark.parametrize("value", [True, float("nan"), None, b"bytes"])
def test_what_milvus_would_misread_is_in_no_list(value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        e.contains_any("tags", ["red", value])  # type: ignore[list-item]


@fuzz(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(hostile, min_size=2, max_size=6, unique=True))
def test_hostile_strings_find_exactly_their_own_row(collection: None, strings: list[str]) -> None:
    rows = enumerate(strings, start=1)
    store.upsert([store.Row(n, AXIS, scalars([text], prompt=text)) for n, text in rows])
    store.delete(list(range(len(strings) + 1, 7)))
    assert store.count() == len(strings)
    for n, text in enumerate(strings, start=1):
        others = [other for other in range(1, len(strings) + 1) if other != n]
        for where in (
            e.equals("prompt", text),
            e.one_of("prompt", [text]),
            e.contains("tags", text),
            e.contains_any("tags", [text, text + "?" * 13]),
            e.contains_none("tags", [strings[other - 1] for other in others]),
            e.all_of([e.equals("prompt", text), e.at_least("width", 1), e.differs("kind", text)]),
        ):
            assert _found(where) == [n], where
        for where in (
            e.differs("prompt", text),
            e.none_of("prompt", [text]),
            e.contains_none("tags", [text]),
        ):
            assert _found(where) == others, where


cells = st.lists(st.integers(0, 12), max_size=5)


@fuzz(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(cells, min_size=6, max_size=6), st.lists(st.integers(0, 300), max_size=150))
def test_lists_of_numbers_are_found_by_any_of_theirs(
    collection: None, lists: list[list[int]], asked: list[int]
) -> None:
    rows = enumerate(lists, start=1)
    store.upsert([store.Row(n, AXIS, scalars([], colours=cells)) for n, cells in rows])
    having = [n for n, cells in enumerate(lists, start=1) if {*cells} & {*asked}]
    assert _found(e.contains_any("colours", asked)) == having
    others = [n for n in range(1, 7) if n not in having]
    assert _found(e.contains_none("colours", asked)) == others


AXIS = np.array([1, 0, 0, 0], np.float32)


@pytest.fixture(scope="module")
def collection(either_milvus: str) -> None:  # noqa: F811
    name = f"{connection.alias()}_fuzz"
    store.create(name, 4)
    store.point_alias(name)


def _found(where: str) -> list[int]:
    return sorted(hit.id for hit in store.search(AXIS, limit=10, where=where))


def scalars(tags: list[str], prompt: str = "", colours: Sequence[int] = ()) -> schema.Scalars:
    return {
        "brand_id": 1,
        "kind": "product",
        "origin": "upload",
        "status": "draft",
        "orientation": "square",
        "aspect_ratio": 1.0,
        "width": 10,
        "height": 10,
        "created": 0,
        "expires": schema.NEVER,
        "created_by": schema.NOBODY,
        "tags": tags,
        "colours": list(colours),
        "engine_model": "",
        "preset": "",
        "prompt": prompt,
        "storage_path": "p",
        "creator": "",
        "city": "",
        "country": "",
        "captured": schema.UNDATED,
        "has_alt_text": 0,
        "terms_to_check": 0,
    }

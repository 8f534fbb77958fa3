from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as fuzz
from hypothesis import strategies as st
from pytest_django import Settings

from search import expressions as e
from search import milvus

# What a tag, a prompt or a path may hold, with the characters that end strings drawn often
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


@fuzz(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(hostile, min_size=2, max_size=6, unique=True))
def test_hostile_strings_find_exactly_their_own_row(
    milvus_collection: None, strings: list[str]
) -> None:
    vector = np.array([1, 0, 0, 0], np.float32)
    milvus.upsert([milvus.Row(n, vector, scalars(text)) for n, text in enumerate(strings, start=1)])
    milvus.delete(list(range(len(strings) + 1, 7)))
    for n, text in enumerate(strings, start=1):
        for where in (
            e.equals("prompt", text),
            e.one_of("prompt", [text]),
            e.contains("tags", text),
            e.all_of([e.equals("prompt", text), e.at_least("width", 1), e.differs("kind", text)]),
        ):
            found = milvus.search(vector, limit=10, where=where)
            assert [hit.id for hit in found] == [n], where


@pytest.fixture
def milvus_collection(settings: Settings) -> None:
    settings.MILVUS_PREFIX = "fuzz"
    milvus.reset()
    milvus.create("fuzz_1", 4)
    milvus.point_alias("fuzz_1")


def scalars(text: str) -> milvus.Scalars:
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
        "expires": milvus.NEVER,
        "created_by": milvus.NOBODY,
        "tags": [text],
        "colours": [],
        "engine_model": "",
        "preset": "",
        "prompt": text,
        "storage_path": "p",
    }

"""Ids out of addresses and forms."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assetbank.text import MAX_ID, MAX_IDS, parse_id, parse_ids


@given(st.integers(0, MAX_ID))
def test_an_id_reads_back(number: int) -> None:
    assert parse_id(str(number)) == number


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        " 1",
        "1 ",
        "-1",
        "+1",
        "1.0",
        "1e3",
        "1_000",
        "0x10",
        "x",
        "1\0",
        "²",
        "٣",
        "\uff11",
    ],
)
def test_what_is_no_number_in_plain_digits_is_no_id(text: str) -> None:
    assert parse_id(text) is None


@pytest.mark.parametrize("text", [str(MAX_ID + 1), "9" * 19, "0" * 20, "9" * 5_000])
def test_what_no_bigint_holds_is_no_id(text: str) -> None:
    assert parse_id(text) is None


@given(st.text())
def test_any_text_is_an_id_of_the_database_or_none(text: str) -> None:
    number = parse_id(text)
    assert number is None or 0 <= number <= MAX_ID


def test_ids_come_once_in_their_order_without_what_is_none() -> None:
    assert parse_ids(["7", "x", "3", "", "7", "٣", "03", "9" * 30, "1"]) == [7, 3, 1]
    assert parse_ids([]) == []


def test_only_so_many_texts_are_read() -> None:
    texts = [str(number) for number in range(2 * MAX_IDS)]
    assert parse_ids(texts) == list(range(MAX_IDS))
    assert parse_ids(texts, limit=3) == [0, 1, 2]
    assert parse_ids(["x", "1", "1", "2"], limit=3) == [1]

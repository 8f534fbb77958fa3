"""Tests that rows of `generation_take` hold what `Generation.takes` held in JSON."""

from __future__ import annotations

from typing import Any

import pytest

from tests.upgrade.conftest import Migrated

pytestmark = [
    pytest.mark.timeout(400),
    pytest.mark.processes,
    pytest.mark.xdist_group("upgrade"),
]

Key = tuple[int, int]  # a generation, and the number of its take
WORKER = ("worker_ended", "internal_error")


def takes(migrated: Migrated) -> dict[Key, dict[str, Any]]:
    rows = migrated.after["generation_take"].values()
    return {(row["generation_id"], row["number"]): row for row in rows}


def records(migrated: Migrated) -> dict[Key, dict[str, Any]]:
    rows = migrated.before["generation_generation"].values()
    return {(row["id"], int(n)): take for row in rows for n, take in row["takes"].items()}


def state_of(record: dict[str, Any]) -> str:
    if "refused" in record:
        return "refused"
    if "lost" in record:
        return "abandoned" if record["lost"] in WORKER else "lost"
    return "answered"


def test_each_record_is_a_row(migrated: Migrated) -> None:
    now, kept = takes(migrated), records(migrated)
    states = {state_of(record) for record in kept.values()}
    assert states >= {"refused", "lost", "answered"}
    assert any("again" in record for record in kept.values())
    assert any("whole_prompt" in record for record in kept.values())
    for key, record in kept.items():
        row = now[key]
        assert row["state"] == state_of(record), key
        assert row["replaced"] == ("again" in record), key
        assert row["whole_prompt"] == ("whole_prompt" in record), key
        assert row["code"] == record.get("refused", record.get("lost", "")), key
        for name in ("reason", "text", "model_version", "response_id"):
            assert row[name] == record.get(name, ""), (key, name)
        assert row["usage"] == record["usage"], key


def test_what_was_asked_and_not_answered_is_asked(migrated: Migrated) -> None:
    kept, now = records(migrated), takes(migrated)
    turns = migrated.before["generation_turn"].values()
    unanswered = {(row["generation_id"], row["take"]) for row in turns} - kept.keys()
    assert unanswered
    assert {now[key]["state"] for key in unanswered} == {"asked"}
    assert now.keys() == kept.keys() | unanswered


@pytest.mark.parametrize("table", ["output", "turn", "ledgerentry"])
def test_what_told_a_number_points_at_the_row(migrated: Migrated, table: str) -> None:
    now, by_id = migrated.after[f"generation_{table}"], migrated.after["generation_take"]
    numbered = {
        key: (row["generation_id"], row["take"])
        for key, row in migrated.before[f"generation_{table}"].items()
        if row["take"] is not None
    }
    assert numbered
    for key, wanted in numbered.items():
        take = by_id[str(now[key]["take_id"])]
        assert (take["generation_id"], take["number"]) == wanted

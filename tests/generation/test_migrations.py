"""Migration from takes as JSON to takes as rows: every take has its row, and nothing is lost."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from generation.models import Generation, LedgerEntry, Output, Turn
from generation.pipeline import takes
from tests.conftest import Cast

BEFORE = [("generation", "0008_withdrawals_outlive_assets")]
USAGE = {"totalTokenCount": 7}
ANSWER = {
    "text": "Here it is.",
    "usage": USAGE,
    "model_version": "m-1",
    "response_id": "r-1",
    "pictures": 1,
}
REFUSAL = {"refused": "prompt_blocked", "reason": "Not this.", "usage": USAGE}
LOSS = {"lost": "timeout", "reason": "Too late.", "usage": {}}
ENDED = {"lost": "worker_ended", "reason": "It was stopped.", "usage": {}}
TAKES: dict[str, dict[str, Any]] = {
    "answered": {"0": ANSWER | {"pictures": 2}, "1": REFUSAL, "10": ANSWER | {"pictures": 0}},
    "prompt": {"0": REFUSAL | {"whole_prompt": True}},
    "lost": {"0": LOSS},
    "replaced": {"0": LOSS | {"again": True}, "1": ANSWER},
    "abandoned": {"0": ENDED | {"again": True}, "1": ENDED | {"lost": "internal_error"}},
    "unreadable": {"0": ANSWER | {"again": True}},
    "implied": {},
    "untouched": {},
}
ASKED = {"prompt": "A cape", "references": []}
SAID = ASKED | {"role": "model", "parts": [{"text": "Here."}]}


def migrate(to: list[tuple[str, str]] | None = None) -> Any:
    """Migrate, and return the models of that state."""
    executor = MigrationExecutor(connection)
    targets = to or executor.loader.graph.leaf_nodes()
    executor.migrate(targets)
    return executor.loader.project_state(targets).apps


def fill(old: Any, cast: Cast) -> None:
    """Create rows of every kind as the previous code wrote them."""

    def rows(name: str) -> Any:
        return old.get_model("generation", name).objects

    made = {
        label: rows("Generation").create(
            brand_id=cast.acme.pk, prompt="A cape", model="m", label=label, count=2, takes=takes
        )
        for label, takes in TAKES.items()
    }

    def output(label: str, take: int, position: int = 0, problem: str = "") -> None:
        rows("Output").create(
            generation=made[label], take=take, position=position, data=b"x", problem=problem
        )

    def turn(label: str, take: int, content: dict[str, Any]) -> None:
        rows("Turn").create(generation=made[label], take=take, content=content)

    def entry(label: str | None, take: int | None, kind: str, usd: int) -> None:
        generation = made[label] if label else None
        rows("LedgerEntry").create(
            brand_id=cast.acme.pk, generation=generation, take=take, kind=kind, usd=usd
        )

    for position in (1, 0):
        output("answered", 0, position)
    output("replaced", 1)
    output("unreadable", 0, problem="No picture.")
    output("implied", 0)
    turn("answered", 0, SAID)
    turn("replaced", 0, ASKED)
    turn("unreadable", 1, ASKED)
    turn("implied", 1, SAID)
    turn("implied", 2, ASKED)
    for take in (0, 1):
        entry("answered", take, "charged", 4 + take)
        entry("answered", take, "released", -8)
    entry("answered", None, "reserved", 16)
    entry("implied", 3, "charged", 4)
    entry(None, 0, "charged", 3)  # of a deleted generation


def found(label: str) -> Generation:
    return Generation.objects.get(label=label)


def states(label: str) -> list[tuple[int, str, bool]]:
    return list(found(label).takes.values_list("number", "state", "replaced"))


def check_states() -> None:
    assert states("answered") == [
        (0, "answered", False),
        (1, "refused", False),
        (10, "answered", False),
    ]
    assert states("prompt") == [(0, "refused", False)]
    assert states("lost") == [(0, "lost", False)]
    assert states("replaced") == [(0, "lost", True), (1, "answered", False)]
    assert states("abandoned") == [(0, "abandoned", True), (1, "abandoned", False)]
    assert states("unreadable") == [(0, "answered", True), (1, "asked", False)]
    assert states("implied") == [
        (0, "answered", False),  # known by its output
        (1, "answered", False),  # known by the turn
        (2, "asked", False),
        (3, "lost", False),  # known by its price only
    ]
    assert states("untouched") == []


def check_records() -> None:
    answer = found("answered").takes.get(number=0)
    assert (answer.text, answer.usage) == ("Here it is.", USAGE)
    assert (answer.model_version, answer.response_id) == ("m-1", "r-1")
    assert (answer.code, answer.reason, answer.whole_prompt) == ("", "", False)
    refused, prompt = found("answered").takes.get(number=1), found("prompt").takes.get()
    for take, whole in ((refused, False), (prompt, True)):
        assert (take.code, take.reason) == ("prompt_blocked", "Not this.")
        assert (take.usage, take.whole_prompt) == (USAGE, whole)
    lost, ended = found("lost").takes.get(), found("abandoned").takes.get(number=0)
    assert (lost.code, lost.reason, lost.usage) == ("timeout", "Too late.", {})
    assert (ended.code, ended.reason) == ("worker_ended", "It was stopped.")
    charged = found("implied").takes.get(number=3)
    assert charged.code == "no_record"
    assert "was charged" in charged.reason
    assert charged.ended_at == LedgerEntry.objects.get(take=charged).at


def check_pointers() -> None:
    outputs = Output.objects.filter(generation=found("answered"))
    assert [(each.take.number, each.position) for each in outputs] == [(0, 0), (0, 1)]
    for output in Output.objects.select_related("take"):
        assert output.take.generation_id == output.generation_id
    turns = Turn.objects.order_by("take__generation_id", "take__number")
    assert [(turn.take.generation.label, turn.take.number, turn.content) for turn in turns] == [
        ("answered", 0, SAID),
        ("replaced", 0, ASKED),
        ("unreadable", 1, ASKED),
        ("implied", 1, SAID),
        ("implied", 2, ASKED),
    ]
    entries = LedgerEntry.objects.order_by("pk").values_list("kind", "take__number", "usd")
    assert list(entries) == [
        ("charged", 0, Decimal(4)),
        ("released", 0, Decimal(-8)),
        ("charged", 1, Decimal(5)),
        ("released", 1, Decimal(-8)),
        ("reserved", None, Decimal(16)),
        ("charged", 3, Decimal(4)),
        ("charged", None, Decimal(3)),
    ]


def check_what_is_left_to_do() -> None:
    missing = {each.label: each.missing for each in Generation.objects.all()}
    assert missing == {
        "answered": [],
        "prompt": [1],
        "lost": [1],
        "replaced": [2],
        "abandoned": [2],
        "unreadable": [1, 2],
        "implied": [],
        "untouched": [0, 1],
    }
    assert [take.number for take in takes.unusable_takes(found("lost"))] == [0]
    assert [take.number for take in takes.unusable_takes(found("abandoned"))] == [1]
    assert not takes.unusable_takes(found("unreadable")).exists()
    assert [take.number for take in takes.unanswered(found("unreadable"))] == [1]


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_takes_become_rows_and_numbers_again(cast: Cast) -> None:
    try:
        fill(migrate(BEFORE), cast)
        migrate()
        check_states()
        check_records()
        check_pointers()
        check_what_is_left_to_do()
        old = migrate(BEFORE)
        check_before(old)
    finally:
        migrate()
    check_states()
    check_records()


def check_before(old: Any) -> None:
    """Check that the reverse migration restores the JSON, and records what it only implied."""
    asked = old.get_model("generation", "Generation").objects.values_list("label", "takes")
    expected = {label: takes for label, takes in TAKES.items() if label != "implied"}
    came_back = dict(asked)
    implied = came_back.pop("implied")
    assert came_back == expected
    assert {number: implied[number].get("lost") for number in implied} == {
        "0": None,
        "1": None,
        "3": "no_record",
    }
    outputs = old.get_model("generation", "Output").objects.filter(generation__label="answered")
    assert list(outputs.values_list("take", "position")) == [(0, 0), (0, 1)]
    turns = old.get_model("generation", "Turn").objects.order_by("generation_id", "take")
    assert list(turns.values_list("generation__label", "take")) == [
        ("answered", 0),
        ("replaced", 0),
        ("unreadable", 1),
        ("implied", 1),
        ("implied", 2),
    ]
    entries = old.get_model("generation", "LedgerEntry").objects.order_by("pk")
    numbers = list(entries.values_list("take", flat=True))
    assert numbers == [0, 0, 1, 1, None, 3, None]

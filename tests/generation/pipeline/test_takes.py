"""States of a take: every step between them, also by workers that come late."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from generation.engines import Drawing, DrawnImage, DrawRequest
from generation.errors import EngineFailed, EngineUnavailable, Refused
from generation.models import Generation, Take
from generation.pipeline import takes
from tests.conftest import Cast
from tests.gemini_server import GeminiServer
from tests.generation.requests import ask

MODEL = "gemini-nano-banana-2.1"
State = Take.State
USAGE = {"promptTokenCount": 1000}

Step = Callable[[Generation], None]


@pytest.fixture
def asked(cast: Cast, server: GeminiServer) -> Generation:
    generation = ask(cast, model=MODEL)
    takes.record_asked(generation, 0, DrawRequest("A cape", (), MODEL, "1:1", "1K"))
    return generation


def answer(generation: Generation) -> None:
    image = DrawnImage(b"bytes", "image/png")
    takes.record_answer(generation, 0, Drawing((image,), "Here.", USAGE, "m-1", "r-1", b""))


def refuse(generation: Generation) -> None:
    error = Refused("Not this.", code="safety", whole_prompt=True)
    error.usage = USAGE
    takes.record_refused(generation, 0, error)


def lose(generation: Generation) -> None:
    takes.record_lost(generation, 0, EngineUnavailable("Too late.", code="timeout"))


def abandon(generation: Generation) -> None:
    takes.abandon_started(generation, EngineFailed("It was stopped.", code="worker_ended"))


STEPS: dict[State, Step] = {
    State.ANSWERED: answer,
    State.REFUSED: refuse,
    State.LOST: lose,
    State.ABANDONED: abandon,
}
RECORDS = {
    State.ANSWERED: ("", "", "Here.", USAGE, False),
    State.REFUSED: ("safety", "Not this.", "", USAGE, True),
    State.LOST: ("timeout", "Too late.", "", {}, False),
    State.ABANDONED: ("worker_ended", "It was stopped.", "", {}, False),
}


def recorded(take: Take) -> tuple[Any, ...]:
    return take.code, take.reason, take.text, take.usage, take.whole_prompt


def test_what_is_asked_for_is_missing_until_it_has_ended(asked: Generation) -> None:
    take = asked.takes.get()
    assert (take.state, take.ended_at, asked.missing) == ("asked", None, [0])
    assert take.asked_at
    assert take.turn.content["prompt"] == "A cape"
    assert list(takes.unanswered(asked)) == [take]
    takes.discard_unanswered(asked)  # nothing was drawn
    assert not asked.takes.exists()
    assert asked.missing == [0]


@pytest.mark.parametrize("first", STEPS)
@pytest.mark.parametrize("then", STEPS)
def test_the_first_outcome_is_charged_and_the_one_that_says_more_stays(
    asked: Generation, first: State, then: State
) -> None:
    STEPS[first](asked)
    take = asked.takes.get()
    assert (take.state, recorded(take)) == (first, RECORDS[first])
    assert take.ended_at
    assert asked.missing == []
    STEPS[then](asked)
    stays = then if then in Take.NEXT[first] else first
    take = asked.takes.get()
    assert (take.state, recorded(take)) == (stays, RECORDS[stays])
    assert take.outputs.count() == (stays == State.ANSWERED)
    assert asked.ledger.filter(kind="charged").get().take == take


@pytest.mark.parametrize("first", [lose, abandon])
@pytest.mark.parametrize("late", [answer, refuse])
def test_one_that_was_replaced_stays_so_whatever_comes_late(
    asked: Generation, first: Step, late: Step
) -> None:
    first(asked)
    takes.replace_unusable(asked)
    assert asked.missing == [1]
    late(asked)
    assert asked.takes.get().replaced
    assert asked.missing == [1]


def test_an_answer_is_replaced_only_where_none_of_its_pictures_can_be_read(
    asked: Generation,
) -> None:
    answer(asked)
    assert not takes.unusable_takes(asked).exists()
    output = asked.outputs.get()
    output.problem = "No picture."
    output.save()
    assert list(takes.unusable_takes(asked)) == [output.take]
    asked.outputs.create(take=output.take, position=1, mime="image/png")
    assert not takes.unusable_takes(asked).exists()


def test_another_order_of_what_has_ended_leaves_what_was_said(asked: Generation) -> None:
    answer(asked)
    takes.record_asked(asked, 0, DrawRequest("Another", (), MODEL, "1:1", "1K"))
    take = asked.takes.get()
    assert (take.state, take.turn.content["prompt"]) == ("answered", "A cape")

"""What a ledger is made of."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from django.db.models import TextChoices

from assetbank.models import Asset

TITLES = {
    "original": "Original",
    "renditions": "Renditions",
    "embedding": "Embedding",
    "milvus": "Vector in Milvus",
    "words": "Words",
    "policy": "Status and policy",
    "permission": "Permission",
    "question": "A question",
    "filters": "Filters",
    "wording": "The words of the question",
    "meaning": "Meaning",
    "rank": "Place",
}
NEEDED = ("milvus", "policy", "permission")  # an embedding only brings it into Milvus


class State(StrEnum):
    GOOD = "good"
    WAITING = "waiting"
    BAD = "bad"
    NOTE = "note"  # worth knowing, and by itself not in the way
    NOT_ASKED = "not_asked"


class Repair(TextChoices):
    INDEX = "index", "Index again"
    EMBED = "embed", "Embed again with CLIP"
    RENDITIONS = "renditions", "Draw again"
    WORDS = "words", "Write the words again"


@dataclass(frozen=True)
class Detail:
    label: str
    text: str
    state: State | None = None  # None: a mere fact


@dataclass(frozen=True)
class Step:
    name: str  # one of TITLES
    title: str
    state: State
    sentence: str
    details: tuple[Detail, ...] = ()
    repairs: tuple[Repair, ...] = ()


def step(
    name: str,
    state: State,
    sentence: str,
    details: list[Detail] | None = None,
    repairs: tuple[Repair, ...] = (),
) -> Step:
    return Step(name, TITLES[name], state, sentence, tuple(details or ()), repairs)


@dataclass(frozen=True)
class Explanation:
    asset: Asset
    steps: tuple[Step, ...]

    def __getitem__(self, name: str) -> Step:
        return {step.name: step for step in self.steps}[name]

    def of(self, state: State) -> list[Step]:
        return [step for step in self.steps if step.state == state]

    @property
    def state(self) -> State:
        """The worst of all steps."""
        return next((s for s in (State.BAD, State.WAITING) if self.of(s)), State.GOOD)

    @property
    def found(self) -> bool:
        """With the question, if there is one; by some question at all, if not."""
        if self.steps[-1].name == "rank":
            return self["rank"].state in (State.GOOD, State.NOTE)
        return all(self[name].state == State.GOOD for name in NEEDED)

    @property
    def in_the_way(self) -> list[Step]:
        """Why it is not found; empty also when it only has to wait. Lost files keep nobody from
        finding a picture."""
        if self.found:
            return []
        return [step for step in self.of(State.BAD) if step.name not in ("original", "renditions")]

    @property
    def sentence(self) -> str:
        waiting = self.of(State.WAITING)
        if wrong := self.in_the_way:
            several = f"{len(wrong)} things are in the way: {_names(wrong)}."
            return wrong[0].sentence if len(wrong) == 1 else several
        last = self.steps[-1]
        said = last.sentence if last.name == "rank" else "It can be found."
        if not self.found and waiting:
            said = waiting[0].sentence
        if bad := self.of(State.BAD):
            many = "One thing wants" if len(bad) == 1 else f"{len(bad)} things want"
            return f"{said} {many} mending: {_names(bad)}."
        return said if waiting or not self.found else f"{said} Everything is in order."


def _names(steps: list[Step]) -> str:
    return ", ".join(step.title[0].lower() + step.title[1:] for step in steps)

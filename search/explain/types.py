"""Types of an explanation: steps, states, details and repairs."""

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
NEEDED = ("milvus", "policy", "permission")  # steps that must be good; "milvus" covers "embedding"


class State(StrEnum):
    """State of a step."""

    GOOD = "good"
    WAITING = "waiting"
    BAD = "bad"
    NOTE = "note"  # informative, does not prevent a hit
    NOT_ASKED = "not_asked"


class Repair(TextChoices):
    """Repairs that a user can start."""

    INDEX = "index", "Index again"
    EMBED = "embed", "Embed again with CLIP"
    RENDITIONS = "renditions", "Draw again"
    WORDS = "words", "Write the words again"


@dataclass(frozen=True)
class Detail:
    """One labelled value of a step."""

    label: str
    text: str
    state: State | None = None  # None: only informative


@dataclass(frozen=True)
class Step:
    """One condition of being found, with its state."""

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
    """Return a step with the title of its name."""
    return Step(name, TITLES[name], state, sentence, tuple(details or ()), repairs)


@dataclass(frozen=True)
class Explanation:
    """All steps for one asset."""

    asset: Asset
    steps: tuple[Step, ...]

    def __getitem__(self, name: str) -> Step:
        return {step.name: step for step in self.steps}[name]

    def of(self, state: State) -> list[Step]:
        """Return the steps in this state."""
        return [step for step in self.steps if step.state == state]

    @property
    def state(self) -> State:
        """Worst state of all steps."""
        return next((s for s in (State.BAD, State.WAITING) if self.of(s)), State.GOOD)

    @property
    def found(self) -> bool:
        """True if the query finds the asset; without a query, if any query can."""
        if self.steps[-1].name == "rank":
            return self["rank"].state in (State.GOOD, State.NOTE)
        return all(self[name].state == State.GOOD for name in NEEDED)

    @property
    def in_the_way(self) -> list[Step]:
        """Steps that prevent a hit; empty if the asset is found or only waits.

        Lost files do not prevent a hit.
        """
        if self.found:
            return []
        return [step for step in self.of(State.BAD) if step.name not in ("original", "renditions")]

    @property
    def sentence(self) -> str:
        """Summary of the explanation."""
        waiting = self.of(State.WAITING)
        if wrong := self.in_the_way:
            several = f"{len(wrong)} things are in the way: {_names(wrong)}."
            return wrong[0].sentence if len(wrong) == 1 else several
        last = self.steps[-1]
        sentence = last.sentence if last.name == "rank" else "It can be found."
        if not self.found and waiting:
            sentence = waiting[0].sentence
        if bad := self.of(State.BAD):
            many = "One thing wants" if len(bad) == 1 else f"{len(bad)} things want"
            return f"{sentence} {many} mending: {_names(bad)}."
        return sentence if waiting or not self.found else f"{sentence} Everything is in order."


def _names(steps: list[Step]) -> str:
    return ", ".join(step.title[0].lower() + step.title[1:] for step in steps)

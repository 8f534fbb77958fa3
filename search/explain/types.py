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
    "words": "Text index",
    "policy": "Status and search policy",
    "permission": "Permission",
    "question": "Search",
    "filters": "Filters",
    "wording": "Text match",
    "meaning": "Semantic match",
    "rank": "Rank",
}
NEEDED = ("milvus", "policy", "permission")  # steps that must be good; "milvus" covers "embedding"


class State(StrEnum):
    """State of a step of an explanation."""

    GOOD = "good"
    WAITING = "waiting"
    BAD = "bad"
    NOTE = "note"  # informative, does not prevent a hit
    NOT_ASKED = "not_asked"


class Repair(TextChoices):
    """Repairs that a user can start."""

    INDEX = "index", "Reindex"
    EMBED = "embed", "Recompute embedding"
    RENDITIONS = "renditions", "Recreate renditions"
    WORDS = "words", "Reindex text"


@dataclass(frozen=True)
class Detail:
    """One labelled value that a step is based on, such as a date or a checksum."""

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
    """Return the step of this name, with its title."""
    return Step(name, TITLES[name], state, sentence, tuple(details or ()), repairs)


@dataclass(frozen=True)
class Explanation:
    """Explanation of why one asset is found or not: all steps, in order."""

    asset: Asset
    steps: tuple[Step, ...]

    def __getitem__(self, name: str) -> Step:
        return {step.name: step for step in self.steps}[name]

    def of(self, state: State) -> list[Step]:
        """Return the steps that are in this state."""
        return [step for step in self.steps if step.state == state]

    @property
    def state(self) -> State:
        """Worst state among BAD and WAITING that a step has; GOOD if none has either."""
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
        """Summary of the explanation in one or two sentences."""
        waiting = self.of(State.WAITING)
        if wrong := self.in_the_way:
            several = f"{len(wrong)} problems prevent it from being found: {_names(wrong)}."
            return wrong[0].sentence if len(wrong) == 1 else several
        last = self.steps[-1]
        sentence = last.sentence if last.name == "rank" else "It can be found."
        if not self.found and waiting:
            sentence = waiting[0].sentence
        if bad := self.of(State.BAD):
            many = "One step needs" if len(bad) == 1 else f"{len(bad)} steps need"
            return f"{sentence} {many} repair: {_names(bad)}."
        return sentence if waiting or not self.found else f"{sentence} All steps are OK."


def _names(steps: list[Step]) -> str:
    return ", ".join(step.title[0].lower() + step.title[1:] for step in steps)

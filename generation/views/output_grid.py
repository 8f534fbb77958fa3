"""A generation's pictures as pages show them, one by one as they come."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from generation.models import EngineModel, Generation, Output
from generation.workflows import finalise

HIDDEN = "An asset that you cannot access"
UNDECIDED = "undecided"
CHOICES = {"kept": "Kept", UNDECIDED: "Undecided", "rejected": "Rejected"}


@dataclass(frozen=True)
class Shown:
    """`mark` is another one as soon as anything here is shown differently: who follows it sends
    what it has, and is sent only what has changed."""

    generation: Generation
    label: str
    outputs: Sequence[Output]
    unreadable: Sequence[str]
    waiting: range
    done: int
    frame: tuple[str, str]
    steps: Sequence[finalise.Step]
    mark: str

    @property
    def single(self) -> bool:
        return len(self.outputs) + len(self.waiting) == 1


def shown(generation: Generation, models: Iterable[EngineModel], choice: str = "") -> Shown:
    """Of a generation with its outputs, their assets and finals at hand; of `choice` (one of
    CHOICES) only, if given."""
    came = [output for output in generation.outputs.all() if output.asset]
    outputs = [output for output in came if not choice or (output.verdict or UNDECIDED) == choice]
    left = 0 if generation.finished or choice else len(generation.missing)
    across, _, down = generation.aspect_ratio.partition(":")
    model = next((each for each in models if each.pk == generation.model), None)
    return Shown(
        generation=generation,
        label=_label(generation),
        outputs=outputs,
        unreadable=[each.problem for each in generation.outputs.all() if each.problem],
        waiting=range(left),
        done=generation.count - len(generation.missing),
        frame=(across, down or "1"),
        steps=finalise.steps(model, generation.image_size),
        mark=_mark(generation, outputs),
    )


def _label(generation: Generation) -> str:
    """Without the title of a product that the person may not see."""
    hidden = {
        row.title for row in generation.reference_rows.all() if row.asset_id and not row.asset
    }
    return HIDDEN if generation.label in hidden else generation.label


def _mark(generation: Generation, outputs: Iterable[Output]) -> str:
    state = (
        *(generation.state, generation.reason, generation.cancel_requested, generation.attempts),
        len(generation.ended_takes),
    )
    each = [
        (
            *(output.pk, output.verdict, output.verdict_reason, output.inspected_at),
            output.asset and output.asset.status,
            [(final.pk, final.state) for final in output.finals.all()],
        )
        for output in outputs
    ]
    return hashlib.sha256(repr((state, each)).encode()).hexdigest()[:8]

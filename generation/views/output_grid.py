"""The outputs of a generation as pages show them while they arrive."""

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
class OutputGrid:
    """A generation as pages show it. `mark` is a hash of its contents: a page that polls sends the
    mark that it has, and receives only what changed."""

    generation: Generation
    label: str
    outputs: Sequence[Output]
    unreadable: Sequence[str]
    waiting: range
    done: int
    frame: tuple[str, str]
    steps: Sequence[finalise.LargerSize]
    mark: str

    @property
    def single(self) -> bool:
        return len(self.outputs) + len(self.waiting) == 1


def output_grid(
    generation: Generation, models: Iterable[EngineModel], choice: str = ""
) -> OutputGrid:
    """Return the grid of a generation whose takes, outputs, their assets and finals are prefetched;
    of the outputs only those of `choice` (one of CHOICES), if given."""
    arrived = [output for output in generation.outputs.all() if output.asset]
    outputs = [
        output for output in arrived if not choice or (output.verdict or UNDECIDED) == choice
    ]
    missing = 0 if generation.finished or choice else len(generation.missing)
    width, _, height = generation.aspect_ratio.partition(":")
    model = next((each for each in models if each.pk == generation.model), None)
    return OutputGrid(
        generation=generation,
        label=_label(generation),
        outputs=outputs,
        unreadable=[each.problem for each in generation.outputs.all() if each.problem],
        waiting=range(missing),
        done=generation.count - len(generation.missing),
        frame=(width, height or "1"),
        steps=finalise.larger_sizes(model, generation.image_size),
        mark=_mark(generation, outputs),
    )


def _label(generation: Generation) -> str:
    """Return the label, or HIDDEN if it is the title of a reference that the user may not view."""
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

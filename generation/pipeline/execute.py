"""Making pictures: `request` puts one in the queue, `run` has it drawn, `cancel` stops it."""

from __future__ import annotations

import logging

from django.db import transaction
from django.utils import timezone

from assetbank.errors import FileMissing, PictureRefused, ProblemError
from generation.errors import (
    EngineError,
    EngineFailed,
    EngineUnavailable,
    GenerationError,
)
from generation.models import Generation
from generation.pipeline import draw, finish, outputs, takes
from generation.pipeline.validate import MAX_PICTURES as MAX_PICTURES
from generation.pipeline.validate import MAX_PROMPT_LENGTH as MAX_PROMPT_LENGTH

logger = logging.getLogger(__name__)

State = Generation.State


# ------------------------------------------------------------------------ drawing


def run_generation(*, generation_id: int) -> None:
    """Draw what is missing of a generation and bring it into the library.

    May be killed at any line and run again: see `takes`. Raises EngineUnavailable when the job
    queue should try again.
    """
    generation = _begin(generation_id)
    if generation is None:
        return
    failure: ProblemError | None = None
    try:
        draw.draw_missing(generation)
    except (GenerationError, FileMissing, PictureRefused) as error:
        failure = error
    except Exception:
        logger.exception("generation %d", generation.pk)
        failure = _broken()
        takes.abandon_started(generation, failure)
    finalize_run(generation, failure)


def finalize_run(generation: Generation, failure: ProblemError | None) -> None:
    """Bring what has arrived into the library, and say how it ended.

    Raises EngineUnavailable where that is the failure and the queue should try again.
    """
    try:
        outputs.store_outputs(generation)
    except FileMissing as error:  # what has arrived waits in its rows for another attempt
        failure = failure or error
    except Exception:
        logger.exception("pictures of generation %d", generation.pk)
        failure = failure or _broken()
    if failure is None:
        finish.finish_from_takes(generation)
    elif isinstance(failure, EngineUnavailable):
        finish.retry_or_fail(generation, failure)
    else:
        finish.finish(generation, State.FAILED, failure.message, failure.code)


def _broken() -> EngineError:
    """For what nobody expected: without an end, a generation would be drawing for ever."""
    return EngineFailed(
        "The generation failed with an unexpected error. Retry, or tell the site administrator.",
        code="internal_error",
    )


def _ended() -> EngineError:
    """For what the worker before this one had begun, and nobody knows the end of."""
    return EngineFailed(
        "The worker stopped during this generation. It may have been billed, so it is not "
        "retried automatically: retry if you still need it.",
        code="worker_ended",
    )


def _begin(generation_id: int) -> Generation | None:
    with transaction.atomic():
        generation = (
            Generation.objects.select_for_update(of=("self",))
            .select_related("brand", "created_by")
            .filter(pk=generation_id)
            .first()
        )
        if generation is None or generation.finished:
            return None
        takes.abandon_started(generation, _ended())
        if generation.attempts >= finish.MAX_ATTEMPTS:
            sentence = (
                f"This generation was started {finish.MAX_ATTEMPTS} times, and each time "
                "the worker crashed."
            )
            finish.finish(generation, State.FAILED, sentence, "worker_ended")
            return None
        generation.state = State.RUNNING
        generation.started_at = generation.started_at or timezone.now()
        generation.attempts += 1
        generation.save(update_fields=["state", "started_at", "attempts"])
    return generation

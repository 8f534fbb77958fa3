"""Runs one queued generation in a worker: draws it, stores its outputs and records how it ended."""

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

logger = logging.getLogger(__name__)

State = Generation.State


def run_generation(*, generation_id: int) -> None:
    """Run a queued generation: draw its missing takes, store its outputs in the library and record
    how it ended. Do nothing if it no longer exists or has finished.

    The worker may be killed at any line and run this again: see `takes`.

    Raises EngineUnavailable if the job queue should retry.
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
        failure = _internal_error()
        takes.abandon_started(generation, failure)
    conclude_generation(generation, failure)


def conclude_generation(generation: Generation, failure: ProblemError | None) -> None:
    """Store in the library the outputs that have arrived, and record how the generation ended.

    `failure` is why takes are still missing, None if none is. Raises EngineUnavailable if that is
    the failure and the job queue should retry.
    """
    try:
        outputs.store_outputs(generation)
    except FileMissing as error:  # the bytes stay in their rows for the next attempt
        failure = failure or error
    except Exception:
        logger.exception("outputs of generation %d", generation.pk)
        failure = failure or _internal_error()
    if failure is None:
        finish.finish_from_takes(generation)
    elif isinstance(failure, EngineUnavailable):
        finish.retry_or_fail(generation, failure)
    else:
        finish.finish(generation, State.FAILED, failure.message, failure.code)


def _internal_error() -> EngineError:
    """Return the error for an unexpected exception: without one, the generation would be shown as
    drawing forever."""
    return EngineFailed(
        "The generation failed with an unexpected error. Retry, or tell the site administrator.",
        code="internal_error",
    )


def _worker_ended() -> EngineError:
    """Return the error for takes that a previous worker started and never finished."""
    return EngineFailed(
        "The worker stopped during this generation. It may have been billed, so it is not "
        "retried automatically: retry if you still need it.",
        code="worker_ended",
    )


def _begin(generation_id: int) -> Generation | None:
    """Record that a generation is running, in one more attempt, and return it.

    Return None if it no longer exists, has finished, or has used up its attempts.
    """
    with transaction.atomic():
        generation = (
            Generation.objects.select_for_update(of=("self",))
            .select_related("brand", "created_by")
            .filter(pk=generation_id)
            .first()
        )
        if generation is None or generation.finished:
            return None
        takes.abandon_started(generation, _worker_ended())
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

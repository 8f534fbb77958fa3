"""Ends a generation, or puts it back into the queue for another attempt."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from generation import webhooks
from generation.billing import ledger, savings
from generation.errors import EngineError, EngineUnavailable
from generation.models import Generation, Take

# Maximum attempts per generation while the engine is unavailable
MAX_ATTEMPTS = 5
# Longest wait in seconds that a service may ask for; after a longer one the user decides
MAX_WAIT_S = 3600

State = Generation.State


def finish_from_takes(generation: Generation) -> None:
    """End a generation whose takes are all answered, or which a user cancelled, in the state that
    follows from its takes and outputs."""
    stored = generation.outputs.exclude(asset=None).values("take").distinct().count()
    refusals = list(generation.takes.filter(state=Take.State.REFUSED))
    problem = generation.outputs.exclude(problem="").values_list("problem", flat=True).first()
    if generation.cancel_requested and generation.missing:
        finish(generation, State.CANCELLED, f"Cancelled; {stored} of {generation.count} generated.")
    elif stored:
        note = f"{len(refusals)} of {generation.count} refused. " if refusals else ""
        reason = refusals[0].reason if refusals else ""
        finish(generation, State.SUCCEEDED, f"{note}{reason}")
    elif refusals:
        finish(generation, State.REFUSED, refusals[0].reason, refusals[0].code)
    else:
        reason = f"The model's image cannot be read: {problem}"
        finish(generation, State.FAILED, reason, "unreadable_picture")


def retry_or_fail(generation: Generation, error: EngineUnavailable) -> None:
    """Put the generation back into the queue, or fail it if its attempts are used up or a retry
    might be billed twice.

    Raises `error` if the job queue should retry.
    """
    if error.may_have_been_paid or generation.attempts >= MAX_ATTEMPTS:
        finish(generation, State.FAILED, error.message, error.code)
        return
    if error.retry_after and error.retry_after > MAX_WAIT_S:
        hours = f"{error.retry_after / 3600:.1f} hours".replace(".0", "")
        sentence = f"The provider asks to wait {hours}. Retry then, or choose another model."
        finish(generation, State.FAILED, sentence, error.code)
        return
    generation.refresh_from_db(fields=["cancel_requested"])
    if generation.cancel_requested:
        finish_from_takes(generation)
        return
    generation.state = State.QUEUED
    generation.reason = f"{error.message} It will be retried automatically."
    generation.reason_code = error.code
    generation.save(update_fields=["state", "reason", "reason_code"])
    raise error


@transaction.atomic
def finish(generation: Generation, state: str, reason: str = "", code: str = "") -> None:
    """Record how the generation ended, release its reservation and queue its webhooks, in one
    transaction."""
    generation.state, generation.reason, generation.reason_code = state, reason, code
    generation.finished_at = timezone.now()
    generation.save(update_fields=["state", "reason", "reason_code", "finished_at"])
    ledger.release(generation)
    if state == State.SUCCEEDED and generation.draft_id:
        savings.record_saving(generation)
    webhooks.generation_ended(generation)


def backoff(*, attempts: int, error: EngineError) -> float:
    """Return the seconds until the next attempt of a generation: at least as many as the service
    asked for, and at least 2, 4, 8, … up to 300 with the number of `attempts`."""
    return max(error.retry_after or 0.0, min(2.0 ** (attempts + 1), 300.0))

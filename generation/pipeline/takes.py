"""Records the outcome of each take; `models.Take` shows the steps between its states.

Every step is committed before anything else happens, so a worker may be killed at any line: an
image that has arrived is not requested again; a call that may have been billed is charged once,
with the first outcome that is recorded, and only a user can request it again.
"""

from __future__ import annotations

import hashlib
import logging
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from generation import conversation
from generation.billing import ledger
from generation.engines import Drawing, DrawRequest
from generation.errors import EngineError, Refused
from generation.models import Generation, Output, Take

logger = logging.getLogger(__name__)

State = Take.State


@transaction.atomic
def record_asked(generation: Generation, number: int, request: DrawRequest) -> None:
    """Record a request before it is sent: its answer may come much later, or after its worker has
    ended. A bulk order that is sent again records it again."""
    defaults = {"asked_at": timezone.now()}
    take, _ = generation.takes.get_or_create(number=number, defaults=defaults)
    if not take.ended:
        conversation.record_request(take, request)


def unanswered(generation: Generation) -> QuerySet[Take]:
    """Return the takes of a generation that were requested and have no outcome yet."""
    return generation.takes.filter(state=State.ASKED)


def discard_unanswered(generation: Generation) -> None:
    """Delete the takes of a generation that were requested and certainly not drawn: their numbers
    may be requested again."""
    unanswered(generation).delete()


@transaction.atomic
def record_answer(
    generation: Generation, number: int, drawing: Drawing, *, in_bulk: bool = False
) -> None:
    """Record an answer in one transaction: its images, the model's turn and its price.

    Do nothing if another worker has already recorded an answer.
    """
    take = _locked(generation, number, State.ANSWERED)
    if take is None:
        return
    Output.objects.bulk_create(
        [
            Output(
                generation=generation,
                take=take,
                position=position,
                data=image.data,
                mime=image.mime_type,
                checksum=hashlib.sha256(image.data).hexdigest(),
            )
            for position, image in enumerate(drawing.images)
        ]
    )
    conversation.record_answer(take, drawing)
    if not take.ended:
        ledger.charge(take, drawing.usage, pictures=len(drawing.images), in_bulk=in_bulk)
    _end(
        take,
        State.ANSWERED,
        usage=drawing.usage,
        text=drawing.text,
        model_version=drawing.model_version,
        response_id=drawing.response_id,
    )


@transaction.atomic
def record_refused(
    generation: Generation, number: int, error: Refused, *, in_bulk: bool = False
) -> None:
    """Record that the engine answered a take without an image, and charge its usage; do nothing if
    a later state is already recorded."""
    take = _locked(generation, number, State.REFUSED)
    if take is None:
        return
    if not take.ended:
        ledger.charge(take, error.usage, in_bulk=in_bulk)
    _end(
        take,
        State.REFUSED,
        code=error.code,
        reason=error.message,
        usage=error.usage,
        whole_prompt=error.whole_prompt,
    )


def record_lost(
    generation: Generation, number: int, error: EngineError, *, in_bulk: bool = False
) -> None:
    """Record that the call for a take failed and may have been billed, and charge it."""
    _record_unheard(generation, number, State.LOST, error, in_bulk=in_bulk)


def abandon_started(generation: Generation, error: EngineError) -> None:
    """Record all requested takes of a generation without an outcome as abandoned, and charge them:
    their worker has ended and cannot receive the answers."""
    for number in list(unanswered(generation).values_list("number", flat=True)):
        _record_unheard(generation, number, State.ABANDONED, error)


def unusable_takes(generation: Generation) -> QuerySet[Take]:
    """Return the takes without a usable image that a user may request again: lost and abandoned
    ones, and those whose images cannot be read."""
    pictures = Output.objects.filter(take=OuterRef("pk"))
    unreadable = Exists(pictures) & ~Exists(pictures.filter(problem=""))
    return generation.takes.filter(Q(state__in=Take.UNHEARD) | Q(unreadable), replaced=False)


def replace_unusable(generation: Generation) -> None:
    """Mark the unusable takes as replaced, so that new ones are requested; their records and costs
    stay."""
    unusable_takes(generation).update(replaced=True)


@transaction.atomic
def _record_unheard(
    generation: Generation, number: int, state: State, error: EngineError, *, in_bulk: bool = False
) -> None:
    """Record a take as LOST or ABANDONED; charge the usage that `error` reports, or the estimate if
    it reports none."""
    take = _locked(generation, number, state)
    if take is None:
        return
    if error.usage:
        ledger.charge(take, error.usage, in_bulk=in_bulk)
    else:
        ledger.charge_unknown(take, in_bulk=in_bulk)
    _end(take, state, code=error.code, reason=error.message, usage=error.usage)


def _locked(generation: Generation, number: int, state: State) -> Take | None:
    """Return the take with that number, locked for this worker until the transaction ends.

    Return None if another worker has recorded a state from which `state` cannot follow.
    """
    Generation.objects.select_for_update().only("pk").get(pk=generation.pk)
    take, _ = generation.takes.get_or_create(number=number)
    if take.may_become(state):
        return take
    logger.warning("%s is %s already, and not %s", take, take.state, state)
    return None


def _end(take: Take, state: State, **record: Any) -> None:
    """Overwrite the row of a take with its outcome; `replaced` and `asked_at` stay as they were."""
    ended = Take(
        pk=take.pk,
        generation_id=take.generation_id,
        number=take.number,
        replaced=take.replaced,
        asked_at=take.asked_at,
        state=state,
        ended_at=timezone.now(),
        **record,
    )
    ended.save(force_update=True)

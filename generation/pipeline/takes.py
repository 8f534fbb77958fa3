"""Records what becomes of each take; the steps are drawn at `models.Take`.

Every step is committed before anything else happens, so a worker may be killed at any line: what
has arrived is not asked for again, and what may have been billed is charged once, with the first
outcome that is recorded, and asked for again by a user only.
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
    """Record what is about to be sent, before it is: its answer may come much later, or find that
    its worker has ended. A bulk order that is sent again records it again."""
    now = {"asked_at": timezone.now()}
    take, _ = generation.takes.get_or_create(number=number, defaults=now)
    if not take.ended:
        conversation.record_request(take, request)


def unanswered(generation: Generation) -> QuerySet[Take]:
    """Return the takes that were asked for, and of which nobody has heard."""
    return generation.takes.filter(state=State.ASKED)


def discard_unanswered(generation: Generation) -> None:
    """Forget what was asked for and surely not drawn: its numbers may be asked for again."""
    unanswered(generation).delete()


@transaction.atomic
def record_answer(
    generation: Generation, number: int, drawing: Drawing, *, in_bulk: bool = False
) -> None:
    """Record an answer, all of it or nothing: its pictures, what the model said, its price."""
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
    """Record an answer without a picture."""
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
    """Record that a call failed which may have been billed."""
    _record_unheard(generation, number, State.LOST, error, in_bulk=in_bulk)


def abandon_started(generation: Generation, error: EngineError) -> None:
    """Record of all that was asked for, and not answered, that nobody is left to hear of it."""
    for number in list(unanswered(generation).values_list("number", flat=True)):
        _record_unheard(generation, number, State.ABANDONED, error)


def unusable_takes(generation: Generation) -> QuerySet[Take]:
    """Return the takes without a picture that a user may have asked for again: of which nobody has
    heard, or whose pictures cannot be read."""
    pictures = Output.objects.filter(take=OuterRef("pk"))
    unreadable = Exists(pictures) & ~Exists(pictures.filter(problem=""))
    return generation.takes.filter(Q(state__in=Take.UNHEARD) | Q(unreadable), replaced=False)


def replace_unusable(generation: Generation) -> None:
    """Have others asked for in their place; their records, and what they cost, stay."""
    unusable_takes(generation).update(replaced=True)


@transaction.atomic
def _record_unheard(
    generation: Generation, number: int, state: State, error: EngineError, *, in_bulk: bool = False
) -> None:
    take = _locked(generation, number, state)
    if take is None:
        return
    if error.usage:
        ledger.charge(take, error.usage, in_bulk=in_bulk)
    else:
        ledger.charge_unknown(take, in_bulk=in_bulk)
    _end(take, state, code=error.code, reason=error.message, usage=error.usage)


def _locked(generation: Generation, number: int, state: State) -> Take | None:
    """Return the take of that number, until the transaction ends for this worker only; None where
    another worker has recorded more of it than `state`."""
    Generation.objects.select_for_update().only("pk").get(pk=generation.pk)
    take, _ = generation.takes.get_or_create(number=number)
    if take.may_become(state):
        return take
    logger.warning("%s is %s already, and not %s", take, take.state, state)
    return None


def _end(take: Take, state: State, **record: Any) -> None:
    """Replace what was recorded of a take by how it ended; whether it was replaced stays."""
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

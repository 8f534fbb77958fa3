"""Making pictures: `request` puts one in the queue, `run` has it drawn, `cancel` stops it."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping, Sequence

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Q

from assetbank import jobs, permissions, text
from assetbank.models import Asset, Brand
from generation.billing import ledger
from generation.engines import catalog, quotas
from generation.errors import (
    InvalidRequest,
)
from generation.models import Batch, BatchJob, Generation, Output, PresetVersion, Reference
from generation.pipeline import finish, takes, validate
from generation.pipeline.validate import MAX_PICTURES as MAX_PICTURES
from generation.pipeline.validate import MAX_PROMPT_LENGTH as MAX_PROMPT_LENGTH

logger = logging.getLogger(__name__)

State = Generation.State


# ------------------------------------------------------------------------ asking


def submit(
    *,
    person: User,
    brand: Brand,
    prompt: str,
    references: Sequence[Asset] = (),
    model: str,
    aspect_ratio: str,
    image_size: str = "",
    count: int = 1,
    roles: Mapping[int, str] | None = None,
    key: uuid.UUID | None = None,
    preset_version: PresetVersion | None = None,
    variables: Mapping[str, str] | None = None,
    refines: Output | None = None,
    draft: Output | None = None,
    batch: Batch | None = None,
    label: str = "",
) -> Generation:
    """Queue a generation; its job commits with its row. What was asked with the same `key` before
    is not asked again. `roles`: what a reference is to the picture, by its asset's id.

    Raises InvalidRequest and NotAllowed."""
    permissions.require_editor(person, brand)
    asked = Generation(
        brand=brand,
        prompt=text.clean_text(prompt),
        model=model,
        aspect_ratio=aspect_ratio,
        image_size=image_size,
        count=count,
        created_by=person,
        key=key,
        preset_version=preset_version,
        variables=dict(variables or {}),
        refines=refines,
        draft=draft,
        batch=batch,
        label=label,
    )
    references = list(dict.fromkeys(references))
    return _queue(
        asked, references, validate.validate_request(asked, person, references, roles or {})
    )


def _queue(
    generation: Generation, references: Sequence[Asset], roles: Mapping[int, str]
) -> Generation:
    try:
        with transaction.atomic():
            _save(generation, references, roles)
            in_bulk = bool(generation.batch and generation.batch.in_bulk)
            ledger.reserve(generation, pictures=generation.count, in_bulk=in_bulk)
            if not in_bulk:  # else `bulk.submit` has it ordered with the others
                _defer(generation)
    except IntegrityError:
        if generation.key and (first := Generation.objects.filter(key=generation.key).first()):
            return first
        raise
    return generation


def _save(generation: Generation, references: Sequence[Asset], roles: Mapping[int, str]) -> None:
    generation.save(force_insert=True)
    Reference.objects.bulk_create(
        [
            Reference(
                generation=generation,
                asset=asset,
                position=position,
                role=roles.get(asset.pk, ""),
                title=asset.title,
                checksum=asset.checksum,
            )
            for position, asset in enumerate(references)
        ]
    )


def _defer(generation: Generation) -> None:
    # by name: tasks.py imports this module. The lock: one worker at a time on one generation
    jobs.defer("generation.tasks.run", lock=_lock(generation.pk), generation_id=generation.pk)


def _lock(pk: int) -> str:
    return f"generation-{pk}"


def requeue_orphans() -> None:
    """Unfinished generations without a job: it failed when not even that could be written down."""
    ordered = Q(batch_job__state__in=BatchJob.UNFINISHED)
    unfinished = Generation.objects.filter(state__in=Generation.UNFINISHED).exclude(ordered)
    jobs.requeue_orphans(unfinished, lock=_lock, defer=_defer)


def retry_generation(*, person: User, generation: Generation) -> Generation:
    """Queue a failed or cancelled generation again. What has arrived is not asked for again, and
    neither is what was refused; what was lost on the way, or cannot be read, is."""
    permissions.require_editor(person, generation.brand)
    with transaction.atomic():
        generation = Generation.objects.select_for_update().get(pk=generation.pk)
        _check_may_be_retried(generation)
        if generation.batch_job:  # its order is over: what has no answer was not drawn
            takes.discard_unanswered(generation)
        takes.replace_unusable(generation)
        generation.state, generation.reason, generation.reason_code = State.QUEUED, "", ""
        generation.cancel_requested, generation.attempts = False, 0
        generation.finished_at, generation.batch_job = None, None
        generation.save()
        ledger.reserve(generation, pictures=len(generation.missing))
        _defer(generation)
    return generation


def _check_may_be_retried(generation: Generation) -> None:
    if generation.state == State.REFUSED:
        raise InvalidRequest(
            "This generation was refused and would be refused again. Edit it in the studio first.",
            code="refused",
        )
    if not generation.finished or generation.state == State.SUCCEEDED:
        raise InvalidRequest("Only failed or cancelled generations can be retried.")
    if generation.batch_job and generation.batch_job.state in BatchJob.UNFINISHED:
        raise InvalidRequest(
            "This generation is still part of a running bulk order; retry when it finishes.",
            code="in_bulk",
        )
    if generation.missing or takes.unusable_takes(generation).exists():
        catalog.get_model(generation.model)
        quotas.require_quota(generation.model)


def cancel_generation(
    *, person: User, generation: Generation, reason: str = "Cancelled before it started."
) -> Generation:
    """Stop a waiting generation at once, a running one before its next picture; what has arrived
    stays. Cancelling a finished one changes nothing."""
    permissions.require_editor(person, generation.brand)
    with transaction.atomic():
        generation = Generation.objects.select_for_update().get(pk=generation.pk)
        if generation.state == State.QUEUED:
            jobs.withdraw(lock=_lock(generation.pk))
            finish.finish(generation, State.CANCELLED, reason)
        elif generation.state == State.RUNNING:
            generation.cancel_requested = True
            generation.save(update_fields=["cancel_requested"])
    return generation

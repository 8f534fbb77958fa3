"""Submits, retries and cancels generations."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import TypedDict, Unpack

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Q

from assetbank import jobs, permissions, text
from assetbank.models import Asset, Brand
from generation.billing import ledger
from generation.engines import catalog, quotas
from generation.errors import InvalidRequest
from generation.models import Batch, BatchJob, Generation, Output, PresetVersion, Reference
from generation.pipeline import finish, takes, validate

State = Generation.State


class OptionalFields(TypedDict, total=False):
    """Fields of `Generation` that a request may leave out.

    A request with the `key` of an earlier one returns that generation.
    """

    image_size: str
    count: int
    key: uuid.UUID | None
    preset_version: PresetVersion | None
    refines: Output | None
    draft: Output | None
    batch: Batch | None
    label: str


def submit(
    *,
    person: User,
    brand: Brand,
    prompt: str,
    references: Sequence[Asset] = (),
    model: str,
    aspect_ratio: str,
    roles: Mapping[int, str] | None = None,
    variables: Mapping[str, str] | None = None,
    **fields: Unpack[OptionalFields],
) -> Generation:
    """Save a generation and queue its job in the same transaction.

    `roles` maps ids of referenced assets to their roles. `variables` are the values of the preset's
    blanks by name.

    Raises:
        InvalidRequest: the request cannot be drawn as it is, or a spending cap does not allow it.
        NotAllowed: the user may not edit in this brand.
    """
    permissions.require_editor(person, brand)
    generation = Generation(
        brand=brand,
        prompt=text.clean_text(prompt),
        model=model,
        aspect_ratio=aspect_ratio,
        created_by=person,
        variables=dict(variables or {}),
        **fields,
    )
    references = list(dict.fromkeys(references))
    checked_roles = validate.validate_request(generation, person, references, roles or {})
    return _queue(generation, references, checked_roles)


def _queue(
    generation: Generation, references: Sequence[Asset], roles: Mapping[int, str]
) -> Generation:
    """Save the generation, reserve its cost and defer its job, in one transaction.

    Return the existing generation if there is one with the same key.
    """
    try:
        with transaction.atomic():
            _save(generation, references, roles)
            in_bulk = bool(generation.batch and generation.batch.in_bulk)
            ledger.reserve(generation, pictures=generation.count, in_bulk=in_bulk)
            if not in_bulk:  # otherwise `bulk_orders` orders it together with its batch
                _defer(generation)
    except IntegrityError:
        if generation.key and (existing := Generation.objects.filter(key=generation.key).first()):
            return existing
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
                title=asset.display_title,
                checksum=asset.checksum,
                version=asset.version,
            )
            for position, asset in enumerate(references)
        ]
    )


def _defer(generation: Generation) -> None:
    # By name, because tasks.py imports this module. The lock keeps a second worker away
    jobs.defer("generation.tasks.run", lock=_lock(generation.pk), generation_id=generation.pk)


def _lock(pk: int) -> str:
    return f"generation-{pk}"


def requeue_orphans() -> None:
    """Defer a new job for each unfinished generation whose job is gone: a job that fails while the
    database is unreachable cannot record that on its generation."""
    ordered = Q(batch_job__state__in=BatchJob.UNFINISHED)
    unfinished = Generation.objects.filter(state__in=Generation.UNFINISHED).exclude(ordered)
    jobs.requeue_orphans(unfinished, lock=_lock, defer=_defer)


def retry_generation(*, person: User, generation: Generation) -> Generation:
    """Queue a failed or cancelled generation again, and return it.

    Takes that were answered or refused are not requested again; lost, abandoned and unreadable ones
    are. Raises InvalidRequest and NotAllowed.
    """
    permissions.require_editor(person, generation.brand)
    with transaction.atomic():
        generation = Generation.objects.select_for_update().get(pk=generation.pk)
        _check_may_be_retried(generation)
        if generation.batch_job:  # the order has ended: takes without an answer were not drawn
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
    """Stop a queued generation at once, or a running one before its next take; outputs that have
    arrived stay. Do nothing if it has finished. Raises NotAllowed."""
    permissions.require_editor(person, generation.brand)
    with transaction.atomic():
        generation = Generation.objects.select_for_update().get(pk=generation.pk)
        if generation.state == State.QUEUED:
            jobs.cancel_waiting(lock=_lock(generation.pk))
            finish.finish(generation, State.CANCELLED, reason)
        elif generation.state == State.RUNNING:
            generation.cancel_requested = True
            generation.save(update_fields=["cancel_requested"])
    return generation

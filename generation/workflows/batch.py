"""Batches: one generation for each cell of a matrix, submitted and followed together."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from assetbank import permissions
from assetbank.models import Brand
from generation.billing import prices
from generation.engines import catalog
from generation.errors import InvalidRequest
from generation.models import Batch, Generation
from generation.pipeline import cancel_generation, retry_generation, submit
from generation.workflows import bulk_orders
from generation.workflows.matrix import Cell, Matrix

State = Generation.State

# ------------------------------------------------------------------------ submitting


def submit_batch(
    *,
    person: User,
    brand: Brand,
    matrix: Matrix,
    model: str,
    aspect_ratio: str,
    image_size: str = "",
    count: int = 1,
    in_bulk: bool = False,
    key: uuid.UUID | None = None,
) -> Batch:
    """Queue one generation for each cell of `matrix`, all or none, and return the batch.

    One invalid cell, or a spending cap that does not cover all cells, rejects the whole batch. A
    second call with the same `key` returns the batch of the first.

    Raises InvalidRequest and NotAllowed."""
    permissions.require_editor(person, brand)
    cells = matrix.cells()
    title, kind = matrix.title, matrix.kind
    batch = Batch(brand=brand, title=title, kind=kind, in_bulk=in_bulk, key=key, created_by=person)
    if in_bulk:
        _require_bulk(model)
    submit_cell = partial(
        submit,
        person=person,
        brand=brand,
        model=model,
        aspect_ratio=aspect_ratio,
        image_size=image_size,
        count=count,
        preset_version=matrix.preset_version,
        batch=batch,
    )
    return _queue(batch, cells, submit_cell)


def _queue(batch: Batch, cells: Iterable[Cell], submit_cell: Callable[..., Generation]) -> Batch:
    try:
        with transaction.atomic():
            batch.save(force_insert=True)
            for cell in cells:
                _submit(submit_cell, cell)
            if batch.in_bulk:
                bulk_orders.submit_orders(batch)
    except IntegrityError:
        if batch.key and (existing := Batch.objects.filter(key=batch.key).first()):
            return existing
        raise
    return batch


def _submit(submit_cell: Callable[..., Generation], cell: Cell) -> None:
    try:
        submit_cell(
            prompt=cell.prompt,
            references=cell.references,
            roles=cell.roles,
            variables=cell.variables,
            label=cell.label,
        )
    except InvalidRequest as error:
        if error.code == "spending_cap":
            error.message = f"The spending limit does not cover the whole batch. {error.message}"
            error.args = (error.message,)
        raise


@dataclass(frozen=True)
class BatchEstimate:
    """Size of a batch, and its estimated price in US dollars. `usd_in_bulk` is None if the model
    does not accept bulk orders."""

    cells: int
    pictures: int
    usd: Decimal
    usd_in_bulk: Decimal | None


def estimate_batch(
    *, matrix: Matrix, model: str, image_size: str = "", count: int = 1
) -> BatchEstimate:
    """Return the numbers of cells and images of a batch, and their estimated price. Raises
    InvalidRequest if `matrix` is invalid or the model is not on offer."""
    chosen, cells = catalog.get_model(model), matrix.cells()

    def usd(*, in_bulk: bool) -> Decimal:
        amounts = (
            prices.estimate(
                chosen,
                size=image_size,
                count=count,
                references=len(cell.references),
                prompt=cell.prompt,
                in_bulk=in_bulk,
            )
            for cell in cells
        )
        return sum(amounts, prices.ZERO)

    return BatchEstimate(
        cells=len(cells),
        pictures=len(cells) * count,
        usd=usd(in_bulk=False),
        usd_in_bulk=usd(in_bulk=True) if chosen.batches else None,
    )


def _require_bulk(model: str) -> None:
    chosen = catalog.get_model(model)
    if not chosen.batches:
        raise InvalidRequest(
            f"{chosen.label} does not accept bulk orders. Choose another model, or generate now.",
            code="cannot_batch",
        )


# ------------------------------------------------------------------------ following


@dataclass(frozen=True)
class BatchProgress:
    """Counts of a batch. `asked`, `settled` and `made` count takes, each of which may return
    several images; the others count cells by state."""

    asked: int = 0
    settled: int = 0
    made: int = 0
    waiting: int = 0
    running: int = 0
    refused: int = 0
    failed: int = 0
    cancelled: int = 0

    @property
    def finished(self) -> bool:
        return not (self.waiting or self.running)


def batch_progress(generations: Iterable[Generation]) -> BatchProgress:
    """Count takes and cells of `generations`, whose takes and outputs should be prefetched."""
    by_state: dict[str, int] = dict.fromkeys(State.values, 0)
    asked = settled = made = 0
    for generation in generations:
        by_state[generation.state] += 1
        asked += generation.count
        settled += generation.count - (0 if generation.finished else len(generation.missing))
        made += len({each.take_id for each in generation.outputs.all() if each.asset_id})
    return BatchProgress(
        asked=asked,
        settled=settled,
        made=made,
        waiting=by_state[State.QUEUED],
        running=by_state[State.RUNNING],
        refused=by_state[State.REFUSED],
        failed=by_state[State.FAILED],
        cancelled=by_state[State.CANCELLED],
    )


def stop_batch(*, person: User, batch: Batch) -> Batch:
    """Cancel the waiting cells of a batch; a running cell ends with its current take. Outputs that
    have arrived stay, and a finished batch does not change. Raises NotAllowed."""
    permissions.require_editor(person, batch.brand)
    for generation in batch.generations.filter(state__in=Generation.UNFINISHED):
        cancel_generation(person=person, generation=generation)
    bulk_orders.cancel_orders(batch)
    return batch


def retry_batch(*, person: User, batch: Batch) -> int:
    """Queue all failed and cancelled cells of a batch again and return their number.

    If a spending cap does not cover all of them, none is queued. Refused cells need another prompt
    first. Raises InvalidRequest and NotAllowed.
    """
    permissions.require_editor(person, batch.brand)
    with transaction.atomic():
        retried = list(batch.generations.filter(state__in=[State.FAILED, State.CANCELLED]))
        for generation in retried:
            retry_generation(person=person, generation=generation)
    if not retried:
        raise InvalidRequest("This batch has no failed or cancelled variations to retry.")
    return len(retried)

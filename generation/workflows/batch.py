"""Batches: many pictures asked for at once, a generation for each cell, followed together."""

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

# ------------------------------------------------------------------------ asking


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
    """Queue a generation for each cell, or nothing at all: one that cannot be drawn, or money that
    is not there for the whole, refuses the whole. What was asked with the same `key` before is not
    asked again.

    Raises InvalidRequest and NotAllowed."""
    permissions.require_editor(person, brand)
    cells = matrix.cells()
    title, kind = matrix.title, matrix.kind
    batch = Batch(brand=brand, title=title, kind=kind, in_bulk=in_bulk, key=key, created_by=person)
    if in_bulk:
        _require_bulk(model)
    ask = partial(
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
    return _queue(batch, cells, ask)


def _queue(batch: Batch, cells: Iterable[Cell], ask: Callable[..., Generation]) -> Batch:
    try:
        with transaction.atomic():
            batch.save(force_insert=True)
            for cell in cells:
                _ask(ask, cell)
            if batch.in_bulk:
                bulk_orders.submit_orders(batch)
    except IntegrityError:
        if batch.key and (first := Batch.objects.filter(key=batch.key).first()):
            return first
        raise
    return batch


def _ask(ask: Callable[..., Generation], cell: Cell) -> None:
    try:
        ask(
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
class Estimate:
    """`usd_in_bulk` is None where the model takes no orders in bulk."""

    cells: int
    pictures: int
    usd: Decimal
    usd_in_bulk: Decimal | None


def estimate_batch(*, matrix: Matrix, model: str, image_size: str = "", count: int = 1) -> Estimate:
    """What the whole would cost. Raises InvalidRequest for what makes no cells."""
    chosen, cells = catalog.get_model(model), matrix.cells()

    def usd(*, in_bulk: bool) -> Decimal:
        each = (
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
        return sum(each, prices.ZERO)

    return Estimate(
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
class Progress:
    """How far a batch is. `asked`, `settled` and `made` count the model's answers, and
    some have several pictures; the others count cells."""

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


def batch_progress(generations: Iterable[Generation]) -> Progress:
    """Of generations with their outputs at hand."""
    counted: dict[str, int] = dict.fromkeys(State.values, 0)
    asked = settled = made = 0
    for generation in generations:
        counted[generation.state] += 1
        asked += generation.count
        settled += generation.count - (0 if generation.finished else len(generation.missing))
        made += len({each.take_id for each in generation.outputs.all() if each.asset_id})
    return Progress(
        asked=asked,
        settled=settled,
        made=made,
        waiting=counted[State.QUEUED],
        running=counted[State.RUNNING],
        refused=counted[State.REFUSED],
        failed=counted[State.FAILED],
        cancelled=counted[State.CANCELLED],
    )


def stop_batch(*, person: User, batch: Batch) -> Batch:
    """What waits is cancelled; a cell that is being drawn ends with the picture it is at. What has
    arrived stays. Stopping a finished batch changes nothing."""
    permissions.require_editor(person, batch.brand)
    for generation in batch.generations.filter(state__in=Generation.UNFINISHED):
        cancel_generation(person=person, generation=generation)
    bulk_orders.cancel_orders(batch)
    return batch


def retry_batch(*, person: User, batch: Batch) -> int:
    """Queue the failed and the cancelled cells again, or none of them where the money does not
    reach; returns how many. Refused ones have to be changed first.

    Raises InvalidRequest and NotAllowed."""
    permissions.require_editor(person, batch.brand)
    with transaction.atomic():
        again = list(batch.generations.filter(state__in=[State.FAILED, State.CANCELLED]))
        for generation in again:
            retry_generation(person=person, generation=generation)
    if not again:
        raise InvalidRequest("This batch has no failed or cancelled variations to retry.")
    return len(again)

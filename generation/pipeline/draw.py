"""One generation's pictures: what the engine is asked, its answers kept, and into the library.

What is asked for is noted before, and each answer is committed before anything else happens to
it. So a worker may be killed at any line: what had arrived is not asked for again, and what may
have been drawn for nobody is charged, and asked for anew by a person only.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django.db import transaction

from assetbank.rights import terms
from generation import conversation
from generation.billing import ledger
from generation.engines import (
    Drawing,
    DrawRequest,
    ReferenceImage,
    catalog,
    dispatch,
    quotas,
    reference_images,
)
from generation.errors import (
    EngineError,
    EngineFailed,
    GenerationError,
    InvalidRequest,
    Refused,
)
from generation.lineage import inheritance
from generation.models import Generation, Output, Reference
from generation.prompting import brand_rules, compose

logger = logging.getLogger(__name__)


def draw_request(generation: Generation) -> DrawRequest:
    chosen = catalog.get_model(generation.model)
    rows = list(generation.reference_rows.select_related("asset"))
    _check_sources(generation, rows)
    brand = generation.brand
    composed = compose.compose_prompt(
        prompt=generation.prompt,
        brand=brand,
        references=[compose.NamedReference(row.title, row.role) for row in rows],
        model=chosen,
        rules=brand_rules.brand_rules_of(brand),
    )
    sent = [rows[n] for n in composed.sent]
    shown = [reference_images.reference_image(row.asset, row.role) for row in sent if row.asset]
    left_out = list(composed.left_out)
    # a sketch shows the prompt, to the people who wrote it
    prompt = generation.prompt if chosen.engine == "sketch" else composed.text
    if generation.draft and chosen.engine != "sketch":  # which lays out the same again by itself
        before = conversation.images(generation.refines) if generation.refines else 0
        if before + len(shown) < chosen.max_references:
            shown.append(_draft_image(generation.draft))
            prompt += f"\n\n{compose.redraw_instruction(number=len(shown))}"
        else:
            left_out.append(f"The draft is left out: {chosen.label} has no room for it.")
    if generation.refines:
        prompt = conversation.pointed_out(generation.refines) + prompt
    generation.full_prompt, generation.left_out = prompt, left_out
    generation.save(update_fields=["full_prompt", "left_out"])
    return DrawRequest(
        prompt=prompt,
        references=tuple(shown),
        model=generation.model,
        aspect_ratio=generation.aspect_ratio,
        image_size=generation.image_size,
        palette=tuple(brand.palette),
        brand=brand.name,
        history=conversation.history(generation.refines) if generation.refines else (),
    )


def _check_sources(generation: Generation, rows: Sequence[Reference]) -> None:
    """It waited, or is tried again, and meanwhile one was deleted or lost its rights."""
    if gone := [row.title for row in rows if row.asset is None]:
        raise InvalidRequest(f"A reference was deleted: {', '.join(gone)}.", code="reference_gone")
    made_of = inheritance.sources(generation)
    if refused := [asset for asset in made_of if terms.usage_problem(asset, derive=True)]:
        # who reads this may not see all references
        sentence = "A reference may not be used any more: its rights have ended or changed."
        code = "rights_expired" if any(asset.expired for asset in refused) else "rights"
        raise InvalidRequest(sentence, code=code)


def _draft_image(draft: Output) -> ReferenceImage:
    if draft.asset is None:
        raise InvalidRequest(
            "The draft is not in the library any more, so it cannot be made again.",
            code="reference_gone",
        )
    return reference_images.reference_image(draft.asset)


def draw_missing(generation: Generation) -> None:
    """Ask for the pictures that have no answer yet, until it is cancelled or plainly refused."""
    for take in generation.takes.values():
        if "lost" in take and "again" not in take:  # the worker ended before it could say so
            raise EngineFailed(take["reason"], code=take["lost"])
    missing = generation.missing
    if not missing or _refused_outright(generation):
        return
    quotas.require_quota(generation.model)
    request = draw_request(generation)
    for take in missing:
        generation.refresh_from_db(fields=["cancel_requested"])
        if generation.cancel_requested or _refused_outright(generation):
            return
        take_picture(generation, take, request)


def _refused_outright(generation: Generation) -> bool:
    """The prompt itself was, and nothing has come of it: the other pictures would be, too."""
    takes = generation.takes.values()
    return any("whole_prompt" in take for take in takes) and not any("pictures" in t for t in takes)


def spoiled(generation: Generation) -> list[str]:
    """Numbers of the answers that are of no use: lost on the way, or no picture can be read."""
    read: dict[str, bool] = {}
    for take, problem in generation.outputs.values_list("take", "problem"):
        read[str(take)] = read.get(str(take), False) or not problem
    return [
        number
        for number, take in generation.takes.items()
        if "again" not in take and ("lost" in take or not read.get(number, True))
    ]


def give_up_spoiled(generation: Generation) -> None:
    """Others are asked for in their place; their records, and what they cost, stay."""
    for number in spoiled(generation):
        generation.takes[number]["again"] = True


def take_picture(generation: Generation, take: int, request: DrawRequest) -> None:
    """One call of the engine, outside any transaction; its answer is committed at once."""
    # a draft that is made again keeps its layout
    variant = generation.draft.take if generation.draft else take
    if catalog.is_billed(generation.model):
        conversation.note(generation, take, request)
    try:
        drawing = dispatch.draw(replace(request, variant=variant))
    except Refused as error:
        logger.info("generation %d, picture %d refused: %s", generation.pk, take + 1, error.code)
        keep_refusal(generation, take, error)
        return
    except GenerationError as error:
        if isinstance(error, EngineError) and error.may_have_been_paid:
            keep_loss(generation, take, error)
        else:
            conversation.forget(generation)
        raise
    keep(generation, take, drawing)


def give_up_begun(generation: Generation, error: EngineError) -> None:
    """What was asked for, and whose answer nobody was there to keep."""
    generation.refresh_from_db(fields=["takes"])
    for take in conversation.begun(generation):
        keep_loss(generation, take, error)


@transaction.atomic
def keep_refusal(
    generation: Generation, take: int, error: Refused, *, in_bulk: bool = False
) -> None:
    """An answer without a picture is final: it is never asked for again."""
    ledger.charge(generation, take, error.usage, in_bulk=in_bulk)
    told = {"refused": error.code, "reason": error.message, "usage": error.usage}
    generation.takes[str(take)] = told | ({"whole_prompt": True} if error.whole_prompt else {})
    generation.save(update_fields=["takes"])


@transaction.atomic
def keep_loss(
    generation: Generation, take: int, error: EngineError, *, in_bulk: bool = False
) -> None:
    """Nothing usable arrived, and it may have been billed: only a person has it asked for anew."""
    if error.usage:
        ledger.charge(generation, take, error.usage, in_bulk=in_bulk)
    else:
        ledger.charge_unknown(generation, take, in_bulk=in_bulk)
    told = {"lost": error.code, "reason": error.message, "usage": error.usage}
    generation.takes[str(take)] = told
    generation.save(update_fields=["takes"])


def keep(
    generation: Generation,
    take: int,
    drawing: Drawing,
    *,
    in_bulk: bool = False,
) -> None:
    """An answer, all of it or nothing: its pictures, what the model said with them, its price.

    One that was given up, because its worker had been silent for too long, is charged already."""
    with transaction.atomic():
        given_up = _given_up(generation, take)
        Output.objects.bulk_create(
            [
                Output(
                    generation=generation,
                    take=take,
                    position=n,
                    data=image.data,
                    mime=image.mime_type,
                    checksum=hashlib.sha256(image.data).hexdigest(),
                )
                for n, image in enumerate(drawing.images)
            ]
        )
        conversation.keep(generation, take, drawing)
        if not given_up:
            pictures = len(drawing.images)
            ledger.charge(generation, take, drawing.usage, pictures=pictures, in_bulk=in_bulk)
        again = {"again": True} if "again" in given_up else {}
        generation.takes[str(take)] = _record(drawing) | again
        generation.save(update_fields=["takes"])


def _given_up(generation: Generation, take: int) -> dict[str, Any]:
    """What another worker wrote down of that answer meanwhile; locks the generation."""
    locked = Generation.objects.select_for_update().only("takes").get(pk=generation.pk)
    generation.takes = locked.takes
    written: dict[str, Any] = generation.takes.get(str(take), {})
    return written


def _record(drawing: Drawing) -> dict[str, object]:
    return {
        "text": drawing.text,
        "usage": drawing.usage,
        "model_version": drawing.model_version,
        "response_id": drawing.response_id,
        "pictures": len(drawing.images),
    }

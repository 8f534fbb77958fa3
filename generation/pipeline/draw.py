"""One generation's pictures: what the engine is asked, its answers kept, and into the library.

What is asked for is noted before, and each answer is committed before anything else happens to
it. So a worker may be killed at any line: what had arrived is not asked for again, and what may
have been drawn for nobody is charged, and asked for anew by a person only.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from assetbank.rights import terms
from generation import conversation
from generation.engines import (
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
from generation.models import Generation, Output, Reference, Take
from generation.pipeline import takes
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
            left_out.append(f"The draft is not used: {chosen.label} accepts no more references.")
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
        sentence = "A reference may no longer be used: its usage rights have expired or changed."
        code = "rights_expired" if any(asset.expired for asset in refused) else "rights"
        raise InvalidRequest(sentence, code=code)


def _draft_image(draft: Output) -> ReferenceImage:
    if draft.asset is None:
        raise InvalidRequest(
            "The draft is no longer in the library, so it cannot be upscaled.",
            code="reference_gone",
        )
    return reference_images.reference_image(draft.asset)


def draw_missing(generation: Generation) -> None:
    """Ask for the pictures that have no answer yet, until it is cancelled or plainly refused."""
    unheard = generation.takes.filter(state__in=Take.UNHEARD, replaced=False).first()
    if unheard:  # the worker ended before it could say so
        raise EngineFailed(unheard.reason, code=unheard.code)
    missing = generation.missing
    if not missing or _refused_outright(generation):
        return
    quotas.require_quota(generation.model)
    request = draw_request(generation)
    for number in missing:
        generation.refresh_from_db(fields=["cancel_requested"])
        if generation.cancel_requested or _refused_outright(generation):
            return
        draw_take(generation, number, request)


def _refused_outright(generation: Generation) -> bool:
    """The prompt itself was, and nothing has come of it: the other pictures would be, too."""
    refused = generation.takes.filter(whole_prompt=True)
    return refused.exists() and not generation.takes.filter(state=Take.State.ANSWERED).exists()


def draw_take(generation: Generation, number: int, request: DrawRequest) -> None:
    """Call the engine once, outside any transaction, and commit what comes of it at once."""
    # a draft that is made again keeps its layout
    variant = generation.draft.take.number if generation.draft else number
    if catalog.is_billed(generation.model):
        takes.record_asked(generation, number, request)
    try:
        drawing = dispatch.draw(replace(request, variant=variant))
    except Refused as error:
        logger.info("generation %d, picture %d refused: %s", generation.pk, number + 1, error.code)
        takes.record_refused(generation, number, error)
    except GenerationError as error:
        if isinstance(error, EngineError) and error.may_have_been_paid:
            takes.record_lost(generation, number, error)
        else:
            takes.discard_unanswered(generation)
        raise
    else:
        takes.record_answer(generation, number, drawing)

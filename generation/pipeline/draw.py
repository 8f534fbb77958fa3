"""Builds the engine's request for a generation and draws the takes that are still missing.

Each request to a billed engine is recorded before it is sent, and each answer is committed before
anything else happens. So a worker may be killed at any line: images that have arrived are not
requested again; a call that may have been billed without an answer is charged, and only a user can
request it again.
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
from generation.lineage import inheritance, references
from generation.models import EngineModel, Generation, Output, Reference, Take
from generation.pipeline import takes
from generation.prompting import brand_rules, compose

logger = logging.getLogger(__name__)


def draw_request(generation: Generation) -> DrawRequest:
    """Return the engine's request for one take, and save the full prompt and what was left out.

    Raises:
        InvalidRequest: a reference or the draft was deleted or moved to the trash, may no longer be
            used, or the conversation cannot be continued.
        FileMissing, PictureRefused: the file of a reference cannot be read.
    """
    chosen = catalog.get_model(generation.model)
    rows = list(generation.reference_rows.select_related("asset"))
    _check_sources(generation, rows)
    composed = _compose(generation, chosen, rows)
    sent = [rows[n] for n in composed.sent]
    images = _reference_images(sent)
    left_out = list(composed.left_out)
    # A sketch prints the prompt for the user who wrote it, so it gets only that text
    prompt = generation.prompt if chosen.engine == "sketch" else composed.text
    # The sketch engine repeats the draft's layout by itself
    if generation.draft and chosen.engine != "sketch":
        earlier = conversation.image_count(generation.refines) if generation.refines else 0
        if earlier + len(images) < chosen.max_references:
            images.append(_draft_image(generation.draft))
            prompt += f"\n\n{compose.redraw_instruction(number=len(images))}"
        else:
            left_out.append(f"The draft is not used: {chosen.label} accepts no more references.")
    if generation.refines:
        prompt = conversation.image_hint(generation.refines) + prompt
    generation.full_prompt, generation.left_out = prompt, left_out
    generation.save(update_fields=["full_prompt", "left_out"])
    return DrawRequest(
        prompt=prompt,
        references=tuple(images),
        model=generation.model,
        aspect_ratio=generation.aspect_ratio,
        image_size=generation.image_size,
        palette=tuple(generation.brand.palette),
        brand=generation.brand.name,
        history=conversation.history(generation.refines) if generation.refines else (),
    )


def _compose(
    generation: Generation, model: EngineModel, rows: Sequence[Reference]
) -> compose.ComposedPrompt:
    return compose.compose_prompt(
        prompt=generation.prompt,
        brand=generation.brand,
        references=[compose.NamedReference(row.title, row.role) for row in rows],
        model=model,
        rules=brand_rules.brand_rules_of(generation.brand),
    )


def _check_sources(generation: Generation, rows: Sequence[Reference]) -> None:
    """Raise InvalidRequest if a reference was deleted or moved to the trash since the request was
    submitted, or if a source (a reference, the image to edit, the draft) has lost its usage rights
    since."""
    if deleted := [row.title for row in rows if row.asset is None]:
        raise InvalidRequest(
            f"A reference was deleted: {', '.join(deleted)}.", code="reference_gone"
        )
    if any(row.asset.in_trash for row in rows if row.asset):
        raise InvalidRequest(
            "A reference is in the trash. Restore it and retry, or remove it.",
            code="reference_gone",
        )
    sources = inheritance.sources(generation)
    if refused := [asset for asset in sources if terms.usage_problem(asset, derive=True)]:
        # No titles: the user who reads this may not have access to all references
        sentence = "A reference may no longer be used: its usage rights have expired or changed."
        code = "rights_expired" if any(asset.expired for asset in refused) else "rights"
        raise InvalidRequest(sentence, code=code)


def _reference_images(rows: Sequence[Reference]) -> list[ReferenceImage]:
    used = [(references.file_used(row), row.role) for row in rows]
    return [reference_images.reference_image(asset, role) for asset, role in used if asset]


def _draft_image(draft: Output) -> ReferenceImage:
    """Return the draft of a final, as it was drawn, as the reference image that is drawn again.
    Raises InvalidRequest if it was deleted."""
    drawn = references.file_drawn(draft)
    if drawn is None:
        raise InvalidRequest(
            "The draft is no longer in the library, so it cannot be upscaled.",
            code="reference_gone",
        )
    return reference_images.reference_image(drawn)


def draw_missing(generation: Generation) -> None:
    """Draw the takes that have no answer yet, until the generation is cancelled or its prompt
    refused.

    Raises EngineFailed if an earlier call may have been billed without an answer, and what
    `draw_request` and `draw_take` raise.
    """
    unheard = generation.takes.filter(state__in=Take.UNHEARD, replaced=False).first()
    if unheard:  # its worker ended before it could record the failure on the generation
        raise EngineFailed(unheard.reason, code=unheard.code)
    missing = generation.missing
    if not missing or _prompt_refused(generation):
        return
    quotas.require_quota(generation.model)
    request = draw_request(generation)
    for number in missing:
        generation.refresh_from_db(fields=["cancel_requested"])
        if generation.cancel_requested or _prompt_refused(generation):
            return
        draw_take(generation, number, request)


def _prompt_refused(generation: Generation) -> bool:
    """Return True if the prompt itself was refused and no take has an image: the service would
    refuse the other takes, too."""
    refused = generation.takes.filter(whole_prompt=True)
    return refused.exists() and not generation.takes.filter(state=Take.State.ANSWERED).exists()


def draw_take(generation: Generation, number: int, request: DrawRequest) -> None:
    """Call the engine once, outside any transaction, and commit the outcome at once.

    A refusal is recorded and not raised. Raises GenerationError if the call failed.
    """
    # The final of a draft keeps the layout of that draft
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

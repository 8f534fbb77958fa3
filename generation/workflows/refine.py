"""Edits of an output by an instruction such as "swap the hat": turns of a conversation."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Prefetch, QuerySet

from assetbank import permissions
from assetbank.models import Asset
from generation import conversation
from generation.engines import catalog
from generation.errors import InvalidRequest, ModelRetired
from generation.models import EngineModel, Generation, Output
from generation.permissions import generations
from generation.pipeline import submit


def can_refine(model: EngineModel | None) -> bool:
    """Return True if `model` is available and can edit its outputs."""
    return bool(model and model.refines and model.offered and not model.retired())


def submit_refinement(
    *,
    person: User,
    output: Output,
    words: str,
    references: Sequence[Asset] = (),
    roles: Mapping[int, str] | None = None,
    aspect_ratio: str = "",
    image_size: str = "",
    count: int = 1,
    key: uuid.UUID | None = None,
) -> Generation:
    """Queue an edit of `output` with the instruction `words`.

    An output can be edited any number of times: each edit is a branch. An empty aspect ratio or
    size is that of the output. Raises InvalidRequest, which suggests an alternative if the model
    cannot edit this output, and NotAllowed.
    """
    edited = output.generation
    permissions.require_editor(person, edited.brand)
    visible_assets = permissions.assets(person)
    if output.asset_id is None or not visible_assets.filter(pk=output.asset_id).exists():
        raise InvalidRequest("This image is no longer in the library.", code="picture_gone")
    model = validate_refinement(output, references=len(references))
    if not words.strip():
        raise InvalidRequest("Describe what should change.", code="empty_prompt")
    return submit(
        person=person,
        brand=edited.brand,
        prompt=words,
        references=references,
        roles=roles,
        model=model.id,
        aspect_ratio=aspect_ratio or edited.aspect_ratio,
        image_size=image_size or edited.image_size,
        count=count,
        key=key,
        refines=output,
    )


def validate_refinement(output: Output, *, references: int = 0) -> EngineModel:
    """Return the model that would edit `output` with `references` more images.

    Raises InvalidRequest if it cannot, or if the conversation would hold too many images."""
    model = _model(output.generation)
    images = sum(past.images for past in conversation.past_turns(output)) + references
    if images > model.max_references:
        raise InvalidRequest(
            f"With this edit, the edit history would have {images} images, and {model.label} "
            f"accepts at most {model.max_references}. {conversation.INSTEAD}",
            code="too_many_references",
        )
    return model


def _model(edited: Generation) -> EngineModel:
    """Return the model that drew the output to edit: no other one, nor its successor, accepts the
    signatures of its answers. Raises InvalidRequest and ModelRetired."""
    try:
        model = catalog.get_model(edited.model)
    except ModelRetired as error:
        raise ModelRetired(
            f"{error.message} Another model cannot edit its images. {conversation.INSTEAD}",
            successor=error.successor,
        ) from None
    if not model.refines:
        raise InvalidRequest(
            f"{model.label} cannot edit images. {conversation.INSTEAD}",
            code="cannot_refine",
        )
    return model


# ------------------------------------------------------------------------ conversations

_EARLIER_OUTPUTS = """
WITH RECURSIVE chain(output, turn) AS (
    SELECT %(output)s::bigint, 0
    UNION ALL
    SELECT generation.refines_id, chain.turn + 1
      FROM chain
      JOIN generation_output output ON output.id = chain.output
      JOIN generation_generation generation ON generation.id = output.generation_id
     WHERE generation.refines_id IS NOT NULL AND chain.turn < %(max_turns)s
)
SELECT output FROM chain ORDER BY turn DESC
"""


@dataclass(frozen=True)
class RefineStep:
    """One step of an edit history: an output, and the generations that edited it. `asset` is None
    if it was deleted or the user may not view it."""

    output: Output
    branches: list[Generation]

    @property
    def generation(self) -> Generation:
        return self.output.generation

    @property
    def asset(self) -> Asset | None:
        return self.output.asset


def thread(output: Output, person: permissions.AnyUser) -> list[RefineStep]:
    """Return the edit history that ends with `output`, first output first, each with its branches:
    at most MAX_TURNS outputs before the last."""
    with connection.cursor() as cursor:
        cursor.execute(_EARLIER_OUTPUTS, {"output": output.pk, "max_turns": conversation.MAX_TURNS})
        earlier = [pk for (pk,) in cursor.fetchall()]
    visible = steps(Output.objects.filter(pk__in=earlier), person)
    by_output = {step.output.pk: step for step in visible}
    return [by_output[pk] for pk in earlier if pk in by_output]


def steps(outputs: QuerySet[Output], person: permissions.AnyUser) -> list[RefineStep]:
    """Return one step for each of `outputs`, in five queries however many there are. Generations
    that `person` may not view are left out, as outputs and as branches."""
    allowed, assets = generations(person), permissions.assets(person)
    edited = Output.objects.defer("data").prefetch_related(Prefetch("asset", assets))
    branches = allowed.order_by("pk").prefetch_related(Prefetch("outputs", edited))
    rows = outputs.filter(generation__in=allowed).defer("data")
    rows = rows.select_related("generation__created_by")
    rows = rows.prefetch_related(Prefetch("asset", assets), Prefetch("refined_in", branches))
    return [RefineStep(output, list(output.refined_in.all())) for output in rows]

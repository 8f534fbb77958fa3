"""Going on from a picture in words: "swap the hat"."""

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
from generation import permissions as visible
from generation.engines import catalog
from generation.errors import InvalidRequest, ModelRetired
from generation.models import EngineModel, Generation, Output
from generation.pipeline import submit


def can_refine(model: EngineModel | None) -> bool:
    """Whether pictures of that model can be gone on from, as far as its row tells."""
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
    """Queue the next turn of a conversation. Any output can be gone on from any number of times:
    each time is a branch. Format and size are those of the output, unless said otherwise.

    Raises InvalidRequest, which says what to do instead where the model cannot go on, and
    NotAllowed.
    """
    before = output.generation
    permissions.require_editor(person, before.brand)
    visible_assets = permissions.assets(person)
    if output.asset_id is None or not visible_assets.filter(pk=output.asset_id).exists():
        raise InvalidRequest("This image is no longer in the library.", code="picture_gone")
    model = validate_refinement(output, references=len(references))
    if not words.strip():
        raise InvalidRequest("Describe what should change.", code="empty_prompt")
    return submit(
        person=person,
        brand=before.brand,
        prompt=words,
        references=references,
        roles=roles,
        model=model.id,
        aspect_ratio=aspect_ratio or before.aspect_ratio,
        image_size=image_size or before.image_size,
        count=count,
        key=key,
        refines=output,
    )


def validate_refinement(output: Output, *, references: int = 0) -> EngineModel:
    """The model that would go on from an output, with so many more references. Raises
    InvalidRequest."""
    model = _model(output.generation)
    images = sum(link.images for link in conversation.chain(output)) + references
    if images > model.max_references:
        raise InvalidRequest(
            f"With this edit, the edit history would have {images} images, and {model.label} "
            f"accepts at most {model.max_references}. {conversation.INSTEAD}",
            code="too_many_references",
        )
    return model


def _model(before: Generation) -> EngineModel:
    """The model that drew it: signatures mean nothing to another one, nor to its successor."""
    try:
        model = catalog.get_model(before.model)
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


# ------------------------------------------------------------------------ looking back

_EARLIER = """
WITH RECURSIVE said(output, turn) AS (
    SELECT %(output)s::bigint, 0
    UNION ALL
    SELECT asked.refines_id, said.turn + 1
      FROM said
      JOIN generation_output made ON made.id = said.output
      JOIN generation_generation asked ON asked.id = made.generation_id
     WHERE asked.refines_id IS NOT NULL AND said.turn < %(most)s
)
SELECT output FROM said ORDER BY turn DESC
"""


@dataclass(frozen=True)
class Step:
    """One turn: what was asked, the picture that was gone on from, and every way that was taken
    from there. A picture that the person may not see is None."""

    output: Output
    branches: list[Generation]

    @property
    def generation(self) -> Generation:
        return self.output.generation

    @property
    def asset(self) -> Asset | None:
        return self.output.asset


def thread(output: Output, person: permissions.AnyUser) -> list[Step]:
    """The conversation up to an output, first turn first, with its branches; of the longest only
    the end."""
    with connection.cursor() as cursor:
        cursor.execute(_EARLIER, {"output": output.pk, "most": conversation.MAX_TURNS})
        earlier = [pk for (pk,) in cursor.fetchall()]
    found = steps(Output.objects.filter(pk__in=earlier), person)
    by_output = {step.output.pk: step for step in found}
    return [by_output[pk] for pk in earlier if pk in by_output]


def steps(outputs: QuerySet[Output], person: permissions.AnyUser) -> list[Step]:
    """Outputs with what was made of each in words, in five queries however many there are; without
    the generations that the person may not see."""
    asked, seen = visible.generations(person), permissions.assets(person)
    pictures = Output.objects.defer("data").prefetch_related(Prefetch("asset", seen))
    branches = asked.order_by("pk").prefetch_related(Prefetch("outputs", pictures))
    shown = (
        outputs.filter(generation__in=asked).defer("data").select_related("generation__created_by")
    )
    shown = shown.prefetch_related(Prefetch("asset", seen), Prefetch("refined_in", branches))
    return [Step(output, list(output.refined_in.all())) for output in shown]

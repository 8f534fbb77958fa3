"""Finals: a chosen small draft is generated again at a larger size."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from decimal import Decimal

from django.contrib.auth.models import User
from django.db import transaction

from assetbank import permissions
from assetbank.assets import versions
from assetbank.models import Asset
from generation.billing import prices
from generation.engines import catalog
from generation.errors import InvalidRequest
from generation.models import EngineModel, Generation, Output
from generation.pipeline import submit
from generation.workflows import refine


@dataclass(frozen=True)
class LargerSize:
    """An image size in which a draft can be generated again, and its price in US dollars; None if
    the price is unknown."""

    image_size: str
    usd: Decimal | None


def larger_sizes(model: EngineModel | None, image_size: str) -> list[LargerSize]:
    """Return the sizes of `model` above that of a draft, smallest first; none if the model is
    retired."""
    if model is None or model.retired() or image_size not in model.image_sizes:
        return []
    larger = model.image_sizes[model.image_sizes.index(image_size) + 1 :]
    usd_by_size = prices.picture_prices(model)
    return [LargerSize(size, usd_by_size.get(size)) for size in larger]


def finalise_draft(
    *, person: User, output: Output, image_size: str, key: uuid.UUID | None = None
) -> Generation:
    """Queue a generation of the same request as that of `output`, at a larger size.

    A second call with the same `key`, or while a final of this size is unfinished, returns the
    existing generation. Raises InvalidRequest, also if a reference was deleted or changed, and
    NotAllowed.
    """
    draft = output.generation
    permissions.require_editor(person, draft.brand)
    if output.asset_id is None:
        raise InvalidRequest("This image is no longer in the library.", code="picture_gone")
    model = catalog.get_model(draft.model)
    offered = [each.image_size for each in larger_sizes(model, draft.image_size)]
    if image_size not in offered:
        raise InvalidRequest(_no_such_step(model, draft.image_size, offered), code="no_larger")
    references = _unchanged_references(draft, person)
    if draft.refines:
        refine.validate_refinement(draft.refines, references=len(references))
    with transaction.atomic():
        # a second click waits for this lock, and finds the generation of the first
        Generation.objects.select_for_update(of=("self",)).get(pk=draft.pk)
        unfinished = output.finals.filter(image_size=image_size, state__in=Generation.UNFINISHED)
        return unfinished.first() or submit(
            person=person,
            brand=draft.brand,
            prompt=draft.prompt,
            references=list(references),
            roles={asset.pk: role for asset, role in references.items()},
            model=draft.model,
            aspect_ratio=draft.aspect_ratio,
            image_size=image_size,
            key=key,
            preset_version=draft.preset_version,
            variables=draft.variables,
            refines=draft.refines,
            draft=output,
            label=draft.label,
        )


def _unchanged_references(draft: Generation, person: User) -> dict[Asset, str]:
    """Return the references of `draft` with their roles, in order, each with the file that the
    draft was made from, which may have been replaced since. Raises InvalidRequest if one was
    deleted or has lost that file, or `person` may not view it."""
    rows = list(draft.reference_rows.all())
    visible = permissions.assets(person).in_bulk([row.asset_id for row in rows if row.asset_id])
    references: dict[Asset, str] = {}
    for row in rows:
        if row.asset_id is None:
            raise InvalidRequest(
                f"The reference “{row.title}” was deleted, so this image cannot be upscaled. "
                "Reuse its settings in the studio with other references.",
                code="reference_gone",
            )
        asset = visible.get(row.asset_id)
        if asset is None:
            raise InvalidRequest(
                "You cannot access one of its references; ask someone who can.",
                code="unknown_reference",
            )
        used = versions.with_checksum(asset, row.checksum)
        if used is None:
            raise InvalidRequest(
                f"The file of the reference “{row.title}” has changed, so this image cannot be "
                "upscaled. Reuse its settings in the studio to generate it from the current "
                "file.",
                code="reference_changed",
            )
        references[used] = row.role
    return references


def _no_such_step(model: EngineModel, image_size: str, offered: list[str]) -> str:
    if not offered:
        return f"{model.label} has no size larger than {image_size or 'this'}."
    return f"{model.label} can upscale this image to {' or '.join(offered)}."

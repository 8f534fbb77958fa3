"""The draft ladder: small drafts first, and the chosen one made again at a larger size."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from decimal import Decimal

from django.contrib.auth.models import User
from django.db import transaction

from assetbank import permissions
from assetbank.models import Asset
from generation.billing import prices as money
from generation.engines import catalog
from generation.errors import InvalidRequest
from generation.models import EngineModel, Generation, Output
from generation.pipeline import submit
from generation.workflows import refine


@dataclass(frozen=True)
class Step:
    """A size at which a draft can be made again; `usd` is None where no price is known."""

    image_size: str
    usd: Decimal | None


def steps(model: EngineModel | None, image_size: str) -> list[Step]:
    """The model's sizes above that one, smallest first."""
    if model is None or model.retired() or image_size not in model.image_sizes:
        return []
    larger = model.image_sizes[model.image_sizes.index(image_size) + 1 :]
    prices = money.picture_prices(model)
    return [Step(size, prices.get(size)) for size in larger]


def finalise_draft(
    *, person: User, output: Output, image_size: str, key: uuid.UUID | None = None
) -> Generation:
    """Queue the picture again at a larger size, from what its generation recorded. What was asked
    with the same `key` before is not asked again.

    Raises InvalidRequest where that is not there as it was, and NotAllowed.
    """
    drafted = output.generation
    permissions.require_editor(person, drafted.brand)
    if output.asset_id is None:
        raise InvalidRequest("This image is no longer in the library.", code="picture_gone")
    model = catalog.get_model(drafted.model)
    offered = [step.image_size for step in steps(model, drafted.image_size)]
    if image_size not in offered:
        raise InvalidRequest(_no_such_step(model, drafted.image_size, offered), code="no_larger")
    used = _as_they_were(drafted, person)
    if drafted.refines:
        refine.validate_refinement(drafted.refines, references=len(used))
    with transaction.atomic():
        # two clicks: the second waits here, and finds what the first has asked for
        Generation.objects.select_for_update(of=("self",)).get(pk=drafted.pk)
        same = output.finals.filter(image_size=image_size, state__in=Generation.UNFINISHED)
        return same.first() or submit(
            person=person,
            brand=drafted.brand,
            prompt=drafted.prompt,
            references=list(used),
            roles={asset.pk: role for asset, role in used.items()},
            model=drafted.model,
            aspect_ratio=drafted.aspect_ratio,
            image_size=image_size,
            key=key,
            preset_version=drafted.preset_version,
            variables=drafted.variables,
            refines=drafted.refines,
            draft=output,
            label=drafted.label,
        )


def _as_they_were(drafted: Generation, person: User) -> dict[Asset, str]:
    """The references and their roles, in order. Raises InvalidRequest where one is not what it
    was, or not the person's to see."""
    rows = list(drafted.reference_rows.all())
    visible = permissions.assets(person).in_bulk([row.asset_id for row in rows if row.asset_id])
    used: dict[Asset, str] = {}
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
        if asset.checksum != row.checksum:
            raise InvalidRequest(
                f"The file of the reference “{row.title}” has changed, so this image cannot be "
                "upscaled. Reuse its settings in the studio to generate it from the current "
                "file.",
                code="reference_changed",
            )
        used[asset] = row.role
    return used


def _no_such_step(model: EngineModel, image_size: str, offered: list[str]) -> str:
    if not offered:
        return f"{model.label} has no size larger than {image_size or 'this'}."
    return f"{model.label} can upscale this image to {' or '.join(offered)}."

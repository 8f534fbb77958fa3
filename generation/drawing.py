"""One generation's pictures: what the engine is asked, its answers kept, and into the library.

Each answer is committed before anything else happens to it, so that a worker may be killed at any
line and nothing is asked for, or paid, twice.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from dataclasses import replace

from django.db import transaction

from assetbank import intake, rights
from assetbank.errors import PictureRefused
from assetbank.models import Asset
from generation import engines, prompts
from generation.engines import Drawing, DrawRequest, ReferenceImage
from generation.errors import InvalidRequest, Refused
from generation.models import Generation, Output

logger = logging.getLogger(__name__)

SENT_AS_IS = {"image/jpeg", "image/png", "image/webp", "image/heic"}
LARGEST_SENT = 4 * 2**20  # bytes; fourteen of these fit into one inline request


def draw_request(generation: Generation) -> DrawRequest:
    chosen = engines.model(generation.model)
    rows = list(generation.reference_rows.select_related("asset"))
    if gone := [row.title for row in rows if row.asset is None]:
        raise InvalidRequest(f"A reference was deleted: {', '.join(gone)}.", code="reference_gone")
    if refused := [
        row.asset for row in rows if row.asset and rights.problem(row.asset, derive=True)
    ]:
        # it waited, or is tried again; who reads this may not see all references
        sentence = "A reference may not be used any more: its rights have ended or changed."
        code = "rights_expired" if any(asset.expired for asset in refused) else "rights"
        raise InvalidRequest(sentence, code=code)
    brand = generation.brand
    composed = prompts.compose(
        prompt=generation.prompt,
        brand=brand,
        references=[prompts.Named(row.title, row.role) for row in rows],
        model=chosen,
        rules=prompts.rules_of(brand),
    )
    # a sketch shows the prompt, to the people who wrote it
    prompt = generation.prompt if chosen.engine == "sketch" else composed.text
    generation.full_prompt, generation.left_out = prompt, list(composed.left_out)
    generation.save(update_fields=["full_prompt", "left_out"])
    sent = [rows[n] for n in composed.sent]
    return DrawRequest(
        prompt=prompt,
        references=tuple(_reference_image(row.asset, row.role) for row in sent if row.asset),
        model=generation.model,
        aspect_ratio=generation.aspect_ratio,
        image_size=generation.image_size,
        palette=tuple(brand.palette),
        brand=brand.name,
    )


def _reference_image(asset: Asset, role: str) -> ReferenceImage:
    """The original where engines take it, else its preview. Raises FileMissing, PictureRefused."""
    if asset.mime in SENT_AS_IS and asset.bytes <= LARGEST_SENT:
        return ReferenceImage(intake.original_bytes(asset), asset.mime, asset.title, role)
    with intake.rendition(asset=asset, name="preview") as file:
        return ReferenceImage(file.read(), "image/webp", asset.title, role)


def take_picture(generation: Generation, take: int, request: DrawRequest) -> None:
    """One call of the engine, outside any transaction; its answer is committed at once."""
    try:
        drawing = engines.draw(replace(request, variant=take))
    except Refused as error:
        logger.info("generation %d, picture %d refused: %s", generation.pk, take + 1, error.code)
        generation.takes[str(take)] = {"refused": error.code, "reason": error.message}
        generation.save(update_fields=["takes"])
        return
    with transaction.atomic():
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
        generation.takes[str(take)] = _record(drawing)
        generation.save(update_fields=["takes"])


def _record(drawing: Drawing) -> dict[str, object]:
    return {
        "text": drawing.text,
        "usage": drawing.usage,
        "model_version": drawing.model_version,
        "response_id": drawing.response_id,
        "pictures": len(drawing.images),
    }


def store_outputs(generation: Generation) -> None:
    for output in _arrived(generation):
        try:
            with transaction.atomic():
                stored = intake.store(
                    brand=generation.brand,
                    file=bytes(output.data or b""),
                    filename=f"generation-{generation.pk}-{output.take + 1}.{output.position + 1}",
                    by=generation.created_by,
                    origin=Asset.Origin.GENERATED,
                    provenance=_provenance(generation),
                    title=generation.prompt.splitlines()[0][:120],
                    kind=Asset.Kind.RENDER,
                )
                output.asset, output.data = stored.asset, None
                output.save(update_fields=["asset", "data"])
        except PictureRefused as error:
            # kept as it came: staff can look at the bytes
            output.problem = error.message
            output.save(update_fields=["problem"])


def _provenance(generation: Generation) -> intake.Provenance:
    version = generation.preset_version
    slug = version.preset.slug if version else ""
    return intake.Provenance(generation.pk, generation.model, generation.prompt, slug)


def _arrived(generation: Generation) -> Iterator[Output]:
    """Outputs whose bytes the library does not have yet, one in memory at a time."""
    waiting = generation.outputs.filter(asset=None, problem="", data__isnull=False)
    for pk in list(waiting.values_list("pk", flat=True)):
        yield Output.objects.get(pk=pk)

"""One generation's pictures: what the engine is asked, its answers kept, and into the library.

What is asked for is noted before, and each answer is committed before anything else happens to
it. So a worker may be killed at any line: what had arrived is not asked for again, and what may
have been drawn for nobody is charged, and asked for anew by a person only.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

from django.db import transaction

from assetbank.assets import GenerationProvenance, ingest_asset
from assetbank.errors import PictureRefused
from assetbank.models import Asset
from generation.lineage import inheritance
from generation.models import EngineModel, Generation, Output
from generation.prompting import presets

logger = logging.getLogger(__name__)


def store_outputs(generation: Generation) -> None:
    for output in _arrived(generation):
        place = f"{output.take.number + 1}.{output.position + 1}"
        try:
            with transaction.atomic():
                stored = ingest_asset(
                    brand=generation.brand,
                    file=bytes(output.data or b""),
                    filename=f"generation-{generation.pk}-{place}",
                    by=generation.created_by,
                    origin=Asset.Origin.GENERATED,
                    provenance=_provenance(generation),
                    title=presets.heading(generation).splitlines()[0][:120],
                    kind=Asset.Kind.RENDER,
                )
                output.asset, output.data = stored.asset, None
                output.save(update_fields=["asset", "data"])
                inheritance.inherit_terms(asset=stored.asset, generation=generation)
        except PictureRefused as error:
            # kept as it came: staff can look at the bytes
            output.problem = error.message
            output.save(update_fields=["problem"])


def _provenance(generation: Generation) -> GenerationProvenance:
    version = generation.preset_version
    slug = version.preset.slug if version else ""
    engine = EngineModel.objects.filter(pk=generation.model).first()
    source_type = engine.digital_source_type if engine else "trainedAlgorithmicMedia"
    return GenerationProvenance(
        generation.pk, generation.model, generation.prompt, slug, digital_source_type=source_type
    )


def _arrived(generation: Generation) -> Iterator[Output]:
    """Outputs whose bytes the library does not have yet, one in memory at a time."""
    waiting = generation.outputs.filter(asset=None, problem="", data__isnull=False)
    for pk in list(waiting.values_list("pk", flat=True)):
        yield Output.objects.select_related("take").get(pk=pk)

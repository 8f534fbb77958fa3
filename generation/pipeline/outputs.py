"""Stores the outputs of a generation as assets in the library.

An output keeps its bytes in its own row until the asset exists, so a worker may be killed at any
line and the next one continues.
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
    """Ingest every output that is not yet in the library, each in its own transaction.

    An output that the library refuses keeps its bytes, and the reason in `problem`. Raises
    FileMissing if a file of the library cannot be read.
    """
    for output in _pending(generation):
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
                    title=presets.generation_heading(generation).splitlines()[0][:120],
                    kind=Asset.Kind.RENDER,
                )
                output.asset, output.data = stored.asset, None
                output.save(update_fields=["asset", "data"])
                inheritance.inherit_terms(asset=stored.asset, generation=generation)
        except PictureRefused as error:
            # The bytes stay as they came, so that staff can inspect them
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


def _pending(generation: Generation) -> Iterator[Output]:
    """Yield the outputs of a generation whose bytes are not yet in the library; only one is in
    memory at a time."""
    pending = generation.outputs.filter(asset=None, problem="", data__isnull=False)
    for pk in list(pending.values_list("pk", flat=True)):
        yield Output.objects.select_related("take").get(pk=pk)

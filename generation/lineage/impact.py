"""What the studio loses when assets are deleted for good."""

from __future__ import annotations

from assetbank.models import AssetQuerySet
from generation.lineage import graph
from generation.models import Generation


def deletion_impact(assets: AssetQuerySet) -> list[str]:
    """Return sentences about the generations that used or made these assets, and about what was
    made from them."""
    pks = list(assets.values_list("pk", flat=True))
    used = Generation.objects.filter(reference_rows__asset__in=pks).distinct().count()
    made = Generation.objects.filter(outputs__asset__in=pks).distinct().count()
    descendants = len(graph.descendants(pks))
    found = []
    if used:
        found.append(
            f"{_count(used, 'generation')} used them as references. Their records keep title and "
            "checksum, but they cannot be repeated with these references."
        )
    if made:
        found.append(
            f"{_count(made, 'generation')} made them. Their records stay, without these images."
        )
    if descendants:
        found.append(
            f"What was made from them stays, with its terms: {_count(descendants, 'asset')}."
        )
    return found


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"

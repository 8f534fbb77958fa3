"""Template filters for the labels on an image: usage problem and AI label."""

from __future__ import annotations

from django import template

from assetbank.models import Asset
from assetbank.rights import provenance, terms

register = template.Library()


@register.filter
def refused(asset: Asset, purpose: str = "") -> terms.UsageProblem | None:
    """Return why the asset may not be used today, with `word` and `sentence`; None if it may.

    `:"derive"` asks whether new images may be made from it.
    """
    return terms.usage_problem_badge(asset, derive=purpose == "derive")


@register.filter
def mark(asset: Asset) -> str:
    """Return the label "Made with AI" or "Sketch" for the image, or an empty string."""
    return provenance.ai_label(asset)

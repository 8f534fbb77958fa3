"""Template filters for the labels on an image: usage problem and AI label."""

from __future__ import annotations

from django import template

from assetbank.models import Asset
from assetbank.rights import provenance, terms

register = template.Library()


@register.filter
def refused(asset: Asset, purpose: str = "") -> terms.UsageProblem | None:
    """Return the usage problem, with `word` and `sentence`; `:"derive"`: for making new images."""
    return terms.usage_problem_badge(asset, derive=purpose == "derive")


@register.filter
def mark(asset: Asset) -> str:
    """Return "Made with AI", "Sketch" or an empty string."""
    return provenance.ai_label(asset)

"""What stands on a picture wherever it is shown: whether it may be used, and how it was made."""

from __future__ import annotations

from django import template

from assetbank.models import Asset
from assetbank.rights import provenance, terms

register = template.Library()


@register.filter
def refused(asset: Asset, purpose: str = "") -> terms.UsageProblem | None:
    """`asset|refused` (has `word` and `sentence`); `asset|refused:"derive"`: for new pictures."""
    return terms.usage_problem_badge(asset, derive=purpose == "derive")


@register.filter
def mark(asset: Asset) -> str:
    """ "Made with AI", "Sketch", or nothing."""
    return provenance.ai_label(asset)

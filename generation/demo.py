"""Brand rules of the demo library."""

from __future__ import annotations

from typing import Any

from assetbank import permissions
from assetbank.models import Brand, Collection
from generation.models import Finding
from generation.prompting import brand_rules

RULES: dict[str, dict[str, Any]] = {
    "maison-orvelle": {
        "anchors": "Shop packshots",
        "voice": "Unhurried and sure of itself: morning light, much space, nothing that shouts.",
        "always": ["One product is the subject, sharp and whole."],
        "never": ["Logos or products of other brands.", "Price tags or discounts."],
        "approved_words": ["Maison Orvelle", "Orvelle", "Paris"],
        "blocking": [Finding.Code.WORDS],
    },
    "tumblewick": {
        "anchors": "Heroes club",
        "voice": "Cheerful and tidy: daylight, a floor to play on, and always a little joke.",
        "always": ["Toys are seen from a child's height."],
        "never": ["Anything sharp, broken or frightening."],
        "approved_words": ["Tumblewick"],
        "blocking": [],
    },
}


def load() -> None:
    """Save brand rules for the brands of the demo library that have none."""
    for brand in Brand.objects.filter(slug__in=RULES, rules=None):
        rules = dict(RULES[brand.slug])
        rules["anchors"] = Collection.objects.filter(brand=brand, name=rules["anchors"]).first()
        brand_rules.change_rules(person=permissions.system_user(), brand=brand, **rules)

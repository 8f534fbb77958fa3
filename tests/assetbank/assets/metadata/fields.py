"""A brand's custom fields for tests: one of each kind."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from assetbank.models import Brand, CustomField

FIELDS: dict[str, dict[str, Any]] = {
    "sku": {"label": "Article number", "kind": "text"},
    "notes": {"label": "Notes", "kind": "long_text"},
    "price": {"label": "Price", "kind": "number"},
    "launch": {"label": "Launch", "kind": "date"},
    "line": {"label": "Line", "kind": "choice", "choices": ["Women", "Men"]},
    "season": {"label": "Season", "kind": "choices", "choices": ["fw25", "ss26"]},
    "cleared": {"label": "Cleared", "kind": "yes_no"},
    "shop": {"label": "Shop", "kind": "url"},
}


def add_fields(brand: Brand) -> dict[str, CustomField]:
    """Define FIELDS, and return them by name."""
    brand.fields_changed_at = timezone.now()
    brand.save()
    return {
        name: CustomField.objects.create(brand=brand, name=name, position=place, **options)
        for place, (name, options) in enumerate(FIELDS.items())
    }

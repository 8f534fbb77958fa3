"""Admin of the studio."""

from generation.admin import (
    batches,
    billing,
    brand_rules,
    bulk_orders,
    engines,
    generations,
    presets,
    webhooks,
    withdrawals,
)

__all__ = [
    "batches",
    "billing",
    "brand_rules",
    "bulk_orders",
    "engines",
    "generations",
    "presets",
    "webhooks",
    "withdrawals",
]

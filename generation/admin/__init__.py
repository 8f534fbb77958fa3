"""The studio in the admin."""

from generation.admin import (
    batches,
    engines,
    generations,
    money,
    orders,
    presets,
    rules,
    webhooks,
    withdrawing,
)

__all__ = [
    "batches",
    "engines",
    "generations",
    "money",
    "orders",
    "presets",
    "rules",
    "webhooks",
    "withdrawing",
]

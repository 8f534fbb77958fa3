"""Models of the studio: requests and outputs, presets, rules, costs, webhooks, withdrawals."""

from generation.models.batches import Batch, BatchJob
from generation.models.billing import LedgerEntry, LedgerQuerySet, SpendingCap
from generation.models.brand_rules import BrandRules, Finding
from generation.models.engines import EngineModel
from generation.models.generations import Generation, Output, Reference, Turn
from generation.models.presets import Preset, PresetVersion, Role
from generation.models.takes import Take
from generation.models.webhooks import Webhook, WebhookDelivery
from generation.models.withdrawals import Quarantine, Withdrawal

__all__ = [
    "Batch", "BatchJob", "BrandRules", "EngineModel", "Finding", "Generation", "LedgerEntry",
    "LedgerQuerySet", "Output", "Preset", "PresetVersion", "Quarantine", "Reference", "Role",
    "SpendingCap", "Take", "Turn", "Webhook", "WebhookDelivery", "Withdrawal",
]  # fmt: skip

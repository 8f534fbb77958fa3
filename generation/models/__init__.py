"""What the studio keeps."""

from generation.models.asking import Batch, BatchJob, Generation, Output, Reference, Turn
from generation.models.engines import EngineModel
from generation.models.judging import BrandRules, Finding
from generation.models.money import LedgerEntry, SpendingCap
from generation.models.presets import Preset, PresetVersion, Role
from generation.models.webhooks import Webhook, WebhookDelivery
from generation.models.withdrawing import Quarantine, Withdrawal

__all__ = [
    "Batch",
    "BatchJob",
    "BrandRules",
    "EngineModel",
    "Finding",
    "Generation",
    "LedgerEntry",
    "Output",
    "Preset",
    "PresetVersion",
    "Quarantine",
    "Reference",
    "Role",
    "SpendingCap",
    "Turn",
    "Webhook",
    "WebhookDelivery",
    "Withdrawal",
]

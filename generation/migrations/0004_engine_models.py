"""The models that are shipped. Rows that staff have changed or added stay as they are."""

import datetime
from decimal import Decimal

from django.db import migrations

TEN = ["1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9"]
FOURTEEN = [*TEN, "1:4", "4:1", "1:8", "8:1"]
PRICES = (
    "Google's price page for the Gemini API as updated on 2026-10-09; what it can do: Google's "
    "model pages and changelog, read through public copies. Not tried against Google."
)
CHECKED = datetime.date(2026, 11, 21)
GEMINI = {"engine": "gemini", "max_references": 14, "source": PRICES, "checked_on": CHECKED}

ROWS = [
    {
        **GEMINI,
        "id": "gemini-nano-banana-2.1",
        "label": "Nano Banana 2.1",
        "position": 10,
        "aspect_ratios": FOURTEEN,
        "image_sizes": ["1K", "2K", "4K"],
        "slots": {"character": 4, "product": 10},
        "refines": True,
        "batches": True,
        "usd_input": Decimal("1.50"),
        "usd_text": Decimal("7.50"),
        "usd_image": Decimal("30"),
        "image_tokens": {"1K": 1120, "2K": 1680, "4K": 3780},
    },
    {
        **GEMINI,
        "id": "gemini-3-pro-image",
        "label": "Nano Banana Pro",
        "position": 20,
        "aspect_ratios": TEN,
        "image_sizes": ["1K", "2K", "4K"],
        "refines": True,
        "batches": True,
        "usd_input": Decimal("2"),
        "usd_text": Decimal("12"),
        "usd_image": Decimal("120"),
        "image_tokens": {"1K": 1120, "2K": 1120, "4K": 2000},
    },
    {
        **GEMINI,
        "id": "gemini-3.1-flash-lite-image",
        "label": "Nano Banana 2 Lite",
        "position": 30,
        "aspect_ratios": TEN,
        "image_sizes": ["1K"],
        "refines": True,
        "batches": True,
        "usd_input": Decimal("0.25"),
        "usd_text": Decimal("1.50"),
        "usd_image": Decimal("30"),
        "image_tokens": {"1K": 1120},
    },
    {
        **GEMINI,
        "id": "gemini-3.1-flash-image",
        "label": "Nano Banana 2",
        "position": 80,
        "aspect_ratios": FOURTEEN,
        "image_sizes": ["512", "1K", "2K", "4K"],
        "slots": {"character": 4, "product": 10},
        "refines": True,
        "usd_input": Decimal("0.50"),
        "usd_text": Decimal("3"),
        "usd_image": Decimal("60"),
        "image_tokens": {"512": 747, "1K": 1120, "2K": 1680, "4K": 2520},
        "retires_on": datetime.date(2026, 10, 29),
        "successor_id": "gemini-nano-banana-2.1",
    },
    {
        **GEMINI,
        "id": "gemini-2.5-flash-image",
        "label": "Nano Banana",
        "position": 90,
        "aspect_ratios": TEN,
        "image_sizes": [],
        "max_references": 3,
        "usd_input": Decimal("0.30"),
        "usd_text": Decimal("2.50"),
        "usd_image": Decimal("30"),
        "image_tokens": {"": 1290},
        "retires_on": datetime.date(2026, 10, 2),
        "successor_id": "gemini-nano-banana-2.1",
    },
    {
        "id": "sketch",
        "label": "Sketch (offline draft)",
        "engine": "sketch",
        "position": 200,
        "aspect_ratios": FOURTEEN,
        "image_sizes": ["1K", "2K", "4K"],
        "max_references": 14,
        "usd_input": Decimal(0),
        "usd_text": Decimal(0),
        "usd_image": Decimal(0),
        "digital_source_type": "algorithmicMedia",
        "source": "Drawn here, without a model.",
    },
]


def forwards(apps, schema_editor):
    models = apps.get_model("generation", "EngineModel")
    for row in ROWS:
        models.objects.get_or_create(id=row["id"], defaults=row)


class Migration(migrations.Migration):
    dependencies = [("generation", "0003_studio_to_stand_behind")]
    operations = [migrations.RunPython(forwards, migrations.RunPython.noop)]

"""When, where and by whom the demo assets were made, as cameras and editors write it into files."""

from __future__ import annotations

import random
from datetime import datetime, time, timedelta, timezone
from typing import Any

from assetbank.demo.catalogue.assets import DemoAsset
from assetbank.demo.catalogue.rights import ILLUSTRATORS, UNCLEAR

PLACES = {  # scene -> city, country and hours from UTC
    "beach": ("Cascais", "Portugal", 0),
    "sunset": ("Cascais", "Portugal", 0),
    "city": ("Paris", "France", 1),
    "night": ("Oslo", "Norway", 1),
    "snow": ("Oslo", "Norway", 1),
    "forest": ("Oslo", "Norway", 1),
    "stage": ("Paris", "France", 1),
}
STUDIO = ("", "France", 1)
PREFIX = "Illustrated product shot: "


def capture(asset: DemoAsset) -> dict[str, Any]:
    """Return the fields of an asset that its file would carry, as arguments of `ingest_asset`.

    An asset without rights that are clear has no more than the check that these need.
    """
    if asset.rights == UNCLEAR:
        return {"terms_to_check": f"The licence says “{UNCLEAR.licence}”"}
    rng = random.Random(asset.filename)
    city, country, hours = PLACES.get(asset.spec.scene, STUDIO)
    taken = datetime.combine(asset.created, time(rng.randint(8, 18), rng.randint(0, 59)))
    credit = asset.rights.credit
    creator = credit if credit in ILLUSTRATORS else rng.choice(ILLUSTRATORS)
    alt_text = asset.description.removeprefix(PREFIX).partition(". ")[0].rstrip(".")
    return {
        "captured_at": (taken - timedelta(days=rng.randint(2, 500))).replace(
            tzinfo=timezone(timedelta(hours=hours), "local")
        ),
        "creator": creator,
        "copyright": f"© {taken.year} {credit}",
        "city": city,
        "country": country,
        "alt_text": f"{alt_text}." if rng.random() < 0.8 else "",
    }

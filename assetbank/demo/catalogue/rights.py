"""Licences, credits and terms of the demo assets."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, timedelta

ILLUSTRATORS = ("Ines Halvard", "Tomas Quill", "Noor Lindgren", "Bea Okonsky")
PRESS, EU_ONLY = "press use only", "EU only"
USES = ("social only", "web and print", PRESS, EU_ONLY)
EU = (
    *("AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE"),
    *("IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK"),
)


@dataclass(frozen=True)
class Rights:
    """Terms of a demo asset."""

    licence: str
    credit: str  # empty: unknown
    expires_on: date | None = None
    derivatives_allowed: bool = True
    territories: tuple[str, ...] = ()  # empty: everywhere


UNCLEAR = Rights("Unclear: ask before use", "", derivatives_allowed=False)


def rights(studio: str, created: date, today: date, rng: random.Random) -> Rights:
    """Return random terms: mostly owned, some licensed until a day, some expired.

    `rng` is drawn from equally often for each asset, so that one asset's terms do not change the
    next.
    """
    chance = rng.random()
    illustrator, use = rng.choice(ILLUSTRATORS), rng.choice(USES)
    days_left, days_over = rng.randint(4, 400), rng.randint(2, 60)
    if chance < 0.12 and (today - created).days > 90:
        return _licensed(illustrator, use, today - timedelta(days=days_over))
    if chance < 0.32:
        return _licensed(illustrator, use, today + timedelta(days=days_left))
    if chance < 0.42:
        return Rights("Licensed: credit required", illustrator)
    return owned(studio)


def owned(studio: str) -> Rights:
    """Return the terms of an image that the brand's own studio made."""
    return Rights("Owned", studio)


def _licensed(illustrator: str, use: str, until: date) -> Rights:
    return Rights(
        f"Licensed: {use} until {until.day} {until:%B %Y}",
        illustrator,
        until,
        derivatives_allowed=use != PRESS,
        territories=EU if use == EU_ONLY else (),
    )

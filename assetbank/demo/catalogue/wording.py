"""Titles, descriptions, tags and file names of the demo assets."""

from __future__ import annotations

import random
import re

from assetbank.demo.catalogue.products import Product
from assetbank.demo.catalogue.shoots import TALL, WIDE, Shot
from assetbank.demo.drawing.specs import Spec

SHADES = {
    "red": ("Scarlet", "Crimson", "Ruby red"),
    "orange": ("Tangerine", "Orange"),
    "yellow": ("Lemon yellow", "Canary yellow"),
    "green": ("Emerald", "Forest green"),
    "turquoise": ("Teal", "Turquoise"),
    "blue": ("Cobalt", "Royal blue"),
    "navy": ("Navy", "Midnight blue"),
    "purple": ("Violet", "Purple"),
    "pink": ("Pink", "Rose"),
    "brown": ("Chestnut", "Chocolate brown"),
    "beige": ("Cream", "Sand-coloured"),
    "black": ("Black", "Jet-black"),
    "white": ("White", "Snow-white"),
    "grey": ("Slate-grey", "Grey"),
    "silver": ("Silver", "Platinum"),
    "gold": ("Gold", "Golden"),
}
PATTERN_WORDS = {"striped": "striped", "dotted": "polka-dot", "checked": "checked"}
TITLE_PLACES = {
    "studio": "studio",
    "white": "on white",
    "beach": "on the beach",
    "sunset": "at sunset",
    "city": "in the city",
    "desk": "on a desk",
    "snow": "in the snow",
    "night": "at night",
    "forest": "in the woods",
    "stage": "on stage",
}
PLACES = {
    "studio": "on a grey studio background",
    "white": "on a white background",
    "beach": "on a sandy beach by the sea",
    "sunset": "in front of a sunset",
    "city": "in a city street with tall buildings",
    "desk": "on a wooden desk",
    "snow": "in a snowy landscape",
    "night": "under the stars above a city at night",
    "forest": "among the trees of a forest",
    "stage": "in the spotlight in front of a red curtain",
}
SCENE_TAGS = {
    "studio": "studio",
    "white": "packshot",
    "beach": "summer",
    "sunset": "evening light",
    "city": "urban",
    "desk": "workspace",
    "snow": "winter",
    "night": "night",
    "forest": "nature",
    "stage": "event",
}
SUFFIXES = {WIDE: "-banner", TALL: "-story"}


def title(spec: Spec, product: Product, rng: random.Random) -> str:
    """Return a title like "Scarlet leather handbag, studio"."""
    shade = rng.choice(SHADES[spec.colour])
    return f"{_product_phrase(spec, product, shade)}, {TITLE_PLACES[spec.scene]}"


def description(shot: Shot, product: Product, collection: str) -> str:
    """Return a sentence about what is shown, and one about its use, if it has one."""
    phrase = _product_phrase(shot.spec, product, shot.spec.colour)
    shown = f"Illustrated product shot: {phrase} {PLACES[shot.spec.scene]}."
    if shot.size == WIDE:
        return f"{shown} Room for a headline on both sides."
    if shot.size == TALL:
        return f"{shown} Room for text above and below."
    if collection:
        return f'{shown} Drawn for "{collection}".'
    return shown


def _product_phrase(spec: Spec, product: Product, shade: str) -> str:
    words = [shade, PATTERN_WORDS.get(spec.pattern, ""), product.name]
    if spec.pattern == "trim":
        words.append(f"with {spec.trim} trim")
    return " ".join(word for word in words if word)


def tags(spec: Spec, product: Product) -> tuple[str, ...]:
    """Return the four to six tags of a demo asset."""
    pattern = PATTERN_WORDS.get(spec.pattern, f"{spec.trim} trim" if spec.trim else "")
    words = (*product.tags, spec.colour, SCENE_TAGS[spec.scene], pattern)
    return tuple(dict.fromkeys(word for word in words if word))


def filename(prefix: str, number: int, shot: Shot, product: Product, rng: random.Random) -> str:
    """Return a name like "orvelle-07-leather-handbag-red.jpg"; some images on white are PNG."""
    name = re.sub(r"[^a-z0-9]+", "-", f"{product.name} {shot.spec.colour}".lower())
    extension = "png" if shot.spec.scene == "white" and rng.random() < 0.4 else "jpg"
    return f"{prefix}-{number:02}-{name}{SUFFIXES.get(shot.size, '')}.{extension}"

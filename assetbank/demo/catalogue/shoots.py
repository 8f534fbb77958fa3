"""Selection of the images of each demo brand: a few by hand, the rest at random."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass

from assetbank.demo.catalogue.products import PATTERNED, Product
from assetbank.demo.drawing.specs import PLAIN_ONLY, TRIMS, Spec

Size = tuple[int, int]
"""Width and height in pixels."""

SQUARE: Size = (1024, 1024)
WIDE: Size = (1280, 1024)
TALL: Size = (1024, 1280)

PATTERN_WEIGHTS = {"plain": 56, "striped": 12, "dotted": 10, "checked": 10, "trim": 12}


@dataclass(frozen=True)
class Shot:
    """An image to be drawn. Only those with a plain backdrop are wider or taller than square."""

    spec: Spec
    size: Size = SQUARE
    chosen: bool = False


def _chosen(obj: str, colour: str, scene: str, seed: int, size: Size = SQUARE) -> Shot:
    return Shot(Spec(obj, colour, "plain", scene, "", seed), size, chosen=True)


CHOSEN = (
    # Objects that users search for first
    _chosen("handbag", "red", "studio", 3),
    _chosen("dress", "red", "night", 6),
    _chosen("watch", "gold", "desk", 3),
    _chosen("backpack", "navy", "forest", 6),
    _chosen("sneaker", "white", "city", 4),
    Shot(Spec("cape", "red", "trim", "city", "gold", 2), chosen=True),
    _chosen("figurine", "blue", "city", 2),
    _chosen("toybox", "yellow", "studio", 3),
    _chosen("teapot", "turquoise", "desk", 4),
    # With room for text; the seeds were selected so that the object leaves the margins free
    _chosen("handbag", "black", "studio", 8, WIDE),
    _chosen("sunglasses", "brown", "white", 7, WIDE),
    _chosen("sneaker", "pink", "studio", 11, WIDE),
    _chosen("sofa", "grey", "studio", 10, WIDE),
    _chosen("gamepad", "purple", "white", 12, WIDE),
    _chosen("sportscar", "red", "studio", 19, WIDE),
    _chosen("skateboard", "orange", "studio", 11, WIDE),
    _chosen("dress", "black", "studio", 11, TALL),
    _chosen("tie", "green", "studio", 4, TALL),
    _chosen("heels", "red", "white", 3, TALL),
    _chosen("perfume", "gold", "white", 12, TALL),
    _chosen("lamp", "white", "studio", 7, TALL),
    _chosen("rocket", "red", "white", 5, TALL),
    _chosen("vase", "beige", "studio", 6, TALL),
    _chosen("robot", "orange", "white", 11, TALL),
)


def shots(products: tuple[Product, ...], count: int, rng: random.Random) -> list[Shot]:
    """Return `count` different images; products appear about equally often."""
    objects = {product.obj for product in products}
    chosen = [shot for shot in CHOSEN if shot.spec.obj in objects]
    motifs = {_motif(shot.spec) for shot in chosen}
    looks = {product.obj: _looks(product, motifs, rng) for product in products}
    rounds = itertools.chain.from_iterable(
        rng.sample(products, len(products)) for _ in itertools.count()
    )
    more = (Shot(_varied_spec(product.obj, *next(looks[product.obj]), rng)) for product in rounds)
    return chosen + list(itertools.islice(more, count - len(chosen)))


def _motif(spec: Spec) -> tuple[str, str, str]:
    """Return the values of a spec that no two images of a brand may share as a whole."""
    return spec.obj, spec.colour, spec.scene


def _looks(
    product: Product, taken: set[tuple[str, str, str]], rng: random.Random
) -> Iterator[tuple[str, str]]:
    """Yield (colour, scene) of a product, except `taken`; neighbours differ in both if possible."""
    colours = rng.sample(product.colours, len(product.colours))
    scenes = rng.sample(product.scenes, len(product.scenes))
    for lap in range(len(scenes)):
        for k, colour in enumerate(colours):
            scene = scenes[(lap + k) % len(scenes)]
            if (product.obj, colour, scene) not in taken:
                yield colour, scene


def _varied_spec(obj: str, colour: str, scene: str, rng: random.Random) -> Spec:
    pattern = rng.choices(list(PATTERN_WEIGHTS), list(PATTERN_WEIGHTS.values()))[0]
    if obj in PLAIN_ONLY or (pattern != "trim" and obj not in PATTERNED):
        pattern = "plain"
    trim = rng.choice([t for t in TRIMS if t != colour]) if pattern == "trim" else ""
    return Spec(obj, colour, pattern, scene, trim, rng.getrandbits(30))

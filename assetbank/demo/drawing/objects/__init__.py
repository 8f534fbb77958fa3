"""Drawing functions of `specs.OBJECTS`, one for each object, by family."""

from __future__ import annotations

from collections.abc import Callable

from assetbank.demo.drawing.objects import (
    accessories,
    bags,
    beauty,
    clothing,
    footwear,
    home,
    jewellery,
    tech,
    toys,
    transport,
)
from assetbank.demo.drawing.painter import Painter

DRAWINGS: dict[str, Callable[[Painter], None]] = {
    drawing.__name__: drawing
    for drawing in (
        footwear.sneaker,
        footwear.heels,
        footwear.boot,
        clothing.dress,
        clothing.tshirt,
        clothing.cape,
        clothing.jacket,
        clothing.trousers,
        accessories.hat,
        accessories.cap,
        accessories.sunglasses,
        accessories.umbrella,
        accessories.scarf,
        accessories.tie,
        accessories.glove,
        bags.handbag,
        bags.backpack,
        bags.suitcase,
        jewellery.watch,
        jewellery.necklace,
        jewellery.ring,
        jewellery.earrings,
        jewellery.crown,
        jewellery.mask,
        beauty.perfume,
        beauty.lipstick,
        beauty.bottle,
        home.mug,
        home.teapot,
        home.vase,
        home.chair,
        home.sofa,
        home.lamp,
        home.candle,
        home.clock,
        home.book,
        tech.headphones,
        tech.phone,
        tech.laptop,
        tech.camera,
        tech.gamepad,
        tech.guitar,
        transport.sportscar,
        transport.bicycle,
        transport.helmet,
        transport.skateboard,
        transport.rocket,
        toys.figurine,
        toys.toybox,
        toys.teddy,
        toys.robot,
        toys.shield,
        toys.ball,
        toys.gift,
    )
}
"""By the object's name, which is the name of the function."""

"""Products of the two demo brands, with the colours and scenes they are shown in."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Product:
    """A product, the tags of all its images, and the colours and scenes it is shown in."""

    obj: str
    name: str
    tags: tuple[str, ...]
    colours: tuple[str, ...]
    scenes: tuple[str, ...]


def _products(table: str) -> tuple[Product, ...]:
    """Parse a table with rows of: object | name | tags | colours | scenes."""
    products = []
    for row in table.strip().splitlines():
        obj, name, tags, colours, scenes = row.split(" | ")
        product = Product(
            obj,
            name,
            tuple(tags.split(", ")),
            tuple(colours.split()),
            tuple(scenes.split()),
        )
        products.append(product)
    return tuple(products)


FASHION = _products("""
handbag | leather handbag | bags, leather goods | red black beige purple | studio white city stage
dress | evening dress | womenswear, occasion | red black turquoise gold | stage night studio sunset
watch | chronograph | watches, gifts | gold silver black brown | studio white snow night
backpack | canvas backpack | bags, travel | navy green orange grey | forest city snow white
sneaker | court sneaker | shoes, everyday | white pink blue yellow | city studio beach white
heels | stiletto | shoes, occasion | red black silver pink | stage studio night white
boot | ankle boot | shoes, winter | brown black green | snow forest city studio
tshirt | organic cotton t-shirt | basics, cotton | white navy yellow turquoise | beach white city
hat | brimmed hat | headwear, resort | beige brown black | beach sunset studio
cap | baseball cap | headwear, everyday | green red navy orange | city beach white
sunglasses | sunglasses | eyewear, resort | black gold pink brown | beach sunset white
necklace | pendant necklace | jewellery, gifts | gold silver | studio night stage
ring | gemstone ring | jewellery, occasion | gold silver | white night studio
earrings | drop earrings | jewellery, gifts | silver gold turquoise | stage studio sunset
perfume | eau de parfum | fragrance, gifts | purple pink gold turquoise | sunset snow studio white
lipstick | satin lipstick | beauty, colour | red pink purple orange | white studio desk
umbrella | walking umbrella | accessories, rain | navy red yellow black | city forest studio
suitcase | cabin suitcase | travel, luggage | silver orange turquoise navy | beach city white
scarf | wool scarf | accessories, winter | red grey green beige | snow studio forest
tie | silk tie | menswear, accessories | navy purple green red | desk studio white
glove | leather glove | accessories, winter | brown black red | snow studio city
jacket | tailored jacket | outerwear, tailoring | grey navy beige black | city studio desk
trousers | wide trousers | tailoring, basics | beige blue black | studio white city
""")

HOME_AND_TOYS = _products("""
cape | hero cape | dressing up, heroes | red blue purple | stage city night
figurine | superhero figurine | toys, heroes | blue red green | city white night
toybox | toy box | toys, storage | yellow turquoise red | studio white desk
teapot | stoneware teapot | tableware, kitchen | turquoise white orange | desk white studio
mug | enamel mug | tableware, kitchen | red white green yellow | desk forest snow
vase | glazed vase | decoration, living room | blue beige green | desk studio white
chair | dining chair | furniture, living room | orange green white | studio white forest
sofa | two-seat sofa | furniture, living room | grey turquoise red | studio white beach
lamp | table lamp | lighting, living room | yellow white navy | night desk studio
candle | scented candle | decoration, gifts | white purple red | snow night desk
clock | kitchen clock | decoration, kitchen | red black turquoise | desk white studio
bottle | cordial bottle | drinks, kitchen | green orange purple | beach forest desk
book | picture book | books, reading | blue red orange | desk forest studio
gift | gift box | gifts, wrapping | red gold green | snow night
teddy | teddy bear | toys, soft toys | brown beige pink | snow white forest
robot | tin robot | toys, collectables | silver orange turquoise | white desk snow
rocket | toy rocket | toys, space | white red silver | night stage white
ball | play ball | toys, outdoors | orange yellow blue | beach white forest
crown | party crown | dressing up, parties | gold silver | stage studio white
mask | carnival mask | dressing up, parties | black purple gold | stage night studio
shield | toy shield | dressing up, heroes | green silver purple | stage forest white
sportscar | ride-on sports car | toys, vehicles | red yellow blue | city beach studio
bicycle | town bicycle | outdoors, vehicles | green turquoise black | city forest sunset
skateboard | maple skateboard | outdoors, sports | orange purple pink | city beach sunset
helmet | safety helmet | outdoors, vehicles | black yellow red | city white studio
guitar | parlour guitar | music, hobbies | brown orange black | stage sunset forest
headphones | over-ear headphones | devices, music | white purple black | desk white stage
gamepad | game controller | devices, play | purple grey white | desk white night
camera | instant camera | devices, hobbies | turquoise beige black | beach desk white
phone | kids' phone | devices, play | pink blue yellow | desk white city
laptop | first laptop | devices, school | silver grey blue | desk studio white
""")

PATTERNED = frozenset(
    {
        "handbag",
        "backpack",
        "dress",
        "tshirt",
        "hat",
        "cap",
        "umbrella",
        "suitcase",
        "scarf",
        "tie",
        "glove",
        "trousers",
        "cape",
        "toybox",
        "teapot",
        "mug",
        "vase",
        "chair",
        "sofa",
        "lamp",
        "book",
        "gift",
        "ball",
    }
)
"""Objects that may be striped, dotted or checked."""

"""Vocabulary of captions for drawn images.

Words of a list are separated by spaces, phrases by bars; `-` inside a word stands for a space or a
hyphen. The first is the most common one, and a word that occurs twice is used twice as often.
"""

from __future__ import annotations

from dataclasses import dataclass

from assetbank.demo.drawing.specs import COLOURS, OBJECTS, SCENES, TRIMS


@dataclass(frozen=True)
class Noun:
    """Singular and plural words for an object."""

    one: tuple[str, ...]
    many: tuple[str, ...]  # also words without a singular


def _nouns(one: str, many: str) -> Noun:
    return Noun(tuple(one.split()), tuple(many.split()))


def _lists(words: dict[str, str]) -> dict[str, tuple[str, ...]]:
    return {name: tuple(text.split()) for name, text in words.items()}


def _phrases(text: str) -> tuple[str, ...]:
    return tuple(text.split("|"))


OBJECT_NOUNS: dict[str, Noun] = {
    "watch": _nouns(
        "watch wristwatch timepiece chronograph wrist-watch", "watches wristwatches timepieces"
    ),
    "handbag": _nouns("handbag purse bag shoulder-bag tote clutch", "handbags purses bags"),
    "backpack": _nouns("backpack rucksack school-bag bag knapsack", "backpacks rucksacks bags"),
    "sneaker": _nouns(
        "sneaker trainer running-shoe sports-shoe shoe tennis-shoe kick",
        "sneakers trainers running-shoes shoes kicks",
    ),
    "heels": _nouns(
        "high-heel stiletto pump heel high-heeled-shoe shoe",
        "high-heels heels stilettos pumps shoes high-heeled-shoes",
    ),
    "boot": _nouns("boot ankle-boot shoe winter-boot", "boots shoes"),
    "dress": _nouns("dress gown frock evening-dress summer-dress", "dresses gowns"),
    "tshirt": _nouns("t-shirt tshirt tee shirt top jersey", "t-shirts tees shirts tops"),
    "cape": _nouns("cape cloak superhero-cape mantle", "capes cloaks"),
    "hat": _nouns("hat fedora brimmed-hat sun-hat", "hats fedoras"),
    "cap": _nouns("cap baseball-cap snapback peaked-cap", "caps baseball-caps"),
    "sunglasses": _nouns(
        "pair-of-sunglasses pair-of-shades pair-of-glasses",
        "sunglasses shades glasses eyewear sunnies",
    ),
    "necklace": _nouns("necklace pendant chain locket", "necklaces pendants jewellery jewelry"),
    "ring": _nouns(
        "ring diamond-ring engagement-ring wedding-ring gemstone-ring", "rings jewellery jewelry"
    ),
    "earrings": _nouns("earring pair-of-earrings", "earrings drop-earrings jewellery jewelry"),
    "crown": _nouns("crown tiara diadem royal-crown", "crowns tiaras"),
    "perfume": _nouns(
        "perfume-bottle perfume fragrance flacon scent eau-de-parfum",
        "perfumes fragrances perfume-bottles",
    ),
    "lipstick": _nouns("lipstick lip-stick lip-colour", "lipsticks makeup cosmetics"),
    "mug": _nouns("mug cup coffee-mug coffee-cup tea-cup", "mugs cups"),
    "teapot": _nouns("teapot tea-pot kettle", "teapots kettles"),
    "vase": _nouns("vase flower-vase urn", "vases"),
    "chair": _nouns("chair seat dining-chair", "chairs seats"),
    "sofa": _nouns("sofa couch settee loveseat", "sofas couches"),
    "lamp": _nouns("lamp table-lamp desk-lamp light bedside-lamp", "lamps lights"),
    "sportscar": _nouns(
        "sports-car car sportscar automobile racing-car coupe vehicle", "sports-cars cars vehicles"
    ),
    "bicycle": _nouns("bicycle bike cycle road-bike push-bike", "bicycles bikes"),
    "headphones": _nouns(
        "headset pair-of-headphones", "headphones earphones over-ear-headphones cans"
    ),
    "phone": _nouns(
        "phone smartphone mobile-phone cell-phone cellphone mobile", "phones smartphones"
    ),
    "laptop": _nouns("laptop notebook-computer computer notebook", "laptops computers"),
    "camera": _nouns("camera photo-camera digital-camera", "cameras"),
    "gamepad": _nouns(
        "game-controller gamepad controller joypad console-controller",
        "game-controllers gamepads controllers",
    ),
    "umbrella": _nouns("umbrella parasol brolly", "umbrellas parasols"),
    "figurine": _nouns(
        "figurine action-figure superhero-figure toy-figure hero doll statuette superhero",
        "figurines action-figures figures",
    ),
    "toybox": _nouns("toy-box toy-chest box-of-toys toybox toy-crate", "toy-boxes toys"),
    "teddy": _nouns(
        "teddy-bear teddy bear plush-toy soft-toy stuffed-animal plushie",
        "teddy-bears teddies bears plush-toys",
    ),
    "robot": _nouns("robot toy-robot android bot", "robots"),
    "mask": _nouns("mask masquerade-mask carnival-mask eye-mask superhero-mask", "masks"),
    "shield": _nouns("shield superhero-shield knight-shield emblem", "shields"),
    "helmet": _nouns("helmet motorcycle-helmet crash-helmet racing-helmet", "helmets"),
    "guitar": _nouns("guitar acoustic-guitar electric-guitar", "guitars"),
    "skateboard": _nouns("skateboard board skate-board longboard", "skateboards boards"),
    "suitcase": _nouns(
        "suitcase trolley-case travel-case carry-on trolley", "suitcases luggage baggage"
    ),
    "scarf": _nouns("scarf shawl neck-scarf", "scarves scarfs"),
    "tie": _nouns("tie necktie neck-tie", "ties neckties"),
    "glove": _nouns("glove mitten leather-glove", "gloves mittens"),
    "jacket": _nouns("jacket blazer coat suit-jacket", "jackets blazers coats"),
    "trousers": _nouns(
        "pair-of-trousers pair-of-jeans pair-of-pants", "trousers pants jeans slacks"
    ),
    "book": _nouns("book novel hardback notebook comic diary", "books novels"),
    "ball": _nouns("ball football soccer-ball basketball beach-ball", "balls footballs"),
    "candle": _nouns("candle scented-candle candlelight", "candles"),
    "rocket": _nouns("rocket rocket-ship spaceship toy-rocket spacecraft", "rockets spaceships"),
    "gift": _nouns("gift gift-box present wrapped-present parcel", "gifts presents gift-boxes"),
    "bottle": _nouns("bottle wine-bottle glass-bottle drinks-bottle", "bottles"),
    "clock": _nouns("clock alarm-clock wall-clock", "clocks alarm-clocks"),
}

# Words for several kinds of objects: a caption with one of them fits all of these
KINDS: tuple[tuple[tuple[str, ...], frozenset[str]], ...] = tuple(
    (tuple(words.split()), frozenset(objects.split()))
    for words, objects in {
        "shoe shoes footwear pair-of-shoes": "sneaker heels boot",
        "bag bags": "handbag backpack",
        "luggage travel-bag baggage": "suitcase backpack",
        "jewellery jewelry jewel piece-of-jewellery bling": "necklace ring earrings crown",
        "clothing clothes apparel garment outfit fashion item-of-clothing": (
            "dress tshirt cape jacket trousers scarf"
        ),
        "headwear headgear": "hat cap crown helmet",
        "toy toys plaything children's-toy": "teddy robot figurine toybox ball rocket",
        "furniture piece-of-furniture": "chair sofa lamp",
        "vehicle transport": "sportscar bicycle",
        "electronics gadget device tech electronic-device": (
            "phone laptop camera gamepad headphones"
        ),
        "accessory accessories fashion-accessory": (
            "sunglasses scarf tie glove handbag watch hat cap umbrella"
        ),
        "cosmetics beauty-product makeup beauty": "lipstick perfume",
        "kitchenware tableware crockery": "mug teapot",
        "home-decor decoration homeware": "vase lamp candle clock",
        "superhero-gear hero-costume costume superhero": "cape mask shield figurine",
        "sports-gear sports-equipment": "ball skateboard helmet bicycle",
        "musical-instrument instrument": "guitar",
        "stationery reading": "book",
        "watch-or-clock timekeeper": "watch clock",
    }.items()
)
# Nouns of KINDS that take no "a"
MASS_NOUNS = frozenset(
    _phrases(
        "jewellery|jewelry|footwear|clothing|apparel|luggage|furniture|electronics|tech|makeup"
        "|beauty|headwear"
    )
)
# Objects that are mostly named in the plural
PAIRED = frozenset(_phrases("sneaker|heels|boot|glove|sunglasses|trousers|headphones|earrings"))

COLOUR_WORDS: dict[str, tuple[str, ...]] = _lists(
    {
        "red": "red red red crimson scarlet ruby cherry-red bright-red dark-red ruby-red reddish",
        "orange": "orange orange orange tangerine bright-orange pumpkin apricot",
        "yellow": (
            "yellow yellow yellow lemon bright-yellow canary-yellow mustard sunny-yellow yellowish"
        ),
        "green": (
            "green green green emerald forest-green grass-green bright-green emerald-green greenish"
        ),
        "turquoise": "turquoise turquoise teal cyan aqua aquamarine mint",
        "blue": "blue blue blue royal-blue cobalt azure bright-blue sapphire cobalt-blue bluish",
        "navy": "navy navy-blue dark-blue midnight-blue navy deep-blue",
        "purple": "purple purple purple violet lilac plum lavender",
        "pink": "pink pink pink rose light-pink rosy blush salmon-pink",
        "brown": "brown brown brown chocolate chestnut dark-brown coffee-brown tan-brown",
        "beige": "beige beige cream tan sand-coloured camel nude",
        "black": "black black black jet-black ebony onyx pitch-black",
        "white": "white white white snow-white ivory pure-white off-white",
        "grey": "grey gray grey gray slate-grey charcoal ash-grey",
        "silver": "silver silver silvery chrome silver-coloured platinum metallic-silver steel",
        "gold": "gold golden gold golden gilded gold-coloured gold-plated metallic-gold",
    }
)
# Words for several colours
SHADES: tuple[tuple[tuple[str, ...], frozenset[str]], ...] = tuple(
    (tuple(words.split()), frozenset(colours.split()))
    for words, colours in {
        "metallic shiny": "gold silver",
        "dark": "black navy brown",
        "pastel": "pink turquoise beige",
        "bluish blue-toned": "blue navy turquoise",
        "neutral": "grey beige white black",
    }.items()
)

PATTERN_ADJECTIVES: dict[str, tuple[str, ...]] = _lists(
    {
        "plain": "plain solid-colour plain unpatterned one-colour simple",
        "striped": "striped stripy striped pinstriped",
        "dotted": "dotted polka-dot spotted polka-dotted",
        "checked": "checked checkered plaid tartan gingham chequered",
    }
)
PATTERN_PHRASES: dict[str, tuple[str, ...]] = _lists(
    {
        "striped": "with-stripes with-a-striped-pattern",
        "dotted": "with-dots with-polka-dots with-spots",
        "checked": "with-checks with-a-checked-pattern with-a-plaid-pattern",
    }
)
TRIM_PHRASES = _phrases(
    "with {c} trim|with {c} edging|with {c} piping|with {c} edges|trimmed in {c}"
    "|with {c} details|with {c} accents|with {c} outline"
)
UNNAMED_TRIM = _phrases("with trim|with contrast edging|trimmed|with contrasting trim|with piping")
TRIM_WORDS: dict[str, tuple[str, ...]] = _lists(
    {"gold": "gold golden", "silver": "silver", "white": "white", "black": "black"}
)

SCENE_PHRASES: dict[str, tuple[str, ...]] = {
    "studio": _phrases(
        "in a studio|on a grey background|on grey|in the studio|against a grey backdrop"
        "|in front of a gray background|studio background|studio shot"
    ),
    "white": _phrases(
        "on a white background|on white|isolated on white|cut out|against a white backdrop"
        "|with white background|on a plain white background"
    ),
    "beach": _phrases(
        "on a beach|at the beach|by the sea|on the sand|at the seaside|by the ocean"
        "|beach background|on a sandy beach|on a tropical beach|on the shore|under palm trees"
    ),
    "sunset": _phrases(
        "at sunset|at dusk|in front of a sunset|with the sun going down|in the evening sun"
        "|sunset background|at sundown|sunset sky|during golden hour"
    ),
    "city": _phrases(
        "in the city|in a city|downtown|on the street|in front of skyscrapers|city background"
        "|in an urban setting|with a skyline behind|in town|against tall buildings"
    ),
    "desk": _phrases(
        "on a desk|on a wooden table|on a table|on wood|in the office|on a wooden desk"
        "|on a wooden surface|desk background|on the desktop"
    ),
    "snow": _phrases(
        "in the snow|in winter|on snow|in a snowy landscape|winter background|with snowflakes"
        "|in a winter wonderland|on a snowy hill|in the cold"
    ),
    "night": _phrases(
        "at night|in the dark|by night|under the moon|under the stars|night background"
        "|in the moonlight|at midnight|under a starry sky|with city lights at night"
    ),
    "forest": _phrases(
        "in a forest|in the woods|among trees|in nature|forest background|in the jungle"
        "|in a green forest|outdoors in the woods|between trees|in the park"
    ),
    "stage": _phrases(
        "on a stage|on stage|in the spotlight|in a theatre|in front of a red curtain"
        "|stage background|at a show|under stage lights|in a theater"
    ),
}
SCENE_ADJECTIVES: dict[str, tuple[str, ...]] = _lists(
    {
        "studio": "studio",
        "white": "isolated packshot",
        "beach": "beach seaside tropical",
        "sunset": "sunset evening dusk",
        "city": "city urban street",
        "desk": "desk office tabletop",
        "snow": "winter snowy snow christmas",
        "night": "night night-time nighttime midnight",
        "forest": "forest woodland nature",
        "stage": "stage spotlight theatre",
    }
)

for named, known in (
    (OBJECT_NOUNS, OBJECTS),
    (COLOUR_WORDS, tuple(COLOURS)),
    (SCENE_PHRASES, SCENES),
    (TRIM_WORDS, TRIMS),
):
    if set(named) != set(known):
        raise RuntimeError(f"The captions lack words for {set(named) ^ set(known)}.")

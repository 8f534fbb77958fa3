"""Reference images and texts for calibrating an encoder's scores (see `relevance`).

Drawn images, because their contents are known and every installation can draw them; texts that
describe some of them; and texts about things that none of them shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from PIL import Image

from assetbank.demo.drawing.render import render
from assetbank.demo.drawing.specs import COLOURS, OBJECTS, PATTERNS, PLAIN_ONLY, SCENES, Spec
from search.encoders.demo import vocabulary as words
from search.encoders.demo.captions import MEANINGS, Facts, article, unhyphenated
from search.encoders.relevance import Background, Floats, measure

SIZE = 224  # pixels of each side of a reference image
PER_OBJECT = 4  # images of each object, the first two in one colour


class Pictures(Protocol):
    """Image encoder, as far as calibration uses one."""

    def encode(self, images: Sequence[Image.Image]) -> Floats: ...


class Texts(Protocol):
    """Text encoder, as far as calibration uses one."""

    def encode(self, texts: Sequence[str]) -> Floats: ...


def calibrate(pictures: Pictures, texts: Texts) -> Background:
    """Measure an encoder's background, given its image and text halves.

    Encodes 216 images, which takes seconds to a quarter of a minute.
    """
    specs = reference()
    queries = descriptions(specs)
    fits = [[facts.fit(spec) for spec in specs] for facts in queries.values()]
    objects = np.array([spec.obj for spec in specs])
    colours = np.array([spec.colour for spec in specs])
    same_object = objects[:, None] == objects
    same_colour = colours[:, None] == colours
    return measure(
        pictures.encode([render(spec, SIZE) for spec in specs]),
        texts.encode([*queries, *UNRELATED_TEXTS]),
        np.array(fits + [[False] * len(specs)] * len(UNRELATED_TEXTS)),
        same_object & same_colour & ~np.eye(len(specs), dtype=bool),
        ~same_object,
    )


def reference() -> list[Spec]:
    """Return the constant specs of the reference images: each object in many colours and scenes."""
    colours = tuple(COLOURS)
    return [
        Spec(
            obj,
            colours[(5 * row + 7 * max(number - 1, 0)) % len(colours)],
            # The last image of an object has a pattern, where its shape has room for one
            "plain" if obj in PLAIN_ONLY or number < PER_OBJECT - 1 else PATTERNS[1 + row % 3],
            SCENES[(3 * row + 7 * number) % len(SCENES)],
            seed=1000 + number,
        )
        for row, obj in enumerate(OBJECTS)
        for number in range(PER_OBJECT)
    ]


def descriptions(specs: Sequence[Spec]) -> dict[str, Facts]:
    """Return search queries from narrow to broad, with the facts that a matching image has."""
    queries = {}
    for number, spec in enumerate(specs):
        text = unhyphenated(words.OBJECT_NOUNS[spec.obj].one[0])
        facts = Facts(objects=frozenset({spec.obj}))
        if number % 2:
            text = f"{words.COLOUR_WORDS[spec.colour][0]} {text}"
            facts = Facts(facts.objects, frozenset({spec.colour}))
        text = f"{article(text)} {text}"
        if number % 4 > 1:
            text = f"{text} {words.SCENE_PHRASES[spec.scene][0]}"
            facts = Facts(facts.objects, facts.colours, scene=spec.scene)
        queries[text] = facts
    for colour, names in words.COLOUR_WORDS.items():
        queries[f"something {names[0]}"] = Facts(colours=frozenset({colour}))
    for scene, phrases in words.SCENE_PHRASES.items():
        queries[f"something {phrases[0]}"] = Facts(scene=scene)
    for kind, _ in words.KINDS:
        queries[unhyphenated(kind[0])] = Facts(objects=MEANINGS[kind[0]])
    return queries


UNRELATED_TEXTS = [
    text.strip()
    for line in """
a crocodile | a dolphin jumping | a beehive | an owl at noon | a flock of sheep | a spider web
a tiger | a monkey eating a banana | a cow grazing | chickens on a farm | a rabbit | a squirrel
an oyster with a pearl | a wolf howling | a frog on a leaf | a swan | a swarm of mosquitoes
a mountain ridge | a frozen lake | a rice paddy | a glacier | a canyon | thunder and lightning
a rainbow | fog over a valley | a vineyard | roses | autumn leaves | tulips
mushrooms | seaweed | a pine cone | moss on stone | a mosque | a railway platform | an airport
a motorway | a harbour with cargo | a supermarket aisle | a classroom | a bakery | a barn
a greenhouse | a playground | a tunnel | a handshake | a bride and groom | newborn twins
a grandmother knitting | a chef cooking | a police officer | a nurse | a farmer ploughing
a ballet dancer | a choir singing | a crowd at a concert | a marathon runner | a surfer | a boxer
a yoga class | a portrait of a gentleman | an eye | a skull | an X-ray of a chest | a fingerprint
a bowl of rice | a salad | sushi | a roast chicken | cheese and grapes | a jar of honey | pancakes
a slice of watermelon | oranges in a basket | garlic and onions | a chocolate bar | cookies
a cocktail | a bag of flour | a pot of yoghurt | a lobster | noodles with vegetables | olive oil
a tent | a canoe | a hot air balloon | a bulldozer | a monorail | an ambulance | a motor scooter
a caravan | a parachute | a train crossing a viaduct | a fishing net | an anchor | a propeller
a saw | a screwdriver | a paint brush | a bucket | a padlock | scissors | a sewing needle
a refrigerator | a dishwasher | an ironing board | a radiator | a ceiling fan | a mirror | a carpet
a pillow | a wardrobe | a staircase | shutters | a brick wall | a door handle | a flute | a harp
a cello | an accordion | a metronome | sheet music | a calendar | a receipt | a passport
a handwritten letter | an envelope | a crossword | a diagram | a weather forecast | a floor plan
a bank note | a postage stamp | a flag | a telescope | a test tube | a syringe | a wheelchair
a magnet | a circuit board | a server rack | an oil painting | a marble statue | a mosaic
graffiti | a medal | a trophy | a nuclear reactor | a landfill | an oil rig | coal
gravel | smoke from a chimney | a galaxy | a comet | the planet Saturn | snowboarding | ice hockey
judo | a hedge | a fountain | a gravestone | a bus stop | a vending machine | a cash register
""".strip().splitlines()
    for text in line.split("|")
]

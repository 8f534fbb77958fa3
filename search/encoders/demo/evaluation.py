"""Evaluation of an encoder on drawn images that it was not trained on, with typical queries."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from assetbank.demo.drawing.render import render
from assetbank.demo.drawing.specs import COLOURS, OBJECTS, PATTERNS, SCENES, Spec, random_spec
from search.encoders.clip import Floats, ImageEncoder, TextEncoder
from search.encoders.demo import vocabulary as words
from search.encoders.demo.captions import MEANINGS, article, caption, unhyphenated
from search.encoders.demo.drawings import is_held_out, is_held_out_pair

GALLERY = 500  # images
SIZE = 384  # pixels per side
UNKNOWN_WORDS = {  # words that training captions never use, and their objects
    "valise": "suitcase",
    "sombrero": "hat",
    "satchel": "handbag",
    "plimsoll": "sneaker",
    "wellington": "boot",
    "divan": "sofa",
    "tankard": "mug",
    "velocipede": "bicycle",
    "pashmina": "scarf",
    "chinos": "trousers",
    "gauntlet": "glove",
    "lantern": "lamp",
    "ukulele": "guitar",
    "choker": "necklace",
    "anorak": "jacket",
    "pinafore": "dress",
    "carafe": "bottle",
    "coronet": "crown",
    "cologne": "perfume",
    "amphora": "vase",
}


Query = tuple[str, dict[str, str]]  # a text, and the attributes of matching images


@dataclass(frozen=True)
class QueryGroup:
    """Queries of one kind, with their relevant images."""

    name: str
    texts: Sequence[str]
    relevant: npt.NDArray[np.bool_]  # [queries, images]


@dataclass(frozen=True)
class Score:
    """Metrics of one kind of query."""

    name: str
    count: int
    hit_1: float  # share of queries with a relevant image in first place
    hit_5: float  # share of queries with a relevant image among the first five
    recall_5: float  # relevant images among the first five, divided by all relevant (at most five)

    def __str__(self) -> str:
        return (
            f"{self.name:<36} {self.count:>4}  hit@1 {self.hit_1:.3f}  hit@5 {self.hit_5:.3f}  "
            f"recall@5 {self.recall_5:.3f}"
        )


def gallery(count: int = GALLERY) -> list[Spec]:
    """Return different specs whose object, colour and scene were never trained on together."""
    rng = random.Random(99)
    specs: dict[tuple[str, str, str], Spec] = {}
    while len(specs) < count:
        spec = random_spec(rng, is_held_out)
        specs.setdefault((spec.obj, spec.colour, spec.scene), spec)
    return list(specs.values())


def query_groups(specs: Sequence[Spec]) -> list[QueryGroup]:
    """Return all kinds of queries for a gallery."""
    rng = random.Random(3)
    pairs = sorted({(spec.obj, spec.colour) for spec in specs})
    new_pairs = [pair for pair in pairs if is_held_out_pair(Spec(*pair))]
    place = {scene: phrases[0] for scene, phrases in words.SCENE_PHRASES.items()}
    look = {p: words.PATTERN_ADJECTIVES.get(p, ("with gold trim",))[0] for p in PATTERNS}
    queries: dict[str, list[Query]] = {
        "object and colour": [(_plain(*pair), _attributes(*pair)) for pair in pairs],
        "the same, pairs never trained on": [
            (_plain(*pair), _attributes(*pair)) for pair in new_pairs
        ],
        "object and colour, synonyms": [
            (_synonyms(*pair, rng), _attributes(*pair)) for pair in pairs
        ],
        "object, colour and scene": [
            (f"{_plain(s.obj, s.colour)} {place[s.scene]}", _attributes(s.obj, s.colour, s.scene))
            for s in specs
        ],
        "whole captions": [
            (caption(s, rng, tidy=True).text, _attributes(s.obj, s.colour)) for s in specs
        ],
        "object alone": [(_article(_name(obj)), {"obj": obj}) for obj in OBJECTS],
        "colour alone": [(f"something {colour}", {"colour": colour}) for colour in COLOURS],
        "scene alone": [(place[scene], {"scene": scene}) for scene in SCENES],
        "pattern alone": [(look[p], {"pattern": p}) for p in PATTERNS if p != "plain"],
        "words never used in captions": [
            (_article(word), {"obj": obj}) for word, obj in UNKNOWN_WORDS.items()
        ],
    }
    return [
        QueryGroup(
            name,
            [text for text, _ in kind],
            np.array([[_fits(spec, answer) for spec in specs] for _, answer in kind]),
        )
        for name, kind in queries.items()
        if kind
    ]


def _attributes(obj: str, colour: str, scene: str = "") -> dict[str, str]:
    return {"obj": obj, "colour": colour} | ({"scene": scene} if scene else {})


def _fits(spec: Spec, answer: dict[str, str]) -> bool:
    return all(getattr(spec, attribute) == value for attribute, value in answer.items())


def _name(obj: str) -> str:
    return unhyphenated(words.OBJECT_NOUNS[obj].one[0])


def _article(text: str) -> str:
    return f"{article(text)} {text}"


def _plain(obj: str, colour: str) -> str:
    return _article(f"{colour} {_name(obj)}")


def _synonyms(obj: str, colour: str, rng: random.Random) -> str:
    noun = words.OBJECT_NOUNS[obj]
    choices = noun.one if rng.random() < 0.5 else noun.many
    # A word for several objects would have other right answers
    clear = [word for word in choices if MEANINGS[word] == {obj}] or [noun.one[0]]
    return unhyphenated(f"{rng.choice(words.COLOUR_WORDS[colour])} {rng.choice(clear)}")


def score(name: str, scores: Floats, relevant: npt.NDArray[np.bool_]) -> Score:
    """Return the metrics of scores [queries, images], ignoring queries without a relevant image."""
    answerable = relevant.any(1)
    first = np.argsort(-scores, 1)[:, :5]
    right = np.take_along_axis(relevant, first, 1)[answerable]
    possible = np.minimum(relevant.sum(1), 5)[answerable]
    return Score(
        name,
        int(answerable.sum()),
        float(right[:, 0].mean()),
        float(right.any(1).mean()),
        float((right.sum(1) / possible).mean()),
    )


def evaluate(folder: Path, count: int = GALLERY) -> list[Score]:
    """Return the metrics of the checkpoint in a folder, using the encoders of the search."""
    specs = gallery(count)
    pictures = ImageEncoder(str(folder)).encode([render(spec, SIZE) for spec in specs])
    texts = TextEncoder(str(folder))
    scores = [
        score(group.name, texts.encode(group.texts) @ pictures.T, group.relevant)
        for group in query_groups(specs)
    ]
    same = np.array([[one.obj == other.obj for other in specs] for one in specs])
    np.fill_diagonal(same, False)
    cosines = pictures @ pictures.T
    np.fill_diagonal(cosines, -1)
    return [*scores, score("picture to picture, same object", cosines, same)]

"""How well an encoder finds drawn pictures that it was not trained on, asked as the pages ask."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from assetbank.demo.pictures import render
from assetbank.demo.specs import PATTERNS, Spec, random_spec
from search.clip import Floats, ImageEncoder, TextEncoder
from search.demo_clip import vocabulary as words
from search.demo_clip.captions import MEANINGS, article, caption, spoken
from search.demo_clip.drawings import held_out, held_pair

GALLERY = 500
SIZE = 384  # pixels
UNKNOWN_WORDS = {
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


@dataclass(frozen=True)
class Questions:
    name: str
    texts: Sequence[str]
    relevant: npt.NDArray[np.bool_]  # [questions, pictures]


@dataclass(frozen=True)
class Score:
    name: str
    count: int
    hit_1: float  # share of questions with a right picture in first place
    hit_5: float  # ... among the first five
    recall_5: float  # right pictures among the first five, of those there are (at most five)

    def __str__(self) -> str:
        return (
            f"{self.name:<36} {self.count:>4}  hit@1 {self.hit_1:.3f}  hit@5 {self.hit_5:.3f}  "
            f"recall@5 {self.recall_5:.3f}"
        )


def gallery(count: int = GALLERY) -> list[Spec]:
    """Pictures whose object, colour and scene were never trained on together, all different."""
    rng = random.Random(99)
    specs: dict[tuple[str, str, str], Spec] = {}
    while len(specs) < count:
        spec = random_spec(rng, held_out)
        specs.setdefault((spec.obj, spec.colour, spec.scene), spec)
    return list(specs.values())


def questions(specs: Sequence[Spec]) -> list[Questions]:
    """Every kind of question to a gallery."""
    rng = random.Random(3)
    pairs = sorted({(spec.obj, spec.colour) for spec in specs})
    new_pairs = [pair for pair in pairs if held_pair(Spec(*pair))]

    def ask(name: str, asked: Iterable[tuple[str, Callable[[Spec], bool]]]) -> Questions:
        texts, right = zip(*asked, strict=True)
        return Questions(name, texts, np.array([[fits(spec) for spec in specs] for fits in right]))

    def of_pair(obj: str, colour: str) -> Callable[[Spec], bool]:
        return lambda spec: (spec.obj, spec.colour) == (obj, colour)

    def of(attribute: str, value: str) -> Callable[[Spec], bool]:
        return lambda spec: getattr(spec, attribute) == value

    def seen(attribute: str) -> list[str]:
        return sorted({getattr(spec, attribute) for spec in specs})

    return [
        ask("object and colour", [(_plain(*p), of_pair(*p)) for p in pairs]),
        *(
            [
                ask(
                    "the same, pairs never trained on",
                    [(_plain(*p), of_pair(*p)) for p in new_pairs],
                )
            ]
            if new_pairs
            else []
        ),
        ask("object and colour, synonyms", [(_synonyms(*p, rng), of_pair(*p)) for p in pairs]),
        ask(
            "object, colour and scene",
            [
                (f"{_plain(s.obj, s.colour)} {words.SCENE_PHRASES[s.scene][0]}", s.__eq__)
                for s in specs
            ],
        ),
        ask(
            "whole captions",
            [(caption(s, rng, tidy=True).text, of_pair(s.obj, s.colour)) for s in specs],
        ),
        ask("object alone", [(_article(_name(o)), of("obj", o)) for o in seen("obj")]),
        ask("colour alone", [(f"something {c}", of("colour", c)) for c in seen("colour")]),
        ask("scene alone", [(words.SCENE_PHRASES[s][0], of("scene", s)) for s in seen("scene")]),
        ask(
            "pattern alone",
            [
                (words.PATTERN_ADJECTIVES.get(p, ("with gold trim",))[0], of("pattern", p))
                for p in PATTERNS[1:]
            ],
        ),
        ask(
            "words never used in captions",
            [(_article(w), of("obj", o)) for w, o in UNKNOWN_WORDS.items()],
        ),
    ]


def _name(obj: str) -> str:
    return spoken(words.OBJECT_NOUNS[obj].one[0])


def _article(text: str) -> str:
    return f"{article(text)} {text}"


def _plain(obj: str, colour: str) -> str:
    return _article(f"{colour} {_name(obj)}")


def _synonyms(obj: str, colour: str, rng: random.Random) -> str:
    noun = words.OBJECT_NOUNS[obj]
    choices = noun.one if rng.random() < 0.5 else noun.many
    # A word for several objects would have other right answers
    clear = [word for word in choices if MEANINGS[word] == {obj}] or [noun.one[0]]
    return spoken(f"{rng.choice(words.COLOUR_WORDS[colour])} {rng.choice(clear)}")


def score(name: str, likeness: Floats, relevant: npt.NDArray[np.bool_]) -> Score:
    """`likeness` and `relevant` are [questions, pictures]; questions without an answer don't count."""
    asked = relevant.any(1)
    first = np.argsort(-likeness, 1)[:, :5]
    right = np.take_along_axis(relevant, first, 1)[asked]
    possible = np.minimum(relevant.sum(1), 5)[asked]
    return Score(
        name,
        int(asked.sum()),
        float(right[:, 0].mean()),
        float(right.any(1).mean()),
        float((right.sum(1) / possible).mean()),
    )


def evaluate(folder: Path, count: int = GALLERY) -> list[Score]:
    """The scores of the checkpoint in a folder, through the encoders that the pages use."""
    specs = gallery(count)
    pictures = ImageEncoder(str(folder)).encode([render(spec, SIZE) for spec in specs])
    texts = TextEncoder(str(folder))
    scores = [
        score(asked.name, texts.encode(asked.texts) @ pictures.T, asked.relevant)
        for asked in questions(specs)
    ]
    same = np.array([[one.obj == other.obj for other in specs] for one in specs])
    np.fill_diagonal(same, False)
    likeness = pictures @ pictures.T
    np.fill_diagonal(likeness, -1)
    return [*scores, score("picture to picture, same object", likeness, same)]

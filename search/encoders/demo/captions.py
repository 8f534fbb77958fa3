"""Captions for drawn pictures: what somebody might type who looks for one of them.

A caption says some of what a picture shows, in one of many wordings. It also knows what it pins
down, so that training counts every picture that it fits as right, not only its own.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from assetbank.demo.drawing.specs import Spec
from search.encoders.demo import vocabulary as words


@dataclass(frozen=True)
class Pins:
    """What a caption says of a picture; None where it says nothing."""

    objects: frozenset[str] | None = None
    colours: frozenset[str] | None = None
    pattern: str | None = None
    scene: str | None = None
    trim: str | None = None

    def fit(self, spec: Spec) -> bool:
        return (
            (self.objects is None or spec.obj in self.objects)
            and (self.colours is None or spec.colour in self.colours)
            and self.pattern in (None, spec.pattern)
            and self.scene in (None, spec.scene)
            and self.trim in (None, spec.trim)
        )


@dataclass(frozen=True)
class Caption:
    text: str
    pins: Pins


@dataclass(frozen=True)
class _Said:
    """The words that were chosen; "" for what is not said."""

    noun: str = ""
    plural: bool = False
    colour: str = ""
    pattern: str = ""  # before the noun: "striped"
    detail: str = ""  # after it: "with stripes"
    place: str = ""  # "on the beach"
    mood: str = ""  # "beach", as an adjective
    praise: str = ""


def _meanings() -> dict[str, frozenset[str]]:
    """Each noun, and every object that it may mean: a "shoe" is a sneaker or a boot."""
    meanings: dict[str, frozenset[str]] = {}
    for obj, noun in words.OBJECT_NOUNS.items():
        for word in noun.one + noun.many:
            meanings[word] = meanings.get(word, frozenset()) | {obj}
    for kind, objects in words.KINDS:
        for word in kind:
            meanings[word] = meanings.get(word, frozenset()) | objects
    return meanings


MEANINGS = _meanings()


def spoken(word: str) -> str:
    """A word of the vocabulary with spaces for its hyphens."""
    return word.replace("-", " ")


def article(word: str) -> str:
    return "an" if word[0] in "aeiou" else "a"


def caption(
    spec: Spec, rng: random.Random, *, noise: Sequence[str] = (), tidy: bool = False
) -> Caption:
    """A caption that fits the picture.

    `noise` are words of which one is thrown in now and then. `tidy` captions always name object
    and colour, and have no list of tags, no typo and nothing beside the point.
    """
    said, pins = _choose(spec, rng, tidy)
    text = _tags(said, rng) if not tidy and rng.random() < 0.16 else _sentence(said, rng)
    return Caption(text if tidy else _roughened(text, rng, noise), pins)


# ----------------------------------------------------------------------------- what is said


def _choose(spec: Spec, rng: random.Random, tidy: bool) -> tuple[_Said, Pins]:
    name_object = rng.random() < 0.92 or tidy
    name_colour = rng.random() < 0.82 or tidy
    name_pattern = rng.random() < (0.07 if spec.pattern == "plain" else 0.62)
    name_scene = rng.random() < 0.55
    if not (name_object or name_colour or name_scene):
        name_object = True
    noun, plural = _noun(spec, rng, tidy) if name_object else ("", False)
    colour, colours = _colour(spec, rng, tidy) if name_colour else ("", None)
    pattern, detail, trim = _pattern(spec, rng) if name_pattern else ("", "", None)
    place, mood = _scene(spec, rng) if name_scene else ("", "")
    praise = rng.choice(words.PRAISE) if rng.random() < 0.15 and not tidy else ""
    pins = Pins(
        MEANINGS[noun] if noun else None,
        colours,
        spec.pattern if name_pattern else None,
        spec.scene if name_scene else None,
        trim,
    )
    said = _Said(
        _hyphens(noun, rng), plural, _hyphens(colour, rng), pattern, detail, place, mood, praise
    )
    return said, pins


def _hyphens(word: str, rng: random.Random) -> str:
    """Mostly spaces: people rarely type hyphens."""
    return word if "t-shirt" in word or rng.random() < 0.12 else spoken(word)


def _noun(spec: Spec, rng: random.Random, tidy: bool) -> tuple[str, bool]:
    """A word for the object, and whether it takes no "a"."""
    kinds = [kind for kind, objects in words.KINDS if spec.obj in objects]
    if kinds and rng.random() < 0.13 and not tidy:
        word = rng.choice(rng.choice(kinds))
        return word, word.endswith("s") or word in words.MASS_NOUNS
    noun = words.OBJECT_NOUNS[spec.obj]
    plural = rng.random() < (0.6 if spec.obj in words.PAIRED else 0.13)
    choices = noun.many if plural else noun.one
    return (choices[0] if rng.random() < 0.45 else rng.choice(choices)), plural


def _colour(spec: Spec, rng: random.Random, tidy: bool) -> tuple[str, frozenset[str]]:
    if rng.random() < 0.04 and not tidy:
        shades = [shade for shade in words.SHADES if spec.colour in shade[1]]
        if shades:
            names, colours = rng.choice(shades)
            return rng.choice(names), colours
    return rng.choice(words.COLOUR_WORDS[spec.colour]), frozenset({spec.colour})


def _pattern(spec: Spec, rng: random.Random) -> tuple[str, str, str | None]:
    """What comes before the noun, what after, and the trim that they pin down."""
    if spec.pattern == "trim":
        if rng.random() < 0.85:
            colour = rng.choice(words.TRIM_WORDS[spec.trim])
            return "", rng.choice(words.TRIM_PHRASES).format(c=colour), spec.trim
        return "", rng.choice(words.UNNAMED_TRIM), None
    if spec.pattern in words.PATTERN_PHRASES and rng.random() < 0.4:
        return "", spoken(rng.choice(words.PATTERN_PHRASES[spec.pattern])), None
    return _hyphens(rng.choice(words.PATTERN_ADJECTIVES[spec.pattern]), rng), "", None


def _scene(spec: Spec, rng: random.Random) -> tuple[str, str]:
    if rng.random() < 0.2:
        return "", spoken(rng.choice(words.SCENE_ADJECTIVES[spec.scene]))
    return rng.choice(words.SCENE_PHRASES[spec.scene]), ""


# ----------------------------------------------------------------------------- how it is said


def _joined(*parts: str) -> str:
    return " ".join(part for part in parts if part)


def _tags(said: _Said, rng: random.Random) -> str:
    tags = [said.colour, said.noun, said.pattern, said.detail, said.place or said.mood]
    tags = [tag for tag in (*tags, said.praise) if tag]
    rng.shuffle(tags)
    return rng.choice((", ", " ", " ", " ")).join(tags)


def _sentence(said: _Said, rng: random.Random) -> str:
    if not said.noun:
        text = _nameless(said, rng)
    elif said.colour and rng.random() < 0.12:
        text = _colour_last(said, rng)
    else:
        text = _colour_first(said, rng)
    text = _joined(text, said.detail)
    if said.place:
        if rng.random() < 0.12:
            text = said.place + rng.choice((", ", ": ", " ")) + text
        else:
            text = f"{text} {said.place}"
    elif said.mood:
        forms = (
            *("{s} photo of {t}", "{s} picture of {t}", "{t} {s}"),
            *("{s} scene with {t}", "{s} {t}", "{t} with {s} background"),
        )
        text = rng.choice(forms).format(s=said.mood, t=text)
    if not said.mood and rng.random() < (0.30 if said.place else 0.34):
        text = f"{rng.choice(words.OPENINGS)} {text}"
    return text


def _nameless(said: _Said, rng: random.Random) -> str:
    only_colour = said.colour and not (said.pattern or said.detail or said.place or said.mood)
    if only_colour and rng.random() < 0.3:
        form = rng.choice(("{c}", "the colour {c}", "{c} colour", "everything {c}"))
        return form.format(c=said.colour)
    stand_in = rng.choice(words.ANY_PRODUCT)
    if stand_in in ("something", "anything"):
        return _joined(stand_in, said.colour, said.pattern)
    bare = stand_in.removeprefix("an ").removeprefix("a ")
    return _joined(said.pattern, said.colour, bare)


def _colour_last(said: _Said, rng: random.Random) -> str:
    forms = (
        *("{o} in {c}", "{o} that is {c}", "{c} coloured {o}", "{c}-colored {o}"),
        *("{o} coloured {c}", "{o} in {c} colour", "{c} colour {o}"),
    )
    text = rng.choice(forms).format(o=_joined(said.pattern, said.noun), c=said.colour)
    if not said.plural and rng.random() < 0.5 and not text.startswith("pair"):
        text = f"{article(text)} {text}"
    return text


def _colour_first(said: _Said, rng: random.Random) -> str:
    if rng.random() < 0.5:
        adjectives = _joined(said.praise, said.pattern, said.colour)
    else:
        adjectives = _joined(said.praise, said.colour, said.pattern)
    if said.noun.startswith("pair of") and adjectives:
        pair = rng.choice(("a pair of", "pair of"))
        return _joined(pair, adjectives, said.noun.removeprefix("pair of "))
    text = _joined(adjectives, said.noun)
    chance = rng.random()
    if chance < 0.55 and not said.plural:
        return f"{article(text)} {text}"
    if chance < 0.68:
        many = ("the", "some", "our", "two", "these", "many")
        one = ("the", "our", "one", "this", "my")
        return f"{rng.choice(many if said.plural else one)} {text}"
    return text


def _roughened(text: str, rng: random.Random, noise: Sequence[str]) -> str:
    """Now and then an ending, a stray word, a typo, a capital: as people type."""
    if rng.random() < 0.10:
        text += rng.choice((" ", ", ")) + rng.choice(words.ENDINGS)
    if noise and rng.random() < 0.10:
        parts = text.split()
        parts.insert(rng.randrange(len(parts) + 1), rng.choice(noise))
        text = " ".join(parts)
    if rng.random() < 0.05 and len(text) > 5:
        at, kind = rng.randrange(1, len(text) - 1), rng.random()
        if kind < 0.35:  # a letter left out
            text = text[:at] + text[at + 1 :]
        elif kind < 0.7:  # two swapped
            text = text[:at] + text[at + 1] + text[at] + text[at + 2 :]
        else:  # one doubled
            text = text[:at] + text[at] + text[at:]
    return text.capitalize() if rng.random() < 0.06 else text

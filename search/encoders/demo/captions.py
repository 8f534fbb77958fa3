"""Captions for drawn images: what a user who looks for one of them might type.

A caption names some of what an image shows, in one of many wordings. It also knows which facts it
states, so that training counts every image that it fits as right, not only its own.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from assetbank.demo.drawing.specs import Spec
from search.encoders.demo import fillers
from search.encoders.demo import vocabulary as words


@dataclass(frozen=True)
class Facts:
    """Facts that a caption states about an image; None for what it does not state."""

    objects: frozenset[str] | None = None
    colours: frozenset[str] | None = None
    pattern: str | None = None
    scene: str | None = None
    trim: str | None = None

    def fit(self, spec: Spec) -> bool:
        """Return True if all facts hold for the image."""
        return (
            (self.objects is None or spec.obj in self.objects)
            and (self.colours is None or spec.colour in self.colours)
            and self.pattern in (None, spec.pattern)
            and self.scene in (None, spec.scene)
            and self.trim in (None, spec.trim)
        )


@dataclass(frozen=True)
class Caption:
    """A caption, and the facts that it states."""

    text: str
    facts: Facts


@dataclass(frozen=True)
class _Wording:
    """The chosen words; "" for what is not mentioned."""

    noun: str = ""
    plural: bool = False
    colour: str = ""
    pattern: str = ""  # before the noun: "striped"
    detail: str = ""  # after it: "with stripes"
    place: str = ""  # "on the beach"
    mood: str = ""  # "beach", as an adjective
    praise: str = ""


def _meanings() -> dict[str, frozenset[str]]:
    """Return each noun with all objects that it may mean: a "shoe" is a sneaker or a boot."""
    meanings: dict[str, frozenset[str]] = {}
    for obj, noun in words.OBJECT_NOUNS.items():
        for word in noun.one + noun.many:
            meanings[word] = meanings.get(word, frozenset()) | {obj}
    for kind, objects in words.KINDS:
        for word in kind:
            meanings[word] = meanings.get(word, frozenset()) | objects
    return meanings


MEANINGS = _meanings()


def unhyphenated(word: str) -> str:
    """Return a word of the vocabulary with spaces in place of its hyphens."""
    return word.replace("-", " ")


def article(word: str) -> str:
    return "an" if word[0] in "aeiou" else "a"


def caption(
    spec: Spec, rng: random.Random, *, noise: Sequence[str] = (), tidy: bool = False
) -> Caption:
    """Return a caption that fits the image.

    `noise` are words, one of which is inserted occasionally. `tidy` captions always name object and
    colour, and have no list of tags, no typo and no irrelevant words.
    """
    wording, facts = _choose(spec, rng, tidy)
    text = _tags(wording, rng) if not tidy and rng.random() < 0.16 else _sentence(wording, rng)
    return Caption(text if tidy else _add_noise(text, rng, noise), facts)


# ----------------------------------------------------------------------------- choice of words


def _choose(spec: Spec, rng: random.Random, tidy: bool) -> tuple[_Wording, Facts]:
    """Choose what the caption mentions; return the words, and the facts that they state."""
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
    praise = rng.choice(fillers.PRAISE) if rng.random() < 0.15 and not tidy else ""
    facts = Facts(
        MEANINGS[noun] if noun else None,
        colours,
        spec.pattern if name_pattern else None,
        spec.scene if name_scene else None,
        trim,
    )
    wording = _Wording(
        _hyphens(noun, rng), plural, _hyphens(colour, rng), pattern, detail, place, mood, praise
    )
    return wording, facts


def _hyphens(word: str, rng: random.Random) -> str:
    """Replace most hyphens by spaces: users rarely type them."""
    return word if "t-shirt" in word or rng.random() < 0.12 else unhyphenated(word)


def _noun(spec: Spec, rng: random.Random, tidy: bool) -> tuple[str, bool]:
    """Return a word for the object, and True if it takes no "a"."""
    kinds = [kind for kind, objects in words.KINDS if spec.obj in objects]
    if kinds and rng.random() < 0.13 and not tidy:
        word = rng.choice(rng.choice(kinds))
        return word, word.endswith("s") or word in words.MASS_NOUNS
    noun = words.OBJECT_NOUNS[spec.obj]
    plural = rng.random() < (0.6 if spec.obj in words.PAIRED else 0.13)
    choices = noun.many if plural else noun.one
    return (choices[0] if rng.random() < 0.45 else rng.choice(choices)), plural


def _colour(spec: Spec, rng: random.Random, tidy: bool) -> tuple[str, frozenset[str]]:
    """Return a word for the colour, and the colours that it may mean."""
    if rng.random() < 0.04 and not tidy:
        shades = [shade for shade in words.SHADES if spec.colour in shade[1]]
        if shades:
            names, colours = rng.choice(shades)
            return rng.choice(names), colours
    return rng.choice(words.COLOUR_WORDS[spec.colour]), frozenset({spec.colour})


def _pattern(spec: Spec, rng: random.Random) -> tuple[str, str, str | None]:
    """Return the words before the noun, those after it, and the trim that they name."""
    if spec.pattern == "trim":
        if rng.random() < 0.85:
            colour = rng.choice(words.TRIM_WORDS[spec.trim])
            return "", rng.choice(words.TRIM_PHRASES).format(c=colour), spec.trim
        return "", rng.choice(words.UNNAMED_TRIM), None
    if spec.pattern in words.PATTERN_PHRASES and rng.random() < 0.4:
        return "", unhyphenated(rng.choice(words.PATTERN_PHRASES[spec.pattern])), None
    return _hyphens(rng.choice(words.PATTERN_ADJECTIVES[spec.pattern]), rng), "", None


def _scene(spec: Spec, rng: random.Random) -> tuple[str, str]:
    """Return a phrase for the scene, or an adjective."""
    if rng.random() < 0.2:
        return "", unhyphenated(rng.choice(words.SCENE_ADJECTIVES[spec.scene]))
    return rng.choice(words.SCENE_PHRASES[spec.scene]), ""


# ----------------------------------------------------------------------------- wording


def _joined(*parts: str) -> str:
    return " ".join(part for part in parts if part)


def _tags(wording: _Wording, rng: random.Random) -> str:
    tags = [
        wording.colour,
        wording.noun,
        wording.pattern,
        wording.detail,
        wording.place or wording.mood,
    ]
    tags = [tag for tag in (*tags, wording.praise) if tag]
    rng.shuffle(tags)
    return rng.choice((", ", " ", " ", " ")).join(tags)


def _sentence(wording: _Wording, rng: random.Random) -> str:
    if not wording.noun:
        text = _nameless(wording, rng)
    elif wording.colour and rng.random() < 0.12:
        text = _colour_last(wording, rng)
    else:
        text = _colour_first(wording, rng)
    text = _joined(text, wording.detail)
    if wording.place:
        if rng.random() < 0.12:
            text = wording.place + rng.choice((", ", ": ", " ")) + text
        else:
            text = f"{text} {wording.place}"
    elif wording.mood:
        forms = (
            *("{s} photo of {t}", "{s} picture of {t}", "{t} {s}"),
            *("{s} scene with {t}", "{s} {t}", "{t} with {s} background"),
        )
        text = rng.choice(forms).format(s=wording.mood, t=text)
    if not wording.mood and rng.random() < (0.30 if wording.place else 0.34):
        text = f"{rng.choice(fillers.OPENINGS)} {text}"
    return text


def _nameless(wording: _Wording, rng: random.Random) -> str:
    only_colour = wording.colour and not (
        wording.pattern or wording.detail or wording.place or wording.mood
    )
    if only_colour and rng.random() < 0.3:
        form = rng.choice(("{c}", "the colour {c}", "{c} colour", "everything {c}"))
        return form.format(c=wording.colour)
    stand_in = rng.choice(fillers.ANY_PRODUCT)
    if stand_in in ("something", "anything"):
        return _joined(stand_in, wording.colour, wording.pattern)
    bare = stand_in.removeprefix("an ").removeprefix("a ")
    return _joined(wording.pattern, wording.colour, bare)


def _colour_last(wording: _Wording, rng: random.Random) -> str:
    forms = (
        *("{o} in {c}", "{o} that is {c}", "{c} coloured {o}", "{c}-colored {o}"),
        *("{o} coloured {c}", "{o} in {c} colour", "{c} colour {o}"),
    )
    text = rng.choice(forms).format(o=_joined(wording.pattern, wording.noun), c=wording.colour)
    if not wording.plural and rng.random() < 0.5 and not text.startswith("pair"):
        text = f"{article(text)} {text}"
    return text


def _colour_first(wording: _Wording, rng: random.Random) -> str:
    if rng.random() < 0.5:
        adjectives = _joined(wording.praise, wording.pattern, wording.colour)
    else:
        adjectives = _joined(wording.praise, wording.colour, wording.pattern)
    if wording.noun.startswith("pair of") and adjectives:
        pair = rng.choice(("a pair of", "pair of"))
        return _joined(pair, adjectives, wording.noun.removeprefix("pair of "))
    text = _joined(adjectives, wording.noun)
    chance = rng.random()
    if chance < 0.55 and not wording.plural:
        return f"{article(text)} {text}"
    if chance < 0.68:
        many = ("the", "some", "our", "two", "these", "many")
        one = ("the", "our", "one", "this", "my")
        return f"{rng.choice(many if wording.plural else one)} {text}"
    return text


def _add_noise(text: str, rng: random.Random, noise: Sequence[str]) -> str:
    """Add an ending, a stray word, a typo or a capital at random, as users type."""
    if rng.random() < 0.10:
        text += rng.choice((" ", ", ")) + rng.choice(fillers.ENDINGS)
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

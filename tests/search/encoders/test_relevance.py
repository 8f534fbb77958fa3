"""The match threshold, measured on the demo catalogue."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pytest

from assetbank.demo.catalogue import assets
from assetbank.demo.drawing.render import render
from assetbank.demo.drawing.specs import COLOURS, SCENES, Spec
from search.encoders import DEMO_FOLDER, Background, ImageEncoder, TextEncoder, calibration
from search.encoders.clip import Floats
from search.encoders.demo.captions import article, unhyphenated
from search.encoders.demo.vocabulary import OBJECT_NOUNS
from search.encoders.relevance import MATCH_THRESHOLD, QueryPart, compose, measure
from tests.search.query.relevance_questions import ABSENT, ANSWERED, UNKNOWN, asked, texts

pytestmark = pytest.mark.slow  # an encoder looks at hundreds of pictures

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Library:
    """The demo catalogue as vectors, and the encoder that computed them."""

    specs: list[Spec]
    vectors: Floats
    pictures: ImageEncoder
    text: TextEncoder
    background: Background

    def matches(self, text: str, among: Floats | None = None) -> Bools:
        question = compose([QueryPart(self.text.encode([text])[0])], self.background)
        vectors = self.vectors if among is None else among
        return question.relevance(vectors @ question.vector) >= MATCH_THRESHOLD


@pytest.fixture(scope="module")
def library() -> Library:
    pictures = ImageEncoder(str(DEMO_FOLDER), threads=1)
    text = TextEncoder(str(DEMO_FOLDER), threads=1)
    specs = [asset.spec for asset in assets.assets(date(2026, 1, 31))]
    vectors = pictures.encode([render(spec, 384) for spec in specs])
    return Library(specs, vectors, pictures, text, calibration.calibrate(pictures, text))


def share(answers: npt.ArrayLike) -> float:
    return float(np.asarray(answers, float).mean())


def in_common(this: Spec, other: Spec) -> int:
    return (this.obj == other.obj) + (this.colour == other.colour) + (this.scene == other.scene)


def a(obj: str) -> str:
    noun = unhyphenated(OBJECT_NOUNS[obj].one[0])
    return f"{article(noun)} {noun}"


def test_a_question_that_the_library_answers_finds_a_match(library: Library) -> None:
    questions = asked(ANSWERED)
    fits = np.array([[question.fits(spec) for spec in library.specs] for question in questions])
    found = np.array([library.matches(question.text) for question in questions])
    assert fits.any(axis=1).all()  # each query has a right answer
    assert share(found.any(axis=1)) >= 0.97  # 1.00
    assert (found & fits).sum() / found.sum() >= 0.92  # 0.94 of the matches are right
    assert (found & fits).sum() / fits.sum() >= 0.88  # 0.90 of the right ones match


def test_words_that_the_encoder_does_not_know_match_nothing(library: Library) -> None:
    assert share([not library.matches(text).any() for text in texts(UNKNOWN)]) >= 0.88  # 0.91


def test_an_object_in_a_colour_or_place_that_is_not_there_matches_nothing(library: Library) -> None:
    questions = asked(ABSENT)
    assert not any(question.fits(spec) for question in questions for spec in library.specs)
    refused = [not library.matches(question.text).any() for question in questions]
    assert share(refused) >= 0.93  # 0.96


def test_an_object_that_was_taken_out_of_the_library_matches_nothing(library: Library) -> None:
    refused = []
    for obj in sorted({spec.obj for spec in library.specs}):
        others = library.vectors[[spec.obj != obj for spec in library.specs]]
        refused.append(not library.matches(a(obj), others).any())
    assert share(refused) >= 0.97  # 1.00


def test_the_questions_are_not_those_that_the_line_is_measured_with() -> None:
    measured = {*calibration.descriptions(calibration.reference()), *calibration.UNRELATED_TEXTS}
    assert len(measured & set(texts(UNKNOWN))) == 0
    assert len(measured & {question.text for question in asked(ANSWERED) + asked(ABSENT)}) <= 1


def test_a_library_of_one_product_is_judged_like_any_other(library: Library) -> None:
    scenes = tuple(SCENES)
    specs = [Spec("handbag", "red", scene=scenes[n % 10], seed=n) for n in range(40)]
    bags = library.pictures.encode([render(spec, 224) for spec in specs])
    assert share(library.matches("red handbag", bags)) >= 0.9
    for text in ("a submarine", "a green handbag", "a guitar"):
        assert not library.matches(text, bags).any(), text


def test_a_library_of_ten_pictures_is_judged_like_any_other(library: Library) -> None:
    rng = np.random.default_rng(4)
    found, refused = [], []
    for question in asked(ANSWERED) * 5:
        ten = rng.choice(len(library.specs), 10, replace=False)
        matches = library.matches(question.text, library.vectors[ten]).any()
        if any(question.fits(library.specs[row]) for row in ten):
            found.append(matches)
        else:
            refused.append(not matches)
    assert share(found) >= 0.7  # 0.8: existing assets need not be good examples
    assert share(refused) >= 0.98  # 1.00


def test_more_like_this_draws_the_line_at_the_same_thing(library: Library) -> None:
    specs = library.specs
    shared = np.array([[in_common(this, other) for other in specs] for this in specs])
    scores = library.vectors @ library.vectors.T
    np.fill_diagonal(scores, -1)
    np.fill_diagonal(shared, 0)
    found = np.array(
        [
            compose([QueryPart(vector, picture=True)], library.background).relevance(row)
            >= MATCH_THRESHOLD
            for vector, row in zip(library.vectors, scores, strict=True)
        ]
    )
    lonely = (shared < 2).all(axis=1)
    assert share(shared[found] >= 2) >= 0.82  # 0.88 share two of object, colour and scene
    assert share(~found[lonely].any(axis=1)) >= 0.93  # 0.97


def test_a_composed_question_weighs_picture_and_text_alike(library: Library) -> None:
    """Search for an image in another colour that the library has of it."""
    first, total = 0, 0
    for this, spec in zip(library.vectors, library.specs, strict=True):
        for colour in COLOURS:
            want = [s.obj == spec.obj and s.colour == colour for s in library.specs]
            if colour == spec.colour or not any(want):
                continue
            wish = library.text.encode([f"something {colour}"])[0]
            question = compose([QueryPart(this, picture=True), QueryPart(wish)], library.background)
            scores = library.vectors @ question.vector
            scores[[s == spec for s in library.specs]] = -1
            first += want[int(scores.argmax())]
            total += 1
    assert first / total >= 0.8  # 0.86 in first place


def test_what_is_to_be_avoided_falls_under_the_line(library: Library) -> None:
    dress, red = library.text.encode(["a dress", "red"])
    question = compose([QueryPart(dress), QueryPart(red, weight=-0.5)], library.background)
    matched = question.relevance(library.vectors @ question.vector) >= MATCH_THRESHOLD
    found = {spec.colour for spec, match in zip(library.specs, matched, strict=True) if match}
    assert found == {spec.colour for spec in library.specs if spec.obj == "dress"} - {"red"}


def test_a_single_part_keeps_its_vector_and_relevance_rises_with_the_score(
    library: Library,
) -> None:
    vector = library.text.encode(["a red dress"])[0]
    question = compose([QueryPart(vector)], library.background)
    assert np.allclose(question.vector, vector, atol=1e-6)
    scores = np.linspace(-1, 1, 50)
    relevance = question.relevance(scores)
    assert (np.diff(relevance) >= 0).all()
    assert relevance.min() >= 0
    assert relevance.max() <= 1
    page = question.relevance(scores[:10], best=1.0)  # without the best hit on the page
    assert np.allclose(page, relevance[:10])
    assert question.relevance([]).shape == (0,)


def test_an_encoder_whose_cosines_lie_elsewhere_draws_the_same_line(library: Library) -> None:
    """Add a coordinate that compresses and raises all cosines between texts and images."""
    pictures, text = Lifted(library.pictures, 1.5), Lifted(library.text, 0.8)
    background = calibration.calibrate(pictures, text)
    vectors = pictures.lift(library.vectors)
    for question in (*asked(ANSWERED)[:20], *asked(ABSENT)[:20]):
        vector = library.text.encode([question.text])
        here = compose([QueryPart(vector[0])], library.background)
        there = compose([QueryPart(text.lift(vector)[0])], background)
        assert np.allclose(
            here.relevance(library.vectors @ here.vector),
            there.relevance(vectors @ there.vector),
            atol=0.02,
        ), question.text


@dataclass(frozen=True)
class Lifted:
    encoder: ImageEncoder | TextEncoder
    by: float

    def encode(self, items: Sequence[object]) -> Floats:
        return self.lift(self.encoder.encode(items))  # type: ignore[arg-type]

    def lift(self, vectors: Floats) -> Floats:
        lifted = np.column_stack([vectors, np.full(len(vectors), self.by, np.float32)])
        return np.asarray(lifted / np.sqrt(1 + self.by**2), np.float32)


def test_an_encoder_that_cannot_tell_right_from_wrong_draws_no_line() -> None:
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(60, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    same = np.kron(np.eye(15, dtype=bool), np.ones((2, 2), bool))
    alike = same & ~np.eye(30, dtype=bool)
    background = measure(vectors[:30], vectors[30:], same, alike, ~same)
    question = compose([QueryPart(vectors[0])], background)
    assert (question.relevance(np.linspace(0, 1, 5)) >= MATCH_THRESHOLD).all()


def test_a_background_survives_being_kept_as_json(library: Library) -> None:
    kept = Background.load(json.loads(json.dumps(library.background.dump())))
    vector = library.text.encode(["a red dress"])[0]
    scores = np.linspace(0, 1, 5)
    assert np.allclose(
        compose([QueryPart(vector)], kept).relevance(scores),
        compose([QueryPart(vector)], library.background).relevance(scores),
        atol=1e-4,
    )


def test_a_question_needs_something_to_look_for(library: Library) -> None:
    vector = library.text.encode(["a red dress"])[0]
    for parts in (
        [],
        [QueryPart(vector, weight=-1)],
        [QueryPart(vector), QueryPart(vector, weight=-1)],
    ):
        with pytest.raises(ValueError):
            compose(parts, library.background)

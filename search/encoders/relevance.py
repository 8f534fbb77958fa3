"""From an inner product to a relevance between 0 and 1, with the line at 0.5: a real match.

Raw scores say little: where they lie depends on the encoder, on whether the question is a text or a
picture, and on the question itself. A text that means nothing to the encoder scores much the same,
and rather well, against every picture. So for each encoder a few hundred pictures whose contents
are known are scored once against texts that are right, nearly right and quite wrong about them. Two
logistic fits on these scores, one for texts and one for pictures, turn a score and the question's
mean score over those pictures into log-odds of a match; the line is where the odds are even.

None of this looks at the library, so a library of three pictures, or of one product only, is judged
like any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

MATCH_THRESHOLD = 0.5

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

# Parts of one question are rarely answered by the same picture as well as each alone would be, and
# a wrong picture rarely comes near to all of them. In log-odds, for many equal parts; two: half.
MULTI_PART_BONUS = 3.0
TOP_HIT_BONUS = 1.5  # log-odds that a convincing best hit lends to the others
RIDGE = 1e-3
NO_SLOPE = 1e-6  # of an encoder that cannot tell right from wrong


@dataclass(frozen=True)
class LogisticFit:
    """log-odds of a match = slope * score + lean * (mean score of the question) + offset."""

    slope: float  # more than 0
    lean: float
    offset: float


@dataclass(frozen=True, eq=False)
class Background:
    """What is known of one encoder's scores. Built by `measure`, kept as JSON."""

    mean: Floats  # [d], of the reference pictures' vectors
    text: LogisticFit
    picture: LogisticFit

    def dump(self) -> dict[str, Any]:
        mean = [float(f"{value:.7g}") for value in self.mean.tolist()]
        return {"mean": mean, "text": asdict(self.text), "picture": asdict(self.picture)}

    @classmethod
    def load(cls, saved: dict[str, Any]) -> Self:
        mean = np.asarray(saved["mean"], np.float32)
        return cls(mean, LogisticFit(**saved["text"]), LogisticFit(**saved["picture"]))


@dataclass(frozen=True, eq=False)
class QueryPart:
    """One part of a question."""

    vector: Floats  # [d], of length one
    picture: bool = False
    weight: float = 1.0  # negative: to stay away from; -0.5 is plenty


@dataclass(frozen=True, eq=False)
class ComposedQuery:
    """A question as one vector, and how its scores are read."""

    vector: Floats  # [d], of length one
    length: float
    offset: float

    def relevance(self, scores: npt.ArrayLike, best: float | None = None) -> Doubles:
        """Inner products with `vector` [k] as 0 to 1, rising with the score; a match from LINE on.

        `best` is the question's best score, for when it is not among `scores` (a later page). It
        alone decides whether anything matches: hits that would just miss the line pass it only
        beside a better one.
        """
        odds = self._odds(scores)
        top = (odds if best is None else self._odds(best)).max(initial=0.0)
        return np.asarray(1 / (1 + np.exp(-np.clip(odds + min(top, TOP_HIT_BONUS), -50, 50))))

    def _odds(self, scores: npt.ArrayLike) -> Doubles:
        return np.asarray(scores, np.float64) * self.length + self.offset


def compose(parts: Sequence[QueryPart], background: Background) -> ComposedQuery:
    """One question from its parts, at least one with a positive weight (or ValueError).

    Each part is weighed in log-odds, so that texts, whose scores lie close together, and pictures,
    whose scores lie far apart, say equally much. A single part keeps its vector as it is. A part
    to stay away from counts against pictures that it says more about than about an ordinary one.
    """
    wanted = sum(part.weight for part in parts if part.weight > 0)
    if not wanted:
        raise ValueError("A question needs something to look for.")
    vector = np.zeros(len(background.mean))
    offset = 0.0
    focus = 0.0  # 1 for one part, a half for two that weigh alike
    for part in parts:
        line = background.picture if part.picture else background.text
        share = part.weight / wanted
        mean = float(background.mean @ part.vector)
        vector += share * line.slope * part.vector
        if share > 0:
            offset += share * (line.lean * mean + line.offset)
            focus += share**2
        else:
            offset -= share * line.slope * mean
    length = float(np.linalg.norm(vector))
    if length < 1e-9:
        raise ValueError("The parts of this question cancel each other out.")
    return ComposedQuery(
        (vector / length).astype(np.float32), length, offset + MULTI_PART_BONUS * (1 - focus)
    )


def measure(
    pictures: Floats, texts: Floats, fits: Bools, alike: Bools, different: Bools
) -> Background:
    """The background of an encoder.

    pictures [n, d] and texts [m, d] are rows of length one; fits [m, n] says which texts are right
    about which pictures (a text may fit none); alike [n, n] which pictures show the same thing,
    different [n, n] which show different things. ValueError if nothing fits or nothing is alike.
    """
    mean = pictures.mean(axis=0)
    return Background(
        mean=mean,
        text=_line(texts @ pictures.T, texts @ mean, fits, ~fits),
        picture=_line(pictures @ pictures.T, pictures @ mean, alike, different),
    )


def _line(scores: Floats, means: Floats, right: Bools, wrong: Bools) -> LogisticFit:
    """A logistic fit: each question's right pictures against the best-scored of its wrong ones.

    Of the wrong ones only the best counts because it is what a search would show. Questions with
    a right picture together weigh as much as those without; scores and right, wrong are [m, n].
    """
    has_right: Bools = np.asarray(right.any(axis=1))
    if not has_right.any():
        raise ValueError("No question has a right answer, so there is nothing to measure.")
    without = has_right.sum() / max(1, (~has_right).sum())
    rows, labels, weights = [], [], []
    for row, mean in enumerate(means):
        found = scores[row, right[row]]
        rows += [(score, mean) for score in found]
        labels += [1.0] * len(found)
        weights += [1 / len(found) for _ in found]
        if wrong[row].any():
            rows.append((scores[row, wrong[row]].max(), mean))
            labels.append(0.0)
            weights.append(1.0 if has_right[row] else without)
    slope, lean, offset = _logistic(np.array(rows), np.array(labels), np.array(weights))
    if slope <= NO_SLOPE:
        return LogisticFit(NO_SLOPE, 0.0, NO_SLOPE)  # draws no line: everything passes
    return LogisticFit(slope, lean, offset)


def _logistic(rows: Doubles, labels: Doubles, weights: Doubles) -> tuple[float, float, float]:
    """Factors of the two columns and the constant, by Newton's method with a little ridge."""
    centre = np.average(rows, axis=0, weights=weights)
    scale = np.sqrt(np.average((rows - centre) ** 2, axis=0, weights=weights)) + 1e-9
    design = np.column_stack([(rows - centre) / scale, np.ones(len(rows))])
    weights = weights / weights.sum()
    ridge = RIDGE * np.array([1.0, 1.0, 1e-6])
    factors = np.zeros(3)
    for _ in range(30):
        chance = 1 / (1 + np.exp(-np.clip(design @ factors, -50, 50)))
        gradient = design.T @ (weights * (labels - chance)) - ridge * factors
        curvature = (design.T * (weights * chance * (1 - chance))) @ design + np.diag(ridge)
        step = np.linalg.solve(curvature, gradient)
        factors += step
        if np.abs(step).max() < 1e-9:
            break
    slope, lean = factors[:2] / scale
    return float(slope), float(lean), float(factors[2] - centre @ (factors[:2] / scale))

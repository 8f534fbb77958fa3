"""Relevance of a hit: 0 to 1 from an inner product, with a match from 0.5 on.

Raw scores say little: their range depends on the encoder, on whether the query is a text or an
image, and on the query itself. A text without meaning to the encoder scores about equally, and
rather high, against every image. So for each encoder a few hundred images with known contents are
scored once against texts that are right, nearly right and wrong about them. Two logistic fits on
these scores, one for texts and one for images, turn a score and the query's mean score over those
images into log-odds of a match; at 0.5 the odds are even.

None of this uses the library, so a library of three images, or of one product only, is judged like
any other.
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

# One image rarely matches all parts of a query as well as different images match each alone, and a
# wrong image rarely comes close to all of them. In log-odds, for many equal parts; half for two.
MULTI_PART_BONUS = 3.0
TOP_HIT_BONUS = 1.5  # maximum log-odds that a convincing best hit adds to the others
RIDGE = 1e-3  # regularisation of the logistic fits
NO_SLOPE = 1e-6  # slope for an encoder that cannot separate right from wrong


@dataclass(frozen=True)
class LogisticFit:
    """log-odds of a match = slope * score + lean * (mean score of the query) + offset."""

    slope: float  # more than 0
    lean: float
    offset: float


@dataclass(frozen=True, eq=False)
class Background:
    """Calibration of one encoder's scores. Built by `measure`, stored as JSON."""

    mean: Floats  # [d], mean of the reference images' vectors
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
    """One text or image of a query."""

    vector: Floats  # [d], of length one
    picture: bool = False
    weight: float = 1.0  # negative: to exclude; -0.5 is plenty


@dataclass(frozen=True, eq=False)
class ComposedQuery:
    """A query as one vector, and the parameters that turn its scores into relevance."""

    vector: Floats  # [d], of length one
    length: float
    offset: float

    def relevance(self, scores: npt.ArrayLike, best: float | None = None) -> Doubles:
        """Return the relevance, 0 to 1, of inner products with `vector` [k].

        It rises with the score; a match has MATCH_THRESHOLD or more. `best` is the query's best
        score, for when it is not among `scores` (a later page). It alone decides whether anything
        matches: hits slightly below the threshold pass only together with a better one.
        """
        odds = self._odds(scores)
        top = (odds if best is None else self._odds(best)).max(initial=0.0)
        return np.asarray(1 / (1 + np.exp(-np.clip(odds + min(top, TOP_HIT_BONUS), -50, 50))))

    def _odds(self, scores: npt.ArrayLike) -> Doubles:
        return np.asarray(scores, np.float64) * self.length + self.offset


def compose(parts: Sequence[QueryPart], background: Background) -> ComposedQuery:
    """Compose one query from its parts. Raises ValueError without a part of positive weight.

    Parts are weighed in log-odds, so that texts, whose scores are close together, and images, whose
    scores are far apart, count equally. A single part keeps its vector. A negative part counts
    against images that match it better than an ordinary image does.
    """
    positive_weight = sum(part.weight for part in parts if part.weight > 0)
    if not positive_weight:
        raise ValueError("A search needs something to look for.")
    vector = np.zeros(len(background.mean))
    offset = 0.0
    focus = 0.0  # 1 for one part, a half for two of equal weight
    for part in parts:
        fit = background.picture if part.picture else background.text
        share = part.weight / positive_weight
        mean = float(background.mean @ part.vector)
        vector += share * fit.slope * part.vector
        if share > 0:
            offset += share * (fit.lean * mean + fit.offset)
            focus += share**2
        else:
            offset -= share * fit.slope * mean
    length = float(np.linalg.norm(vector))
    if length < 1e-9:
        raise ValueError(
            "The parts of this search cancel each other out. Remove one or change its weight."
        )
    return ComposedQuery(
        (vector / length).astype(np.float32), length, offset + MULTI_PART_BONUS * (1 - focus)
    )


def measure(
    pictures: Floats, texts: Floats, fits: Bools, alike: Bools, different: Bools
) -> Background:
    """Measure the background of an encoder.

    `pictures` [n, d] and `texts` [m, d] are rows of length one; `fits` [m, n] says which texts are
    right about which pictures (a text may fit none); `alike` [n, n] which pictures show the same
    thing, `different` [n, n] which show different things. Raises ValueError if nothing fits or
    nothing is alike.
    """
    mean = pictures.mean(axis=0)
    return Background(
        mean=mean,
        text=_fit(texts @ pictures.T, texts @ mean, fits, ~fits),
        picture=_fit(pictures @ pictures.T, pictures @ mean, alike, different),
    )


def _fit(scores: Floats, means: Floats, right: Bools, wrong: Bools) -> LogisticFit:
    """Return the logistic fit that separates queries' right images from their best wrong ones.

    `scores`, `right` and `wrong` are [m, n]. Only the best-scored wrong image of a query counts,
    because it is what a search would show. Queries with a right image together weigh as much as
    those without.
    """
    has_right: Bools = np.asarray(right.any(axis=1))
    if not has_right.any():
        raise ValueError("No query has an expected asset, so there is nothing to measure.")
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
        return LogisticFit(NO_SLOPE, 0.0, NO_SLOPE)  # no threshold: everything passes
    return LogisticFit(slope, lean, offset)


def _logistic(rows: Doubles, labels: Doubles, weights: Doubles) -> tuple[float, float, float]:
    """Return the factors of the two columns and the constant, by Newton's method with ridge."""
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

"""Results of a search: rankings of ids, hits and pages, for the pages and the API."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from enum import IntFlag
from typing import NamedTuple

import numpy as np

from assetbank.models import Asset
from search.query import fulltext

PAGE_SIZE = 48  # Default number of hits per page
HIT_DTYPE = np.dtype([("id", "<i8"), ("relevance", "<f4"), ("by", "u1")])


class MatchedBy(IntFlag):
    """Reasons why an asset matches; without any, it is only a near neighbour."""

    MEANING = 1
    WORDS = 2
    NAME = 4  # The text is its exact file name or article number


class RankedId(NamedTuple):
    """The id of a ranked asset, and why it was found."""

    id: int
    relevance: float | None  # 0 to 1, a match from MATCH_THRESHOLD; None: found by words only
    by: MatchedBy

    @property
    def matches(self) -> bool:
        return bool(self.by)


@dataclass(frozen=True)
class Ranking:
    """Hits, best first: exact names, then matches, then near neighbours."""

    hits: tuple[RankedId, ...]
    complete: bool  # True if no further hits exist

    @property
    def matched(self) -> int:
        return sum(hit.matches for hit in self.hits)

    @property
    def more_match(self) -> bool:
        """Return True if hits beyond the last one may match, too."""
        return not self.complete and self.matched == len(self.hits)

    def to_bytes(self) -> bytes:
        rows = [
            (hit.id, np.nan if hit.relevance is None else hit.relevance, int(hit.by))
            for hit in self.hits
        ]
        return bytes([self.complete]) + np.array(rows, dtype=HIT_DTYPE).tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> Ranking:
        rows = np.frombuffer(data[1:], dtype=HIT_DTYPE)
        hits = tuple(
            RankedId(int(pk), None if np.isnan(score) else float(score), MatchedBy(int(by)))
            for pk, score, by in rows
        )
        return cls(hits, complete=bool(data[0]))


@dataclass(frozen=True)
class SearchHit:
    """An asset on a page of results, and how it was found."""

    asset: Asset
    hit: RankedId | None = None  # None when browsing
    highlights: tuple[fulltext.Highlight, ...] = ()

    @property
    def relevance(self) -> float | None:
        """Return the relevance, 0 to 1, a match from 0.5 on; None if only words matched, or
        browsing."""
        return self.hit.relevance if self.hit else None

    @property
    def matches(self) -> bool:
        return self.hit is None or self.hit.matches

    @property
    def by(self) -> list[str]:
        """Return the ways in which the asset matched: any of "meaning", "words" and "name"."""
        return [str(each.name).lower() for each in MatchedBy if self.hit and each in self.hit.by]


@dataclass(frozen=True)
class Page:
    """One page of results."""

    found: list[SearchHit]
    next_cursor: str = ""  # Empty on the last page
    asked: uuid.UUID | None = None  # Id of the logged query, for clicks; None when browsing
    matched: int | None = None  # Number of matches among the hits ranked so far; None if browsing

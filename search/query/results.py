"""Questions to assets: `find` for pages and API alike."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from assetbank.models import Asset
from search.query import fulltext
from search.query.ranking import MatchedBy, RankedId

PAGE_SIZE = 48


@dataclass(frozen=True)
class SearchHit:
    asset: Asset
    hit: RankedId | None = None  # None when browsing
    highlights: tuple[fulltext.Highlight, ...] = ()

    @property
    def relevance(self) -> float | None:
        """0 to 1, from 0.5 on it really matches; None when browsing, or found by words alone."""
        return self.hit.relevance if self.hit else None

    @property
    def matches(self) -> bool:
        return self.hit is None or self.hit.matches

    @property
    def by(self) -> list[str]:
        """meaning, words, name."""
        return [str(each.name).lower() for each in MatchedBy if self.hit and each in self.hit.by]


@dataclass(frozen=True)
class Page:
    found: list[SearchHit]
    next_cursor: str = ""  # empty on the last page
    asked: uuid.UUID | None = None  # what clicks are told of; None when browsing
    matched: int | None = None  # how many of those ranked so far really match; None when browsing

"""Results of a search: hits and pages, for the pages and the API."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from assetbank.models import Asset
from search.query import fulltext
from search.query.ranking import MatchedBy, RankedId

PAGE_SIZE = 48  # Default number of hits per page


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

"""Search: read a query, rank assets by meaning and words, and return pages of them."""

from search.query import embedding, facets, fulltext, ranking, regions, search_form
from search.query.fulltext import ParsedText
from search.query.regions import match_regions
from search.query.results import PAGE_SIZE, MatchedBy, Page, RankedId, Ranking, SearchHit
from search.query.retrieval import FIRST_DEPTH, MAX_TEXT_LENGTH, rank_for_user, search
from search.query.search_form import SearchForm, read_query
from search.query.types import (
    HIDDEN_STATUSES,
    PARAMETERS,
    RATIO_TOLERANCE,
    Filters,
    ImageTerm,
    SearchQuery,
    Sort,
    like_asset,
)

__all__ = [
    "FIRST_DEPTH", "HIDDEN_STATUSES", "MAX_TEXT_LENGTH", "PAGE_SIZE", "PARAMETERS",
    "RATIO_TOLERANCE", "Filters", "ImageTerm", "MatchedBy", "Page", "ParsedText", "RankedId",
    "Ranking", "SearchForm", "SearchHit", "SearchQuery", "Sort", "embedding", "facets", "fulltext",
    "like_asset", "match_regions", "rank_for_user", "ranking", "read_query", "regions", "search",
    "search_form",
]  # fmt: skip

"""Errors of search, each with a sentence that a user can act on, and a stable code."""

from __future__ import annotations

from assetbank.errors import ProblemError


class SearchUnavailable(ProblemError):
    """Milvus or the encoder is unavailable; browsing and uploading still work."""

    code = "search_unavailable"
    status = 503


class InvalidQuery(ProblemError):
    """A search query that cannot be parsed or run."""

    code = "invalid_question"

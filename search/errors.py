"""What can go wrong in search, each with a sentence that a person can act on."""

from __future__ import annotations

from assetbank.errors import ProblemError


class SearchUnavailable(ProblemError):
    """Milvus or the encoder is down. Browsing and uploading go on without them."""

    code = "search_unavailable"
    status = 503


class InvalidQuery(ProblemError):
    code = "invalid_question"

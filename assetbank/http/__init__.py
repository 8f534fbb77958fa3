"""Handling of every request: middleware, idempotency keys, problem documents."""

from assetbank.http import idempotency, problems
from assetbank.http.requests import PageRequest

__all__ = ["PageRequest", "idempotency", "problems"]

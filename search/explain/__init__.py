"""Search diagnostics: why an asset is found, or is not."""

from search.explain import explanation, types
from search.explain.permission_steps import resolve_subject
from search.explain.types import Explanation, Repair, State

__all__ = ["Explanation", "Repair", "State", "explanation", "resolve_subject", "types"]

"""Extension points: where other apps add to what this app does.

An app registers its functions in `AppConfig.ready()`. They are called in the order of
INSTALLED_APPS, and mypy checks their signatures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, ParamSpec, TypeVar

from assetbank.models import Asset, Decision

P = ParamSpec("P")
R = TypeVar("R")


@dataclass
class Hook(Generic[P, R]):
    """Functions of one signature, in the order in which they were registered."""

    functions: list[Callable[P, R]] = field(default_factory=list)

    def register(self, function: Callable[P, R]) -> None:
        """Add a function; one that is registered already is not added twice."""
        if function not in self.functions:
            self.functions.append(function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> list[R]:
        """Call every function; return what each returned."""
        return [function(*args, **kwargs) for function in self.functions]


@dataclass(frozen=True)
class Part:
    """What a health check returns: `ok`, and a sentence that says what it is or what is wrong."""

    name: str
    ok: bool
    detail: str
    counts: dict[str, int] | None = None


# In the transaction of the change: these terms of the asset, by name, have become stricter
terms_tightened: Hook[[Asset, list[str]], None] = Hook()
# Assets whose terms this one's must not be looser than
term_bounds: Hook[[Asset], list[Asset]] = Hook()
# Sentences that say why the asset cannot be approved
approval_checks: Hook[[Asset], list[str]] = Hook()
# In the transaction of the decision
asset_decided: Hook[[Decision], None] = Hook()
# In the transaction of the merge: the asset that is kept, and those that were merged into it
assets_merged: Hook[[Asset, Sequence[Asset]], None] = Hook()
# The pictures of the demo library are there: add to it what is not there yet
demo_loaded: Hook[[], None] = Hook()
# Parts of the health page and of GET /api/v1/health/
health_checks: Hook[[], Part] = Hook()
# A web process has started: each runs in a thread of its own, beside the first requests
web_started: Hook[[], None] = Hook()

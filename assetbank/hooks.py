"""Extension points: where other apps add to what this app does.

An app registers its functions in `AppConfig.ready()`. They are called in the order of
INSTALLED_APPS, and mypy checks their signatures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, ParamSpec, TypeVar

from assetbank.models import Asset, AssetQuerySet, AssetVersion, Brand, Decision

P = ParamSpec("P")
R = TypeVar("R")


@dataclass
class Hook(Generic[P, R]):
    """Functions of one signature, in the order in which they were registered."""

    functions: list[Callable[P, R]] = field(default_factory=list)

    def register(self, function: Callable[P, R]) -> None:
        """Add a function, unless it is registered already."""
        if function not in self.functions:
            self.functions.append(function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> list[R]:
        """Call every function; return their results."""
        return [function(*args, **kwargs) for function in self.functions]


@dataclass(frozen=True)
class Part:
    """The result of a health check; `detail` is a sentence: what runs, or what is wrong.

    With `warning` somebody has to act, but the library serves its users.
    """

    name: str
    ok: bool
    detail: str
    counts: dict[str, int] | None = None
    warning: bool = False


# Called in the transaction of the change: the named terms of the asset have become stricter
terms_tightened: Hook[[Asset, list[str]], None] = Hook()
# Return assets whose terms limit those of this asset
term_bounds: Hook[[Asset], list[Asset]] = Hook()
# Return sentences that say why the asset cannot be approved
approval_checks: Hook[[Asset], list[str]] = Hook()
# Called in the transaction of the decision
asset_decided: Hook[[Decision], None] = Hook()
# Called in the transaction of the merge: the kept asset, and those that were merged into it
assets_merged: Hook[[Asset, Sequence[Asset]], None] = Hook()
# Called in the transaction of the change: other custom fields of the brand are searched
searched_fields_changed: Hook[[Brand], None] = Hook()
# Called in the transaction of the replacement: the asset with its new file, and its earlier version
file_replaced: Hook[[Asset, AssetVersion], None] = Hook()
# Called in the transaction in which assets are moved to the trash or restored: their ids
trash_changed: Hook[[Sequence[int]], None] = Hook()
# Return sentences about what is lost once these assets are deleted for good
deletion_impact: Hook[[AssetQuerySet], list[str]] = Hook()
# Called when the assets of the demo library exist: add what is still missing
demo_loaded: Hook[[], None] = Hook()
# Return a part of the health page and of GET /api/v1/health/
health_checks: Hook[[], Part] = Hook()
# Called when a web process has started, each in its own thread, while requests are served
web_started: Hook[[], None] = Hook()

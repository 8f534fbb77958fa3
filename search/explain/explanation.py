"""Why isn't my asset found? A ledger of all that must be true for that, each step with its reason
and, where there is one, its repair.

Every step is told by itself: a service that is down makes its own steps say so, and no others.
"""

from __future__ import annotations

from collections.abc import Callable

from django.contrib.auth.models import User
from django.db import transaction

from assetbank import permissions
from assetbank.assets import open_rendition
from assetbank.errors import ProblemError
from assetbank.media import images
from assetbank.models import Asset
from search.encoders import EncoderError
from search.explain import file_steps, filter_steps, index_steps, permission_steps, query_steps
from search.explain.context import ExplainContext
from search.explain.types import Explanation, Repair, State, Step, step
from search.indexing import pipeline
from search.query import SearchQuery, fulltext
from search.vectorstore import VectorStoreUnavailable

NOTHING = SearchQuery()


def explain(
    asset: Asset,
    *,
    person: permissions.AnyUser,
    question: SearchQuery = NOTHING,
    asker: permissions.AnyUser | None = None,
) -> Explanation:
    """Whether and why `person` finds `asset`, at all and with `question`. `asset` should come
    `with_tags` and with its brand.

    `asker`, if it is somebody else who wants to know: places are counted among what both may see.
    """
    known = index_steps.look_up(asset)
    steps = [
        _told("original", lambda: file_steps.original(asset)),
        _told("renditions", lambda: file_steps.renditions(asset)),
        _told("embedding", lambda: index_steps.embedding(known)),
        _told("milvus", lambda: index_steps.in_milvus(known)),
        _told("words", lambda: index_steps.written(asset)),
        _told("policy", lambda: permission_steps.policy(asset, question)),
        _told("permission", lambda: permission_steps.permission(asset, person)),
    ]
    if question == NOTHING:
        said = "Say what somebody would look for: then it is told where this picture comes."
        steps.append(step("question", State.NOT_ASKED, said))
    else:
        case = ExplainContext(known, person, asker or person, question)
        steps += [
            _told("filters", lambda: filter_steps.filters(case)),
            _told("wording", lambda: query_steps.wording(case)),
            _told("meaning", lambda: query_steps.meaning(case)),
            _told("rank", lambda: query_steps.rank(case)),
        ]
    return Explanation(asset, tuple(steps))


def _told(name: str, tell: Callable[[], Step]) -> Step:
    try:
        return tell()
    except ProblemError as error:
        return step(name, State.BAD, error.message)
    except (VectorStoreUnavailable, EncoderError) as error:
        return step(name, State.BAD, str(error))


def repair(asset: Asset, what: Repair, by: User) -> None:
    """Creators only. Raises NotAllowed and FileMissing; what the index has to do, it does soon."""
    permissions.require_editor(by, asset.brand)
    if what == Repair.RENDITIONS:
        for name in images.RENDITIONS:
            open_rendition(asset=asset, name=name).close()
        return
    with transaction.atomic():
        if what == Repair.WORDS:
            fulltext.rewrite([asset.pk])
            return
        if what == Repair.EMBED:
            pipeline.reembed([asset.pk])
        else:
            pipeline.reindex([asset.pk])
        pipeline.enqueue_indexing()

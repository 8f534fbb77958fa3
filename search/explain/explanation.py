"""Explanation of why an asset is not found: each condition as a step with its reason and repair.

Steps are independent: if a service is unavailable, only its own steps say so.
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
    """Return whether and why `person` finds `asset`, at all and with `question`.

    `asset` should come `with_tags` and with its brand. `asker`, if another user reads the
    explanation: ranks are counted among what both may see.
    """
    index = index_steps.look_up(asset)
    steps = [
        _build_step("original", lambda: file_steps.original(asset)),
        _build_step("renditions", lambda: file_steps.renditions(asset)),
        _build_step("embedding", lambda: index_steps.embedding(index)),
        _build_step("milvus", lambda: index_steps.in_milvus(index)),
        _build_step("words", lambda: index_steps.in_fulltext_index(asset)),
        _build_step("policy", lambda: permission_steps.policy(asset, question)),
        _build_step("permission", lambda: permission_steps.permission(asset, person)),
    ]
    if question == NOTHING:
        sentence = "Enter a search to see the rank of this asset in its results."
        steps.append(step("question", State.NOT_ASKED, sentence))
    else:
        context = ExplainContext(index, person, asker or person, question)
        steps += [
            _build_step("filters", lambda: filter_steps.filters(context)),
            _build_step("wording", lambda: query_steps.wording(context)),
            _build_step("meaning", lambda: query_steps.meaning(context)),
            _build_step("rank", lambda: query_steps.rank(context)),
        ]
    return Explanation(asset, tuple(steps))


def _build_step(name: str, build: Callable[[], Step]) -> Step:
    """Return the step from `build`; if that raises, a step in state BAD with the error's
    sentence."""
    try:
        return build()
    except ProblemError as error:
        return step(name, State.BAD, error.message)
    except (VectorStoreUnavailable, EncoderError) as error:
        return step(name, State.BAD, str(error))


def repair(asset: Asset, kind: Repair, by: User) -> None:
    """Start the repair that a step offers; work of the index is enqueued.

    Raises NotAllowed unless `by` may edit in the brand, and FileMissing.
    """
    permissions.require_editor(by, asset.brand)
    if kind == Repair.RENDITIONS:
        for name in images.RENDITIONS:
            open_rendition(asset=asset, name=name).close()
        return
    with transaction.atomic():
        if kind == Repair.WORDS:
            fulltext.write_documents([asset.pk])
            return
        if kind == Repair.EMBED:
            pipeline.reembed([asset.pk])
        else:
            pipeline.reindex([asset.pk])
        pipeline.enqueue_indexing()

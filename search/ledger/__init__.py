"""Why isn't my asset found? A ledger of all that must be true for that, each step with its reason
and, where there is one, its repair.

Every step is told by itself: a service that is down makes its own steps say so, and no others.
"""

from __future__ import annotations

from collections.abc import Callable

from django.contrib.auth.models import User
from django.db import transaction

from assetbank import access, intake, pictures
from assetbank.errors import ProblemError
from assetbank.models import Asset
from search import indexing, words
from search.checkpoints import EncoderError
from search.ledger import asking, files, filtering, index, sight
from search.ledger.case import Case
from search.ledger.sight import whom
from search.ledger.steps import Detail, Ledger, Repair, State, Step, step
from search.milvus import MilvusDown
from search.questions import Question

__all__ = ["Detail", "Ledger", "Repair", "State", "Step", "explain", "repair", "whom"]

NOTHING = Question()


def explain(
    asset: Asset,
    *,
    person: access.Person,
    question: Question = NOTHING,
    asker: access.Person | None = None,
) -> Ledger:
    """Whether and why `person` finds `asset`, at all and with `question`. `asset` should come
    `with_tags` and with its brand.

    `asker`, if it is somebody else who wants to know: places are counted among what both may see.
    """
    known = index.look_up(asset)
    steps = [
        _told("original", lambda: files.original(asset)),
        _told("renditions", lambda: files.renditions(asset)),
        _told("embedding", lambda: index.embedding(known)),
        _told("milvus", lambda: index.in_milvus(known)),
        _told("words", lambda: index.written(asset)),
        _told("policy", lambda: sight.policy(asset, question)),
        _told("permission", lambda: sight.permission(asset, person)),
    ]
    if question == NOTHING:
        said = "Say what somebody would look for: then it is told where this picture comes."
        steps.append(step("question", State.NOT_ASKED, said))
    else:
        case = Case(known, person, asker or person, question)
        steps += [
            _told("filters", lambda: filtering.filters(case)),
            _told("wording", lambda: asking.wording(case)),
            _told("meaning", lambda: asking.meaning(case)),
            _told("rank", lambda: asking.rank(case)),
        ]
    return Ledger(asset, tuple(steps))


def _told(name: str, tell: Callable[[], Step]) -> Step:
    try:
        return tell()
    except ProblemError as error:
        return step(name, State.BAD, error.message)
    except (MilvusDown, EncoderError) as error:
        return step(name, State.BAD, str(error))


def repair(asset: Asset, what: Repair, by: User) -> None:
    """Creators only. Raises NotAllowed and FileMissing; what the index has to do, it does soon."""
    access.require_creator(by, asset.brand)
    if what == Repair.RENDITIONS:
        for name in pictures.RENDITIONS:
            intake.rendition(asset=asset, name=name).close()
        return
    with transaction.atomic():
        if what == Repair.WORDS:
            words.rewrite([asset.pk])
            return
        if what == Repair.EMBED:
            indexing.request_embed([asset.pk])
        else:
            indexing.request_index([asset.pk])
        indexing.request_work()

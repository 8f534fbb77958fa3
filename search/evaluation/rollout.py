"""Roll-out of another encoder without downtime.

A second space is built while the first one serves, is compared with it on the golden queries, and
takes over. The first one stays for a rollback until it is dropped by a user.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Count, Exists, F, OuterRef, QuerySet
from django.utils import timezone

from search.encoders import EncoderError
from search.errors import SearchUnavailable
from search.evaluation import metrics
from search.indexing import collections, enrolment, space_encoders, spaces
from search.models import Embedding, GoldenQuestion, VectorSpace
from search.vectorstore import VectorStoreUnavailable, store

logger = logging.getLogger(__name__)

TOLERANCE = 0.005  # allowed drop of a mean: less than one query in a hundred
MAX_LISTED = 20  # missing assets that the gate's table lists
MEASURES = ("ndcg", "recall")


class RolloutRefused(Exception):
    """Refused action; the message is a sentence with the reason and the next step."""


@dataclass(frozen=True)
class Progress:
    """Progress of building a space, in assets."""

    total: int
    indexed: int
    waiting: int
    failed: int
    skipped: int

    @property
    def done(self) -> int:
        return self.total - self.waiting

    def __str__(self) -> str:
        failed = f", {self.failed} failed" if self.failed else ""
        return f"{self.done - self.failed} of {self.total} indexed{failed}"


# ------------------------------------------------------------------------ building


def start_rollout(model: str) -> VectorSpace:
    """Have workers build a space for an encoder: a folder, a hub id or "demo".

    One that was started before is continued. A worker records on the space why its encoder cannot
    be used, if so. Raises RolloutRefused.
    """
    model = model.strip()
    if not model or len(model) > 300:
        raise RolloutRefused("Enter an encoder: a folder, a hub ID such as openai/clip-…, or demo.")
    if VectorSpace.objects.active().filter(model=model).exclude(fingerprint=None).exists():
        raise RolloutRefused(f"{model} is already the active encoder.")
    space = spaces.create_space(model)
    # Treated like a new one: it is evaluated again, and takes over automatically
    VectorSpace.objects.filter(pk=space.pk).update(problem="", gate={}, activated_at=None)
    space.refresh_from_db()
    if space.fingerprint:
        enrolment.enrol(space)
    return space


def space_of_model(model: str) -> VectorSpace:
    """Return the space of a model, or the only inactive one for "". Raises RolloutRefused."""
    if model:
        space = VectorSpace.objects.filter(model=model).order_by("active", "-pk").first()
        if space is None:
            raise RolloutRefused(f"There is no vector space of {model}.")
        return space
    others = VectorSpace.objects.inactive().order_by("-pk")
    if not others:
        raise RolloutRefused("There is no other encoder.")
    if len(others) > 1:
        raise RolloutRefused(f"Choose one of: {', '.join(each.model for each in others)}.")
    return others[0]


def progress(space: VectorSpace) -> Progress:
    """Return how many assets of a space are indexed, pending, failed or skipped."""
    rows = space.embeddings.order_by().exclude(state__in=["removing", "trashed"])
    counts = dict(rows.values_list("state").annotate(Count("pk")))
    return Progress(
        total=sum(counts.values()),
        indexed=counts.get(Embedding.State.INDEXED, 0),
        waiting=counts.get(Embedding.State.PENDING, 0),
        failed=counts.get(Embedding.State.FAILED, 0),
        skipped=counts.get(Embedding.State.SKIPPED, 0),
    )


def is_built(space: VectorSpace) -> bool:
    """Return True if no asset that the active space finds is pending in this space."""
    if space.fingerprint is None or not space.background:
        return False
    enrolment.enrol(space)
    return not _missing(space).filter(state=Embedding.State.PENDING).exists()


def _missing(space: VectorSpace) -> QuerySet[Embedding]:
    """Return the space's rows of assets that only the active space finds."""
    findable = Embedding.objects.in_active_space().filter(
        asset_id=OuterRef("asset_id"), state=Embedding.State.INDEXED
    )
    return space.embeddings.exclude(state=Embedding.State.INDEXED).filter(Exists(findable))


def advance_rollouts() -> None:
    """Evaluate each complete space that was not evaluated under the same conditions yet.

    A space that passes is activated. A formerly active space is not reactivated automatically.
    Raises VectorStoreUnavailable.
    """
    collections.repair_alias()
    for space in VectorSpace.objects.inactive().filter(activated_at=None, problem=""):
        if not is_built(space) or space.gate.get("basis") == _basis(space):
            continue
        try:
            space_encoders.find_encoder(space)
        except EncoderError as error:  # other spaces can still advance
            VectorSpace.objects.filter(pk=space.pk).update(problem=str(error))
            continue
        if run_gate(space)["passes"]:
            activate_space(space)
        else:
            logger.warning("%s does not take over: %s", space.model, " ".join(space.gate["why"]))


# ------------------------------------------------------------------------ the gate


def run_gate(space: VectorSpace) -> dict[str, Any]:
    """Evaluate whether a space may take over; return the table, also saved as `space.gate`.

    Keys: passes, why (sentences, if it fails), against (the active encoder), coverage (0 to 1),
    covered, of, lacking (asset, state, reason), questions, new and old (as in metrics.Result).
    """
    enrolment.enrol(space)
    active = VectorSpace.objects.active().exclude(pk=space.pk).first()
    gate: dict[str, Any] = {"basis": _basis(space), "judged_at": timezone.now().isoformat()}
    gate |= {"against": active.model if active else "", "questions": 0, "why": [], "notes": []}
    gate |= _coverage(space, active)
    if active and GoldenQuestion.objects.exists():
        gate |= _comparison(space, active)
    if gate["coverage"] < 1:
        lost = gate["of"] - gate["covered"]
        gate["why"].append(f"{lost} of {gate['of']} assets would no longer be indexed.")
    for measure in MEASURES if gate["questions"] else ():
        new, old = gate["new"][measure], gate["old"][measure]
        if new < old - TOLERANCE:
            name = {"ndcg": "nDCG@10", "recall": "Recall@10"}[measure]
            gate["why"].append(f"{name} falls from {old:.3f} to {new:.3f}.")
    if not gate["questions"]:
        gate["notes"].append("The relevance test set is empty: only coverage is compared.")
    gate["passes"] = not gate["why"]
    space.gate = gate
    VectorSpace.objects.filter(pk=space.pk).update(gate=gate)
    return gate


def _coverage(space: VectorSpace, active: VectorSpace | None) -> dict[str, Any]:
    """Return how many assets that the active space finds are indexed in this space."""
    findable = active.embeddings.filter(state=Embedding.State.INDEXED).count() if active else 0
    lacking = _missing(space)
    lost = lacking.count()
    named = lacking.order_by("asset_id").values("asset_id", "asset__title", "state", "reason")
    return {
        "of": findable,
        "covered": findable - lost,
        "coverage": (findable - lost) / findable if findable else 1.0,
        "lacking": list(named[:MAX_LISTED]),
    }


def _comparison(space: VectorSpace, active: VectorSpace) -> dict[str, Any]:
    """Return the metrics of both spaces on the golden queries."""
    try:
        new, old = metrics.evaluate_golden_queries(space, active)
    except SearchUnavailable as error:
        metrics.evaluate_golden_queries(space)  # raises if this space is unavailable
        # The old encoder's folder may be missing, so its metrics cannot be compared
        return {"notes": [f"{active.model} could not be measured: {error.message}"]}
    return {"questions": new.questions, "new": new.as_json(), "old": old.as_json()}


def _basis(space: VectorSpace) -> str:
    """Return a hash of all that the verdict on a space depends on: equal hashes, equal verdicts."""
    questions = GoldenQuestion.objects.order_by("pk", "expected").values_list(
        "pk", "question", "expected"
    )
    active = VectorSpace.objects.active().values_list("pk", flat=True).first()
    lacking = _missing(space).count()
    return hashlib.sha256(repr((active, lacking, list(questions))).encode()).hexdigest()[:16]


# ------------------------------------------------------------------------ taking over


def replace_active(space: VectorSpace) -> None:
    """Activate a space although it may not pass the gate, unless found assets are pending in it.

    Raises as `activate_space`.
    """
    waiting = 0
    if space.fingerprint:
        enrolment.enrol(space)
        waiting = _missing(space).filter(state=Embedding.State.PENDING).count()
    if waiting:
        raise RolloutRefused(
            f"{space.model} cannot be activated yet: {waiting} of {progress(space).total} "
            "assets are not indexed in it yet."
        )
    activate_space(space)


def activate_space(space: VectorSpace) -> None:
    """Make this space the active one; `run_gate` decides whether it should be.

    The alias is moved first and the row after it; if the process dies in between, the row is
    authoritative, and the alias is moved back. Raises RolloutRefused, VectorStoreUnavailable and
    EncoderUnavailable.
    """
    if space.fingerprint is None:
        raise RolloutRefused(space.problem or f"The index worker has not loaded {space.model} yet.")
    space_encoders.find_encoder(space)
    try:
        spaces.ensure_space(space)
    except VectorSpace.DoesNotExist:
        raise _dropped(space) from None
    enrolment.enrol(space)
    store.flush(space.collection)
    with transaction.atomic():
        collections.lock_alias()
        current = VectorSpace.objects.select_for_update(no_key=True).filter(pk=space.pk).first()
        if current is None:
            raise _dropped(space)
        store.point_alias(current.collection)
        if current.active:
            return
        VectorSpace.objects.active().exclude(pk=space.pk).update(active=False)
        VectorSpace.objects.filter(pk=space.pk).update(
            active=True, activated_at=timezone.now(), revision=F("revision") + 1
        )
    space.refresh_from_db()
    logger.info("%s took over", space.model)


def _dropped(space: VectorSpace) -> RolloutRefused:
    return RolloutRefused(f"{space.model} was deleted in the meantime.")


def previous_space() -> VectorSpace | None:
    """Return the formerly active space, if it still exists."""
    before = VectorSpace.objects.inactive().exclude(activated_at=None)
    return before.exclude(fingerprint=None).order_by("-activated_at").first()


def rollback() -> VectorSpace:
    """Activate the previous encoder again. Raises as `activate_space`."""
    space = previous_space()
    if space is None:
        raise RolloutRefused("There is no previous encoder to roll back to.")
    activate_space(space)
    return space


def drop_space(space: VectorSpace) -> None:
    """Delete a space with its vectors and its collection. Raises RolloutRefused."""
    with transaction.atomic():
        # Waits for uploads that have just added a row to it
        locked = VectorSpace.objects.select_for_update().filter(pk=space.pk).first()
        if locked is None:
            return
        if locked.active:
            raise RolloutRefused(f"{locked.model} is active: activate another encoder first.")
        if spaces.is_configured(locked):
            raise RolloutRefused(
                f"{locked.model} is set in CLIP_MODEL, so it would be built again: set "
                "CLIP_MODEL to the active encoder first."
            )
        locked.delete()
    if locked.collection:
        try:
            store.drop(locked.collection)
        except VectorStoreUnavailable as error:  # the hourly check drops it later
            logger.warning("%s stays for now: %s", locked.collection, error)

"""Changing the encoder without a gap: a second space is built while the first one serves, is
compared with it on the golden questions, and takes over; the first one stays, to go back to, until
it is dropped on command.
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

TOLERANCE = 0.005  # by which a mean may fall: less than one question in a hundred
NAMED = 20  # assets that the gate's table lists
MEASURES = ("ndcg", "recall")


class RolloutRefused(Exception):
    """It is not done; the message is a sentence that says why and what to do."""


@dataclass(frozen=True)
class Progress:
    """How far a space is built, in assets."""

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
    """Have a space built for this encoder (a folder, a hub id or "demo"), beside the active one;
    one that was begun before goes on where it is. A worker does the work, and says on the space
    what is wrong with the encoder, if anything. Raises SwitchRefused."""
    model = model.strip()
    if not model or len(model) > 300:
        raise RolloutRefused("Name an encoder: a folder, a hub id such as openai/clip-…, or demo.")
    if VectorSpace.objects.active().filter(model=model).exclude(fingerprint=None).exists():
        raise RolloutRefused(f"{model} is the encoder in use.")
    space = spaces.create_space(model)
    # as if it were new: it is judged again, and takes over by itself
    VectorSpace.objects.filter(pk=space.pk).update(problem="", gate={}, activated_at=None)
    space.refresh_from_db()
    if space.fingerprint:
        enrolment.enrol(space)
    return space


def space_of_model(model: str) -> VectorSpace:
    """The space of that encoder, one that is not in use if there are two; with "", the only one
    that is not in use. Raises SwitchRefused."""
    if model:
        space = VectorSpace.objects.filter(model=model).order_by("active", "-pk").first()
        if space is None:
            raise RolloutRefused(f"There is no space of {model}.")
        return space
    others = VectorSpace.objects.inactive().order_by("-pk")
    if not others:
        raise RolloutRefused("There is no other one.")
    if len(others) > 1:
        raise RolloutRefused(f"Say which: {', '.join(each.model for each in others)}.")
    return others[0]


def progress(space: VectorSpace) -> Progress:
    states = dict(
        space.embeddings.order_by().values_list("state").annotate(Count("pk"))
    )  # of what was removed, Milvus has still to hear
    counts = {state: states.get(state.value, 0) for state in Embedding.State}
    return Progress(
        total=sum(counts.values()) - counts[Embedding.State.REMOVING],
        indexed=counts[Embedding.State.INDEXED],
        waiting=counts[Embedding.State.PENDING],
        failed=counts[Embedding.State.FAILED],
        skipped=counts[Embedding.State.SKIPPED],
    )


def is_built(space: VectorSpace) -> bool:
    """Nothing that can be found now waits in it."""
    if space.fingerprint is None or not space.background:
        return False
    enrolment.enrol(space)
    return not _lacking(space).filter(state=Embedding.State.PENDING).exists()


def _lacking(space: VectorSpace) -> QuerySet[Embedding]:
    """Its rows of the assets that the active space has and it has not."""
    findable = Embedding.objects.in_active_space().filter(
        asset_id=OuterRef("asset_id"), state=Embedding.State.INDEXED
    )
    return space.embeddings.exclude(state=Embedding.State.INDEXED).filter(Exists(findable))


def advance_rollouts() -> None:
    """Whatever is whole and was not judged yet as things are now, is judged, and takes over if it
    passes. What was active before does not come back by itself. Raises MilvusDown."""
    collections.repair_alias()
    for space in VectorSpace.objects.inactive().filter(activated_at=None, problem=""):
        if not is_built(space) or space.gate.get("basis") == _basis(space):
            continue
        try:
            space_encoders.find_encoder(space)
        except EncoderError as error:  # the others need not wait for it
            VectorSpace.objects.filter(pk=space.pk).update(problem=str(error))
            continue
        if run_gate(space)["passes"]:
            activate_space(space)
        else:
            logger.warning("%s does not take over: %s", space.model, " ".join(space.gate["why"]))


# ------------------------------------------------------------------------ the gate


def run_gate(space: VectorSpace) -> dict[str, Any]:
    """The gate: may it take over? Its table, which is also kept as `space.gate`:

    passes, why (sentences, if not), against (the active encoder), coverage (0 to 1), covered, of,
    lacking (asset, state, reason), questions, new and old (as in evaluation.Result).
    """
    enrolment.enrol(space)
    active = VectorSpace.objects.active().exclude(pk=space.pk).first()
    gate: dict[str, Any] = {"basis": _basis(space), "judged_at": timezone.now().isoformat()}
    gate |= {"against": active.model if active else "", "questions": 0, "why": [], "notes": []}
    gate |= _coverage(space, active)
    if active and GoldenQuestion.objects.exists():
        gate |= _compared(space, active)
    if gate["coverage"] < 1:
        lost = gate["of"] - gate["covered"]
        gate["why"].append(f"{lost} of {gate['of']} assets could not be found any more.")
    for measure in MEASURES if gate["questions"] else ():
        new, old = gate["new"][measure], gate["old"][measure]
        if new < old - TOLERANCE:
            name = {"ndcg": "nDCG@10", "recall": "Recall@10"}[measure]
            gate["why"].append(f"{name} falls from {old:.3f} to {new:.3f}.")
    if not gate["questions"]:
        gate["notes"].append("No golden questions were compared: only coverage decides.")
    gate["passes"] = not gate["why"]
    space.gate = gate
    VectorSpace.objects.filter(pk=space.pk).update(gate=gate)
    return gate


def _coverage(space: VectorSpace, active: VectorSpace | None) -> dict[str, Any]:
    findable = active.embeddings.filter(state=Embedding.State.INDEXED).count() if active else 0
    lacking = _lacking(space)
    lost = lacking.count()
    named = lacking.order_by("asset_id").values("asset_id", "asset__title", "state", "reason")
    return {
        "of": findable,
        "covered": findable - lost,
        "coverage": (findable - lost) / findable if findable else 1.0,
        "lacking": list(named[:NAMED]),
    }


def _compared(space: VectorSpace, active: VectorSpace) -> dict[str, Any]:
    try:
        new, old = metrics.evaluate_golden_queries(space, active)
    except SearchUnavailable as error:
        metrics.evaluate_golden_queries(space)  # raises, if it is this one that could not be asked
        # the folder of the other may be gone: nothing is worse than that
        return {"notes": [f"{active.model} could not be asked: {error.message}"]}
    return {"questions": new.questions, "new": new.as_json(), "old": old.as_json()}


def _basis(space: VectorSpace) -> str:
    """What a verdict rests on: when it is the same, judging again says the same."""
    questions = GoldenQuestion.objects.order_by("pk", "expected").values_list(
        "pk", "question", "expected"
    )
    active = VectorSpace.objects.active().values_list("pk", flat=True).first()
    lacking = _lacking(space).count()
    return hashlib.sha256(repr((active, lacking, list(questions))).encode()).hexdigest()[:16]


# ------------------------------------------------------------------------ taking over


def replace_active(space: VectorSpace) -> None:
    """A person wants it, whatever the gate says: only what could be found is not to wait in it.
    Raises as `activate`."""
    waiting = 0
    if space.fingerprint:
        enrolment.enrol(space)
        waiting = _lacking(space).filter(state=Embedding.State.PENDING).count()
    if waiting:
        raise RolloutRefused(
            f"{space.model} cannot take over yet: {waiting} of {progress(space).total} assets "
            "still wait in it and could not be found."
        )
    activate_space(space)


def activate_space(space: VectorSpace) -> None:
    """From now on this space answers; whether it may is for `judge` to say.

    The alias flips first and the row after it; should we die in between, the row is the truth, and
    the alias is put back. Raises SwitchRefused, MilvusDown and EncoderUnavailable.
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
        there = VectorSpace.objects.select_for_update(no_key=True).filter(pk=space.pk).first()
        if there is None:
            raise _dropped(space)
        store.point_alias(there.collection)
        if there.active:
            return
        VectorSpace.objects.active().exclude(pk=space.pk).update(active=False)
        VectorSpace.objects.filter(pk=space.pk).update(
            active=True, activated_at=timezone.now(), revision=F("revision") + 1
        )
    space.refresh_from_db()
    logger.info("%s took over", space.model)


def _dropped(space: VectorSpace) -> RolloutRefused:
    return RolloutRefused(f"{space.model} was dropped meanwhile.")


def previous_space() -> VectorSpace | None:
    """The one that was active before, if it is still kept."""
    before = VectorSpace.objects.inactive().exclude(activated_at=None)
    return before.exclude(fingerprint=None).order_by("-activated_at").first()


def rollback() -> VectorSpace:
    """The encoder of before answers again. Raises as `activate`."""
    space = previous_space()
    if space is None:
        raise RolloutRefused("There is no earlier encoder to go back to.")
    activate_space(space)
    return space


def drop_space(space: VectorSpace) -> None:
    """Forget a space: its row, its vectors and its collection. Raises SwitchRefused."""
    with transaction.atomic():
        # waits for the uploads that have just put a row into it
        there = VectorSpace.objects.select_for_update().filter(pk=space.pk).first()
        if there is None:
            return
        if there.active:
            raise RolloutRefused(f"{there.model} is in use: let another encoder take over first.")
        if spaces.is_configured(there):
            raise RolloutRefused(
                f"{there.model} is what CLIP_MODEL asks for, so it would be built again: "
                "set CLIP_MODEL to the encoder in use first."
            )
        there.delete()
    if there.collection:
        try:
            store.drop(there.collection)
        except VectorStoreUnavailable as error:  # the hourly check drops it
            logger.warning("%s stays for now: %s", there.collection, error)

"""Health checks of search: the vector index, the encoder, and indexing."""

from __future__ import annotations

from django.conf import settings
from django.db.models import Count

from assetbank.hooks import Part
from search.encoders import DEMO_SENTENCE
from search.evaluation import rollout
from search.models import Embedding, VectorSpace
from search.vectorstore import VectorStoreUnavailable, store


def vectors() -> Part:
    """Return the state of Milvus: its version, where it runs, and the number of vectors."""
    try:
        version, rows = store.ping(), 0
        if store.collection_behind_alias():
            rows = store.count()
    except VectorStoreUnavailable as error:
        return Part("vectors", False, str(error))
    where = "your server" if settings.MILVUS_URI else "embedded"
    return Part("vectors", True, f"Milvus {version}, {where}", {"vectors": rows})


def encoder() -> Part:
    """Return the state of the active encoder, and the progress of spaces that are being built."""
    space = VectorSpace.objects.active().first()
    if space is None or space.fingerprint is None:
        reason = space.problem if space else ""
        return Part("encoder", False, reason or "No encoder yet: the index worker has not started.")
    sentences = [DEMO_SENTENCE if space.is_demo else f"{space.model}, {space.dimension} dimensions"]
    sentences += [
        other.problem or f"{other.model}: {rollout.progress(other)}."
        for other in VectorSpace.objects.inactive().filter(activated_at=None)
    ]
    return Part("encoder", True, " ".join(sentences))


def index() -> Part:
    """Return the numbers of indexed, pending and failed embeddings in the active space."""
    embeddings = Embedding.objects.in_active_space()
    states = dict(embeddings.values_list("state").annotate(Count("pk")))
    counts = {state.value: states.get(state.value, 0) for state in Embedding.State}
    failed = counts[Embedding.State.FAILED]
    waiting = counts[Embedding.State.PENDING]
    detail = f"{counts[Embedding.State.INDEXED]} findable, {waiting} waiting, {failed} failed"
    return Part("index", True, detail, counts)

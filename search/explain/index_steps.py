"""Explanation steps about the index: an asset's embeddings, its row in Milvus, and its words."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db.models import Q
from django.utils import timezone
from django.utils.timesince import timesince

from assetbank.models import Asset
from search.explain.types import Detail, Repair, State, Step, step
from search.indexing import entities, same_scalars
from search.models import Document, Embedding, Vector, VectorSpace
from search.vectorstore import schema, store

VECTOR_TOLERANCE = 1e-3  # maximum difference of a component
MAX_SHOWN = 200  # characters of a displayed value
STATES = {
    Embedding.State.PENDING: State.WAITING,
    Embedding.State.INDEXED: State.GOOD,
    Embedding.State.FAILED: State.BAD,
    Embedding.State.SKIPPED: State.BAD,
    Embedding.State.TRASHED: State.BAD,
    Embedding.State.REMOVING: State.BAD,
}
NOT_READY = "The index worker has not loaded an encoder yet. Start it with `make run`."


@dataclass(frozen=True)
class IndexState:
    """An asset, the active space (None before the first encoder), and its rows in all spaces."""

    asset: Asset
    space: VectorSpace | None
    row: Embedding | None  # the asset's embedding in the active space
    others: tuple[tuple[VectorSpace, Embedding | None], ...]


def look_up(asset: Asset) -> IndexState:
    """Return the asset's index state, in two queries."""
    spaces = list(VectorSpace.objects.defer("background", "gate").order_by("-active", "pk"))
    found = {row.space_id: row for row in Embedding.objects.filter(asset_id=asset.pk)}
    active = next((each for each in spaces if each.active and each.fingerprint), None)
    others = tuple((each, found.get(each.pk)) for each in spaces if not each.active)
    return IndexState(asset, active, found.get(active.pk) if active else None, others)


# ------------------------------------------------------------------------ the embedding


def embedding(index: IndexState) -> Step:
    """Report the asset's embedding in the active space."""
    if index.space is None:
        return step("embedding", State.BAD, NOT_READY)
    row = index.row
    details = [Detail("Encoder", str(index.space))]
    if row is None:
        sentence = "The asset is not registered in the index."
        return step("embedding", State.BAD, sentence, details + _others(index), (Repair.INDEX,))
    details += [
        Detail("State", row.get_state_display()),
        Detail("Since", f"{row.updated_at:%Y-%m-%d %H:%M} ({timesince(row.updated_at)})"),
        Detail("Attempts", str(row.attempts)),
    ]
    if row.reason:
        details.append(Detail("Reason", row.reason))
    stored = bytes(row.vector_bytes) if row.vector_bytes is not None else None
    vector = entities.valid_vector(stored, row.checksum, asset=index.asset, space=index.space)
    valid = vector is not None
    details += [
        Detail("Vector", _describe_vector(row, index), _validity(row, valid)),
        *_others(index),
    ]
    state, sentence = STATES[Embedding.State(row.state)], _describe_embedding(row)
    repairs: tuple[Repair, ...] = ()
    if row.state == Embedding.State.INDEXED and not valid:
        state, sentence = State.BAD, "Its vector was computed from an earlier version of the file."
        repairs = (Repair.EMBED,)
    elif row.state == Embedding.State.FAILED:
        repairs = (Repair.INDEX, Repair.EMBED)
    elif state != State.GOOD:
        repairs = (Repair.INDEX,)
    return step("embedding", state, sentence, details, repairs)


def _describe_embedding(row: Embedding) -> str:
    if row.state == Embedding.State.INDEXED:
        return "CLIP has encoded the image, and its vector is stored."
    if row.state == Embedding.State.PENDING:
        if row.claimed_until and row.claimed_until > timezone.now():
            now = f"until {timezone.localtime(row.claimed_until):%H:%M:%S}"
            if row.reason:
                return f"The next attempt is {now} from now: {row.reason}"
            return f"A worker is processing it now (for at most {now})."
        many = _ahead(row)
        behind = f"after {many} other{'s' * (many != 1)}" if many else "and it is next"
        waits = f"It is waiting to be indexed, {behind}."
        return f"{waits} {row.reason}".strip()
    if row.state == Embedding.State.FAILED:
        return row.reason or "Indexing failed."
    return row.reason or f"{row.get_state_display()}."


def _ahead(row: Embedding) -> int:
    """Return how many pending rows of the space a worker claims before this one.

    Rows with two or more attempts come last.
    """
    if row.attempts < 2:
        first = Q(attempts__lt=2, id__lt=row.pk)
    else:
        same_attempts = Q(attempts=row.attempts, id__lt=row.pk)
        first = Q(attempts__lt=row.attempts) | same_attempts
    return Embedding.objects.claimable().filter(first, space_id=row.space_id).count()


def _describe_vector(row: Embedding, index: IndexState) -> str:
    if row.vector_bytes is None:
        return "none"
    if row.checksum != index.asset.checksum:
        return f"of another file version ({row.checksum[:12] or 'unknown'})"
    return f"{len(row.vector_bytes) // 4} dimensions, of this file version"


def _validity(row: Embedding, valid: bool) -> State | None:
    if row.state != Embedding.State.INDEXED:
        return None
    return State.GOOD if valid else State.BAD


def _others(index: IndexState) -> list[Detail]:
    """Return the asset's state in each space that is not active: being built, or active before."""
    details = []
    for space, row in index.others:
        role = "previously active" if space.activated_at else "building"
        state = row.get_state_display() if row else "not included yet"
        reason = space.problem or (row.reason if row else "")
        mark = STATES[Embedding.State(row.state)] if row else State.WAITING
        details.append(Detail(f"{space.model} ({role})", f"{state}. {reason}".strip(), mark))
    return details


# ------------------------------------------------------------------------ Milvus


def in_milvus(index: IndexState) -> Step:
    """Look the asset up in Milvus now. Raises VectorStoreUnavailable."""
    if index.space is None:
        return step("milvus", State.NOT_ASKED, NOT_READY)
    pk, collection = index.asset.pk, index.space.collection
    found = store.fetch([pk], collection=collection).get(pk)
    details = [Detail("Collection", collection)]
    row = index.row
    waits = row is not None and row.state == Embedding.State.PENDING
    if entities.skip_reason(index.asset):
        return _skipped(found is not None, waits, details)
    if found is None:
        if waits:
            return step(
                "milvus",
                State.WAITING,
                "It is not in Milvus yet: it is waiting to be indexed.",
                details,
            )
        sentence = "It is missing in Milvus. Reindex it."
        if row is None or row.state != Embedding.State.INDEXED:
            sentence = "It is not in Milvus."
        return step("milvus", State.BAD, sentence, details, (Repair.INDEX,))
    expected = entities.scalars(index.asset)
    vector = store.vectors([pk], collection=collection).get(pk)
    differing = [] if same_scalars(expected, found) else _differing(expected, found)
    details += [*differing, *_vector(row, vector)]
    wrong = [detail.label for detail in details if detail.state == State.BAD]
    if not wrong:
        sentence = "It is in Milvus, and all values are up to date."
        return step("milvus", State.GOOD, sentence, details)
    if waits:
        sentence = f"It is in Milvus; pending updates: {', '.join(wrong)}."
        return step("milvus", State.WAITING, sentence, details)
    sentence = f"Its values in Milvus are out of date: {', '.join(wrong)}. Reindex it."
    return step("milvus", State.BAD, sentence, details, (Repair.INDEX,))


def _skipped(exists: bool, waits: bool, details: list[Detail]) -> Step:
    """Return the step about Milvus for an asset that the index skips.

    `exists`: Milvus holds it nevertheless. `waits`: its removal is pending.
    """
    if not exists:
        return step(
            "milvus", State.NOTE, "It is not in Milvus, as expected: it is skipped.", details
        )
    if waits:
        sentence = "It is still in Milvus and is being removed."
        return step("milvus", State.WAITING, sentence, details)
    sentence = "It is in Milvus although it should be skipped. Reindex it."
    return step("milvus", State.BAD, sentence, details, (Repair.INDEX,))


def _differing(expected: schema.Scalars, found: schema.Scalars) -> list[Detail]:
    """Return each scalar in Milvus that differs from the asset's, with both values."""
    should: dict[str, Any] = {**expected}
    details = []
    for name, value in found.items():
        value = sorted(value) if name == "tags" else value  # type: ignore[call-overload]
        if name == "aspect_ratio" and math.isclose(value, should[name], rel_tol=1e-6):  # type: ignore[arg-type]
            continue
        if value != should[name]:
            sentence = f"{_short(value)}; expected {_short(should[name])}"
            details.append(Detail(name, sentence, State.BAD))
    return details


def _vector(row: Embedding | None, found: Vector | None) -> list[Detail]:
    """Return a detail that says whether the vectors in Milvus and PostgreSQL are equal.

    Empty if either is missing.
    """
    stored = row.vector if row else None
    if stored is None or found is None:
        return []
    if stored.shape == found.shape and np.abs(stored - found).max() <= VECTOR_TOLERANCE:
        return [Detail("vector", "the same as in Postgres", State.GOOD)]
    return [Detail("vector", "differs from Postgres", State.BAD)]


def _short(value: object) -> str:
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"


# ------------------------------------------------------------------------ words

LEXEME = re.compile(r"'((?:[^']|'')*)'(?::([\dABC,]+))?")
PLACES = {
    "A": "Title and tags",
    "B": "File name, credit, headline, creator and place",
    "C": "Description, alt text and copyright",
    "D": "Prompt",
}


def in_fulltext_index(asset: Asset) -> Step:
    """Report the words in the asset's full-text document."""
    document = Document.objects.filter(pk=asset.pk).first()
    if document is None:
        sentence = (
            "Its text is not in the full-text index: text search cannot find it. Reindex its text."
        )
        return step("words", State.BAD, sentence, [], (Repair.WORDS,))
    found: dict[str, list[str]] = {weight: [] for weight in PLACES}
    for lexeme, places in LEXEME.findall(str(document.words)):
        # A position without a letter has the lowest weight
        weights = {place[-1] if place[-1] in "ABC" else "D" for place in places.split(",")}
        for weight in weights:
            found[weight].append(lexeme)
    details = [
        Detail(title, " ".join(sorted(found[weight])) or "nothing")
        for weight, title in PLACES.items()
    ]
    details.append(Detail("Exact names", ", ".join(sorted(document.names)) or "none"))
    many = len({lexeme for lexemes in found.values() for lexeme in lexemes})
    sentence = f"{many} word{'s' * (many != 1)} and {len(document.names)} exact names are indexed."
    return step("words", State.GOOD, sentence, details)

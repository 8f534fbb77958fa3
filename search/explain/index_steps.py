"""What the index knows of an asset: its embeddings, its row in Milvus, its words."""

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

VECTOR_TOLERANCE = 1e-3  # of each component
MAX_SHOWN = 200  # characters of a value
STATES = {
    Embedding.State.PENDING: State.WAITING,
    Embedding.State.INDEXED: State.GOOD,
    Embedding.State.FAILED: State.BAD,
    Embedding.State.SKIPPED: State.BAD,
    Embedding.State.REMOVING: State.BAD,
}
NOT_READY = "The index worker has not loaded an encoder yet. It starts with `make run`."


@dataclass(frozen=True)
class IndexState:
    """An asset, the active space (None before the first encoder), and its rows in all spaces."""

    asset: Asset
    space: VectorSpace | None
    row: Embedding | None  # in the active space
    others: tuple[tuple[VectorSpace, Embedding | None], ...]


def look_up(asset: Asset) -> IndexState:
    """In two queries."""
    spaces = list(VectorSpace.objects.defer("background", "gate").order_by("-active", "pk"))
    found = {row.space_id: row for row in Embedding.objects.filter(asset_id=asset.pk)}
    active = next((each for each in spaces if each.active and each.fingerprint), None)
    others = tuple((each, found.get(each.pk)) for each in spaces if not each.active)
    return IndexState(asset, active, found.get(active.pk) if active else None, others)


# ------------------------------------------------------------------------ the embedding


def embedding(known: IndexState) -> Step:
    if known.space is None:
        return step("embedding", State.BAD, NOT_READY)
    row = known.row
    details = [Detail("Encoder", str(known.space))]
    if row is None:
        said = "The index has not heard of it."
        return step("embedding", State.BAD, said, details + _others(known), (Repair.INDEX,))
    details += [
        Detail("State", row.get_state_display()),
        Detail("Since", f"{row.updated_at:%Y-%m-%d %H:%M} ({timesince(row.updated_at)})"),
        Detail("Attempts", str(row.attempts)),
    ]
    if row.reason:
        details.append(Detail("Reason", row.reason))
    kept = bytes(row.vector_bytes) if row.vector_bytes is not None else None
    vector = entities.sound_vector(kept, row.checksum, asset=known.asset, space=known.space)
    sound = vector is not None
    details += [Detail("Vector", _vector_said(row, known), _sound(row, sound)), *_others(known)]
    state, said = STATES[Embedding.State(row.state)], _embedding_said(row)
    repairs: tuple[Repair, ...] = ()
    if row.state == Embedding.State.INDEXED and not sound:
        state, said = State.BAD, "Its vector is not one of the bytes that it has now."
        repairs = (Repair.EMBED,)
    elif row.state == Embedding.State.FAILED:
        repairs = (Repair.INDEX, Repair.EMBED)
    elif state != State.GOOD:
        repairs = (Repair.INDEX,)
    return step("embedding", state, said, details, repairs)


def _embedding_said(row: Embedding) -> str:
    if row.state == Embedding.State.INDEXED:
        return "CLIP has looked at it, and the vector is kept."
    if row.state == Embedding.State.PENDING:
        if row.claimed_until and row.claimed_until > timezone.now():
            now = f"until {timezone.localtime(row.claimed_until):%H:%M:%S}"
            if row.reason:
                return f"It rests {now} before the next attempt: {row.reason}"
            return f"A worker has it now ({now} at most)."
        many = _ahead(row)
        behind = f"behind {many} other{'s' * (many != 1)}" if many else "and is next"
        waits = f"It waits to be indexed, {behind}."
        return f"{waits} {row.reason}".strip()
    if row.state == Embedding.State.FAILED:
        return row.reason or "It could not be indexed."
    return row.reason or f"{row.get_state_display()}."


def _ahead(row: Embedding) -> int:
    """How many a worker takes first: rows in order, and those that failed before come last."""
    if row.attempts < 2:
        first = Q(attempts__lt=2, id__lt=row.pk)
    else:
        tried_as_often = Q(attempts=row.attempts, id__lt=row.pk)
        first = Q(attempts__lt=row.attempts) | tried_as_often
    return Embedding.objects.claimable().filter(first, space_id=row.space_id).count()


def _vector_said(row: Embedding, known: IndexState) -> str:
    if row.vector_bytes is None:
        return "none"
    if row.checksum != known.asset.checksum:
        return f"of other bytes ({row.checksum[:12] or 'unknown'})"
    return f"{len(row.vector_bytes) // 4} numbers, of these bytes"


def _sound(row: Embedding, sound: bool) -> State | None:
    if row.state != Embedding.State.INDEXED:
        return None
    return State.GOOD if sound else State.BAD


def _others(known: IndexState) -> list[Detail]:
    """Spaces that are being built, or that were active before."""
    said = []
    for space, row in known.others:
        what = "was active before" if space.activated_at else "being built"
        state = row.get_state_display() if row else "not in it yet"
        reason = space.problem or (row.reason if row else "")
        mark = STATES[Embedding.State(row.state)] if row else State.WAITING
        said.append(Detail(f"{space.model} ({what})", f"{state}. {reason}".strip(), mark))
    return said


# ------------------------------------------------------------------------ Milvus


def in_milvus(known: IndexState) -> Step:
    """Looked up now. Raises MilvusDown."""
    if known.space is None:
        return step("milvus", State.NOT_ASKED, NOT_READY)
    pk, collection = known.asset.pk, known.space.collection
    found = store.fetch([pk], collection=collection).get(pk)
    details = [Detail("Collection", collection)]
    row = known.row
    waits = row is not None and row.state == Embedding.State.PENDING
    if entities.skip_reason(known.asset):
        return _left_out(found is not None, waits, details)
    if found is None:
        if waits:
            return step("milvus", State.WAITING, "Not there yet: it waits to be indexed.", details)
        said = "Milvus does not have it, though it should."
        if row is None or row.state != Embedding.State.INDEXED:
            said = "Milvus does not have it."
        return step("milvus", State.BAD, said, details, (Repair.INDEX,))
    expected = entities.scalars(known.asset)
    vector = store.vectors([pk], collection=collection).get(pk)
    differing = [] if same_scalars(expected, found) else _differing(expected, found)
    details += [*differing, *_vector(row, vector)]
    wrong = [detail.label for detail in details if detail.state == State.BAD]
    if not wrong:
        said = "It is there, with everything as it should be."
        return step("milvus", State.GOOD, said, details)
    if waits:
        said = f"It is there as it was before; on its way: {', '.join(wrong)}."
        return step("milvus", State.WAITING, said, details)
    said = f"What Milvus holds is out of date: {', '.join(wrong)}."
    return step("milvus", State.BAD, said, details, (Repair.INDEX,))


def _left_out(there: bool, waits: bool, details: list[Detail]) -> Step:
    if not there:
        return step("milvus", State.NOTE, "Not there, as it should be: it is left out.", details)
    if waits:
        said = "It is there still, and is on its way out."
        return step("milvus", State.WAITING, said, details)
    said = "It is there, though it should be left out."
    return step("milvus", State.BAD, said, details, (Repair.INDEX,))


def _differing(expected: schema.Scalars, found: schema.Scalars) -> list[Detail]:
    should: dict[str, Any] = {**expected}
    details = []
    for name, value in found.items():
        value = sorted(value) if name == "tags" else value  # type: ignore[call-overload]
        if name == "aspect_ratio" and math.isclose(value, should[name], rel_tol=1e-6):  # type: ignore[arg-type]
            continue
        if value != should[name]:
            said = f"{_short(value)}; it should be {_short(should[name])}"
            details.append(Detail(name, said, State.BAD))
    return details


def _vector(row: Embedding | None, found: Vector | None) -> list[Detail]:
    kept = row.vector if row else None
    if kept is None or found is None:
        return []
    if kept.shape == found.shape and np.abs(kept - found).max() <= VECTOR_TOLERANCE:
        return [Detail("vector", "the same as in Postgres", State.GOOD)]
    return [Detail("vector", "another than in Postgres", State.BAD)]


def _short(value: object) -> str:
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"


# ------------------------------------------------------------------------ words

LEXEME = re.compile(r"'((?:[^']|'')*)'(?::([\dABC,]+))?")
PLACES = {"A": "Title and tags", "B": "File name and credit", "C": "Description", "D": "Prompt"}


def written(asset: Asset) -> Step:
    document = Document.objects.filter(pk=asset.pk).first()
    if document is None:
        said = "Its words are not in the full-text index: no word finds it."
        return step("words", State.BAD, said, [], (Repair.WORDS,))
    found: dict[str, list[str]] = {weight: [] for weight in PLACES}
    for lexeme, places in LEXEME.findall(str(document.words)):
        # a place without a letter has the least weight
        weights = {place[-1] if place[-1] in "ABC" else "D" for place in places.split(",")}
        for weight in weights:
            found[weight].append(lexeme)
    details = [
        Detail(title, " ".join(sorted(found[weight])) or "nothing")
        for weight, title in PLACES.items()
    ]
    details.append(Detail("Exact names", ", ".join(sorted(document.names)) or "none"))
    many = len({lexeme for lexemes in found.values() for lexeme in lexemes})
    said = f"{many} word{'s' * (many != 1)} find it, and {len(document.names)} exact names."
    return step("words", State.GOOD, said, details)

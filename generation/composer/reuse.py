"""“We already have this”: what the same request made before, and what is near to it, looked up
before money is spent."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Prefetch, QuerySet
from django.utils import timezone

from assetbank import permissions, text
from assetbank.models import Asset, AssetQuerySet, Brand
from assetbank.rights import terms
from generation.billing import prices
from generation.composer.suggestions import search_query_for, words_of
from generation.engines import catalog
from generation.errors import InvalidRequest
from generation.models import Generation, LedgerEntry, Output, PresetVersion
from generation.pipeline import request_fingerprint
from search.errors import InvalidQuery, SearchUnavailable
from search.query import HIDDEN_STATUSES, Filters, SearchQuery, rank_query

MAX_SAME = 3  # generations
MAX_NEAR = 6  # pictures
COMPARED = 200  # of the brand's last generations
ALIKE = 0.7  # share of the words of two prompts that they have in common
ONCE_IN = datetime.timedelta(hours=1)  # a second click avoids nothing more


@dataclass(frozen=True)
class RequestSpec:
    """What is about to be asked for."""

    brand: Brand
    prompt: str
    aspect_ratio: str
    references: Sequence[Asset] = ()
    roles: Mapping[int, str] = field(default_factory=dict)
    preset_version: PresetVersion | None = None
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        return request_fingerprint(
            brand=self.brand,
            prompt=text.clean_text(self.prompt),
            aspect_ratio=self.aspect_ratio,
            references=[(each.checksum, self.roles.get(each.pk, "")) for each in self.references],
            preset_version=self.preset_version,
            variables=self.variables,
        )


@dataclass(frozen=True)
class PastResult:
    """A generation of the past, and what came out of it that may be seen and used."""

    generation: Generation
    assets: tuple[Asset, ...]


@dataclass(frozen=True)
class Existing:
    same: tuple[PastResult, ...] = ()
    near: tuple[Asset, ...] = ()
    waiting: Generation | None = None  # the same is being made at this moment

    def __bool__(self) -> bool:
        return bool(self.same or self.near or self.waiting)


def find_existing(
    *, person: permissions.AnyUser, wanted: RequestSpec, near: bool = True
) -> Existing:
    """What there is already. Without `near`, only what the very same request made."""
    if not wanted.prompt.strip():
        return Existing()
    asked = _asked(person, wanted.brand).filter(fingerprint=wanted.fingerprint)
    waiting = asked.filter(state__in=Generation.UNFINISHED).first()
    same = _with_assets(list(asked.filter(state=Generation.State.SUCCEEDED)[:COMPARED]))
    shown = {asset.pk for before in same for asset in before.assets}
    shown |= {asset.pk for asset in wanted.references}
    others = _near(person, wanted, shown) if near else []
    return Existing(tuple(same[:MAX_SAME]), tuple(others[:MAX_NEAR]), waiting)


def find_existing_many(
    *, person: permissions.AnyUser, wanted: Sequence[RequestSpec]
) -> list[PastResult]:
    """What the very same as some of these made before: of each the last, in their order."""
    if not wanted:
        return []
    prints = [each.fingerprint for each in wanted]
    asked = _asked(person, wanted[0].brand).filter(
        fingerprint__in=prints, state=Generation.State.SUCCEEDED
    )
    last: dict[str, PastResult] = {}
    for before in _with_assets(list(asked[:COMPARED])):
        last.setdefault(before.generation.fingerprint, before)
    return [last[each] for each in dict.fromkeys(prints) if each in last]


@transaction.atomic
def reuse_asset(
    *,
    person: User,
    wanted: RequestSpec,
    asset: Asset,
    model: str,
    image_size: str = "",
    count: int = 1,
) -> LedgerEntry:
    """Use `asset` instead of making what is wanted: what that would have cost is written down as
    avoided. Raises NotAllowed and InvalidRequest."""
    permissions.require_editor(person, wanted.brand)
    if not _usable(person, wanted.brand).filter(pk=asset.pk).exists():
        raise InvalidRequest("This asset no longer exists, or may not be used.")
    note = f"Asset {asset.pk} was used instead."
    User.objects.select_for_update().get(pk=person.pk)  # one click after the other
    taken = LedgerEntry.objects.filter(
        kind=LedgerEntry.Kind.AVOIDED,
        person=person,
        brand=wanted.brand,
        note=note,
        at__gt=timezone.now() - ONCE_IN,
    ).first()
    if taken:
        return taken
    made = Output.objects.filter(asset=asset).values_list("generation", flat=True).first()
    usd = prices.estimate(
        catalog.get_model(model),
        size=image_size,
        count=count,
        references=len(wanted.references),
        prompt=wanted.prompt,
    )
    kind = LedgerEntry.Kind.AVOIDED
    return LedgerEntry.objects.create(
        brand=wanted.brand, person=person, generation_id=made, kind=kind, usd=usd, note=note
    )


def _near(person: permissions.AnyUser, wanted: RequestSpec, shown: set[int]) -> list[Asset]:
    """What prompts in nearly the same words made from the same references, then what search finds
    for the prompt. Without search, the first alone."""
    found: dict[int, Asset] = {}
    for before in _with_assets(_in_like_words(person, wanted)):
        found.update((asset.pk, asset) for asset in before.assets)
    question = SearchQuery(
        text=search_query_for(wanted.prompt),
        filters=Filters(brands=(wanted.brand.slug,), usable=True),
    )
    try:
        ranking = rank_query(person=person, question=question, depth=4 * MAX_NEAR)
    except (SearchUnavailable, InvalidQuery):
        matching: list[int] = []
    else:
        matching = [hit.id for hit in ranking.hits if hit.matches]
    usable = _usable(person, wanted.brand).in_bulk(matching)
    found.update((pk, usable[pk]) for pk in matching if pk in usable and pk not in found)
    return [asset for pk, asset in found.items() if pk not in shown]


def _in_like_words(person: permissions.AnyUser, wanted: RequestSpec) -> list[Generation]:
    said = words_of(wanted.prompt)
    looked_at = sorted(asset.checksum for asset in wanted.references)
    asked = _asked(person, wanted.brand).filter(state=Generation.State.SUCCEEDED)
    asked = asked.prefetch_related("reference_rows")
    return [
        generation
        for generation in asked[:COMPARED]
        if sorted(row.checksum for row in generation.reference_rows.all()) == looked_at
        and _alike(said, words_of(generation.prompt))
    ]


def _alike(some: set[str], others: set[str]) -> bool:
    """Jaccard's measure."""
    return bool(some) and len(some & others) / len(some | others) >= ALIKE


def _asked(person: permissions.AnyUser, brand: Brand) -> QuerySet[Generation]:
    outputs = Output.objects.defer("data").prefetch_related(
        Prefetch("asset", _usable(person, brand))
    )
    return (
        Generation.objects.filter(brand__in=permissions.brands(person), brand=brand)
        .select_related("created_by")
        .prefetch_related(Prefetch("outputs", outputs))
        .order_by("-id")
    )


def _with_assets(generations: Sequence[Generation]) -> list[PastResult]:
    """Of those whose pictures are still there to be used."""
    found = []
    for generation in generations:
        outputs = [each for each in generation.outputs.all() if each.asset]
        kept = [each for each in outputs if each.verdict != Output.Verdict.REJECTED]
        if assets := tuple(each.asset for each in kept if each.asset):
            found.append(PastResult(generation, assets))
    return found


def _usable(person: permissions.AnyUser, brand: Brand) -> AssetQuerySet:
    seen = permissions.assets(person).filter(brand=brand).exclude(status__in=HIDDEN_STATUSES)
    return terms.usable(seen)

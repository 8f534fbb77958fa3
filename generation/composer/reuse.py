"""Existing results for a request, looked up before money is spent: of the same request, and similar
assets."""

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
from search.query import HIDDEN_STATUSES, Filters, SearchQuery, rank_for_user

MAX_SAME = 3  # generations of the same request
MAX_NEAR = 6  # similar assets
MAX_COMPARED = 200  # of the brand's last generations
MIN_PROMPT_SIMILARITY = 0.7  # Jaccard index of the words of two prompts
# A second click within this time adds no second entry to the ledger
AVOIDED_ONCE_IN = datetime.timedelta(hours=1)


@dataclass(frozen=True)
class RequestSpec:
    """The fields that distinguish one request from another: model, size and count do not."""

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
    """A past generation, with its assets that the user may view and use."""

    generation: Generation
    assets: tuple[Asset, ...]


@dataclass(frozen=True)
class Existing:
    """Results of the same request, similar assets, and an unfinished generation of the request."""

    same: tuple[PastResult, ...] = ()
    near: tuple[Asset, ...] = ()
    waiting: Generation | None = None

    def __bool__(self) -> bool:
        return bool(self.same or self.near or self.waiting)


def find_existing(*, person: permissions.AnyUser, spec: RequestSpec, near: bool = True) -> Existing:
    """Return existing results for a request: of the same request, and with `near` also similar
    assets."""
    if not spec.prompt.strip():
        return Existing()
    requested = _generations(person, spec.brand).filter(fingerprint=spec.fingerprint)
    waiting = requested.filter(state__in=Generation.UNFINISHED).first()
    succeeded = requested.filter(state=Generation.State.SUCCEEDED)
    same = _with_assets(list(succeeded[:MAX_COMPARED]))
    listed = {asset.pk for result in same for asset in result.assets}
    listed |= {asset.pk for asset in spec.references}
    similar = _similar(person, spec, listed) if near else []
    return Existing(tuple(same[:MAX_SAME]), tuple(similar[:MAX_NEAR]), waiting)


def find_existing_many(
    *, person: permissions.AnyUser, specs: Sequence[RequestSpec]
) -> list[PastResult]:
    """Return the latest result of each of these requests that has one, in the order of `specs`. All
    requests must be for one brand."""
    if not specs:
        return []
    fingerprints = [spec.fingerprint for spec in specs]
    requested = _generations(person, specs[0].brand).filter(
        fingerprint__in=fingerprints, state=Generation.State.SUCCEEDED
    )
    last: dict[str, PastResult] = {}
    for result in _with_assets(list(requested[:MAX_COMPARED])):
        last.setdefault(result.generation.fingerprint, result)
    return [last[each] for each in dict.fromkeys(fingerprints) if each in last]


@transaction.atomic
def reuse_asset(
    *,
    person: User,
    spec: RequestSpec,
    asset: Asset,
    model: str,
    image_size: str = "",
    count: int = 1,
) -> LedgerEntry:
    """Record that `asset` is used instead of a new generation: its estimated price is added to the
    ledger as avoided, once within an hour. Returns the entry.

    Raises NotAllowed and InvalidRequest."""
    permissions.require_editor(person, spec.brand)
    if not _usable(person, spec.brand).filter(pk=asset.pk).exists():
        raise InvalidRequest("This asset no longer exists, or may not be used.")
    note = f"Asset {asset.pk} was used instead."
    User.objects.select_for_update().get(pk=person.pk)  # concurrent clicks wait here
    recorded = LedgerEntry.objects.filter(
        kind=LedgerEntry.Kind.AVOIDED,
        person=person,
        brand=spec.brand,
        note=note,
        at__gt=timezone.now() - AVOIDED_ONCE_IN,
    ).first()
    if recorded:
        return recorded
    source = Output.objects.filter(asset=asset).values_list("generation", flat=True).first()
    usd = prices.estimate(
        catalog.get_model(model),
        size=image_size,
        count=count,
        references=len(spec.references),
        prompt=spec.prompt,
    )
    kind = LedgerEntry.Kind.AVOIDED
    return LedgerEntry.objects.create(
        brand=spec.brand, person=person, generation_id=source, kind=kind, usd=usd, note=note
    )


def _similar(person: permissions.AnyUser, spec: RequestSpec, listed: set[int]) -> list[Asset]:
    """Return assets of similar prompts with the same references, then those that match the prompt
    as a search query; without `listed`. If search is unavailable, only the former."""
    found: dict[int, Asset] = {}
    for result in _with_assets(_with_similar_prompt(person, spec)):
        found.update((asset.pk, asset) for asset in result.assets)
    query = SearchQuery(
        text=search_query_for(spec.prompt),
        filters=Filters(brands=(spec.brand.slug,), usable=True),
    )
    try:
        ranking = rank_for_user(person=person, question=query, depth=4 * MAX_NEAR)
    except (SearchUnavailable, InvalidQuery):
        matching: list[int] = []
    else:
        matching = [hit.id for hit in ranking.hits if hit.matches]
    usable = _usable(person, spec.brand).in_bulk(matching)
    found.update((pk, usable[pk]) for pk in matching if pk in usable and pk not in found)
    return [asset for pk, asset in found.items() if pk not in listed]


def _with_similar_prompt(person: permissions.AnyUser, spec: RequestSpec) -> list[Generation]:
    words = words_of(spec.prompt)
    checksums = sorted(asset.checksum for asset in spec.references)
    succeeded = _generations(person, spec.brand).filter(state=Generation.State.SUCCEEDED)
    succeeded = succeeded.prefetch_related("reference_rows")
    return [
        generation
        for generation in succeeded[:MAX_COMPARED]
        if sorted(row.checksum for row in generation.reference_rows.all()) == checksums
        and _are_similar(words, words_of(generation.prompt))
    ]


def _are_similar(words: set[str], others: set[str]) -> bool:
    """Return True if two prompts, as sets of words, are similar: their Jaccard index reaches
    MIN_PROMPT_SIMILARITY."""
    return bool(words) and len(words & others) / len(words | others) >= MIN_PROMPT_SIMILARITY


def _generations(person: permissions.AnyUser, brand: Brand) -> QuerySet[Generation]:
    """Return generations of a brand that `person` may view, latest first; assets that may not be
    used are None in their outputs."""
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
    """Return results with the assets of each generation that are usable and not rejected;
    generations without any are left out."""
    found = []
    for generation in generations:
        outputs = [each for each in generation.outputs.all() if each.asset]
        accepted = [each for each in outputs if each.verdict != Output.Verdict.REJECTED]
        if assets := tuple(each.asset for each in accepted if each.asset):
            found.append(PastResult(generation, assets))
    return found


def _usable(person: permissions.AnyUser, brand: Brand) -> AssetQuerySet:
    visible = permissions.assets(person).filter(brand=brand).exclude(status__in=HIDDEN_STATUSES)
    return terms.usable(visible)

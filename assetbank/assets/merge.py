"""Merge assets that show the same image: one is kept, the others are archived, never deleted.

References to the others are moved to the kept asset, whichever app they belong to. `on_delete`
decides: a row that would outlive its asset (SET_NULL, PROTECT) is a record about something else,
and is moved; a row that is deleted with it (CASCADE), or is left to its own app (DO_NOTHING), is
about that very file, and stays. Many-to-many lists of assets are moved. References of any other
kind are updated by functions on the hook `assets_merged`.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import CASCADE, DO_NOTHING, Count, ManyToManyRel, Model

from assetbank import hooks, permissions
from assetbank.assets import approval, update
from assetbank.assets.metadata import custom_fields
from assetbank.errors import AssetGone, InvalidAsset
from assetbank.models import Asset, Decision
from assetbank.rights import terms
from assetbank.text import MAX_TAGS, clean_tags

Verdict = Decision.Verdict

logger = logging.getLogger(__name__)

PROVENANCE = ("generation_id", "engine_model", "prompt", "preset", "digital_source_type")
# Filled from the first of the others that has them, where all fields of a group are empty
FILLED_FIELDS: tuple[tuple[str, ...], ...] = (
    *(("description",), ("headline",), ("alt_text",), ("extended_description",)),
    *(("credit",), ("licence",), ("creator",), ("copyright",), ("usage_terms",)),
    *(("licensor_url",), ("rating",), ("city", "country"), ("latitude", "longitude")),
    ("captured_at", "captured_offset"),
)


@dataclass(frozen=True)
class MergePreview:
    """The changes that a merge makes to the kept asset."""

    tags: list[str]  # all its tags afterwards: at most MAX_TAGS, its own before those of others
    fields: dict[str, Any]  # FILLED_FIELDS, and the strictest terms: merging never extends a right
    provenance: dict[str, Any]


@dataclass(frozen=True)
class MergeResult:
    kept: Asset
    archived: dict[int, str]  # id -> status before the merge


class AssetReference(NamedTuple):
    """A field that refers to an asset: `field` of `model`."""

    model: type[Model]
    field: str
    list_of: type[Model] | None  # owner of the list, if `model` is a many-to-many table


@transaction.atomic
def merge_assets(*, keep: Asset, others: Sequence[Asset], by: User) -> MergeResult:
    """Merge `others` into `keep`; merging the same assets again changes nothing.

    Tags are united, collections and other references are moved to `keep`, and the others are
    archived by a decision each. A collection that contains `keep` leaves it where it is; otherwise
    `keep` takes the place of the first of the others.

    Raises:
        NotAllowed: `by` is not a manager of the brand.
        InvalidAsset: the assets cannot be merged; the message says why.
        AssetGone: one of the assets was deleted in the meantime.
    """
    permissions.require_manager(by, keep.brand)
    locked = {asset.pk: asset for asset in _locked([keep, *others])}
    if len(locked) < len({keep.pk, *(other.pk for other in others)}):
        raise AssetGone("One of these assets was deleted in the meantime. Reload the page.")
    keep, others = (
        locked.pop(keep.pk),
        [locked[pk] for pk in dict.fromkeys(a.pk for a in others if a.pk in locked)],
    )
    _check(keep, others)
    changes = preview_merge(keep, others)
    for reference in asset_references():
        _move_references(reference, keep, others)
    if changes.provenance:
        Asset.objects.filter(pk=keep.pk).update(**changes.provenance)
    archived = {a.pk: a.status for a in others if a.status != Asset.Status.ARCHIVED}
    kept = update.update_asset(asset=keep, tags=changes.tags, **changes.fields)
    reason = f"Merged into “{kept}” (asset {kept.pk})."
    for other in others:
        # Assets generated from `other` have `kept` as their source now
        update.propagate_terms(other, kept)
        if other.pk in archived:
            approval.decide(asset=other, by=by, verdict=Verdict.ARCHIVED, reason=reason)
    hooks.assets_merged(kept, others)
    logger.info("%s merged %s into asset %d", by, sorted(archived), keep.pk)
    return MergeResult(kept, archived)


@transaction.atomic
def undo_merge(archived: Mapping[int, str], *, by: User) -> list[Asset]:
    """Give merged assets their earlier status back; return those that were still archived.

    `archived` is `MergeResult.archived`. Tags and references stay with the kept asset. Raises
    NotAllowed if `by` is not a manager of the brand.
    """
    locked = Asset.objects.select_for_update(of=("self",)).select_related("brand")
    restored = list(locked.filter(pk__in=archived, status=Asset.Status.ARCHIVED).order_by("pk"))
    for asset in restored:
        permissions.require_manager(by, asset.brand)
        status = archived[asset.pk]
        update.update_asset(asset=asset, status=status, deciding=True)
        _repeat_decision(asset, by)
    return restored


def _repeat_decision(asset: Asset, by: User) -> None:
    """Record again the decision that was valid before the merge: approved, or changes requested."""
    decided = asset.decisions.exclude(verdict=Verdict.CHECKED)
    before = decided[1:2]  # the latest is that of the merge
    requested_changes = [each.reason for each in before if each.verdict == Verdict.REJECTED]
    if asset.status == Asset.Status.APPROVED:
        verdict, reason = Verdict.APPROVED, "The merge was undone: approved as before."
    elif requested_changes:
        verdict, reason = Verdict.REJECTED, requested_changes[0]
    else:
        return
    Decision.objects.create(asset=asset, verdict=verdict, reason=reason, by=by)


def preview_merge(keep: Asset, others: Sequence[Asset]) -> MergePreview:
    """Return the changes that merging `others` into `keep` would make to `keep`."""
    names = [name for asset in [keep, *others] for name in asset.tag_names]
    fields: dict[str, Any] = {}
    for group in FILLED_FIELDS:
        if not _given(keep, group):
            fields |= next(filter(None, (_given(other, group) for other in others)), {})
    if filled := custom_fields.fill_values(keep, others):
        fields["custom"] = filled
    strictest = terms.strictest_terms([keep, *others])
    fields |= {name: value for name, value in strictest.items() if value != getattr(keep, name)}
    provenance: dict[str, Any] = {}
    if not any(getattr(keep, name) for name in PROVENANCE):
        generated = (other for other in others if any(getattr(other, name) for name in PROVENANCE))
        if other := next(generated, None):
            provenance = {name: getattr(other, name) for name in PROVENANCE}
    united = list({name.upper().lower(): name for name in reversed(names)}.values())[::-1]
    return MergePreview(clean_tags(united[:MAX_TAGS]), fields, provenance)


def _given(asset: Asset, names: Sequence[str]) -> dict[str, Any]:
    """Return the fields `names` of an asset that are not empty, with their values."""
    values = {name: getattr(asset, name) for name in names}
    return {name: value for name, value in values.items() if value not in ("", None)}


def references_to(assets: Sequence[Asset]) -> dict[int, list[str]]:
    """Return, by asset id, how many lists of each kind contain it, such as "2 collections"."""
    found: defaultdict[int, list[str]] = defaultdict(list)
    for model, field, list_of in asset_references():
        if list_of is None:
            continue
        rows = model._default_manager.filter(**{f"{field}__in": assets}).order_by()
        owner = next(f.name for f in model._meta.fields if f.related_model is list_of)
        counted = rows.values_list(field).annotate(Count(owner, distinct=True))
        for pk, count in counted:
            meta = list_of._meta
            found[pk].append(
                f"{count} {meta.verbose_name if count == 1 else meta.verbose_name_plural}"
            )
    return found


def asset_references() -> Iterator[AssetReference]:
    """Yield every field that refers to assets, found in the models.

    So the references of an app above are moved although this app does not know it.
    """
    relations = Asset._meta.related_objects
    many_to_many = [relation for relation in relations if isinstance(relation, ManyToManyRel)]
    for each in many_to_many:
        assert each.through is not None
        yield AssetReference(each.through, each.field.m2m_reverse_field_name(), each.related_model)
    through = {each.through for each in many_to_many}
    for relation in relations:
        if relation.many_to_many or relation.related_model in through:
            continue
        if relation.on_delete not in (CASCADE, DO_NOTHING):
            yield AssetReference(relation.related_model, relation.field.name, None)


def _move_references(reference: AssetReference, keep: Asset, others: Sequence[Asset]) -> None:
    """Point rows that refer to one of `others` to `keep`.

    If that violates a unique constraint, `keep` has such a row already: then the row of a list is
    deleted, and any other row stays as it is.
    """
    manager = reference.model._default_manager
    rows = manager.filter(**{f"{reference.field}__in": others})
    if _update(rows, reference.field, keep):
        return
    for row in list(rows):  # in the order of the list: the first row keeps its place
        updated = _update(manager.filter(pk=row.pk), reference.field, keep)
        if not updated and reference.list_of:
            row.delete()


def _update(rows: Any, field: str, keep: Asset) -> bool:
    """Set `field` of the rows to `keep`; return False if a constraint forbids it."""
    try:
        with transaction.atomic():
            rows.update(**{field: keep})
    except IntegrityError:
        return False
    return True


def _locked(assets: Sequence[Asset]) -> list[Asset]:
    pks = {asset.pk for asset in assets}
    locked = Asset.objects.select_for_update(of=("self",)).select_related("brand")
    return list(locked.filter(pk__in=pks).order_by("pk"))


def _check(keep: Asset, others: Sequence[Asset]) -> None:
    if not others:
        raise InvalidAsset("Choose at least one other asset to merge with this one.")
    if keep.status == Asset.Status.ARCHIVED:
        raise InvalidAsset(f"“{keep}” is archived. Keep another asset, or approve this one first.")
    if quarantined := [a for a in (keep, *others) if a.status == Asset.Status.QUARANTINED]:
        raise InvalidAsset(
            f"{terms.usage_problem(quarantined[0])} Quarantined assets cannot be merged."
        )
    if any(other.brand_id != keep.brand_id for other in others):
        raise InvalidAsset("Only assets of the same brand can be merged.")

"""Several assets that show the same picture become one; the others are archived, never deleted.

What refers to an asset follows to the one that is kept, whichever app it belongs to. `on_delete`
tells what that is: a row that would outlive its asset (SET_NULL, PROTECT) is a record about
something else, and follows; one that goes with it (CASCADE), or is left to its own app
(DO_NOTHING), is about that very file, and stays. Lists of assets (many to many) follow. What names
an asset in another way hears of it by the hook `assets_merged`.
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
from assetbank.errors import AssetGone, InvalidAsset
from assetbank.models import Asset, Decision
from assetbank.rights import terms
from assetbank.text import MAX_TAGS, clean_tags

Verdict = Decision.Verdict

logger = logging.getLogger(__name__)

PROVENANCE = ("generation_id", "engine_model", "prompt", "preset", "digital_source_type")
FILLED_FIELDS = ("description", "credit", "licence")  # where the kept one says nothing


@dataclass(frozen=True)
class MergePreview:
    """What the kept asset gets of the others."""

    tags: list[str]  # all that it has then; the first MAX_TAGS, its own before those of others
    fields: dict[str, Any]  # of FILLED, and the strictest terms: no right grows by merging
    provenance: dict[str, Any]


@dataclass(frozen=True)
class MergeResult:
    kept: Asset
    archived: dict[int, str]  # id -> its status before


class AssetReference(NamedTuple):
    """Rows of `model` whose `field` is an asset, and what they are called."""

    model: type[Model]
    field: str
    list_of: type[Model] | None  # of which it lists the assets, if it does


@transaction.atomic
def merge_assets(*, keep: Asset, others: Sequence[Asset], by: User) -> MergeResult:
    """Tags are united, collections and all else that refers to the others is about `keep` then, and
    the others are archived, which their decisions tell. Merging the same again changes nothing.

    A collection that has `keep` already leaves it where it is; another one gets it in the place of
    the first of the others. Managers only. Raises NotAllowed, InvalidAsset and AssetGone.
    """
    permissions.require_manager(by, keep.brand)
    locked = {asset.pk: asset for asset in _locked([keep, *others])}
    if len(locked) < len({keep.pk, *(other.pk for other in others)}):
        raise AssetGone("One of these pictures was deleted meanwhile. Reload and look again.")
    keep, others = (
        locked.pop(keep.pk),
        [locked[pk] for pk in dict.fromkeys(a.pk for a in others if a.pk in locked)],
    )
    _check(keep, others)
    gets = preview_merge(keep, others)
    for follower in asset_references():
        _follow(follower, keep, others)
    if gets.provenance:
        Asset.objects.filter(pk=keep.pk).update(**gets.provenance)
    archived = {a.pk: a.status for a in others if a.status != Asset.Status.ARCHIVED}
    kept = update.update_asset(asset=keep, tags=gets.tags, **gets.fields)
    into = f"Merged into “{kept}” (asset {kept.pk})."
    for other in others:
        update.propagate_terms(other, kept)  # what was made of it is made of `kept` now
        if other.pk in archived:
            approval.decide(asset=other, by=by, verdict=Verdict.ARCHIVED, reason=into)
    hooks.assets_merged(kept, others)
    logger.info("%s merged %s into asset %d", by, sorted(archived), keep.pk)
    return MergeResult(kept, archived)


@transaction.atomic
def undo_merge(archived: Mapping[int, str], *, by: User) -> list[Asset]:
    """Of `Merged.archived`, what is archived still has its status of before again; what moved stays
    where it is. Managers only. Raises NotAllowed."""
    locked = Asset.objects.select_for_update(of=("self",)).select_related("brand")
    back = list(locked.filter(pk__in=archived, status=Asset.Status.ARCHIVED).order_by("pk"))
    for asset in back:
        permissions.require_manager(by, asset.brand)
        status = archived[asset.pk]
        update.update_asset(asset=asset, status=status, deciding=True)
        _decided_again(asset, by)
    return back


def _decided_again(asset: Asset, by: User) -> None:
    """What stood before the merge: that it is approved, or was sent back."""
    before = asset.decisions.all()[1:2]  # after that of the merge
    sent_back = [each.reason for each in before if each.verdict == Verdict.REJECTED]
    if asset.status == Asset.Status.APPROVED:
        verdict, reason = Verdict.APPROVED, "The merge was undone: approved as before."
    elif sent_back:
        verdict, reason = Verdict.REJECTED, sent_back[0]
    else:
        return
    Decision.objects.create(asset=asset, verdict=verdict, reason=reason, by=by)


def preview_merge(keep: Asset, others: Sequence[Asset]) -> MergePreview:
    names = [name for asset in [keep, *others] for name in asset.tag_names]
    fields: dict[str, Any] = {}
    for name in FILLED_FIELDS:
        if not getattr(keep, name):
            found = next((value for other in others if (value := getattr(other, name))), "")
            fields |= {name: found} if found else {}
    strictest = terms.strictest_terms([keep, *others])
    fields |= {name: value for name, value in strictest.items() if value != getattr(keep, name)}
    provenance: dict[str, Any] = {}
    if not any(getattr(keep, name) for name in PROVENANCE):
        made = (other for other in others if any(getattr(other, name) for name in PROVENANCE))
        if other := next(made, None):
            provenance = {name: getattr(other, name) for name in PROVENANCE}
    united = list({name.upper().lower(): name for name in reversed(names)}.values())[::-1]
    return MergePreview(clean_tags(united[:MAX_TAGS]), fields, provenance)


def references_to(assets: Sequence[Asset]) -> dict[int, list[str]]:
    """By id: in how many lists of which kind each is, like "2 collections"."""
    found: defaultdict[int, list[str]] = defaultdict(list)
    for model, field, list_of in asset_references():
        if list_of is None:
            continue
        rows = model._default_manager.filter(**{f"{field}__in": assets}).order_by()
        lists = next(f.name for f in model._meta.fields if f.related_model is list_of)
        counted = rows.values_list(field).annotate(Count(lists, distinct=True))
        for pk, count in counted:
            meta = list_of._meta
            found[pk].append(
                f"{count} {meta.verbose_name if count == 1 else meta.verbose_name_plural}"
            )
    return found


def asset_references() -> Iterator[AssetReference]:
    """Found in the models, so that an app that refers to assets is merged without being known."""
    relations = Asset._meta.related_objects
    lists = [relation for relation in relations if isinstance(relation, ManyToManyRel)]
    for each in lists:
        assert each.through is not None
        yield AssetReference(each.through, each.field.m2m_reverse_field_name(), each.related_model)
    listing = {each.through for each in lists}
    for relation in relations:
        if relation.many_to_many or relation.related_model in listing:
            continue
        if relation.on_delete not in (CASCADE, DO_NOTHING):
            yield AssetReference(relation.related_model, relation.field.name, None)


def _follow(follower: AssetReference, keep: Asset, others: Sequence[Asset]) -> None:
    """Where a row about `keep` is there already, that of a copy leaves its list, or stays."""
    manager = follower.model._default_manager
    rows = manager.filter(**{f"{follower.field}__in": others})
    if _update(rows, follower.field, keep):
        return
    for row in list(rows):  # in the order of the list: the first gives its place
        if not _update(manager.filter(pk=row.pk), follower.field, keep) and follower.list_of:
            row.delete()


def _update(rows: Any, field: str, keep: Asset) -> bool:
    try:
        with transaction.atomic():
            rows.update(**{field: keep})
    except IntegrityError:
        return False
    return True


def _locked(assets: Sequence[Asset]) -> list[Asset]:
    pks = {asset.pk for asset in assets}
    return list(Asset.objects.select_for_update().filter(pk__in=pks).order_by("pk"))


def _check(keep: Asset, others: Sequence[Asset]) -> None:
    if not others:
        raise InvalidAsset("Choose at least one other picture to merge with this one.")
    if keep.status == Asset.Status.ARCHIVED:
        raise InvalidAsset(f"“{keep}” is archived. Keep one that is not, or approve it first.")
    if quarantined := [a for a in (keep, *others) if a.status == Asset.Status.QUARANTINED]:
        raise InvalidAsset(f"{terms.usage_problem(quarantined[0])} It is not merged.")
    if any(other.brand_id != keep.brand_id for other in others):
        raise InvalidAsset("Only pictures of one brand can be merged.")

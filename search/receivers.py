"""Signal receivers that keep the index up to date with assets and brands.

They exist because assetbank may not import search. They write rows of this app and defer a job, in
the transaction of the change.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from django.db.models import F, Q
from django.db.models.signals import post_delete, post_save
from django.utils import timezone

from assetbank import hooks, jobs
from assetbank.models import Asset, AssetVersion, Brand
from search.indexing import enrolment, entities, pipeline
from search.models import Comparison, DuplicatePair, Embedding


def connect() -> None:
    post_save.connect(post_save_request_index, Asset, dispatch_uid="search.post_save")
    post_delete.connect(post_delete_request_removal, Asset, dispatch_uid="search.post_delete")
    post_save.connect(post_save_apply_policy, Brand, dispatch_uid="search.post_save_brand")
    hooks.file_replaced.register(forget_earlier_file)
    hooks.trash_changed.register(request_index)


def post_save_request_index(
    instance: Asset,
    created: bool,
    raw: bool,
    update_fields: Collection[str] | None,
    **kwargs: Any,
) -> None:
    """Mark the asset's embeddings pending, or enrol a new asset in every space.

    If the size of a picture is corrected, it was decoded wrongly, and its vectors are computed
    again.
    """
    if raw:
        return
    if not created and update_fields is not None and "width" in update_fields:
        Embedding.objects.filter(asset_id=instance.pk).update(vector_bytes=None, checksum="")
    if created or not Embedding.objects.filter(asset_id=instance.pk).mark_pending():
        enrolment.enrol_assets([instance.pk])
    pipeline.enqueue_indexing()


def forget_earlier_file(asset: Asset, before: AssetVersion) -> None:
    """Delete what was computed from an asset's earlier file: its vectors and its duplicates. Both
    are made anew by the jobs that `post_save` of the asset has requested."""
    Embedding.objects.filter(asset_id=asset.pk).update(vector_bytes=None, checksum="")
    DuplicatePair.objects.filter(Q(first=asset) | Q(second=asset)).delete()
    Comparison.objects.filter(asset_id=asset.pk).delete()


def request_index(assets: Sequence[int]) -> None:
    """Have the assets, given by id, leave the index or return to it: they were moved to the trash
    or restored. Their stored vectors are kept."""
    pipeline.reindex(assets)
    pipeline.enqueue_indexing()


def post_delete_request_removal(instance: Asset, **kwargs: Any) -> None:
    """Mark the asset's embeddings for removal from Milvus.

    The version is raised, so that the result of a running worker does not restore them.
    """
    Embedding.objects.filter(asset_id=instance.pk).update(
        state=Embedding.State.REMOVING,
        version=F("version") + 1,
        reason="",
        attempts=0,
        claimed_until=None,
        updated_at=timezone.now(),
    )
    pipeline.enqueue_indexing()


def post_save_apply_policy(
    instance: Brand, created: bool, raw: bool, update_fields: Collection[str] | None, **kwargs: Any
) -> None:
    """Mark generated assets pending whose state contradicts the brand's policy.

    The previous policy is not known and not needed: after a change of another field, no asset
    contradicts the policy.
    """
    if raw or created or (update_fields is not None and "search_generated" not in update_fields):
        return
    generated = Q(asset__brand=instance, asset__origin=Asset.Origin.GENERATED)
    indexable = Q(
        asset__width__gte=entities.MIN_SIDE, asset__height__gte=entities.MIN_SIDE
    ) & _policy_filter(instance)
    misplaced = (Q(state=Embedding.State.SKIPPED) & indexable) | (
        ~Q(state=Embedding.State.SKIPPED) & ~indexable
    )
    # A worker may hold a pending row and have read the previous policy
    pending = Q(state=Embedding.State.PENDING)
    if Embedding.objects.filter(generated & (misplaced | pending)).mark_pending():
        pipeline.enqueue_indexing()


def _policy_filter(brand: Brand) -> Q:
    """Filter for generated assets that the brand's policy admits to the index."""
    if brand.search_generated == Brand.SearchGenerated.NONE:
        return Q(pk=None)
    if brand.search_generated == Brand.SearchGenerated.APPROVED:
        return Q(asset__status=Asset.Status.APPROVED)
    return Q()


def searched_fields_changed(brand: Brand) -> None:
    """Write the documents of the brand again, in the background."""
    jobs.defer("search.tasks.write_documents", lock=f"documents-{brand.pk}", brand_id=brand.pk)

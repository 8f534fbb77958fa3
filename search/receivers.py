"""Search hears about assets and brands. The receivers exist because assetbank may not import
search; they write rows of this app and defer a job, in the transaction of the change."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db.models import F, Q
from django.db.models.signals import post_delete, post_save
from django.utils import timezone

from assetbank.models import Asset, Brand
from search.indexing import enrolment, entities, pipeline
from search.models import Embedding


def connect() -> None:
    post_save.connect(post_save_request_index, Asset, dispatch_uid="search.post_save")
    post_delete.connect(post_delete_request_removal, Asset, dispatch_uid="search.post_delete")
    post_save.connect(post_save_apply_policy, Brand, dispatch_uid="search.post_save_brand")


def post_save_request_index(instance: Asset, created: bool, raw: bool, **kwargs: Any) -> None:
    if raw:
        return
    if created or not Embedding.objects.filter(asset_id=instance.pk).mark_pending():
        enrolment.enrol_assets([instance.pk])
    pipeline.enqueue_indexing()


def post_delete_request_removal(instance: Asset, **kwargs: Any) -> None:
    """With a new version: a running worker's result must not bring it back."""
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
    """Generated assets wait again if they are where the brand's policy does not want them. It is
    not known what the policy was before, and need not be: after a change of anything else, none
    are."""
    if raw or created or (update_fields is not None and "search_generated" not in update_fields):
        return
    generated = Q(asset__brand=instance, asset__origin=Asset.Origin.GENERATED)
    wanted = Q(asset__width__gte=entities.MIN_SIDE, asset__height__gte=entities.MIN_SIDE) & _wanted(
        instance
    )
    misplaced = (Q(state=Embedding.State.SKIPPED) & wanted) | (
        ~Q(state=Embedding.State.SKIPPED) & ~wanted
    )
    # A worker may hold a waiting one, and have read the policy of before
    waiting = Q(state=Embedding.State.PENDING)
    if Embedding.objects.filter(generated & (misplaced | waiting)).mark_pending():
        pipeline.enqueue_indexing()


def _wanted(brand: Brand) -> Q:
    if brand.search_generated == Brand.SearchGenerated.NONE:
        return Q(pk=None)
    if brand.search_generated == Brand.SearchGenerated.APPROVED:
        return Q(asset__status=Asset.Status.APPROVED)
    return Q()

"""Search hears about assets. The receivers exist because assetbank may not import search; they
write rows of this app and defer a job, in the transaction of the change."""

from __future__ import annotations

from typing import Any

from django.db.models.signals import post_delete, post_save

from assetbank.models import Asset
from search import indexing
from search.models import Embedding


def connect() -> None:
    post_save.connect(post_save_request_index, Asset, dispatch_uid="search.post_save")
    post_delete.connect(post_delete_request_removal, Asset, dispatch_uid="search.post_delete")


def post_save_request_index(instance: Asset, created: bool, raw: bool, **kwargs: Any) -> None:
    if raw:
        return
    if created or not Embedding.objects.filter(asset_id=instance.pk).mark_pending():
        # one statement, where get_or_create takes four
        Embedding.objects.bulk_create([Embedding(asset_id=instance.pk)], ignore_conflicts=True)
    indexing.request_work()


def post_delete_request_removal(instance: Asset, **kwargs: Any) -> None:
    row = Embedding.objects.filter(asset_id=instance.pk)
    row.mark_pending()  # a running worker's result must not bring it back
    row.update(state=Embedding.State.REMOVING)
    indexing.request_work()

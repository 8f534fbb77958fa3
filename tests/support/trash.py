"""Deletes assets for good in tests, as users and workers do over the trash."""

from __future__ import annotations

from procrastinate.contrib.django.models import ProcrastinateJob

from assetbank.assets import delete_files, trash
from assetbank.models import Asset


def delete_asset(*, asset: Asset) -> None:
    """Move an asset to the trash and delete it for good; the job that deletes its files waits."""
    trash.trash_assets(assets=[asset], by=None)
    trash.purge_assets(assets=[asset])


def files_to_delete() -> list[str]:
    """Return the paths that waiting jobs will delete."""
    jobs = ProcrastinateJob.objects.filter(task_name="assetbank.tasks.delete_files", status="todo")
    return [path for args in jobs.values_list("args", flat=True) for path in args["paths"]]


def delete_waiting_files() -> None:
    """Do what the waiting jobs would do."""
    delete_files(paths=files_to_delete())

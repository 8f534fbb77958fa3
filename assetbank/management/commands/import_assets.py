"""Import a folder of images into a brand."""

from __future__ import annotations

import os
import sys
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from assetbank import permissions
from assetbank.assets import approval, collections, ingest_asset
from assetbank.errors import CannotApprove, ProblemError
from assetbank.models import Asset, Brand, Collection, Decision

READERS = 2  # threads: decoding and rendering release Python's lock


@dataclass(frozen=True)
class Result:
    """Outcome of importing one file."""

    path: Path
    outcome: str  # new, already there, left out
    reason: str = ""  # why it was left out, or the existing asset


class Command(BaseCommand):
    help = "Import all images of a folder and its subfolders. Can be stopped and run again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument("--brand", required=True, help="Slug of the brand.")
        parser.add_argument("--tag", action="append", default=[], help="Can be repeated.")
        parser.add_argument(
            "--collection", default="", help="Name of the collection; created if it does not exist."
        )
        parser.add_argument(
            "--approved-by",
            default="",
            metavar="USERNAME",
            help="User name of a manager of the brand, who approves all new assets. Otherwise "
            "they are drafts, which viewers cannot see.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        folder: Path = options["folder"]
        if not folder.is_dir():
            raise CommandError(f"{folder} is not a folder.")
        importer = _Importer(
            options["brand"], options["tag"], options["collection"], options["approved_by"]
        )
        paths = list(_files(folder))
        counts: Counter[str] = Counter()
        try:
            with tqdm(total=len(paths), unit="file", file=sys.stdout, ncols=80) as bar:
                for result in importer.results(paths):
                    counts[result.outcome] += 1
                    bar.update()
                    if result.reason:
                        path = result.path.relative_to(folder)
                        bar.write(f"{result.outcome}: {path}: {result.reason}")
        except KeyboardInterrupt:
            self._summary(counts)
            raise CommandError("Stopped. Run the same command again to continue.") from None
        self._summary(counts)

    def _summary(self, counts: Counter[str]) -> None:
        self.stdout.write(
            f"{counts['new']} new, {counts['existing']} existing, {counts['skipped']} skipped."
        )


class _Importer:
    """Imports files into a brand, with a few threads that read ahead."""

    def __init__(self, brand: str, tags: list[str], collection: str, approver: str) -> None:
        try:
            self.brand = Brand.objects.get(slug=brand)
        except Brand.DoesNotExist:
            slugs = ", ".join(Brand.objects.values_list("slug", flat=True)) or "none yet"
            raise CommandError(f"There is no brand “{brand}”. Brands: {slugs}.") from None
        self.tags = tags
        self.collection: Collection | None = None
        if collection:
            self.collection = self._collection(collection)
        self.approver = self._manager(approver) if approver else None

    def _manager(self, username: str) -> User:
        user = User.objects.filter(username=username).first()
        if user is None or not permissions.can_manage(user, self.brand):
            raise CommandError(f"{username} is not a manager of {self.brand}.")
        return user

    def _collection(self, name: str) -> Collection:
        if existing := Collection.objects.filter(brand=self.brand, name=name).first():
            return existing
        try:
            return collections.create_collection(brand=self.brand, name=name, by=None)
        except ProblemError as error:
            raise CommandError(error.message) from error

    def results(self, paths: Iterable[Path]) -> Iterator[Result]:
        """Yield results in the order of `paths`; at most 2 * READERS files are read ahead."""
        ahead: deque[Future[Result]] = deque()
        pool = ThreadPoolExecutor(READERS)
        try:
            for path in paths:
                ahead.append(pool.submit(self._import, path))
                if len(ahead) > 2 * READERS:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)

    def _import(self, path: Path) -> Result:
        try:
            if path.stat().st_size > settings.MAX_UPLOAD_BYTES:
                return Result(path, "skipped", "larger than MAX_UPLOAD_BYTES")
            result = ingest_asset(
                brand=self.brand,
                file=path.read_bytes(),
                filename=os.fsencode(path.name).decode(errors="replace"),
                by=None,
                origin=Asset.Origin.IMPORT,
                tags=self.tags,
                collection=self.collection,
            )
            self._approve(result.asset)
        except CannotApprove as error:
            return Result(path, "new", f"not approved: {error.message}")
        except ProblemError as error:
            return Result(path, "skipped", error.message)
        except OSError as error:
            return Result(path, "skipped", error.strerror or str(error))
        if result.created:
            return Result(path, "new")
        return Result(path, "existing", _describe_existing(result.asset, path))

    def _approve(self, asset: Asset) -> None:
        """Approve an imported draft without decisions, also one of an interrupted import."""
        is_imported_draft = (
            asset.origin == Asset.Origin.IMPORT and asset.status == Asset.Status.DRAFT
        )
        if self.approver and is_imported_draft and not asset.decisions.exists():
            approved = Decision.Verdict.APPROVED
            approval.decide(asset=asset, by=self.approver, verdict=approved)


def _describe_existing(asset: Asset, path: Path) -> str:
    """Name the existing asset; empty if it has the file's name, so the command was run again."""
    not_in_search = asset.status in (Asset.Status.ARCHIVED, Asset.Status.QUARANTINED)
    if asset.filename == path.name and not not_in_search:
        return ""
    return f"“{asset}”, asset {asset.pk}{f', {asset.status}' if not_in_search else ''}"


def _files(folder: Path) -> Iterator[Path]:
    """Yield files sorted by path, without hidden ones; links to folders are not followed."""
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith("."):
                yield Path(root, name)

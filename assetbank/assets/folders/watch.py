"""Import what is put into watched folders, once it stops growing, and move it away."""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.conf import settings
from django.utils import timezone

from assetbank.assets import ingest
from assetbank.assets.folders import known, labels, put_away, sources
from assetbank.assets.folders.labels import Collections
from assetbank.assets.folders.read import read_file
from assetbank.assets.folders.walk import FoundFile, Walk
from assetbank.errors import FileMissing, FileNotRead, ProblemError
from assetbank.locks import session_lock
from assetbank.models import Asset, Brand, WatchedFolder

SETTLE_SECONDS = 10  # size and time of change of a file are unchanged for so long
JOB_SECONDS = 20  # after that, the rest is for another job

logger = logging.getLogger(__name__)


def scan_watched_folders() -> bool:
    """Import what is ready in the folders of WATCH_FOLDERS; return whether more is ready.

    Does nothing while another worker does it.
    """
    if not settings.WATCH_FOLDERS:
        return False
    end = time.monotonic() + JOB_SECONDS
    with session_lock("watch_folders", wait=False) as held:
        if not held:
            return False
        more = [
            _scan(path, end) for path in settings.WATCH_FOLDERS
        ]  # each, also after one has more
        return any(more)


def _scan(path: str, end: float) -> bool:
    """Import what is ready in one folder until `end`; save what waits, and what is wrong."""
    row, _ = WatchedFolder.objects.get_or_create(path=path)
    row.problem, more = "", False
    try:
        scan = _Scan(path, row.waiting, end)
        more = scan.run()
        row.waiting, row.problem = scan.waiting, " ".join(scan.problems)
    except ProblemError as error:
        row.problem = error.message
    row.scanned_at = timezone.now()
    row.save()
    if row.problem:
        logger.warning("%s: %s", path, row.problem)
    return more


@dataclass
class _Scan:
    """One look into a watched folder. `before` is what waited at the last one."""

    path: str
    before: dict[str, list[object]]
    end: float  # of time.monotonic()
    waiting: dict[str, list[object]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def run(self) -> bool:
        """Import what is ready; return whether there is more.

        Raises ProblemError if nothing can be imported.
        """
        if not os.path.isdir(self.path):
            raise FileNotRead("It is not a folder on the host of the worker. Create or mount it.")
        walk = Walk(self.path, skip=put_away.KEPT)
        self.root = walk.root
        self.brand = self._brand()
        put_away.check_writable(self.root)
        ready = self._settled(list(walk.files()))
        name = settings.WATCH_FOLDERS[self.path][1]
        self.collection = Collections(self.brand).get(name) if name and ready else None
        self.problems += [f"{place}: {reason}." for place, reason in walk.unreadable]
        for number, file in enumerate(ready):
            if time.monotonic() > self.end:
                self.waiting |= {each.place: self.before[each.place] for each in ready[number:]}
                return True
            try:
                self._take(file)
            except FileNotRead as error:  # to be tried again
                self.waiting[file.place] = self.before[file.place]
                self.problems.append(f"{file.place}: {error.message}")
        return False

    def _brand(self) -> Brand:
        slug, _ = settings.WATCH_FOLDERS[self.path]
        if brand := Brand.objects.filter(slug=slug).first():
            return brand
        raise FileNotRead(f"There is no brand “{slug}”: create it, or correct WATCH_FOLDERS.")

    def _settled(self, files: Sequence[FoundFile]) -> list[FoundFile]:
        """Return the files that are unchanged for SETTLE_SECONDS; note the others as waiting."""
        now, ready = time.time(), []
        for file in files:
            state = [file.size, file.mtime_ns, file.sidecar.state if file.sidecar else ""]
            *seen, since = self.before.get(file.place, [None, now])
            if seen != state:
                since = now
            self.before[file.place] = [*state, since]
            if file.size and now - float(str(since)) >= SETTLE_SECONDS:
                ready.append(file)
            else:
                self.waiting[file.place] = self.before[file.place]
        return ready

    def _take(self, file: FoundFile) -> None:
        """Import a file and move it away; one that is known is only moved.

        Killed between both, the next look finds it known. Raises FileNotRead if the file cannot be
        read or moved now, and FileMissing if the storage is unavailable.
        """
        at = sources.known_sources(brand=self.brand, root=self.root, files=[file])
        source = at.get(file.place)
        is_known = source and sources.is_unchanged(source, file)
        if not (source and is_known) or known.is_in_trash(source.asset):
            try:
                self._import(file)
            except (FileNotRead, FileMissing):
                raise
            except ProblemError as error:
                logger.info("%s/%s is refused: %s", self.root, file.place, error.message)
                put_away.move_away(self.root, file, into=put_away.REFUSED, reason=error.message)
                return
        put_away.move_away(self.root, file, into=put_away.DONE)

    def _import(self, file: FoundFile) -> None:
        data = read_file(self.root, file.path, limit=settings.MAX_UPLOAD_BYTES)
        given = labels.given_with(file, brand=self.brand, root=self.root, tags=(), fields={})
        result = ingest.ingest_asset(
            brand=self.brand,
            file=data,
            filename=file.name,
            by=None,
            origin=Asset.Origin.IMPORT,
            collection=self.collection,
            **given,
        )
        checksum = hashlib.sha256(data).hexdigest()
        sources.remember(root=self.root, file=file, checksum=checksum, asset=result.asset)

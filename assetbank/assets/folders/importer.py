"""Import the files of a folder into a brand: new ones, known ones, changed ones."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from django.conf import settings

from assetbank.assets import approval, ingest, versions
from assetbank.assets.folders import known, labels, sources
from assetbank.assets.folders.labels import Collections
from assetbank.assets.folders.options import ImportOptions, Outcome, Result
from assetbank.assets.folders.read import read_file
from assetbank.assets.folders.walk import FoundFile
from assetbank.assets.update import Added, complete_asset
from assetbank.errors import CannotApprove, ProblemError
from assetbank.media import decoder
from assetbank.models import Asset, AssetSource, Decision

READERS = 2  # threads: decoding and rendering release Python's lock
IN_TRASH = "in_trash"  # code of the error for bytes whose asset is there
BATCH = 200  # files whose sources are fetched at once
NOT_IN_SEARCH = (Asset.Status.ARCHIVED, Asset.Status.QUARANTINED)


class Importer:
    """Imports files with a few threads that read ahead; may be stopped and run again.

    `files` are all that the walk found in the folder.
    """

    def __init__(self, options: ImportOptions, files: Sequence[FoundFile]) -> None:
        self.options, self.files = options, files
        self.places = {file.place for file in files}
        self._collections = Collections(options.brand)

    def results(self) -> Iterator[Result]:
        """Yield a result for each file, batch by batch, the known ones of each first.

        At most 2 * READERS files are read ahead.
        """
        ahead: deque[Future[Result]] = deque()
        pool = ThreadPoolExecutor(READERS)
        try:
            for start in range(0, len(self.files), BATCH):
                done, left = self._look_up(self.files[start : start + BATCH])
                yield from done
                for file, source in left:
                    ahead.append(pool.submit(self._import, file, source))
                    if len(ahead) > 2 * READERS:
                        yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)

    def count_gone(self) -> int:
        """Return how many files of earlier imports are not at their places any more."""
        options = self.options
        return sources.count_gone(brand=options.brand, root=options.root, places=self.places)

    def _look_up(
        self, files: Sequence[FoundFile]
    ) -> tuple[list[Result], list[tuple[FoundFile, AssetSource | None]]]:
        """Return the results of known files, and the files that have to be imported or completed.

        A file counts as known, without being read, if its size and time of change are those of its
        last import.
        """
        options = self.options
        at = sources.known_sources(brand=options.brand, root=options.root, files=files)
        unchanged = [
            (file, source)
            for file in files
            if (source := at.get(file.place)) and sources.is_unchanged(source, file)
        ]
        present = known.outside_trash(unchanged)
        done = {file.place: Outcome.TRASHED for file, _ in unchanged}
        done |= {file.place: Outcome.EXISTING for file, _ in present}
        for place in known.incomplete_places(present, options):
            del done[place]
        if not options.dry_run:
            sources.mark_seen(source for _, source in unchanged)
        results = [Result(file, done[file.place]) for file in files if file.place in done]
        return results, [(file, at.get(file.place)) for file in files if file.place not in done]

    def _import(self, file: FoundFile, source: AssetSource | None) -> Result:
        try:
            if source and sources.is_unchanged(source, file):
                return self._complete(file, source.asset, source.checksum, source=source)
            return self._read(file, source)
        except ProblemError as error:
            outcome = Outcome.TRASHED if error.code == IN_TRASH else Outcome.SKIPPED
            return Result(file, outcome, error.message)

    def _read(self, file: FoundFile, source: AssetSource | None) -> Result:
        """Import a file that is not known, or has changed."""
        options = self.options
        data = read_file(options.root, file.path, limit=settings.MAX_UPLOAD_BYTES)
        checksum = hashlib.sha256(data).hexdigest()
        found = sources.find_by_bytes(brand=options.brand, checksum=checksum)
        asset = found[0] if found else source.asset if source else None
        if asset and known.is_in_trash(asset):
            return Result(file, Outcome.TRASHED, f"“{asset}”, asset {asset.pk}")
        if source and (found is None or _is_other_version(source, checksum, *found)):
            return self._changed(file, source.asset, data, checksum)
        if found and asset:
            moved = not options.dry_run and sources.forget_moved(
                root=options.root, asset=asset, checksum=checksum, places=self.places
            )
            reason = "" if moved or source else _describe_existing(asset, file)
            return self._complete(file, asset, checksum, reason)
        if options.dry_run:
            decoder.examine(ingest.read_upload(data))
            return Result(file, Outcome.NEW)
        return self._add(file, data, checksum)

    def _add(self, file: FoundFile, data: bytes, checksum: str) -> Result:
        options = self.options
        given = self._given(file)
        result = ingest.ingest_asset(
            brand=options.brand,
            file=data,
            filename=file.name,
            by=None,
            origin=Asset.Origin.IMPORT,
            collection=options.collection,
            **given,
        )
        self._add_to_folder(result.asset, file)
        sources.remember(root=options.root, file=file, checksum=checksum, asset=result.asset)
        outcome = Outcome.NEW if result.created else Outcome.EXISTING
        return Result(file, outcome, self._approve(result.asset))

    def _complete(
        self,
        file: FoundFile,
        asset: Asset,
        checksum: str,
        reason: str = "",
        source: AssetSource | None = None,
    ) -> Result:
        """Give an existing asset what comes with the file, and remember where the file is."""
        options = self.options
        if options.dry_run:
            return Result(file, Outcome.EXISTING, reason)
        given = self._given(file, source)
        added = complete_asset(
            asset=asset, collection=options.collection, overwrite=options.update, **given
        )
        in_folder = self._add_to_folder(asset, file)
        sources.remember(root=options.root, file=file, checksum=checksum, asset=asset)
        outcome = Outcome.COMPLETED if added or in_folder else Outcome.EXISTING
        return Result(file, outcome, self._approve(asset) or reason)

    def _changed(self, file: FoundFile, asset: Asset, data: bytes, checksum: str) -> Result:
        """Make a changed file a new version of its asset, or offer it."""
        options, name = self.options, f"“{asset}”, asset {asset.pk}"
        if options.dry_run or not options.replace:
            offer = f"run again with --replace to make it a new version of {name}"
            return Result(file, Outcome.CHANGED, offer)
        version = versions.replace_file(
            asset=asset,
            file=data,
            filename=file.name,
            by=options.approver,
            reason="The file changed in the imported folder.",
        )
        sources.remember(root=options.root, file=file, checksum=checksum, asset=asset)
        return Result(file, Outcome.REPLACED, f"version {version.number} of {name}")

    def _given(self, file: FoundFile, source: AssetSource | None = None) -> dict[str, Any]:
        """Return the tags and the fields that come with a file; those of its row count most.

        A sidecar that has not changed since the last import says nothing new.
        """
        options, fields = self.options, dict(self.options.rows.get(file.place, {}))
        tags = [*known.tags_for(file, options), *fields.pop("tags", [])]
        if source and not options.update and not known.has_changed_sidecar(file, source):
            return {**fields, "tags": tags}
        return labels.given_with(
            file, brand=options.brand, root=options.root, tags=tags, fields=fields
        )

    def _add_to_folder(self, asset: Asset, file: FoundFile) -> Added | None:
        """Add the asset to the collection of its folder, if folders become collections."""
        name = known.folder_collection_for(file, self.options)
        return complete_asset(asset=asset, collection=self._collections.get(name)) if name else None

    def _approve(self, asset: Asset) -> str:
        """Approve an imported draft without decisions, also one of an interrupted import.

        Returns the reason why that is impossible; empty: none.
        """
        approver = self.options.approver
        if approver and known.is_imported_draft(asset) and not asset.decisions.exists():
            try:
                approval.decide(asset=asset, by=approver, verdict=Decision.Verdict.APPROVED)
            except CannotApprove as error:
                return f"not approved: {error.message}"
        return ""


def _is_other_version(
    source: AssetSource, checksum: str, asset: Asset, version: int | None
) -> bool:
    """Return whether a changed file has become what an earlier version of its asset was."""
    return source.asset_id == asset.pk and version is not None and source.checksum != checksum


def _describe_existing(asset: Asset, file: FoundFile) -> str:
    """Name the existing asset; empty if it has the file's name: then there is nothing to say."""
    not_in_search = asset.status in NOT_IN_SEARCH
    if asset.filename == file.name and not not_in_search:
        return ""
    return f"“{asset}”, asset {asset.pk}{f', {asset.status}' if not_in_search else ''}"

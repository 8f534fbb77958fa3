"""Import a folder of images into a brand."""

from __future__ import annotations

import sys
from argparse import RawDescriptionHelpFormatter
from collections import Counter
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from assetbank import permissions
from assetbank.assets import collections
from assetbank.assets.folders import (
    FoldersAs,
    FoundFile,
    Importer,
    ImportOptions,
    Outcome,
    Result,
    Walk,
    match_rows,
    read_rows,
)
from assetbank.errors import ProblemError
from assetbank.models import Brand, Collection

DESCRIPTION = """\
Import all images of a folder and its subfolders into a brand. Ctrl-C stops; run the same command
again to continue: files that are known are not read again, and get the tags, the collection and the
metadata that they lack.

Only regular files are read. Hidden files, files of tools and systems (.DS_Store, Thumbs.db, @eaDir,
previews of Lightroom …), named pipes, and links that lead out of the folder are left out and
counted. A file that changed since its import is named, and with --replace becomes a new version of
its asset. The exit status is 0 if the import came to its end, even if files were skipped, and 1
otherwise."""


MAX_NAMED = 5  # rows that a line names


class Command(BaseCommand):
    help = DESCRIPTION

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        parser.formatter_class = RawDescriptionHelpFormatter
        return parser

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
        parser.add_argument(
            "--replace",
            action="store_true",
            help="Make a file that changed since its import a new version of its asset.",
        )
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="Read everything, say what would happen, and change nothing.",
        )

        _add_metadata_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        folder: Path = options["folder"]
        if not folder.is_dir():
            raise CommandError(f"{folder} is not a folder.")
        walk = Walk(str(folder))
        files = list(walk.files())
        importer = Importer(self._options(walk.root, files, options), files)
        counts: Counter[Outcome] = Counter()
        try:
            with tqdm(total=len(importer.files), unit="file", file=sys.stdout, ncols=80) as bar:
                for result in importer.results():
                    counts[result.outcome] += 1
                    bar.update()
                    if result.reason:
                        bar.write(_line(result))
        except KeyboardInterrupt:
            self._summary(counts)
            raise CommandError("Stopped. Run the same command again to continue.") from None
        self._report(walk, importer)
        if counts[Outcome.TRASHED]:
            self.stdout.write("Restore assets from the trash to have them again.")
        self._summary(counts)

    def _options(self, root: str, files: list[FoundFile], options: dict[str, Any]) -> ImportOptions:
        brand = _brand(options["brand"])
        approver, name = options["approved_by"], options["collection"]
        rows = self._rows(brand, root, files, options["csv"]) if options["csv"] else {}
        return ImportOptions(
            brand=brand,
            root=root,
            tags=options["tag"],
            collection=_collection(brand, name, create=not options["dry_run"]) if name else None,
            folders_as=FoldersAs(options["folders_as"]) if options["folders_as"] else None,
            rows=rows,
            approver=_manager(brand, approver) if approver else None,
            replace=options["replace"],
            update=options["update"],
            dry_run=options["dry_run"],
        )

    def _rows(
        self, brand: Brand, root: str, files: list[FoundFile], path: Path
    ) -> dict[str, dict[str, Any]]:
        """Return the rows of the CSV by place; name those without a file, count files without."""
        try:
            matches = match_rows(read_rows(path.read_bytes(), brand=brand), files, root=root)
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror}") from error
        except ProblemError as error:
            raise CommandError(f"{path.name}: {error.message}") from error
        for rows, problem in (
            (matches.without_file, "without a file"),
            (matches.ambiguous, "for several files of that name: write the path in the folder"),
        ):
            if rows:
                more = f" and {len(rows) - MAX_NAMED} more" if len(rows) > MAX_NAMED else ""
                named = ", ".join(map(str, rows[:MAX_NAMED]))
                self.stdout.write(f"{path.name}: {problem}: {named}{more}")
        if without_row := len(files) - len(matches.rows):
            self.stdout.write(f"{path.name}: files without a row: {without_row}")
        return matches.rows

    def _report(self, walk: Walk, importer: Importer) -> None:
        """Say what the walk left out, a line for each kind, and what is gone."""
        for place, reason in walk.unreadable:
            self.stdout.write(f"unreadable: {place}: {reason}")
        for kind, left_out in sorted(walk.left_out.items()):
            more = "such as " if left_out.count > 1 else ""
            self.stdout.write(f"left out: {kind}: {left_out.count}, {more}{left_out.example}")
        if not walk.unreadable and (gone := importer.count_gone()):
            self.stdout.write(f"gone: files of earlier imports: {gone}; their assets stay")
        if importer.options.dry_run:
            self.stdout.write("This was a dry run: nothing was changed.")

    def _summary(self, counts: Counter[Outcome]) -> None:
        existing = counts[Outcome.EXISTING] + counts[Outcome.COMPLETED]
        parts = [
            f"{counts[Outcome.NEW]} new, {existing} existing, {counts[Outcome.SKIPPED]} skipped"
        ]
        if counts[Outcome.COMPLETED]:
            parts.append(f"{counts[Outcome.COMPLETED]} of the existing completed")
        parts += [
            f"{counts[each]} {each}"
            for each in (Outcome.REPLACED, Outcome.CHANGED, Outcome.TRASHED)
            if counts[each]
        ]
        self.stdout.write(f"{', '.join(parts)}.")


def _add_metadata_arguments(parser: CommandParser) -> None:
    parser.add_argument(
        "--folders-as",
        choices=[str(each) for each in FoldersAs],
        help="Make a tag of the name of each folder above a file, or a collection of its "
        "folder, like “Spring / Lookbook”.",
    )
    parser.add_argument(
        "--csv",
        type=Path,
        metavar="FILE",
        help="Metadata of single files: a column “filename” (a name, or a path in the folder), "
        "and others named like fields of assets, “tags”, or custom fields of the brand.",
    )
    parser.add_argument(
        "--update",
        action="store_true",
        help="Let the values of sidecars and of the CSV replace those of existing assets; "
        "otherwise they fill what is empty.",
    )


def _line(result: Result) -> str:
    return f"{result.outcome}: {result.file.place}: {result.reason}"


def _brand(slug: str) -> Brand:
    try:
        return Brand.objects.get(slug=slug)
    except Brand.DoesNotExist:
        slugs = ", ".join(Brand.objects.values_list("slug", flat=True)) or "none yet"
        raise CommandError(f"There is no brand “{slug}”. Brands: {slugs}.") from None


def _manager(brand: Brand, username: str) -> User:
    user = User.objects.filter(username=username).first()
    if user is None or not permissions.can_manage(user, brand):
        raise CommandError(f"{username} is not a manager of {brand}.")
    return user


def _collection(brand: Brand, name: str, *, create: bool) -> Collection | None:
    existing = Collection.objects.filter(brand=brand, name=name).first()
    if existing or not create:
        return existing
    try:
        return collections.create_collection(brand=brand, name=name, by=None)
    except ProblemError as error:
        raise CommandError(error.message) from error

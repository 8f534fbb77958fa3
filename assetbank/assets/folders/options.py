"""What an import is told, and what it says of each file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from django.contrib.auth.models import User

from assetbank.assets.folders.walk import FoundFile
from assetbank.models import Brand, Collection


class FoldersAs(StrEnum):
    """Use of the names of the folders above a file."""

    TAGS = "tags"
    COLLECTIONS = "collections"


class Outcome(StrEnum):
    NEW = "new"
    EXISTING = "existing"
    COMPLETED = "completed"  # existing, and given tags, a collection or fields
    REPLACED = "replaced"  # a new version of its asset
    CHANGED = "changed"
    TRASHED = "in the trash"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Result:
    """Outcome of importing one file; `reason` is a sentence for the user, empty: nothing to say."""

    file: FoundFile
    outcome: Outcome
    reason: str = ""


@dataclass(frozen=True)
class ImportOptions:
    """Options of an import: what each asset gets, and how known and changed files are treated.

    `root` is the real path of the folder, `rows` has tags and fields of single files by place. With
    `replace` a changed file becomes a new version of its asset; with `update` the fields of
    sidecars and rows replace existing values; `dry_run` changes nothing.
    """

    brand: Brand
    root: str
    tags: Sequence[str] = ()
    collection: Collection | None = None
    folders_as: FoldersAs | None = None
    rows: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    approver: User | None = None
    replace: bool = False
    update: bool = False
    dry_run: bool = False

"""Find the files of a folder that an import reads, and count what it leaves out."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import PurePath

from assetbank.assets.folders import names

SPECIAL = "named pipes, sockets and devices"
OUTSIDE = "links that lead out of the folder"
BROKEN = "links that lead nowhere"
LINKED = "links to what is in the folder anyway"
HARD_LINKED = "further names of the same file (hard links)"
LONELY = "sidecars (XMP) without their picture"


@dataclass(frozen=True, slots=True)
class Sidecar:
    """An XMP file beside a picture; `path` is absolute, `state` changes with the file."""

    path: str
    state: str


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A regular file; `path` is absolute, and `place` its text, relative to the folder, NFC."""

    path: str
    place: str
    size: int
    mtime_ns: int
    sidecar: Sidecar | None = None

    @property
    def name(self) -> str:
        """The file name as text."""
        return names.as_text(os.path.basename(self.path))

    @property
    def folders(self) -> tuple[str, ...]:
        """The names of the folders above it, outermost first."""
        return PurePath(self.place).parts[:-1]


@dataclass
class LeftOut:
    """How many files or folders of a kind were left out; `example` is the place of the first."""

    example: str
    count: int = 0


@dataclass
class Walk:
    """A walk through a folder. The counts are complete when `files()` has ended.

    `skip` names subfolders of the folder itself that are not entered. Links inside the folder are
    followed if they lead to what the walk does not reach otherwise, and each target once; so loops
    end.
    """

    root: str
    skip: Collection[str] = ()
    left_out: dict[str, LeftOut] = field(default_factory=dict)
    unreadable: list[tuple[str, str]] = field(default_factory=list)  # place, reason

    def __post_init__(self) -> None:
        self.root = os.path.realpath(self.root)
        self._folders: set[str] = set()
        self._inodes: set[tuple[int, int]] = set()
        self._links: list[tuple[str, str]] = []
        self._followed: set[str] = set()

    def files(self) -> Iterator[FoundFile]:
        """Yield the files, folder by folder, each sorted by name; links come last."""
        yield from self._tree(self.root, "")
        while self._links:
            yield from self._follow(*self._links.pop(0))

    def _tree(self, top: str, place: str) -> Iterator[FoundFile]:
        waiting = [(top, place)]
        while waiting:
            folder, place = waiting.pop()
            if folder in self._folders:
                continue
            self._folders.add(folder)
            try:
                with os.scandir(folder) as entries:
                    listed = sorted(entries, key=lambda entry: entry.name)
            except OSError as error:
                self.unreadable.append((place or ".", error.strerror or str(error)))
                continue
            subfolders, files = self._sort(folder, place, listed)
            yield from self._files_of(files)
            waiting += reversed(subfolders)

    def _sort(
        self, folder: str, place: str, entries: list[os.DirEntry[str]]
    ) -> tuple[list[tuple[str, str]], list[tuple[os.DirEntry[str], str]]]:
        """Return the subfolders and the regular files, each with its place; count the others."""
        subfolders, files = [], []
        spellings = names.spellings(entry.name for entry in entries)
        for entry in entries:
            inside = f"{place}/{spellings[entry.name]}" if place else spellings[entry.name]
            if folder == self.root and entry.name in self.skip:
                continue
            kind = names.kind_left_out(entry.name, folder=os.path.basename(folder))
            if kind:
                self._count(kind, inside)
            elif entry.is_symlink():
                self._links.append((entry.path, inside))
            elif entry.is_dir(follow_symlinks=False):
                subfolders.append((entry.path, inside))
            elif entry.is_file(follow_symlinks=False):
                files.append((entry, inside))
            else:
                self._count(SPECIAL, inside)
        return subfolders, files

    def _files_of(self, files: list[tuple[os.DirEntry[str], str]]) -> Iterator[FoundFile]:
        """Yield the files of one folder, pictures with their sidecars."""
        sidecars = {
            names.as_text(entry.name).casefold(): (entry, place)
            for entry, place in files
            if entry.name.lower().endswith(".xmp")
        }
        used: set[str] = set()
        for entry, place in files:
            if entry.name.lower().endswith(".xmp"):
                continue
            name = names.as_text(entry.name).casefold()
            candidates = (f"{name}.xmp", f"{os.path.splitext(name)[0]}.xmp")
            beside = next((each for each in candidates if each in sidecars), "")
            used.add(beside)
            sidecar = _sidecar(sidecars[beside][0]) if beside else None
            if found := self._found(entry.path, place, sidecar):
                yield found
        for name, (_, place) in sidecars.items():
            if name not in used:
                self._count(LONELY, place)

    def _found(self, path: str, place: str, sidecar: Sidecar | None = None) -> FoundFile | None:
        """Return the file; None if it is counted as the same as another, or cannot be read."""
        try:
            state = os.lstat(path)
        except OSError as error:
            self.unreadable.append((place, error.strerror or str(error)))
            return None
        inode = (state.st_dev, state.st_ino)
        if state.st_nlink > 1:  # otherwise the number says nothing: some file systems have none
            if inode in self._inodes:
                self._count(HARD_LINKED, place)
                return None
            self._inodes.add(inode)
        return FoundFile(path, place, state.st_size, state.st_mtime_ns, sidecar)

    def _follow(self, link: str, place: str) -> Iterator[FoundFile]:
        target = os.path.realpath(link)
        if not os.path.exists(target):  # also of a link to itself
            self._count(BROKEN, place)
        elif os.path.commonpath([target, self.root]) != self.root:
            self._count(OUTSIDE, place)
        elif self._is_reached(target) or target in self._followed:
            self._count(LINKED, place)
        elif os.path.isdir(target):
            yield from self._tree(target, place)
        elif os.path.isfile(target):
            self._followed.add(target)
            if found := self._found(target, place):
                yield found
        else:
            self._count(SPECIAL, place)

    def _is_reached(self, target: str) -> bool:
        """Return whether the walk has come to this file or folder."""
        folder, name = os.path.split(target)
        left_out = names.kind_left_out(name, folder=os.path.basename(folder))
        return target in self._folders or (
            folder in self._folders and not left_out and not os.path.isdir(target)
        )

    def _count(self, kind: str, place: str) -> None:
        self.left_out.setdefault(kind, LeftOut(place)).count += 1


def _sidecar(entry: os.DirEntry[str]) -> Sidecar | None:
    """Return the sidecar; None if it is gone."""
    try:
        state = entry.stat(follow_symlinks=False)
    except OSError:
        return None
    return Sidecar(entry.path, f"{state.st_size} {state.st_mtime_ns}")

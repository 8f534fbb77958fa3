"""Move imported files of a watched folder away, with their sidecars, and never over another."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

from assetbank.assets.folders.walk import FoundFile
from assetbank.errors import FileNotRead

DONE, REFUSED = "done", "refused"
KEPT = (DONE, REFUSED)  # subfolders of a watched folder that are not walked


def check_writable(root: str) -> None:
    """Create the subfolders of a watched folder. Raises FileNotRead with a sentence."""
    for folder in (root, *(os.path.join(root, name) for name in KEPT)):
        try:
            os.makedirs(folder, exist_ok=True)
        except OSError as error:
            raise FileNotRead(f"{folder} cannot be created: {error.strerror}.") from error
        if not os.access(folder, os.W_OK | os.X_OK) or os.path.realpath(folder) != folder:
            raise FileNotRead(f"{folder} cannot be written: nothing is imported.")


def move_away(root: str, file: FoundFile, *, into: str, reason: str = "") -> None:
    """Move a file and its sidecar to the same subfolder of `into`, with a number if the name is
    taken; with `reason`, write it beside them as a text first.

    Raises FileNotRead if that is impossible.
    """
    try:
        folder = _target_folder(root, file, into)
        for target in _free_targets(folder, file):
            if reason and not _write_reason(target, reason):
                continue  # the name of the text is taken
            if file.sidecar and os.path.lexists(file.sidecar.path):
                os.rename(file.sidecar.path, _beside(target, file))
            os.rename(file.path, target)
            return
    except OSError as error:
        raise FileNotRead(f"{file.place} cannot be moved to {into}: {error.strerror}.") from error


def _target_folder(root: str, file: FoundFile, into: str) -> Path:
    """Return the folder, created; never one that a link leads out of the watched folder."""
    folder = Path(root, into, os.path.relpath(os.path.dirname(file.path), root))
    folder.mkdir(parents=True, exist_ok=True)
    top = os.path.join(root, into)
    if os.path.commonpath([os.path.realpath(folder), top]) != top:
        raise FileNotRead(f"{folder} leads out of {top} by a link.")
    return folder


def _free_targets(folder: Path, file: FoundFile) -> Iterator[Path]:
    """Yield paths in the folder that neither the file nor its sidecar would overwrite."""
    stem, extension = os.path.splitext(os.path.basename(file.path))
    for number in itertools.count(1):
        target = folder / (f"{stem}{extension}" if number == 1 else f"{stem} ({number}){extension}")
        beside = _beside(target, file)
        if not os.path.lexists(target) and not (beside and os.path.lexists(beside)):
            yield target


def _beside(target: Path, file: FoundFile) -> Path:
    """Return the path of the sidecar beside the moved file; of the file itself if it has none."""
    if file.sidecar is None:
        return target
    stem, extension = os.path.splitext(os.path.basename(file.sidecar.path))
    whole_name = stem.lower() == os.path.basename(file.path).lower()
    return target.with_name(f"{target.name if whole_name else target.stem}{extension}")


def _write_reason(target: Path, reason: str) -> bool:
    """Write the reason beside the file; return False if another text is there.

    An equal one may be of a run that was killed before it moved the file.
    """
    path, text = target.with_name(f"{target.name}.txt"), f"{reason}\n".encode()
    try:
        with path.open("xb") as file:
            file.write(text)
    except FileExistsError:
        return path.is_file() and not path.is_symlink() and path.read_bytes() == text
    return True

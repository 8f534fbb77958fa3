"""Names in a folder: what tools, systems and cameras leave there, and one spelling of each name."""

from __future__ import annotations

import fnmatch
import os
import re
import unicodedata
from collections.abc import Iterable

# What an import leaves out -> patterns of names, in lower case; the first match counts
LEFT_OUT: dict[str, tuple[str, ...]] = {
    "files and folders of macOS": (
        *(".ds_store", "._*", ".spotlight-v100", ".trashes", ".fseventsd", ".temporaryitems"),
        *(".documentrevisions-v100", ".apdisk", "__macosx", "icon\r"),
    ),
    "files and folders of Windows": (
        *("thumbs.db", "thumbs.db:*", "ehthumbs*.db", "desktop.ini", "$recycle.bin"),
        *("system volume information", "found.[0-9][0-9][0-9]"),
    ),
    "folders of a NAS or file server": (
        *("@eadir", "#recycle", "#snapshot", "@recycle", "@recently-snapshot", "@sharebin"),
        *("@tmp", "@syno*", "lost+found", "~snapshot"),
    ),
    "catalogues and previews of Lightroom": (
        *("*.lrdata", "*.lrcat", "*.lrcat-*", "*.lrcat.lock"),
    ),
    "thumbnails and settings of Picasa and Capture One": (
        *("picasa.ini", ".picasaoriginals", "*.cot", "*.cop", "*.cos", "*.cof"),
    ),
    "temporary files and unfinished downloads": (
        *("~$*", "*.tmp", "*.part", "*.partial", "*.crdownload", "*.download", "*.filepart"),
    ),
    "hidden files and folders": (".*",),
    "edits of other programs (AAE, PP3, DOP, THM)": ("*.aae", "*.pp3", "*.dop", "*.thm"),
    "tables (CSV)": ("*.csv",),
}
_PATTERNS = {
    kind: re.compile("|".join(map(fnmatch.translate, patterns)), re.DOTALL)
    for kind, patterns in LEFT_OUT.items()
}
# Capture One keeps these two beside the pictures, in a folder with its name
_CAPTURE_ONE = re.compile(r"cache|settings\d*", re.IGNORECASE)


def kind_left_out(name: str, *, folder: str = "") -> str:
    """Return the key of LEFT_OUT for a name in the folder named `folder`; empty: none."""
    lower = name.lower()
    if folder.lower() == "captureone" and _CAPTURE_ONE.fullmatch(name):
        return "thumbnails and settings of Picasa and Capture One"
    return next((kind for kind, pattern in _PATTERNS.items() if pattern.match(lower)), "")


def as_text(name: str) -> str:
    """Return a file name as NFC; bytes that are not UTF-8 become the replacement character."""
    return unicodedata.normalize("NFC", os.fsencode(name).decode(errors="replace"))


def spellings(names: Iterable[str]) -> dict[str, str]:
    """Return for each name of a folder the text that stands for it, different for each.

    It is NFC, so that the files of a Mac and of a NAS have the same; bytes that are not UTF-8 are
    escaped. A folder can hold two names that differ in their normalisation only: the second gets
    a number.
    """
    found: dict[str, str] = {}
    for name in names:
        text = unicodedata.normalize("NFC", os.fsencode(name).decode(errors="backslashreplace"))
        spelling, number = text, 1
        while spelling in found:
            number += 1
            spelling = f"{text}\t{number}"
        found[spelling] = name
    return {name: spelling for spelling, name in found.items()}

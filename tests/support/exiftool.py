"""ExifTool, an outside reader and writer of metadata (Debian: libimage-exiftool-perl)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

EXTENSIONS = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp", "TIFF": "tif", "HEIF": "heic"}
# The tags in which ExifTool shows each field, by the group of its blocks
XMP = {
    "title": "XMP-dc:Title",
    "caption": "XMP-dc:Description",
    "keywords": "XMP-dc:Subject",
    "creator": "XMP-dc:Creator",
    "credit": "XMP-photoshop:Credit",
    "copyright": "XMP-dc:Rights",
    "usage_terms": "XMP-xmpRights:UsageTerms",
    "licensor_url": "XMP-plus:LicensorURL",
    "headline": "XMP-photoshop:Headline",
    "city": "XMP-photoshop:City",
    "country": "XMP-photoshop:Country",
    "captured_at": "XMP-photoshop:DateCreated",
    "alt_text": "XMP-iptcCore:AltTextAccessibility",
    "extended_description": "XMP-iptcCore:ExtDescrAccessibility",
    "rating": "XMP-xmp:Rating",
}
IIM = {
    "title": "IPTC:ObjectName",
    "caption": "IPTC:Caption-Abstract",
    "keywords": "IPTC:Keywords",
    "creator": "IPTC:By-line",
    "credit": "IPTC:Credit",
    "copyright": "IPTC:CopyrightNotice",
    "headline": "IPTC:Headline",
    "city": "IPTC:City",
    "country": "IPTC:Country-PrimaryLocationName",
}
EXIF = {
    "caption": "IFD0:ImageDescription",
    "creator": "IFD0:Artist",
    "copyright": "IFD0:Copyright",
    "captured_at": "ExifIFD:DateTimeOriginal",
}


def require() -> None:
    """Skip the test where ExifTool is missing; fail it if REQUIRE_EXIFTOOL is set."""
    if shutil.which("exiftool"):
        return
    if os.environ.get("REQUIRE_EXIFTOOL"):
        pytest.fail("ExifTool is required here and not installed.")
    pytest.skip("no ExifTool on this machine (Debian: libimage-exiftool-perl)")


def read(folder: Path, *files: bytes) -> list[dict[str, Any]]:
    """Return the tags of each file as ExifTool reads them, such as "XMP-dc:Title"."""
    paths = [folder / f"read-{number}" for number, _ in enumerate(files)]
    for path, data in zip(paths, files, strict=True):
        path.write_bytes(data)
    command = ["exiftool", "-json", "-G1", "-a", "-coordFormat", "%.7f", *map(str, paths)]
    answer = subprocess.run(command, capture_output=True, check=True)
    return list(json.loads(answer.stdout))


def write(folder: Path, data: bytes, name: str, *options: str) -> bytes:
    """Return the file with the tags that ExifTool's options, such as "-XMP-dc:Title=x", set."""
    path = folder / name
    path.write_bytes(data)
    command = ["exiftool", "-q", "-overwrite_original", "-m", *options, str(path)]
    subprocess.run(command, capture_output=True, check=True)
    return path.read_bytes()

"""Pictures with metadata that ExifTool wrote: varied, in several languages, the same each time."""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

CITIES = (("Köln", "Deutschland"), ("Łódź", "Polska"), ("São Paulo", "Brasil"), ("東京", "日本"))
PEOPLE = ("Ana Beispiel", "Jürgen Groß", "Zoë d'Arc", "Иван Петров", "山田 太郎")
THINGS = (
    "Messestand",
    "red handbag",
    "Sac à main",
    "Фото",
    "手提包",
    "Frühjahr & Sommer",
    "a <b> c",
)
TERMS = ("Royalty free", "Nur redaktionell", "Editorial use only", "Pour la presse", "Frei nutzbar")


def tags_of(number: int) -> dict[str, Any]:
    """Return ExifTool's tags of picture `number`: in XMP, IIM and EXIF, or in one of them."""
    chance = random.Random(number)
    city, country = chance.choice(CITIES)
    person, thing = chance.choice(PEOPLE), chance.choice(THINGS)
    words = [f"{chance.choice(THINGS)} {index}" for index in range(chance.randrange(1, 8))]
    date = f"20{chance.randrange(10, 26)}:{chance.randrange(1, 13):02}:{chance.randrange(1, 29):02}"
    time = f"{chance.randrange(24):02}:{chance.randrange(60):02}:{chance.randrange(60):02}"
    zone = chance.choice(("+01:00", "-03:30", "+05:45", "-08:00"))
    caption = f"{thing} in {city}.\nLine two, number {number}."
    xmp = {
        "XMP-dc:Title": f"{thing} {number}",
        "XMP-dc:Description": caption,
        "XMP-dc:Subject": words,
        "XMP-dc:Creator": [person],
        "XMP-dc:Rights": f"© {date[:4]} {person}",
        "XMP-photoshop:Credit": f"{person} / Agency",
        "XMP-photoshop:Headline": f"Headline {number}",
        "XMP-photoshop:City": city,
        "XMP-photoshop:Country": country,
        "XMP-photoshop:DateCreated": f"{date} {time}{zone}",
        "XMP-xmpRights:UsageTerms": chance.choice(TERMS),
        "XMP-plus:LicensorURL": f"https://licence.example/{number}",
        "XMP-iptcCore:AltTextAccessibility": f"Shows {thing}, number {number}",
        "XMP-iptcCore:ExtDescrAccessibility": f"More about {thing}.\nAnd more.",
        "XMP-xmp:Rating": chance.randrange(1, 6),
        "XMP-xmpMM:DocumentID": f"xmp.did:{number}",
    }
    iim = {
        "IPTC:CodedCharacterSet": "UTF8",
        "IPTC:ObjectName": f"Title {number} ü",
        "IPTC:Caption-Abstract": caption,
        "IPTC:Keywords": words,
        "IPTC:By-line": person,
        "IPTC:CopyrightNotice": f"(c) {person}",
        "IPTC:City": city,
        "IPTC:DateCreated": date,
        "IPTC:TimeCreated": f"{time}{zone}",
        "IPTC:SpecialInstructions": "Handle with care",
    }
    exif = {
        "IFD0:Artist": person,
        "IFD0:Copyright": f"© {person}",
        "IFD0:ImageDescription": caption,
        "IFD0:Make": "Leica",
        "ExifIFD:DateTimeOriginal": f"{date} {time}",
        "ExifIFD:OffsetTimeOriginal": zone,
        "ExifIFD:SubSecTimeOriginal": str(chance.randrange(1, 1000)).zfill(3),
        "ExifIFD:ISO": 200,
        "GPS:GPSLatitude": chance.uniform(1, 80),
        "GPS:GPSLatitudeRef": chance.choice("NS"),
        "GPS:GPSLongitude": chance.uniform(1, 179),
        "GPS:GPSLongitudeRef": chance.choice("EW"),
    }
    return [xmp, iim, exif, {**xmp, **exif}, {**xmp, **iim, **exif}, {**iim, **exif}][number % 6]


def write(paths: Sequence[Path]) -> None:
    """Write the metadata of `tags_of` into files, which lie in one folder."""
    folder = paths[0].parent
    rows = [{"SourceFile": path.name, **tags_of(number)} for number, path in enumerate(paths)]
    table = folder / "metadata.json"
    table.write_text(json.dumps(rows))
    command = ["exiftool", "-q", "-m", "-overwrite_original", f"-json={table.name}"]
    command += ["-charset", "iptc=UTF8", *(path.name for path in paths)]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    table.unlink()

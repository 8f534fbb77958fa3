"""The table of fields: which XMP properties, IIM datasets and EXIF tags feed which field.

Made from the IPTC Photo Metadata standard 2025.1 and its mapping guidelines, and those of the
Metadata Working Group. Reading and writing both follow it. Where several tags hold a value, XMP
takes precedence over IIM, IIM over EXIF, EXIF over the texts of a PNG; but IIM over XMP, if the
digest of the image resources states that IIM was changed after XMP was written.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

NAMESPACES = {
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "Iptc4xmpCore": "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "aux": "http://ns.adobe.com/exif/1.0/aux/",
    "cc": "http://creativecommons.org/ns#",
    "crs": "http://ns.adobe.com/camera-raw-settings/1.0/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "dcterms": "http://purl.org/dc/terms/",
    "exif": "http://ns.adobe.com/exif/1.0/",
    "exifEX": "http://cipa.jp/exif/1.0/",
    "lr": "http://ns.adobe.com/lightroom/1.0/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "plus": "http://ns.useplus.org/ldf/xmp/1.0/",
    "tiff": "http://ns.adobe.com/tiff/1.0/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "xmpMM": "http://ns.adobe.com/xap/1.0/mm/",
    "xmpNote": "http://ns.adobe.com/xmp/note/",
    "xmpRights": "http://ns.adobe.com/xap/1.0/rights/",
}


class Kind(Enum):
    """The form of a value in XMP."""

    TEXT = "text"
    LANG_ALT = "alternatives in several languages"
    SEQ = "ordered list, one text in a field"
    BAG = "unordered list"
    DATE = "date"
    RATING = "number"
    LATITUDE = "latitude"
    LONGITUDE = "longitude"


class Dataset(NamedTuple):
    """A dataset of IIM's application record, and its maximum length in bytes."""

    number: int
    maximum: int


@dataclass(frozen=True)
class Field:
    """A field of FileMetadata and the tags that feed it, those of higher precedence first.

    The first XMP property, the dataset and the first EXIF tag are those that are written. `lines`:
    line breaks are kept. A path such as "plus:Licensor/plus:LicensorURL" names a field of a
    structure.
    """

    name: str
    kind: Kind
    xmp: tuple[str, ...]
    iim: Dataset | None = None
    exif: tuple[int, ...] = ()
    png: tuple[str, ...] = ()
    lines: bool = False


IMAGE_DESCRIPTION, ARTIST, COPYRIGHT, RATING = 0x010E, 0x013B, 0x8298, 0x4746
XP_TITLE, XP_COMMENT, XP_AUTHOR, XP_KEYWORDS = 0x9C9B, 0x9C9C, 0x9C9D, 0x9C9E
DATE_TIME_ORIGINAL, OFFSET_TIME_ORIGINAL, SUBSEC_TIME_ORIGINAL = 0x9003, 0x9011, 0x9291
USER_COMMENT = 0x9286
OF_EXIF_IFD = {
    DATE_TIME_ORIGINAL,
    OFFSET_TIME_ORIGINAL,
    SUBSEC_TIME_ORIGINAL,
    USER_COMMENT,
}  # tags of the Exif directory; the others are in the first directory
TIME_CREATED = Dataset(60, 11)  # beside DateCreated, 55
INSTRUCTIONS = Dataset(40, 256)

FIELDS = (
    Field("title", Kind.LANG_ALT, ("dc:title",), Dataset(5, 64), (XP_TITLE,), ("Title",)),
    Field("headline", Kind.TEXT, ("photoshop:Headline",), Dataset(105, 256)),
    Field(
        "caption",
        Kind.LANG_ALT,
        ("dc:description",),
        Dataset(120, 2000),
        (IMAGE_DESCRIPTION, USER_COMMENT, XP_COMMENT),
        ("Description",),
        lines=True,
    ),
    Field(
        "keywords",
        Kind.BAG,
        ("dc:subject", "lr:hierarchicalSubject"),
        Dataset(25, 64),
        (XP_KEYWORDS,),
    ),
    Field("creator", Kind.SEQ, ("dc:creator",), Dataset(80, 32), (ARTIST, XP_AUTHOR), ("Author",)),
    Field("credit", Kind.TEXT, ("photoshop:Credit",), Dataset(110, 32)),
    Field(
        "copyright", Kind.LANG_ALT, ("dc:rights",), Dataset(116, 128), (COPYRIGHT,), ("Copyright",)
    ),
    Field("usage_terms", Kind.LANG_ALT, ("xmpRights:UsageTerms",), lines=True),
    Field("licence", Kind.TEXT, ("dcterms:license",)),
    Field(
        "licensor_url",
        Kind.TEXT,
        ("plus:Licensor/plus:LicensorURL", "xmpRights:WebStatement"),
    ),
    Field(
        "city",
        Kind.TEXT,
        (
            "photoshop:City",
            "Iptc4xmpExt:LocationCreated/Iptc4xmpExt:City",
            "Iptc4xmpExt:LocationShown/Iptc4xmpExt:City",
        ),
        Dataset(90, 32),
    ),
    Field(
        "country",
        Kind.TEXT,
        (
            "photoshop:Country",
            "Iptc4xmpExt:LocationCreated/Iptc4xmpExt:CountryName",
            "Iptc4xmpExt:LocationShown/Iptc4xmpExt:CountryName",
        ),
        Dataset(101, 64),
    ),
    Field(
        "captured_at",
        Kind.DATE,
        ("photoshop:DateCreated", "exif:DateTimeOriginal"),
        Dataset(55, 8),
        (DATE_TIME_ORIGINAL,),
    ),
    Field("alt_text", Kind.LANG_ALT, ("Iptc4xmpCore:AltTextAccessibility",), lines=True),
    Field(
        "extended_description", Kind.LANG_ALT, ("Iptc4xmpCore:ExtDescrAccessibility",), lines=True
    ),
    Field("rating", Kind.RATING, ("xmp:Rating",), exif=(RATING,)),
    Field(
        "latitude",
        Kind.LATITUDE,
        ("exif:GPSLatitude", "Iptc4xmpExt:LocationCreated/exif:GPSLatitude"),
    ),
    Field(
        "longitude",
        Kind.LONGITUDE,
        ("exif:GPSLongitude", "Iptc4xmpExt:LocationCreated/exif:GPSLongitude"),
    ),
)  # latitude and longitude in EXIF are in a directory of their own: exif.py

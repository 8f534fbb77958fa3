"""The metadata of a file, in one form whatever tags it came from."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class FileMetadata:
    """Metadata that a file carries; empty text, None or an empty tuple: it does not say.

    `captured_at` is aware, in UTC if the file gives no offset (`captured_offset`, in minutes, is
    then None). `rating` is -1 to 5. `latitude` and `longitude` are degrees, north and east
    positive. `restrictions` holds a sentence for each statement that forbids something.
    `properties` holds every XMP property as "prefix:Name" -> values; those of structures as
    "prefix:Name/prefix:Name".
    """

    title: str = ""
    caption: str = ""
    keywords: tuple[str, ...] = ()
    creator: str = ""
    credit: str = ""
    copyright: str = ""
    usage_terms: str = ""
    licence: str = ""
    licensor_url: str = ""
    headline: str = ""
    city: str = ""
    country: str = ""
    captured_at: datetime.datetime | None = None
    captured_offset: int | None = None
    alt_text: str = ""
    extended_description: str = ""
    rating: int | None = None
    latitude: float | None = None
    longitude: float | None = None
    restrictions: tuple[str, ...] = ()
    properties: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

"""Values of metadata: clean text, dates of three standards, coordinates."""

from __future__ import annotations

import datetime
import math
import re
import unicodedata
from typing import NamedTuple

MAX_TEXT = 20_000  # characters of one value
# Bidirectional overrides and isolates, byte order marks: invisible, and able to disguise text
INVISIBLE = {*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0xFEFF}
DATE = re.compile(
    r"(\d{4})(?:[-:/.](\d\d)(?:[-:/.](\d\d)"
    r"(?:[T ]+(\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?)?)?)?"
    r"\s*(Z|[+-]\d\d:?\d\d)?"
)
XMP_COORDINATE = re.compile(
    r"(\d{1,3})[,:](\d{1,2}(?:\.\d{1,12})?)(?:,(\d{1,2}(?:\.\d{1,9})?))?([NSEW])"
)
PLAIN_COORDINATE = re.compile(r"[+-]?\d{1,3}(?:\.\d{1,15})?")
MAX_OFFSET = 14 * 60


def clean(text: str, *, lines: bool = False) -> str:
    """Return NFC text without control and invisible characters; one line, unless `lines`."""
    text = text[: 2 * MAX_TEXT].replace("\r\n", "\n").replace("\r", "\n")
    kept = (
        c
        for c in unicodedata.normalize("NFC", text)
        if c in "\n\t"
        or (unicodedata.category(c) not in {"Cc", "Cs", "Cn"} and ord(c) not in INVISIBLE)
    )
    cleaned = "".join(kept)
    return (cleaned if lines else " ".join(cleaned.split())).strip()[:MAX_TEXT].rstrip()


def decode(data: bytes) -> str:
    """Return bytes without a stated encoding as text: valid UTF-8, else Windows-1252."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


class Moment(NamedTuple):
    """A date as a file states it: local time, minutes from UTC, how many of its parts are known.

    `known` counts year, month, day, then hour with minute, then second.
    """

    local: datetime.datetime
    offset: int | None
    known: int

    @property
    def instant(self) -> datetime.datetime:
        """The aware time; in UTC if the offset is unknown."""
        zone = datetime.timezone(datetime.timedelta(minutes=self.offset or 0))
        return self.local.replace(tzinfo=zone)


def parse_date(text: str) -> Moment | None:
    """Return the date in the notation of EXIF or XMP, whose end may be missing; None: no date."""
    found = DATE.fullmatch(text.strip().strip("\0").strip())
    if not found:
        return None
    parts = [int(part) if part else None for part in found.groups()[:6]]
    year, month, day, hour, minute, second = parts
    known = 3 if hour is None else 4 if second is None else 5
    if not day:  # absent, or 00 for unknown
        known = 2 if month else 1
    if known < 3:
        hour = minute = second = None
    fraction = int((found[7] or "0")[:6].ljust(6, "0")) if second is not None else 0
    try:
        local = datetime.datetime(
            year or 0, month or 1, day or 1, hour or 0, minute or 0, min(second or 0, 59), fraction
        )
    except ValueError:
        return None
    if not 1000 <= local.year <= 9000:
        return None
    return Moment(local, _offset(found[8]) if known > 3 else None, known)


def parse_iim_date(date: str, time: str) -> Moment | None:
    """Return the date of IIM's datasets, "20190314" and "101112+0100"."""
    date, time = date.strip(), time.strip()
    if not re.fullmatch(r"\d{8}", date):
        return parse_date(date)
    text = f"{date[:4]}-{date[4:6]}-{date[6:]}"
    if re.fullmatch(r"\d{6}([+-]\d{4})?", time) and "00" not in (date[4:6], date[6:]):
        text += f"T{time[:2]}:{time[2:4]}:{time[4:]}"
    return parse_date(text)


def refine(moments: list[Moment]) -> Moment | None:
    """Return the first moment, or a later one that tells the same more precisely."""
    if not moments:
        return None
    best = moments[0]
    for other in moments[1:]:
        same = _known(other)[: best.known] == _known(best)[: best.known]
        if same and (other.known, other.offset is not None) > (best.known, best.offset is not None):
            best = other
        elif same and other.known == best.known == 5 and not best.local.microsecond:
            agree = best.offset is None or other.offset in (None, best.offset)
            if agree and other.local.microsecond:
                best = best._replace(local=other.local)
    return best


def _known(moment: Moment) -> tuple[object, ...]:
    local = moment.local
    return (local.year, local.month, local.day, (local.hour, local.minute), local.second)


def _offset(text: str | None) -> int | None:
    if not text:
        return None
    if text == "Z":
        return 0
    minutes = int(text[1:3]) * 60 + int(text[-2:])
    return (-minutes if text[0] == "-" else minutes) if minutes <= MAX_OFFSET else None


def offset_text(minutes: int) -> str:
    """Return "+01:00" for 60."""
    sign = "-" if minutes < 0 else "+"
    return f"{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


def parse_rating(text: str) -> int | None:
    """Return -1 to 5; None for anything else."""
    try:
        rating = float(text.strip()[:20])
    except ValueError:
        return None
    return int(rating) if rating in (-1, 0, 1, 2, 3, 4, 5) else None


def parse_coordinate(text: str, *, most: int) -> float | None:
    """Return the degrees of an XMP coordinate such as "47,22.128N"; None beyond ± `most`."""
    text = text.strip()[:60]
    if found := XMP_COORDINATE.fullmatch(text):
        degrees = int(found[1]) + float(found[2]) / 60 + float(found[3] or 0) / 3600
        degrees = -degrees if found[4] in "SW" else degrees
    elif PLAIN_COORDINATE.fullmatch(text):
        degrees = float(text)
    else:
        return None
    return degrees if math.isfinite(degrees) and abs(degrees) <= most else None


def coordinate_text(degrees: float, hemispheres: str) -> str:
    """Return a coordinate in XMP's notation; `hemispheres` is "NS" or "EW"."""
    minutes = abs(degrees) * 60
    whole = int(minutes // 60)
    rest = f"{minutes - 60 * whole:.8f}"
    if rest.startswith("60"):
        whole, rest = whole + 1, "0.00000000"
    return f"{whole},{rest}{hemispheres[degrees < 0]}"

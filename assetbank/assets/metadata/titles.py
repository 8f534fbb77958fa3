"""Titles: the file's own, else a readable file name, else "Untitled"."""

from __future__ import annotations

import re
from pathlib import PurePath

from assetbank.models import UNTITLED
from assetbank.text import clean_text

MAX_LENGTH = 200

# A name that a camera, a phone, a program or a hash function gave, in lower case, with or without
# its extension. The database has it as well: `search_is_machine_name` keeps such names out of the
# words that are searched. So it uses only what Python and PostgreSQL read alike
_NUMBERED = (
    "img|image|imgp|imag|dsc|dscf|dscn|dscs|dcim|pict|pic|photo|foto|bild|picture|cimg|kimg|crw"
    "|gopr|pano|burst|mvimg|mvi|mov|vid|pxl|psx|wp|scan|fb[ _-]?img|received|file|frame"
)
_PROGRAMS = (
    "screen ?[ _-]?shot|bildschirmfoto|capture d[^0-9]{1,4}cran|captura de pantalla"
    "|schermafbeelding|schermata|whatsapp[ _-](?:image|video)|signal|telegram|download|unnamed"
    "|untitled|unknown|image|images|img|photo|picture|pic|scan|file|foto|bild|clipboard|snapshot"
)
_TAIL = (
    "(?:[ _-]*(?:copy|edited|hdr|pano|burst[0-9]*|cover|portrait|night|mp|pro|raw|wa[0-9]+"
    "|e[0-9]{10,}))*"
)
MACHINE_NAME = (
    # A prefix and a number, such as IMG_1234, _DSC0193, PXL_20230101_101112345.PORTRAIT, P1010001
    rf"(?:_?(?:{_NUMBERED})[ _.-]*[0-9]{{2,}}[ _.,~()0-9-]*{_TAIL}"
    rf"|_?(?:mg|mgl|sam|sany|dji|hdr)[ _-]?[0-9]{{4,}}[ _.,~()0-9-]*{_TAIL}"
    r"|(?:[prl][0-9]|g[hpx])[0-9]{6}"
    # The word of a program, alone or with a number, a date and a time: download (26)
    rf"|(?:{_PROGRAMS})(?:[ _.,:~()-]|[0-9]|at|um|om|kl|alle|a las|à|am|pm)*"
    # Dates with times, sequence numbers and other long numbers, with the letter of a size
    r"|[0-9][ _.,~()-]*(?:[0-9][ _.,~()-]*){4,}(?:[ _-][a-z])?|0[0-9]{2,}"
    # UUIDs and hashes
    r"|[0-9a-f]{8}[ _-]?(?:[0-9a-f]{4}[ _-]?){3}[0-9a-f]{12}(?:[ _-]?\(?[0-9]{1,3}\)?)?"
    r"|[0-9a-f]{16,}(?:[ _-]?\(?[0-9]{1,3}\)?)?"
    r")(?:[.][a-z][a-z0-9]{1,4})?"
)
_MACHINE_NAME = re.compile(MACHINE_NAME)


def title_for(filename: str, own: str = "") -> str:
    """Return the title of a new asset: `own`, which its file states, else its file name as words.

    UNTITLED if neither says anything about the image.
    """
    name = PurePath(filename).stem.replace("_", " ").replace("-", " ")
    for title in (own, name):
        title = " ".join(clean_text(title).split())[:MAX_LENGTH].strip()
        if title and not is_machine_name(title):
            return title
    return UNTITLED


def is_machine_name(name: str) -> bool:
    """Return whether a title or a file name was made by a machine, and says nothing to people."""
    return bool(_MACHINE_NAME.fullmatch(name.lower().strip(" ")))


def says_nothing(title: str) -> bool:
    """Return whether a title as it is shown says nothing about its image."""
    return title == UNTITLED or title.startswith(f"{UNTITLED} — ") or is_machine_name(title)

"""Text panel of a sketch: label, brand, prompt and swatches, in letters that fit the panel."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from PIL import Image, ImageDraw, ImageFont

from generation.engines.base import DrawRequest

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
Box = tuple[int, int, int, int]
Colour = tuple[int, int, int]

LABEL = "DRAFT SKETCH \u2013 not made by an image model"
UNREADABLE_SCRIPT = "(This sketch has no letters for the script of the prompt.)"
PAPER: Colour = (249, 246, 240)
INK: Colour = (32, 30, 28)
MUTED: Colour = (122, 115, 106)
BUILT_IN = ""  # Name of Pillow's own font
# Pillow's own font has little beyond ASCII: these are used if the machine has them.
SYSTEM_FONTS = ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "NotoSansCJK-Regular.ttc", "Arial.ttf")
PLAIN = str.maketrans(
    {"\u2010": "-", "\u2011": "-", "\u2013": "-", "\u2014": "-", "\u2022": "\u00b7"}
)
UNASSIGNED = "\U0010ffff"  # drawn by every font as a missing letter
LEADING = 1.32  # Line height in font sizes
MAX_LETTERS = 3000  # More than any panel holds; measuring more takes seconds


def draw_panel(
    board: Image.Image, panel: Box, request: DrawRequest, palette: list[Colour], unit: float
) -> None:
    """Draw label, brand, prompt and swatches into the box `panel`; `unit` in pixels is 1/100 of
    the square root of the board's area, less in flat formats."""
    margin = round(3.4 * unit)
    left, top, right, bottom = (
        panel[0] + margin,
        panel[1] + margin,
        panel[2] - margin,
        panel[3] - margin,
    )
    brush = ImageDraw.Draw(board)
    if right - left > 1.5 * (bottom - top):  # two columns: text, then label and swatches
        divide = left + round(0.66 * (right - left))
        text_box, rest = (left, top, divide - margin, bottom), (divide, top, right, bottom)
        _label(brush, rest, request.variant, unit)
        _swatches(brush, rest, palette, unit)
    else:
        below = top + _label(brush, (left, top, right, bottom), request.variant, unit) + margin
        above = bottom - _swatches(brush, (left, top, right, bottom), palette, unit) - margin
        text_box = (left, below, right, above)
    _text(brush, text_box, request, unit)


def _label(brush: ImageDraw.ImageDraw, box: Box, variant: int, unit: float) -> int:
    """Draw the label, light on dark, at the top of the box, and return its height in pixels."""
    label = f"{LABEL} ({variant + 1})" if variant else LABEL
    inset = round(1.1 * unit)
    room = (box[2] - box[0] - 2 * inset, round(8 * unit))
    lines = fit(label, room, largest=1.9 * unit, smallest=unit)
    height = lines.height + 2 * inset
    brush.rectangle((box[0], box[1], box[2], box[1] + height), fill=INK)
    lines.write(brush, box[0] + inset, box[1] + inset, PAPER)
    return height


def _swatches(brush: ImageDraw.ImageDraw, box: Box, palette: list[Colour], unit: float) -> int:
    """Draw the first six colours with their codes at the bottom of the box, and return the height
    in pixels."""
    shown = palette[:6]
    if not shown:
        return 0
    gap, height, caption = round(0.9 * unit), round(5.2 * unit), round(2 * unit)
    columns = max(4, len(shown))  # so that a single colour is a swatch and not a bar
    width = (box[2] - box[0] - gap * (columns - 1)) / columns
    top = box[3] - height - caption
    for number, colour in enumerate(shown):
        left = round(box[0] + number * (width + gap))
        brush.rectangle(
            (left, top, round(left + width), top + height), fill=colour, outline=(214, 208, 198)
        )
        name = "{:02X}{:02X}{:02X}".format(*colour)
        lines = fit(name, (round(width), caption), largest=1.35 * unit, smallest=unit)
        lines.write(brush, left, top + height + round(0.5 * unit), MUTED)
    return height + caption


def _text(brush: ImageDraw.ImageDraw, box: Box, request: DrawRequest, unit: float) -> None:
    """Draw the brand and the prompt into the box."""
    left, top, right, bottom = box
    if request.brand.strip():
        brand = fit(
            request.brand, (right - left, round(4 * unit)), largest=1.9 * unit, smallest=1.5 * unit
        )
        brand.write(brush, left, top, MUTED)
        top += brand.height + round(0.8 * unit)
    room = (right - left, bottom - top)
    lines = fit(request.prompt, room, largest=3.7 * unit, smallest=1.35 * unit)
    if not lines.lines:
        lines = fit(UNREADABLE_SCRIPT, room, largest=1.9 * unit, smallest=1.35 * unit)
    lines.write(brush, left, top, INK)


@dataclass(frozen=True)
class Lines:
    """Text broken into lines that fit a box."""

    lines: tuple[str, ...]
    font: Font
    step: int  # pixels from one baseline to the next

    @property
    def height(self) -> int:
        return self.step * len(self.lines)

    def write(self, brush: ImageDraw.ImageDraw, left: int, top: int, colour: Colour) -> None:
        for number, line in enumerate(self.lines):
            brush.text((left, top + number * self.step), line, fill=colour, font=self.font)


def fit(text: str, size: tuple[int, int], *, largest: float, smallest: float) -> Lines:
    """Break the text into lines of the largest font size with which it fits `size` (width, height).

    `largest` and `smallest` are font sizes in pixels; at the smallest, the text is cut off with
    "...". Letters that no available font has are written without their accents or left out; the
    result has no lines if nothing is left.
    """
    if len(text) > MAX_LETTERS:
        text = f"{text[:MAX_LETTERS]}..."
    name, text = _writable(text)
    points = largest
    while True:
        font = _font(name, max(6, round(points)))
        step = max(7, round(round(points) * LEADING))
        lines = _wrap(text, font, size[0])
        room = max(1, size[1] // step)
        if len(lines) <= room:
            return Lines(tuple(lines), font, step)
        if points <= smallest:
            return Lines((*lines[: room - 1], _shorten(lines[room - 1], font, size[0])), font, step)
        points = max(smallest, points * 0.93)


def _wrap(text: str, font: Font, width: int) -> list[str]:
    lines: list[str] = []
    for paragraph in text.splitlines():
        line = ""
        for word in paragraph.split():
            longer = f"{line} {word}" if line else word
            if font.getlength(longer) <= width:
                line = longer
                continue
            if line:
                lines.append(line)
            line = word
            # A word longer than a line breaks anywhere
            while len(line) > 1 and (cut := _fitting_length(line, font, width)) < len(line):
                lines.append(line[:cut])
                line = line[cut:]
        if line:
            lines.append(line)
    return lines


def _fitting_length(text: str, font: Font, width: int) -> int:
    """Return how many letters of the text fit into `width` pixels in that font, at least 1."""
    low, high = 1, max(1, min(len(text), width))  # no letter is narrower than a pixel
    while low < high:
        middle = (low + high + 1) // 2
        if font.getlength(text[:middle]) <= width:
            low = middle
        else:
            high = middle - 1
    return low


def _shorten(line: str, font: Font, width: int) -> str:
    while line and font.getlength(f"{line}...") > width:
        line = line[:-1]
    return f"{line.rstrip(' .,;:')}..."


def _writable(text: str) -> tuple[str, str]:
    """Return the name of the font that lacks the fewest letters of the text, and the text as that
    font can write it."""
    plain = text.translate(PLAIN)
    if all(letter.isspace() or _has(BUILT_IN, letter) for letter in plain):
        return BUILT_IN, plain
    letters = {letter for letter in text if not letter.isspace()}
    names = [BUILT_IN, *(name for name in SYSTEM_FONTS if _exists(name))]
    name = min(names, key=lambda each: sum(not _has(each, letter) for letter in letters))
    written = "".join(
        letter if letter.isspace() or _has(name, letter) else _without_accents(name, letter)
        for letter in text
    )
    return name, written


def _without_accents(name: str, letter: str) -> str:
    parts = unicodedata.normalize("NFKD", letter)
    return "".join(part for part in parts if not part.isspace() and _has(name, part))


@lru_cache(maxsize=4096)
def _has(name: str, letter: str) -> bool:
    if not letter.isprintable():
        return False
    font = _font(name, 24)
    mask, missing = font.getmask(letter), font.getmask(UNASSIGNED)
    return mask.size != missing.size or bytes(mask) != bytes(missing)


@lru_cache
def _exists(name: str) -> bool:
    try:
        _font(name, 24)
    except OSError:
        return False
    return True


@lru_cache(maxsize=128)
def _font(name: str, points: int) -> Font:
    return ImageFont.truetype(name, points) if name else ImageFont.load_default(points)

"""The words of a sketch: label, brand, prompt and swatches, in letters that fit their panel."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from PIL import Image, ImageDraw, ImageFont

from generation.engines.base import DrawRequest

Face = ImageFont.FreeTypeFont | ImageFont.ImageFont
Box = tuple[int, int, int, int]
Colour = tuple[int, int, int]

LABEL = "DRAFT SKETCH \u2013 not made by an image model"
UNREADABLE_SCRIPT = "(This sketch has no letters for the script of the prompt.)"
PAPER: Colour = (249, 246, 240)
INK: Colour = (32, 30, 28)
MUTED: Colour = (122, 115, 106)
BUILT_IN = ""
# The face inside Pillow has little beyond ASCII: one of these helps out where the machine has it.
OTHER_FACES = ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "NotoSansCJK-Regular.ttc", "Arial.ttf")
PLAIN = str.maketrans(
    {"\u2010": "-", "\u2011": "-", "\u2013": "-", "\u2014": "-", "\u2022": "\u00b7"}
)
NO_SUCH_LETTER = "\U0010ffff"
LEADING = 1.32
MAX_LETTERS = 3000  # more than any panel holds; measuring them would take seconds


def letter(
    board: Image.Image, panel: Box, request: DrawRequest, palette: list[Colour], unit: float
) -> None:
    margin = round(3.4 * unit)
    left, top, right, bottom = (
        panel[0] + margin,
        panel[1] + margin,
        panel[2] - margin,
        panel[3] - margin,
    )
    brush = ImageDraw.Draw(board)
    if right - left > 1.5 * (bottom - top):  # two columns: the words, then everything else
        divide = left + round(0.66 * (right - left))
        words, rest = (left, top, divide - margin, bottom), (divide, top, right, bottom)
        _label(brush, rest, request.variant, unit)
        _swatches(brush, rest, palette, unit)
    else:
        below = top + _label(brush, (left, top, right, bottom), request.variant, unit) + margin
        above = bottom - _swatches(brush, (left, top, right, bottom), palette, unit) - margin
        words = (left, below, right, above)
    _words(brush, words, request, unit)


def _label(brush: ImageDraw.ImageDraw, box: Box, variant: int, unit: float) -> int:
    """The label, light on dark at the top of the box; its height."""
    label = f"{LABEL} ({variant + 1})" if variant else LABEL
    inset = round(1.1 * unit)
    room = (box[2] - box[0] - 2 * inset, round(8 * unit))
    lines = fit(label, room, largest=1.9 * unit, smallest=unit)
    height = lines.height + 2 * inset
    brush.rectangle((box[0], box[1], box[2], box[1] + height), fill=INK)
    lines.write(brush, box[0] + inset, box[1] + inset, PAPER)
    return height


def _swatches(brush: ImageDraw.ImageDraw, box: Box, palette: list[Colour], unit: float) -> int:
    """The palette at the bottom of the box, each colour with its name; the height of it all."""
    shown = palette[:6]
    if not shown:
        return 0
    gap, height, caption = round(0.9 * unit), round(5.2 * unit), round(2 * unit)
    columns = max(4, len(shown))  # a lone colour is a swatch, too, and not a bar
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


def _words(brush: ImageDraw.ImageDraw, box: Box, request: DrawRequest, unit: float) -> None:
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
    face: Face
    step: int  # pixels from one baseline to the next

    @property
    def height(self) -> int:
        return self.step * len(self.lines)

    def write(self, brush: ImageDraw.ImageDraw, left: int, top: int, colour: Colour) -> None:
        for number, line in enumerate(self.lines):
            brush.text((left, top + number * self.step), line, fill=colour, font=self.face)


def fit(text: str, size: tuple[int, int], *, largest: float, smallest: float) -> Lines:
    """The text in the largest letters with which it fits; cut off with "..." where none does.

    Letters that no face at hand has are written without their accents or left out; the result has
    no lines when nothing is left.
    """
    if len(text) > MAX_LETTERS:
        text = f"{text[:MAX_LETTERS]}..."
    name, text = _letterable(text)
    points = largest
    while True:
        face = _face(name, max(6, round(points)))
        step = max(7, round(round(points) * LEADING))
        lines = _wrap(text, face, size[0])
        room = max(1, size[1] // step)
        if len(lines) <= room:
            return Lines(tuple(lines), face, step)
        if points <= smallest:
            return Lines((*lines[: room - 1], _shorten(lines[room - 1], face, size[0])), face, step)
        points = max(smallest, points * 0.93)


def _wrap(text: str, face: Face, width: int) -> list[str]:
    lines: list[str] = []
    for paragraph in text.splitlines():
        line = ""
        for word in paragraph.split():
            longer = f"{line} {word}" if line else word
            if face.getlength(longer) <= width:
                line = longer
                continue
            if line:
                lines.append(line)
            line = word
            # no spaces: break anywhere; no letter is narrower than a pixel
            while len(line) > 1 and (cut := _how_much_fits(line, face, width)) < len(line):
                lines.append(line[:cut])
                line = line[cut:]
        if line:
            lines.append(line)
    return lines


def _how_much_fits(text: str, face: Face, width: int) -> int:
    low, high = 1, max(1, min(len(text), width))
    while low < high:
        middle = (low + high + 1) // 2
        if face.getlength(text[:middle]) <= width:
            low = middle
        else:
            high = middle - 1
    return low


def _shorten(line: str, face: Face, width: int) -> str:
    while line and face.getlength(f"{line}...") > width:
        line = line[:-1]
    return f"{line.rstrip(' .,;:')}..."


def _letterable(text: str) -> tuple[str, str]:
    """The face that lacks the fewest letters of the text, and the text as it can write it."""
    plain = text.translate(PLAIN)
    if all(letter.isspace() or _has(BUILT_IN, letter) for letter in plain):
        return BUILT_IN, plain
    letters = {letter for letter in text if not letter.isspace()}
    names = [BUILT_IN, *(name for name in OTHER_FACES if _exists(name))]
    name = min(names, key=lambda each: sum(not _has(each, letter) for letter in letters))
    written = "".join(
        letter if letter.isspace() or _has(name, letter) else _plainer(name, letter)
        for letter in text
    )
    return name, written


def _plainer(name: str, letter: str) -> str:
    parts = unicodedata.normalize("NFKD", letter)
    return "".join(part for part in parts if not part.isspace() and _has(name, part))


@lru_cache(maxsize=4096)
def _has(name: str, letter: str) -> bool:
    if not letter.isprintable():
        return False
    face = _face(name, 24)
    mask, missing = face.getmask(letter), face.getmask(NO_SUCH_LETTER)
    return mask.size != missing.size or bytes(mask) != bytes(missing)


@lru_cache
def _exists(name: str) -> bool:
    try:
        _face(name, 24)
    except OSError:
        return False
    return True


@lru_cache(maxsize=128)
def _face(name: str, points: int) -> Face:
    return ImageFont.truetype(name, points) if name else ImageFont.load_default(points)

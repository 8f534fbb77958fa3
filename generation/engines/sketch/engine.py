"""Engine without key or network: draws a moodboard of references, prompt and palette.

It lays out and never imagines, and a label on the image states that. The first reference is the
hero, large and near the centre, because the encoder of the search crops to the centre. The same
request always gives the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import re

from PIL import Image, ImageColor, ImageDraw, ImageFilter, ImageOps, ImageStat

from assetbank.errors import PictureRefused
from assetbank.media import decoder
from generation.engines.base import Drawing, DrawnImage, DrawRequest, ReferenceImage
from generation.engines.sketch.panel import INK, LABEL, PAPER, Colour, draw_panel
from generation.errors import InvalidRequest

LONG_SIDES = {"512": 512, "1K": 1024, "2K": 2048, "4K": 4096}
COLOURS = frozenset(ImageColor.colormap) - {
    "tan",
    "linen",
    "snow",
}  # prompts use these words for things


def draw(request: DrawRequest) -> Drawing:
    """Return the moodboard as one JPEG. Raises InvalidRequest if a reference cannot be read."""
    width, height = pixels(request.aspect_ratio, request.image_size)
    longest = max(width, height)
    images = [
        _open(reference, longest // 3 if number else longest)
        for number, reference in enumerate(_rotate(request.references, request.variant))
    ]
    palette = _palette(request)
    side_by_side = _is_side_by_side(width, height, images)
    board = Image.new("RGB", (width, height), PAPER)
    unit = min((width * height) ** 0.5 / 100, min(width, height) / 50)
    if side_by_side:
        stage = (width - round(width * (0.30 if width > 1.2 * height else 0.34)), height)
        panel = (stage[0], 0, width, height)
    else:
        stage = (width, height - round(height * 0.31))
        panel = (0, stage[1], width, height)
    if images:
        board.paste(_stage(board.size, stage, images, unit), (0, 0))
    else:
        seed = request.prompt + "\0" * request.variant
        board.paste(_empty_set(stage, palette, seed), (0, 0))
    draw_panel(board, panel, request, palette, unit)
    data = _jpeg(board)
    return Drawing(
        images=(DrawnImage(data, "image/jpeg"),),
        text="",
        usage={},
        model_version="sketch-1",
        response_id=hashlib.sha256(data).hexdigest()[:16],
        raw=b"",
    )


def _rotate(references: tuple[ReferenceImage, ...], variant: int) -> tuple[ReferenceImage, ...]:
    """Return the references in an order that depends on the variant, so that each variant has
    another one as its hero."""
    first = variant % max(1, len(references))
    return references[first:] + references[:first]


def pixels(aspect_ratio: str, image_size: str) -> tuple[int, int]:
    """Return width and height. `image_size` gives the long side; very flat formats are larger, so
    that their short side is at least 3/8 of it.

    Raises InvalidRequest.
    """
    match = re.fullmatch(r"([1-9]\d?):([1-9]\d?)", aspect_ratio)
    if match is None:
        raise InvalidRequest(
            f'"{aspect_ratio}" is not an aspect ratio. Write it as 16:9.',
            code="unknown_aspect_ratio",
        )
    if (image_size or "1K") not in LONG_SIDES:
        raise InvalidRequest(
            f'There is no size "{image_size}". Choose one of {", ".join(LONG_SIDES)}.',
            code="unknown_image_size",
        )
    across, down = int(match[1]), int(match[2])
    long = LONG_SIDES[image_size or "1K"]
    scale = max(long / max(across, down), long * 3 / 8 / min(across, down))
    return round(across * scale), round(down * scale)


# --- the stage: the hero, with the other references as cards on top -----------------------------


def _is_side_by_side(width: int, height: int, images: list[Image.Image]) -> bool:
    """Return True if the text panel stands beside the hero, False if below it: whichever leaves
    more space for the hero."""
    if not 0.9 < width / height < 1.2:
        return width > height
    return bool(images) and images[0].height > images[0].width


def _stage(
    board: tuple[int, int],
    size: tuple[int, int],
    images: list[Image.Image],
    unit: float,
) -> Image.Image:
    """Return the stage at `size`: the first image as the hero, the others as cards."""
    width, height = size
    cell, cards = _cards(size, len(images) - 1, unit)
    if max(board) > 2.5 * min(board):
        middle = (board[0] / 2, board[1] / 2)  # the encoder crops a very flat image to its centre
    else:
        covered = max((left + cell for left, _ in cards), default=0) if width >= height else 0
        middle = ((covered + width) / 2, height / 2)
    stage = _fill(images[0], size, middle=middle, crop=1.3)
    for image, (left, top) in zip(images[1:], cards, strict=True):
        card = _fill(image, (cell, cell), middle=(cell / 2, cell / 2), crop=2.2)
        _lay_card(stage, card, (left, top), unit)
    return stage


def _cards(size: tuple[int, int], count: int, unit: float) -> tuple[int, list[tuple[int, int]]]:
    """Return the side and the positions of the square cards, which go down the left edge of a wide
    stage and along the bottom of a tall one."""
    if count == 0:
        return 0, []
    width, height = size
    margin, gap = round(3.4 * unit), round(1.7 * unit)
    along, across = (height, width) if width >= height else (width, height)
    cell, lanes = 0, 1
    for candidate in range(1, 5):
        per_lane = -(-count // candidate)
        room = (along - 2 * margin - gap * (per_lane - 1)) / per_lane
        depth = (0.36 * across - margin - gap * (candidate - 1)) / candidate
        side = int(min(room, 0.24 * along, depth))
        if side > cell:
            cell, lanes = side, candidate
    per_lane = -(-count // lanes)
    positions = []
    for number in range(count):
        lane, place = divmod(number, per_lane)
        offset = margin + place * (cell + gap)
        if width >= height:
            positions.append((margin + lane * (cell + gap), offset))
        else:
            positions.append((offset, height - margin - cell - (lanes - 1 - lane) * (cell + gap)))
    return cell, positions


def _fill(
    image: Image.Image, size: tuple[int, int], *, middle: tuple[float, float], crop: float
) -> Image.Image:
    """Return the image at exactly `size`.

    It is cropped if it then is at most `crop` times as large as when it fits whole. Otherwise it
    stays whole on a field in the colour of its edge, with its centre as near to `middle` as
    possible.
    """
    width, height = size
    cover = max(width / image.width, height / image.height)
    contain = min(width / image.width, height / image.height)
    if cover <= contain * crop:
        return ImageOps.fit(image, size, Image.Resampling.LANCZOS, centering=(0.5, 0.4))
    whole = image.resize(
        (max(1, round(image.width * contain)), max(1, round(image.height * contain))),
        Image.Resampling.LANCZOS,
    )
    field = Image.new("RGB", size, _edge_colour(image))
    left = min(max(round(middle[0] - whole.width / 2), 0), width - whole.width)
    top = min(max(round(middle[1] - whole.height / 2), 0), height - whole.height)
    field.paste(whole, (left, top))
    return field


def _edge_colour(image: Image.Image) -> Colour:
    """Return the median colour of the pixels along the edge of an image."""
    small = image.resize((32, 32), Image.Resampling.BOX)
    inside = Image.new("L", small.size, 255)
    inside.paste(0, (1, 1, 31, 31))
    red, green, blue = (round(value) for value in ImageStat.Stat(small, inside).median)
    return red, green, blue


def _lay_card(stage: Image.Image, card: Image.Image, place: tuple[int, int], unit: float) -> None:
    border, spread = max(2, round(0.45 * unit)), round(1.1 * unit)
    left, top = place
    shadow = Image.new("L", (card.width + 4 * spread, card.height + 4 * spread), 0)
    inner = (2 * spread, 2 * spread, 2 * spread + card.width, 2 * spread + card.height)
    shadow.paste(90, inner)
    shadow = shadow.filter(ImageFilter.GaussianBlur(spread * 0.7))
    stage.paste(INK, (left - 2 * spread, top - 2 * spread + spread // 2), shadow)
    stage.paste(card, (left, top))
    frame = (left - border, top - border, left + card.width + border, top + card.height + border)
    ImageDraw.Draw(stage).rectangle(frame, outline=(255, 255, 255), width=border + 1)


def _empty_set(size: tuple[int, int], palette: list[Colour], prompt: str) -> Image.Image:
    """Return the stage without references: an empty set, lit in the palette, whose light and
    arrangement depend on the prompt."""
    digest = hashlib.sha256(prompt.encode("utf-8", "replace")).digest()
    chance = [byte / 255 for byte in digest]
    palette = _with_more(palette, digest)
    by_light = sorted(palette, key=sum)
    light = Image.new("RGB", (160, max(1, round(160 * size[1] / size[0]))), by_light[-1])
    brush = ImageDraw.Draw(light)
    for number in range(7):
        centre = (chance[3 * number] * light.width, chance[3 * number + 1] * light.height)
        radius = (0.2 + 0.3 * chance[3 * number + 2]) * max(light.size)
        brush.circle(centre, radius, fill=palette[number % len(palette)])
    light = light.filter(ImageFilter.GaussianBlur(24))
    board = light.resize(size, Image.Resampling.BICUBIC)
    width, height = size
    side = min(size)
    middle = width * (0.4 + 0.2 * chance[21])
    floor = height * (0.74 + 0.06 * chance[22])
    top = floor - side * (0.16 + 0.12 * chance[23])
    disc = side * (0.24 + 0.06 * chance[24])
    brush = ImageDraw.Draw(board, "RGBA")
    brush.rectangle((0, floor, width, height), fill=(*by_light[0], 110))
    _smooth_disc(
        board, (middle + side * 0.1 * (chance[25] - 0.5), top - disc * 0.75), disc, palette[0]
    )
    half = side * (0.17 + 0.05 * chance[26])
    foot = floor + side * 0.07
    brush.rectangle((middle - half, top, middle + half, foot), fill=(*by_light[-1], 255))
    brush.rectangle((middle + half * 0.45, top, middle + half, foot), fill=(*by_light[0], 60))
    return board


def _smooth_disc(
    board: Image.Image, centre: tuple[float, float], radius: float, fill: Colour
) -> None:
    mask = Image.new("L", (round(radius * 4), round(radius * 4)), 0)
    ImageDraw.Draw(mask).circle((radius * 2, radius * 2), radius * 2 - 2, fill=255)
    mask = mask.reduce(2)
    board.paste(fill, (round(centre[0] - radius), round(centre[1] - radius)), mask)


# --- input and output ---------------------------------------------------------------------------


def _open(reference: ReferenceImage, longest: int) -> Image.Image:
    """Return the image upright, without transparency, its long side at most `longest` pixels.

    Raises InvalidRequest if it cannot be read.
    """
    try:
        image = decoder.load_rgb(io.BytesIO(reference.data), side=longest)
    except PictureRefused:
        raise InvalidRequest(
            f'The reference "{reference.title}" cannot be read as an image. Use another one.',
            code="unreadable_reference",
        ) from None
    image.thumbnail((longest, longest))
    return image


def _palette(request: DrawRequest) -> list[Colour]:
    """Return the colours of the request's palette, or else those that its prompt names; possibly
    none."""
    colours: list[Colour] = []
    named = [word for word in re.findall(r"[a-z]+", request.prompt.lower()) if word in COLOURS]
    for name in request.palette or named:
        try:
            red, green, blue = ImageColor.getrgb(name)[:3]
        except ValueError:
            continue
        colours.append((red, green, blue))
    return list(dict.fromkeys(colours))


def _with_more(colours: list[Colour], chance: bytes) -> list[Colour]:
    """Return the colours, with others derived from the bytes `chance` if there are fewer than
    three."""
    more = list(colours)
    while len(more) < 3:
        hue = chance[27] * 360 // 256 + 37 * len(more)
        red, green, blue = ImageColor.getrgb(f"hsl({hue % 360}, 38%, {38 + 20 * len(more)}%)")[:3]
        more.append((red, green, blue))
    return more


def _jpeg(board: Image.Image) -> bytes:
    out = io.BytesIO()
    board.save(out, "JPEG", quality=92, subsampling=0, comment=LABEL.encode())
    return out.getvalue()

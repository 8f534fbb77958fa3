"""Drawing of shapes that are given in object coordinates."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cached_property

from PIL import Image, ImageDraw

from assetbank.demo.drawing.geometry import Point, Points, arc, rounded_rectangle
from assetbank.demo.drawing.palette import Fill, Inks, Tone, luminance
from assetbank.demo.drawing.placement import Placement
from assetbank.demo.drawing.specs import RGB, Spec
from assetbank.demo.drawing.texture import surface

TRIM_WIDTH = 0.062


class Painter:
    """A transparent square canvas for one object.

    Shapes are given in object space: x and y from about -1 to 1, y pointing down, and widths
    in the same unit. Every random choice comes from `rng`, in the order of the calls, so a drawing
    that reorders its calls becomes another image.
    """

    def __init__(self, canvas: int, spec: Spec, rng: random.Random) -> None:
        self.spec = spec
        self.rng = rng
        self.placement = Placement.at_random(canvas, rng)
        self.inks = Inks.for_spec(spec, rng)
        self.outline_width = rng.choice([0.0, 0.016, 0.022, 0.028])
        self.image = Image.new("RGBA", (canvas, canvas), (0, 0, 0, 0))
        self._draw = ImageDraw.Draw(self.image)

    @cached_property
    def texture(self) -> Image.Image:
        """The surface; created at first use, because its random choices must come at that point."""
        return surface(self.spec, self.inks, self.placement, self.rng)

    @property
    def brightness(self) -> float:
        """Luminance of the base colour, 0 to 255; shapes on it must contrast with it."""
        return luminance(self.inks.base)

    def pick(self, *fills: Fill) -> Fill:
        """Return one of the fills at random; one that is given twice is twice as likely."""
        return self.rng.choice(fills)

    def on_base(self, light: RGB, dark: RGB, limit: float = 190) -> RGB:
        """Return the light colour on a dark base, the dark one on a base brighter than `limit`."""
        return light if self.brightness < limit else dark

    def polygon(
        self, outline: Sequence[Point], fill: Fill = Tone.BASE, *, outlined: bool = True
    ) -> None:
        """Draw a filled shape; of a trimmed object, shapes in the base colour get an edging."""
        corners = self.placement.to_canvas(outline)
        if fill is Tone.BASE:
            if not self._paste_texture(corners):
                return
            if self.spec.pattern == "trim":
                self._contour(corners, self.inks.accent, TRIM_WIDTH)
                return
        else:
            self._draw.polygon(corners, fill=self.inks.colour(fill))
        if outlined and self.outline_width:
            self._contour(corners, self.inks.outline, self.outline_width)

    def ellipse(
        self,
        cx: float,
        cy: float,
        rx: float,
        ry: float,
        fill: Fill = Tone.BASE,
        *,
        outlined: bool = True,
    ) -> None:
        self.polygon(arc(cx, cy, rx, ry), fill, outlined=outlined)

    def rounded(
        self,
        x0: float,
        y0: float,
        x1: float,
        y1: float,
        radius: float,
        fill: Fill = Tone.BASE,
        *,
        outlined: bool = True,
    ) -> None:
        """Draw a rectangle with rounded corners."""
        self.polygon(rounded_rectangle(x0, y0, x1, y1, radius), fill, outlined=outlined)

    def stroke(self, line: Sequence[Point], width: float, fill: Fill = Tone.OUTLINE) -> None:
        """Draw a line with round ends."""
        path = self.placement.to_canvas(line)
        pixels = max(1, round(width * self.placement.scale))
        if fill is Tone.BASE:
            mask = Image.new("L", self.image.size, 0)
            _thick_line(ImageDraw.Draw(mask), path, pixels, 255)
            box = mask.getbbox()
            # Random choices must not depend on what is visible, so the texture is created anyway
            texture = self.texture
            if box is not None:
                self.image.paste(texture.crop(box), box[:2], mask.crop(box))
            return
        _thick_line(self._draw, path, pixels, self.inks.colour(fill), round_from=4)

    def ring(
        self,
        cx: float,
        cy: float,
        rx: float,
        ry: float,
        width: float,
        fill: Fill = Tone.BASE,
        *,
        start: float = 0,
        end: float = 360,
    ) -> None:
        """Draw an ellipse, or a part of it, as a line."""
        line = arc(cx, cy, rx, ry, start, end, 48)
        if abs(end - start) >= 360:
            line += arc(cx, cy, rx, ry)[:2]
        self.stroke(line, width, fill)

    def shine(self, line: Sequence[Point], width: float) -> None:
        """Draw a reflection on the base colour."""
        self.stroke(line, width, Tone.TINT if self.brightness < 200 else (255, 255, 255))

    def _contour(self, corners: Points, colour: RGB, width: float) -> None:
        pixels = max(1, int(width * self.placement.scale))
        # Two corners more, so that the joint at the start is drawn as well
        self._draw.line([*corners, *corners[:2]], fill=colour, width=pixels, joint="curve")

    def _paste_texture(self, corners: Points) -> bool:
        """Fill the shape with the texture; return False if it lies outside the canvas."""
        xs, ys = zip(*corners, strict=True)
        left, top = max(0, int(min(xs)) - 1), max(0, int(min(ys)) - 1)
        right = min(self.image.width, int(max(xs)) + 2)
        bottom = min(self.image.height, int(max(ys)) + 2)
        if right <= left or bottom <= top:
            return False
        mask = Image.new("L", (right - left, bottom - top), 0)
        ImageDraw.Draw(mask).polygon([(x - left, y - top) for x, y in corners], fill=255)
        self.image.paste(self.texture.crop((left, top, right, bottom)), (left, top), mask)
        return True


def _thick_line(
    draw: ImageDraw.ImageDraw,
    path: Points,
    width: int,
    colour: RGB | int,
    round_from: int = 1,
) -> None:
    """Draw a line in pixels; its ends are round if it is at least `round_from` wide."""
    draw.line(path, fill=colour, width=width, joint="curve")
    if width < round_from:
        return
    radius = width / 2
    for x, y in (path[0], path[-1]):
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)

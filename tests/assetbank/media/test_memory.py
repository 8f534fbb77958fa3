"""Peak memory of decoding one picture: at most 3 bytes a pixel and 60 MB over the process's own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import pyvips

WIDTH, HEIGHT = 8_000, 15_000
SPARE = 60 * 2**20  # bytes
MEASURE = """
import io, resource, sys
from django.conf import settings
settings.configure(MAX_PIXELS=130_000_000)
from assetbank.media import images
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
data = open(sys.argv[1], "rb").read()
images.examine(open("tests/cases/pictures/plain.png", "rb").read())
before = peak()
if sys.argv[2] == "examine":
    facts = images.examine(data)
    assert (facts.width, facts.height) == (8_000, 15_000)
else:
    images.render(data, fmt=sys.argv[2], side=8_000)
print(peak() - before)
"""


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of files of 120 megapixels."""
    folder = tmp_path_factory.mktemp("large")
    across = pyvips.Image.xyz(WIDTH, HEIGHT)
    bands = (across[0] * 0.02).bandjoin([across[1] * 0.011, across[0] * 0.01])
    image = bands.cast("uchar").copy(interpretation="srgb").copy_memory()
    image.jpegsave(str(folder / "large.jpg"), Q=85)
    image.jpegsave(str(folder / "progressive.jpg"), Q=85, interlace=True)
    image.pngsave(str(folder / "large.png"), compression=1)
    image.pngsave(str(folder / "interlaced.png"), compression=1, interlace=True)
    image.tiffsave(str(folder / "strips.tif"), compression="lzw")
    image.tiffsave(str(folder / "tiles.tif"), compression="deflate", tile=True)
    image.tiffsave(str(folder / "raw.tif"))
    image.webpsave(str(folder / "large.webp"), Q=80, effort=0)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "verb"),
    [
        *((name, "examine") for name in ("large.jpg", "progressive.jpg", "large.png", "raw.tif")),
        *((name, "examine") for name in ("interlaced.png", "strips.tif", "tiles.tif")),
        ("large.webp", "examine"),
        *(
            (name, fmt)
            for name in ("large.jpg", "large.png", "tiles.tif")
            for fmt in ("JPEG", "PNG")
        ),
    ],
)
def test_a_picture_of_120_megapixels_takes_little_memory(large: Path, name: str, verb: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(large / name), verb],
        check=True,
        capture_output=True,
        text=True,
    )
    assert int(done.stdout) <= 3 * WIDTH * HEIGHT + SPARE

"""The drawn images, and the demo catalogue."""

from __future__ import annotations

import io
import random
import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from assetbank.demo.catalogue import assets as catalogue
from assetbank.demo.catalogue.assets import DemoAsset
from assetbank.demo.catalogue.capture import capture
from assetbank.demo.catalogue.rights import ILLUSTRATORS
from assetbank.demo.drawing.objects import DRAWINGS
from assetbank.demo.drawing.render import extended, render
from assetbank.demo.drawing.scenes import PAINTINGS
from assetbank.demo.drawing.specs import (
    COLOURS,
    OBJECTS,
    PATTERNS,
    PLAIN_ONLY,
    SCENES,
    TRIMS,
    Spec,
    random_spec,
)

TODAY = date(2025, 11, 21)

GRIDS = {
    Spec("handbag", "red", "plain", "studio", "", 0): (
        "c1c1c3c1c1c3c1c1c3c1c1c3 b3b3b5a59296a69598b3b3b5"
        " a28d90b73c3fb6393ca37b7e a58f91a64a4da44b4ea07578"
    ),
    Spec("sneaker", "white", "striped", "white", "", 1): (
        "fefefefefefefefefefefefe fbfbfbf0f0f0c3c3c7d1d2d4"
        " d6d7d9c0c1c4bababdd7d8da f6f6f6f1f1f1e9e9e9eeeeef"
    ),
    Spec("teapot", "turquoise", "dotted", "beach", "", 2): (
        "8ccef38ccef38accf16ab6bd 6abed660b0b551a5a269b3bf"
        " dbddb27fa68b388b82a6b896 edcf90ecce91e5c78bedcf90"
    ),
    Spec("robot", "silver", "checked", "sunset", "", 3): (
        "91426a91426a90426a91426a e07858d9795a957773c9715b"
        " 9652548d6160848384895e5d 4d27484c2748523f564b2b4a"
    ),
    Spec("dress", "gold", "trim", "city", "white", 4): (
        "aee6fab0e6f9b8dcdfaee6fa bfe9f9bfdcdbb9b28bc0dded"
        " c3d6ddbdb37fa2945bc9d3e3 969ca194938c8f88719c9da6"
    ),
    Spec("umbrella", "navy", "plain", "desk", "", 5): (
        "f6ebdef1e7dbf2e7dbf6ebde b892733b476a364267a98972"
        " bf8d64b48661a97e5cc18f65 bd8b60b8875eb6865dbd8b60"
    ),
    Spec("guitar", "brown", "striped", "snow", "", 6): (
        "b0cfeaa5c1da96aec4b0cfea c6daecbacad9b9c6d0c6daec"
        " c9d5db94948e908d85e0e7ee e4eaf2a29a959c9088f0f3f7"
    ),
    Spec("jacket", "black", "dotted", "night", "", 7): (
        "060b24060b240a0e26171b30 181b371619322b2c36191c2f"
        " 1416382223372d2e3121222d 3d36353b34313938303a3936"
    ),
    Spec("mask", "purple", "checked", "forest", "", 8): (
        "3b7e4b3d7f393a7f40368342 6c8f66739c6e5d784f6c8b61"
        " 778d7a92939c6f61745e7c4e 3e6c34406b35406733406f36"
    ),
    Spec("bottle", "green", "trim", "stage", "gold", 9): (
        "7417176b19187d513d721717 741717823f336c81497a2220"
        " 7b211fa87e64abb28b873831 896a4d8a875b8491608b6c4f"
    ),
}
"""Mean colours of 4 x 4 cells, rows from the top, of images of 64 pixels."""

MEANS = """
    a4aab9 7e8292 8493b4 969baa 8d929c a2abbe 737783 889bc3 7b89a7
    6e7686 8b93a6 9fa2ac a1a5b1 abafb6 83868c 8c92a5 8388a0 82868e
    8a93a5 a0adc5 9aa0af 848994 84899e b5bcc7 9497a1 898a92 6e717d
    727478 a4a9b7 6b718b 878c97 8d93a5 a5adbd 8790a6 7a8698 8f93a1
    848c9d 758ab5 9198ac 848a94 80828b 6c7690 7c8390 a9aebc 8a91a4
    7b8caf 6d7891 a4aaba 647796 9b9ba0 6a6f80 95a1b6 a8aab5 808289
"""
"""Mean colour of every object, in blue in the studio, at 64 pixels."""

TOLERANCE = 2
"""Levels of 256: rounding differs between versions of Pillow; a changed drawing differs more."""


def mean_colours(picture: Image.Image, cells: int) -> NDArray[Any]:
    """Return the mean colour of each cell: an array of cells * cells rows of red, green, blue."""
    side = picture.width // cells
    pixels = np.asarray(picture, np.float64).reshape(cells, side, cells, side, 3)
    means: NDArray[Any] = pixels.mean((1, 3))
    return means.reshape(-1, 3)


def stored_colours(text: str) -> NDArray[Any]:
    return np.frombuffer(bytes.fromhex(text), np.uint8).reshape(-1, 3).astype(np.float64)


@pytest.fixture(scope="module")
def assets() -> list[DemoAsset]:
    return catalogue.assets(TODAY)


# Drawing


@pytest.mark.parametrize("spec", GRIDS, ids=lambda spec: f"{spec.obj}-{spec.scene}")
def test_pictures_look_as_they_did_when_the_demo_encoder_was_trained(spec: Spec) -> None:
    drawn = mean_colours(render(spec, 64), 4)
    assert np.abs(drawn - stored_colours(GRIDS[spec])).max() <= TOLERANCE


def test_objects_look_as_they_did_when_the_demo_encoder_was_trained() -> None:
    drawn = np.concatenate([mean_colours(render(Spec(obj, "blue"), 64), 1) for obj in OBJECTS])
    differences = np.abs(drawn - stored_colours(MEANS)).max(axis=1)
    changed = [obj for obj, by in zip(OBJECTS, differences, strict=True) if by > TOLERANCE]
    assert changed == []


def test_everything_named_can_be_drawn() -> None:
    assert set(DRAWINGS) == set(OBJECTS)
    assert set(PAINTINGS) == set(SCENES)


def test_same_spec_same_pixels() -> None:
    spec = Spec("mug", "orange", "dotted", "beach", seed=5)
    assert render(spec, 96).tobytes() == render(spec, 96).tobytes()
    assert render(spec, 96).tobytes() != render(replace(spec, seed=6), 96).tobytes()


@pytest.mark.parametrize("size", [64, 100, 131])
def test_size_and_mode(size: int) -> None:
    picture = render(Spec("cape", "red", "trim", "night", "gold"), size, supersampling=1)
    assert (picture.mode, picture.size) == ("RGB", (size, size))


def test_extended_keeps_the_picture_in_the_middle() -> None:
    picture = render(Spec("book", "green"), 64)
    wide = extended(picture, 100, 80)
    assert wide.size == (100, 80)
    assert wide.crop((18, 8, 82, 72)).tobytes() == picture.tobytes()


# Specs


def test_random_specs_are_the_same_for_the_same_seed() -> None:
    """The encoder's training data depends on it, so the spec of a seed is part of the interface."""
    rng = random.Random(1)
    assert random_spec(rng) == Spec("cape", "yellow", "striped", "city", "", 126614242)


def test_random_specs_make_sense() -> None:
    rng = random.Random(7)
    specs = [random_spec(rng) for _ in range(500)]
    for spec in specs:
        assert_valid(spec)
    assert {spec.obj for spec in specs} == set(OBJECTS)


def test_random_specs_can_be_restricted() -> None:
    rng = random.Random(7)
    assert {random_spec(rng, lambda s: s.obj == "tie").obj for _ in range(5)} == {"tie"}


def test_names_come_without_the_drawing() -> None:
    script = (
        "import assetbank.demo.drawing.specs, sys; "
        "print({'PIL', 'numpy', 'django'} & {*sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"


def assert_valid(spec: Spec) -> None:
    assert spec.obj in OBJECTS
    assert spec.colour in COLOURS
    assert spec.pattern in PATTERNS
    assert spec.scene in SCENES
    if spec.pattern == "trim":
        assert spec.trim in TRIMS
        assert spec.trim != spec.colour
    else:
        assert spec.trim == ""
    assert spec.pattern == "plain" or spec.obj not in PLAIN_ONLY


# Catalogue


def test_brands() -> None:
    brands = catalogue.brands()
    assert len({brand.slug for brand in brands}) == len({brand.name for brand in brands}) == 2
    for brand in brands:
        assert re.fullmatch(r"[a-z0-9-]+", brand.slug)
        assert all(re.fullmatch(r"#[0-9a-f]{6}", colour) for colour in brand.palette)
        assert brand.style


def test_counts(assets: list[DemoAsset]) -> None:
    assert len(assets) == 120
    assert Counter(asset.brand_slug for asset in assets) == {
        brand.slug: 60 for brand in catalogue.brands()
    }


def test_assets_are_the_same_every_time(assets: list[DemoAsset]) -> None:
    assert catalogue.assets(TODAY) == assets


def test_only_dates_follow_today(assets: list[DemoAsset]) -> None:
    later = catalogue.assets(TODAY + timedelta(days=400))
    for before, after in zip(assets, later, strict=True):
        assert after.filename == before.filename
        assert after.title == before.title
        assert after.spec == before.spec
        assert after.created - before.created == timedelta(days=400)


def test_specs_are_valid_and_varied(assets: list[DemoAsset]) -> None:
    specs = [asset.spec for asset in assets]
    for spec in specs:
        assert_valid(spec)
    assert {spec.obj for spec in specs} == set(OBJECTS)
    assert {spec.colour for spec in specs} == set(COLOURS)
    assert {spec.scene for spec in specs} == set(SCENES)
    assert {spec.pattern for spec in specs} == set(PATTERNS)
    assert len(set(specs)) == len(specs)


def test_names_are_unique(assets: list[DemoAsset]) -> None:
    assert len({(asset.brand_slug, asset.filename.lower()) for asset in assets}) == 120
    assert len({asset.title for asset in assets}) == 120


def test_texts(assets: list[DemoAsset]) -> None:
    for asset in assets:
        assert 3 <= len(asset.tags) <= 6
        assert len(set(asset.tags)) == len(asset.tags)
        assert asset.spec.colour in asset.description
        assert len(asset.title) <= 100
        assert asset.filename.lower().endswith((".jpg", ".jpeg", ".png"))


def test_some_names_are_as_bad_as_in_real_life(assets: list[DemoAsset]) -> None:
    bad = {asset.filename: asset for asset in assets if " " in asset.filename}
    assert bad["download (26).jpeg"].rights.licence == "Unclear: ask before use"
    assert bad["download (26).jpeg"].rights.credit == ""


def test_dates(assets: list[DemoAsset]) -> None:
    ages = [(TODAY - asset.created).days for asset in assets]
    assert min(ages) >= 0
    assert max(ages) <= 730
    assert max(ages) - min(ages) > 600


def test_rights(assets: list[DemoAsset]) -> None:
    limited = [asset for asset in assets if asset.rights.expires_on]
    expired = [
        asset for asset in limited if asset.rights.expires_on and asset.rights.expires_on < TODAY
    ]
    assert 3 <= len(expired) < len(limited)
    for asset in assets:
        assert asset.rights.licence
        assert asset.rights.expires_on is None or asset.rights.expires_on > asset.created
        assert (asset.rights.expires_on is not None) == (" until " in asset.rights.licence)
    assert sum(asset.rights.licence == "Owned" for asset in assets) > 60


def test_what_files_say_of_themselves(assets: list[DemoAsset]) -> None:
    told = [capture(asset) for asset in assets]
    assert told == [capture(asset) for asset in assets]
    dated = [each["captured_at"].date() for each in told if "captured_at" in each]
    assert len(dated) == len(assets) - sum("terms_to_check" in each for each in told) == 110
    assert max(dated) < TODAY
    assert len({day.year for day in dated}) >= 3
    assert 60 < sum(bool(each.get("alt_text")) for each in told) < 110
    assert {each["creator"] for each in told if "creator" in each} == set(ILLUSTRATORS)


def test_collections(assets: list[DemoAsset]) -> None:
    sizes = Counter((asset.brand_slug, asset.collection) for asset in assets)
    for brand in catalogue.brands():
        names = [name for slug, name in sizes if slug == brand.slug and name]
        assert len(names) >= 3
        assert "Summer 2026" in names


@pytest.mark.parametrize(
    ("obj", "colour", "trim"),
    [
        ("handbag", "red", ""),
        ("dress", "red", ""),
        ("watch", "gold", ""),
        ("backpack", "navy", ""),
        ("sneaker", "white", ""),
        ("cape", "red", "gold"),
        ("figurine", "blue", ""),
        ("toybox", "yellow", ""),
        ("teapot", "turquoise", ""),
    ],
)
def test_what_people_try_first_is_there_and_may_be_used(
    assets: list[DemoAsset], obj: str, colour: str, trim: str
) -> None:
    wanted = (obj, colour, trim)
    found = [a for a in assets if (a.spec.obj, a.spec.colour, a.spec.trim) == wanted]
    assert any(asset.rights.licence == "Owned" for asset in found)


def test_only_pictures_with_plain_margins_are_extended(assets: list[DemoAsset]) -> None:
    shapes = Counter((a.size[0] > a.size[1]) - (a.size[0] < a.size[1]) for a in assets)
    assert min(shapes[1], shapes[-1]) >= 5
    for asset in assets:
        if asset.size[0] != asset.size[1]:
            pixels = np.asarray(render(asset.spec, 128))
            assert (pixels[:, 0] == pixels[:, -1]).all(), asset.title
            assert (pixels[0] == pixels[0, 0]).all(), asset.title
            assert (pixels[-1] == pixels[-1, 0]).all(), asset.title


@pytest.mark.parametrize("size", [(1024, 1024), (1280, 1024), (1024, 1280)])
def test_draw_gives_a_file_of_the_right_size(
    assets: list[DemoAsset], size: tuple[int, int]
) -> None:
    asset = next(a for a in assets if a.size == size and not a.filename.endswith(".png"))
    file = catalogue.draw(asset)
    with Image.open(io.BytesIO(file)) as picture:
        assert (picture.format, picture.mode, picture.size) == ("JPEG", "RGB", size)
    assert file == catalogue.draw(asset)


def test_draw_gives_what_the_name_says(assets: list[DemoAsset]) -> None:
    formats = set()
    for asset in assets[::4]:
        with Image.open(io.BytesIO(catalogue.draw(replace(asset, size=(64, 64))))) as picture:
            formats.add(picture.format)
            assert (picture.format == "PNG") == asset.filename.lower().endswith(".png")
    assert formats == {"JPEG", "PNG"}


def test_draw_all_keeps_the_order(assets: list[DemoAsset]) -> None:
    small = [replace(asset, size=(48, 48)) for asset in assets[:7]]
    drawn = list(catalogue.draw_all(small, processes=2))
    assert drawn == [(asset, catalogue.draw(asset)) for asset in small]


def test_some_licences_end_at_a_border_and_some_forbid_new_pictures(
    assets: list[DemoAsset],
) -> None:
    rights = [asset.rights for asset in assets]
    assert all(("EU only" in each.licence) == ("DE" in each.territories) for each in rights)
    strict = [each for each in rights if not each.derivatives_allowed]
    forbidden = {each.licence.partition(" until")[0] for each in strict}
    assert forbidden == {"Licensed: press use only", "Unclear: ask before use"}
    assert any(each.territories for each in rights)

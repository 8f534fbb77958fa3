"""Perceptual hashes: near for copies, far for other images, with equal distances in SQL."""

from __future__ import annotations

import io
import itertools
import random

import pytest
from django.db import connection
from PIL import Image

from assetbank.demo.drawing.render import render
from assetbank.demo.drawing.specs import random_spec
from assetbank.media.phash import distance, perceptual_hash

Pictures = list[Image.Image]


@pytest.fixture(scope="module")
def drawn() -> Pictures:
    rng = random.Random(4)
    return [render(random_spec(rng), 400, 1) for _ in range(24)]


def recompressed(picture: Image.Image) -> Image.Image:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=30)
    return Image.open(file).convert("RGB")


def test_copies_stay_near(drawn: Pictures) -> None:
    for picture in drawn:
        kept = perceptual_hash(picture)
        copies = [picture.resize((90, 90)), recompressed(picture), picture.convert("L")]
        assert max(distance(kept, perceptual_hash(copy)) for copy in copies) <= 8


def test_other_pictures_are_far(drawn: Pictures) -> None:
    pairs = itertools.combinations([perceptual_hash(picture) for picture in drawn], 2)
    assert min(distance(*pair) for pair in pairs) > 8


def test_half_of_the_bits_are_set(drawn: Pictures) -> None:
    hashes = [perceptual_hash(picture) for picture in drawn]
    assert {distance(value, 0) for value in hashes} == {32}
    assert min(hashes) < 0 < max(hashes)  # the sign is one of the 64 bits


@pytest.mark.parametrize("colour", ["black", "white", "#265cda"])
def test_a_picture_of_one_colour_has_no_bits(colour: str) -> None:
    assert perceptual_hash(Image.new("RGB", (333, 217), colour)) == 0


@pytest.mark.django_db
def test_postgresql_counts_the_same_distance(drawn: Pictures) -> None:
    hashes = [perceptual_hash(picture) for picture in drawn] + [0, -1, 2**63 - 1, -(2**63)]
    pairs = list(itertools.product(hashes, repeat=2))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT bit_count((a # b)::bit(64)) FROM unnest(%s::bigint[], %s::bigint[]) AS t(a, b)",
            [[first for first, _ in pairs], [second for _, second in pairs]],
        )
        counted = [count for (count,) in cursor.fetchall()]
    assert counted == [distance(first, second) for first, second in pairs]

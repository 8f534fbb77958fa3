"""Titles: what a file name says, and names that a machine gave, in Python and in PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assetbank.assets import update_asset
from assetbank.assets.metadata import MACHINE_NAME, is_machine_name, says_nothing, title_for
from assetbank.models import Asset
from search.query import fulltext
from tests.conftest import Cast

MakeAsset = Callable[..., Asset]

MACHINES = """
IMG_1234.JPG|IMG 1234|IMG_1234 (2)|IMG_1234 copy|IMG_1234-e1552345678901|IMG-20190314-WA0007
DSC_0001|_DSC1234|DSCF0001.jpg|P1010001|_MG_1234.CR2|GOPR0042|GH010042|DJI_0001|image0007.jpeg
PXL_20230101_101112345.PORTRAIT.jpg|VID_2019_10|WP_20140314_10_11_12_Pro|IMG_20190314_101112_HDR
20190314_101112|2019-03-14 10.11.12|Screenshot 2024-01-02 at 10.11.12.png|scan.jpeg|0001|Photo 1
Bildschirmfoto 2024-01-02 um 10.11.12|Capture d\u2019écran 2024-01-02 à 10.11.12
FB_IMG_1552345678901|WhatsApp Image 2024-01-02 at 10.11.12 (1).jpeg|download (26).jpeg|download
123456|Untitled
550e8400-e29b-41d4-a716-446655440000|550e8400 e29b 41d4 a716 446655440000.jpg|10153_98765_n.jpg
d41d8cd98f00b204e9800998ecf8427e
"""
PEOPLE = """
Red cape|orvelle-07-leather-handbag-red.jpg|ORV-2231|ORV 2231|handbag 1234|new new (1).png|4711
Copy of banner v3 OLD.jpg|1984|MG 350|Photo of the bag|Screenshot of the checkout|R200|12 x 18 cm
Image campaign 2024|10115 Berlin|IMG_1234 red bag|deadbeef|Scandinavia|Filetto|summer 2024|p100
Imagery|Photographer|signal red|手提包|Sam
"""


def names(listed: str) -> list[str]:
    return [name for line in listed.strip().splitlines() for name in line.split("|")]


def in_database(name: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT search_is_machine_name(%s)", [name])
        found: bool = cursor.fetchone()[0]
        return found


@pytest.mark.parametrize("name", names(MACHINES))
def test_a_name_that_a_machine_gave_is_no_title(db: None, name: str) -> None:
    assert is_machine_name(name)
    assert in_database(name)
    assert title_for(name) == title_for("", own=name) == "Untitled"
    assert says_nothing(name)


@pytest.mark.parametrize("name", names(PEOPLE))
def test_a_name_that_a_person_gave_is_a_title(db: None, name: str) -> None:
    assert not is_machine_name(name)
    assert not in_database(name)
    assert title_for(f"{name}.jpg") != "Untitled"


def test_python_and_postgresql_read_the_same_names(db: None) -> None:
    parts = [*names(MACHINES), *names(PEOPLE), *"_-.()~af0", "img", "at", "copy", "12"]
    words = st.lists(st.sampled_from(parts) | st.text(max_size=3), max_size=4).map("".join)

    @settings(
        max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(words.filter(lambda name: "\0" not in name and name.isascii()))
    def check(name: str) -> None:
        assert in_database(name) == is_machine_name(name)

    check()


def test_the_migrations_have_the_pattern_of_today() -> None:
    """A change of the pattern needs a migration that replaces the function and its documents."""
    for module in ("assetbank.migrations.0010_titles", "search.migrations.0010_metadata_words"):
        assert import_module(module).MACHINE_NAME == MACHINE_NAME


def test_the_file_s_own_title_comes_first() -> None:
    assert title_for("red-cape_01.jpg") == "red cape 01"
    assert title_for("red-cape.jpg", own=" The\ncape ") == "The cape"
    assert title_for("red-cape.jpg", own="IMG_1234.jpg") == "red cape"
    assert len(title_for("x" * 250)) == 200


def test_an_untitled_asset_is_called_by_its_file_too(cast: Cast, make_asset: MakeAsset) -> None:
    asset = make_asset(title=title_for("IMG_1234.jpg"), filename="IMG_1234.jpg")
    assert (asset.title, str(asset)) == ("Untitled", "Untitled — IMG_1234.jpg")
    assert asset.alt == "Untitled — IMG_1234.jpg"
    assert says_nothing(str(asset))
    update_asset(asset=asset, alt_text="A cape on a chair")
    assert asset.alt == "A cape on a chair"
    assert str(update_asset(asset=asset, title="The cape")) == "The cape"


def test_a_machine_s_name_is_found_exactly_and_not_by_its_words(
    cast: Cast, make_asset: MakeAsset
) -> None:
    asset = make_asset(title="Untitled", filename="IMG_1234.jpg", tags=["cape"])

    def found(text: str) -> list[tuple[int, bool]]:
        terms = fulltext.parse(text)
        count = len(terms.include)
        hits = fulltext.match(terms, fulltext.compile_match(Asset.objects.all(), include=count))
        return [(hit.id, hit.named) for hit in hits]

    assert found("cape") == [(asset.pk, False)]
    assert found("IMG_1234.jpg") == found("img 1234") == [(asset.pk, True)]
    assert found("untitled") == found("img") == found("jpg") == []
    update_asset(asset=asset, title="Silk 1984", city="Łódź", copyright="© Ines Halvard")
    assert found("silk") == found("łódź") == found("halvard") == [(asset.pk, False)]


def test_what_a_file_says_of_itself_is_found(cast: Cast, make_asset: MakeAsset) -> None:
    asset = make_asset(
        headline="Gala opening",
        creator="Tomas Quill",
        country="Norway",
        alt_text="A crowd under umbrellas",
        extended_description="Rain pours on the marquee.",
    )
    for word in ("gala", "quill", "norway", "umbrella", "marquee"):
        terms = fulltext.parse(word)
        hits = fulltext.match(terms, fulltext.compile_match(Asset.objects.all(), include=1))
        assert [hit.id for hit in hits] == [asset.pk], word

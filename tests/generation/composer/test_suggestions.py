"""Suggested references, with the real PostgreSQL, Milvus Lite and encoder."""

from __future__ import annotations

import datetime
import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from assetbank.assets import collections, update_asset
from assetbank.demo.drawing.render import render
from assetbank.demo.drawing.specs import Spec
from assetbank.models import Asset
from generation.composer import suggestions
from generation.composer.suggestions import diversify, suggest_references
from generation.models import BrandRules
from search.models import QueryLog
from tests.conftest import Cast

MakeAsset = Callable[..., Asset]
Index = Callable[[], int]


def drawn(obj: str, colour: str, light: float = 1.0) -> bytes:
    buffer = io.BytesIO()
    picture: Image.Image = render(Spec(obj, colour, seed=1), 256)
    ImageEnhance.Brightness(picture).enhance(light).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def shop(make_asset: MakeAsset, index: Index) -> dict[str, Asset]:
    """Return five shots of one handbag, and other assets."""
    wares = {
        f"bag {n}": make_asset(file=drawn("handbag", "red", 1 - n / 40), title=f"IMG {n}")
        for n in range(5)
    }
    for obj, colour in (("handbag", "blue"), ("handbag", "green"), ("teapot", "red")):
        name = f"{colour} {obj}"
        wares[name] = make_asset(file=drawn(obj, colour), title=f"{name} 7")
    index()
    return wares


def offered(cast: Cast, prompt: str, **options: object) -> list[str]:
    found = suggest_references(person=cast.creator, brand=cast.acme, prompt=prompt, **options)  # type: ignore[arg-type]
    return [each.asset.title for each in found.offered]


def test_of_near_copies_one_is_offered(shop: dict[str, Asset], cast: Cast) -> None:
    titles = offered(cast, "a red handbag")
    assert titles[0].startswith("IMG")
    assert [title[:3] for title in titles].count("IMG") == 1
    assert {"green handbag 7", "red teapot 7"} <= set(titles)


def test_no_prompt_names_an_untitled_asset(shop: dict[str, Asset], cast: Cast) -> None:
    for asset in shop.values():
        update_asset(asset=asset, title="Untitled", description="An untitled submarine")
    assert suggestions._titled(cast.creator, cast.acme, "an untitled submarine") == []
    update_asset(asset=shop["red teapot"], title="Submarine")
    assert suggestions._titled(cast.creator, cast.acme, "an untitled submarine") == [
        shop["red teapot"].pk
    ]


def test_something_else_comes_before_more_of_the_same() -> None:
    one, like_it, other = (np.array(v, np.float32) for v in ([1, 0], [0.96, 0.28], [0, 1]))
    relevance = {1: 1.0, 2: 0.98, 3: 0.96, 4: 0.5}
    vectors = {1: one, 2: one, 3: like_it, 4: other}
    assert diversify(relevance, vectors, limit=4) == [1, 4, 3], "2 is a copy of 1"
    assert diversify(relevance, {}, limit=2) == [1, 2], "nothing is known of their looks"
    assert diversify({3: 1.0, 4: 0.7}, vectors, limit=1, after=[1]) == [4]


def test_each_thing_that_a_prompt_names_is_looked_for(shop: dict[str, Asset], cast: Cast) -> None:
    prompt = "A red teapot, beside a blue handbag on a wooden table, steam rising in soft light"
    assert set(offered(cast, prompt, limit=2)) == {"red teapot 7", "blue handbag 7"}
    assert offered(cast, "A submarine, seen from above") == []


def test_the_brands_anchors_come_first(shop: dict[str, Asset], cast: Cast) -> None:
    best = collections.create_collection(brand=cast.acme, name="Best", by=cast.manager)
    collections.add_assets(collection=best, assets=[shop["red teapot"], shop["green handbag"]])
    BrandRules.objects.create(brand=cast.acme, anchors=best)
    assert offered(cast, "") == ["red teapot 7", "green handbag 7"]
    found = suggest_references(
        person=cast.creator, brand=cast.acme, prompt="a green handbag"
    ).offered
    assert found[0].asset == shop["green handbag"], "the anchor that is nearer to the prompt"
    assert [each.anchor for each in found[:3]] == [True, True, False]


def test_what_may_not_be_used_or_is_in_use_is_not_suggested(
    shop: dict[str, Asset], cast: Cast, make_asset: MakeAsset, index: Index
) -> None:
    foreign = make_asset(file=drawn("handbag", "red", 0.5), brand=cast.other, title="Foreign")
    index()
    for pk, change in (
        (shop["bag 0"].pk, {"expires_on": datetime.date(2020, 1, 1)}),
        (shop["bag 1"].pk, {"derivatives_allowed": False}),
        (shop["bag 2"].pk, {"status": "quarantined"}),
        (shop["bag 3"].pk, {"status": "archived"}),
    ):
        Asset.objects.filter(pk=pk).update(**change)
    cast.other.memberships.create(user=cast.creator, role="viewer")
    titles = offered(cast, "red handbag", taken=[shop["blue handbag"].pk])
    assert "IMG 4" in titles
    assert not {"IMG 0", "IMG 1", "IMG 2", "IMG 3", "blue handbag 7", foreign.title} & set(titles)


def test_a_prompt_names_pictures_by_their_titles_even_while_search_is_down(
    cast: Cast, make_asset: MakeAsset, milvus_down: None
) -> None:
    make_asset(title="Crème silk cape", tags=["cape"])
    make_asset(title="Silk scarf of another story")
    prompt = "A model wearing the creme silk capes, on a beach at dawn, with a scarf of wool"
    found = suggest_references(person=cast.creator, brand=cast.acme, prompt=prompt)
    assert [each.asset.title for each in found.offered] == ["Crème silk cape"]
    assert "Search is temporarily unavailable" in found.note


def test_typing_is_no_question_that_is_kept(shop: dict[str, Asset], cast: Cast) -> None:
    assert offered(cast, 'a "red" handbag -teapot')
    assert not QueryLog.objects.exists()


def test_a_minus_or_quotation_marks_in_a_prompt_mean_nothing_special() -> None:
    assert (
        suggestions.search_query_for('the word "Sale" - bold, -20 %') == "the word Sale bold, 20 %"
    )


def test_light_and_framing_are_nothing_to_look_for() -> None:
    prompt = "The red bag, seen from above, on a marble plinth, soft morning light"
    assert suggestions.phrases(prompt) == [prompt, "The red bag", "a marble plinth"]


def test_what_the_studio_made_is_suggested_once_it_is_approved(
    cast: Cast, make_asset: MakeAsset
) -> None:
    made = make_asset(title="Silk cape")
    for status, titles in (("draft", []), ("approved", ["Silk cape"])):
        Asset.objects.filter(pk=made.pk).update(origin="generated", status=status)
        assert offered(cast, "The silk cape") == titles

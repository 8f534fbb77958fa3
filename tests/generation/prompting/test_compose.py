"""Full prompts, and the choice of references that are sent."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pytest_django import Settings

from assetbank.assets import read_original
from assetbank.models import Asset, Brand
from generation.models import BrandRules, EngineModel, Role
from generation.pipeline import run_generation, submit
from generation.prompting.compose import (
    INSTRUCTIONS,
    ComposedPrompt,
    NamedReference,
    compose_prompt,
    fit_references,
)
from tests.conftest import Cast
from tests.gemini_server import GeminiServer

MODEL = "gemini-nano-banana-2.1"
BRAND = Brand(name="Acme", slug="acme", palette=["#c81c26"], style="Calm light.")


def a_model(most: int = 14, **slots: int) -> EngineModel:
    return EngineModel(id="m", label="Model M", max_references=most, slots=slots)


def composed(
    *references: NamedReference, most: int = 14, rules: BrandRules | None = None
) -> ComposedPrompt:
    return compose_prompt(
        prompt=" A cape. ", brand=BRAND, references=references, model=a_model(most), rules=rules
    )


def test_references_are_named_in_order_with_what_each_is_for() -> None:
    text = composed(
        NamedReference("Cape", "product"),
        NamedReference("Dunes", "background"),
        NamedReference("Odd"),
    ).text
    lines = text.splitlines()
    named = [line for line in lines if line.startswith("Image ")]
    assert named[0] == f"Image 1, the product: Cape. {INSTRUCTIONS[Role.PRODUCT]}"
    assert named[1].startswith("Image 2, the background: Dunes.")
    assert named[2].startswith("Image 3: Odd.")
    assert lines[0] == "A cape."


@pytest.mark.parametrize("title", ["Untitled", "Untitled — IMG_1234.jpg", "IMG 1234"])
def test_an_untitled_reference_is_named_by_its_number_alone(title: str) -> None:
    named = composed(NamedReference(title, "product"), NamedReference(title)).text.splitlines()
    assert f"Image 1, the product. {INSTRUCTIONS[Role.PRODUCT]}" in named
    assert any(line.startswith("Image 2. Keep the products") for line in named)
    assert "Untitled" not in "".join(named)


def test_every_role_has_its_instruction() -> None:
    assert set(INSTRUCTIONS) == set(Role)
    assert len(set(INSTRUCTIONS.values())) == len(Role)


def test_products_come_before_styles_where_there_is_no_room_for_all() -> None:
    given = [
        NamedReference("Mood", "style"),
        NamedReference("Cape", "product"),
        NamedReference("Odd"),
        NamedReference("Hat", "outfit"),
    ]
    fitted = fit_references(given, a_model(2))
    assert fitted.sent == (1, 3), "in the order in which they were given"
    assert fitted.left_out == (
        "“Mood” is not used: Model M accepts 2 references.",
        "“Odd” is not used: Model M accepts 2 references.",
    )


def test_of_one_role_the_first_fill_its_slots() -> None:
    given = [NamedReference(f"Face {n}", "character") for n in (1, 2, 3)] + [
        NamedReference("Cape", "product")
    ]
    fitted = fit_references(given, a_model(character=2))
    assert fitted.sent == (0, 1, 3)
    assert fitted.left_out == ("“Face 3” is not used: Model M accepts 2 characters.",)


def test_only_what_is_sent_is_numbered() -> None:
    made = composed(NamedReference("Mood", "style"), NamedReference("Cape", "product"), most=1)
    assert made.sent == (1,)
    assert "Image 1, the product: Cape." in made.text
    assert "Mood" not in made.text
    assert "Image 2" not in made.text


@pytest.mark.parametrize("most", [0, 14])
def test_no_references_no_words_about_them(most: int) -> None:
    assert "reference" not in composed(most=most).text
    assert composed(NamedReference("Cape"), most=0).sent == ()


def test_what_the_brand_asks_for_goes_into_every_prompt() -> None:
    rules = BrandRules(voice="Dry wit.", always=["a serif logo", " "], never=["smoke", "crowds"])
    text = composed(rules=rules).text
    for words in (
        "Style of the brand Acme: Calm light.",
        "#c81c26",
        "Mood: Dry wit.",
        "In every picture of this brand:\n- a serif logo\n\n",
        "Never in a picture of this brand:\n- smoke\n- crowds",
    ):
        assert words in text
    assert "Never" not in composed(rules=BrandRules()).text


def test_the_model_is_sent_what_fits_and_reads_what_each_is(
    cast: Cast, make_asset: Callable[..., Asset], settings: Settings
) -> None:
    BrandRules.objects.create(brand=cast.acme, never=["smoke"])
    EngineModel.objects.filter(pk=MODEL).update(max_references=2)
    mood, cape, logo = (make_asset(title=title) for title in ("Mood", "Cape", "Mark"))
    roles = {mood.pk: "style", cape.pk: "product", logo.pk: "logo"}
    with GeminiServer() as server:
        settings.GEMINI_API_KEY, settings.GEMINI_BASE_URL = "AIza-a-key", server.url
        asked = submit(
            person=cast.creator,
            brand=cast.acme,
            prompt="A cape on a plinth",
            references=[mood, cape, logo],
            roles=roles,
            model=MODEL,
            aspect_ratio="1:1",
        )
        run_generation(generation_id=asked.pk)
        (sent,) = server.requests
    assert [each.data for each in sent.references] == [
        read_original(cape),
        read_original(logo),
    ]
    assert "Image 1, the product: Cape." in sent.prompt
    assert "Image 2, the logo: Mark." in sent.prompt
    assert "- smoke" in sent.prompt
    asked.refresh_from_db()
    assert asked.state == "succeeded"
    assert asked.left_out == ["“Mood” is not used: Nano Banana 2.1 accepts 2 references."]
    assert asked.reference_rows.count() == 3, "what was left out is on record, too"

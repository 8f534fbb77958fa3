"""The brand check: colours, words, references and near-duplicates, and what findings block."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse
from PIL import Image, ImageDraw, ImageFont
from pytest_django import Settings

from assetbank.assets import approval, read_original
from assetbank.demo.drawing.render import render
from assetbank.demo.drawing.specs import Spec
from assetbank.errors import CannotApprove, NotAllowed
from assetbank.models import Asset
from generation import tasks
from generation.models import BrandRules, Finding, Generation, Output
from generation.pipeline import outputs, run_generation, submit
from generation.prompting import brand_rules
from generation.review import fidelity, inspect, ocr, palette
from tests.conftest import Cast, picture_bytes
from tests.gemini_server import GeminiServer
from tests.generation.requests import answered
from tests.support.api import client_of

MakeAsset = Callable[..., Asset]
Index = Callable[[], int]
Code = Finding.Code
MODEL = "gemini-nano-banana-2.1"
RED, GREEN, GREY = "#c81c26", "#2f9548", "#808080"


def png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def painted(*parts: tuple[str, float], size: int = 200) -> Image.Image:
    """Return an image of stripes of these colours, each as wide as its share."""
    picture, left = Image.new("RGB", (size, size), GREY), 0.0
    brush = ImageDraw.Draw(picture)
    for colour, share in parts:
        brush.rectangle((round(left), 0, round(left + share * size) - 1, size), fill=colour)
        left += share * size
    return picture


def lettered(text: str) -> Image.Image:
    picture = painted((RED, 0.2), size=800)
    place = (60, 300)
    ImageDraw.Draw(picture).text(place, text, fill="black", font=ImageFont.load_default(60))
    return picture


@pytest.fixture
def output_of(cast: Cast) -> Callable[..., Output]:
    """Return a function that stores an image as an ingested output of an engine."""

    def make(picture: Image.Image, *references: Asset, roles: str = "", **fields: str) -> Output:
        model = fields.pop("model", MODEL)
        generation = Generation.objects.create(
            brand=cast.acme,
            prompt="A hat",
            model=model,
            created_by=cast.creator,
            aspect_ratio="1:1",
        )
        for position, asset in enumerate(references):
            generation.reference_rows.create(
                asset=asset,
                position=position,
                role=roles,
                title=asset.title,
                checksum=asset.checksum,
            )
        data = png(picture)
        output = Output.objects.create(
            generation=generation,
            take=answered(generation),
            position=0,
            data=data,
            mime="image/png",
        )
        outputs.store_outputs(generation)
        output.refresh_from_db()
        return output

    return make


MakeOutput = Callable[..., Output]


def codes(output: Output) -> list[str]:
    return list(output.findings.values_list("code", flat=True))


# ------------------------------------------------------------------------ colours


@pytest.mark.parametrize(
    ("parts", "named"),
    [
        ([(RED, 0.5)], []),
        ([("#7a1016", 0.5), ("#e4666d", 0.3)], []),  # a shade and a tint of the red
        ([("#101010", 0.5), ("#f4f4f4", 0.4)], []),
        ([("#d8b094", 0.6), ("#cfb682", 0.3)], []),  # skin, sand
        ([(GREEN, 0.05)], []),  # too little
        ([(RED, 0.5), (GREEN, 0.3)], ["green"]),
        ([(GREEN, 0.2), ("#2b63d4", 0.4)], ["blue", "green"]),
        ([("#68aec7", 0.4), ("#f2c230", 0.2)], ["blue", "yellow"]),  # a sky
    ],
)
def test_only_large_clear_colours_outside_the_palette_are_found(
    parts: list[tuple[str, float]], named: list[str]
) -> None:
    found = palette.off_palette(painted(*parts), [RED])
    assert [area[0] for area in (found.areas if found else [])] == named


def test_without_a_palette_every_colour_is_fine() -> None:
    assert palette.off_palette(painted((GREEN, 1.0)), []) is None


def test_the_sentence_says_how_much_of_which_colour() -> None:
    found = palette.off_palette(painted((GREEN, 0.25), ("#2b63d4", 0.5)), [RED])
    assert found
    assert palette.off_palette_sentence(found) == (
        "75% of the image is a blue (#2b63d4) and a green (#2f9548) that are not in the palette."
    )


# ------------------------------------------------------------------------ words


@pytest.mark.slow
def test_words_are_read_where_a_reader_is_installed() -> None:
    assert ocr.read_words(lettered("SUMMER SALE")) == ["SUMMER", "SALE"]
    assert ocr.read_words(painted((RED, 0.5))) == []


@pytest.mark.slow
def test_shapes_are_not_taken_for_words() -> None:
    """Products with wheels, buttons and stripes have no words."""
    drawn = [Spec("bicycle", "red", "plain", "night"), Spec("mug", "blue", "dots", "snow")]
    assert [ocr.read_words(render(spec, 640)) for spec in drawn] == [[], []]


@pytest.mark.parametrize(
    ("found", "approved", "left"),
    [
        (["Maison", "ORVELLE"], ["Maison Orvelle"], []),
        (["Gre", "aus", "Kln"], ["Grüße aus Köln"], []),  # OCR loses letters that it does not know
        (["Orvele"], ["Orvelle"], []),  # a misread letter
        (["SALE"], ["Maison Orvelle"], ["SALE"]),
        (["SALE"], [], ["SALE"]),
    ],
)
def test_approved_words_may_be_read(found: list[str], approved: list[str], left: list[str]) -> None:
    assert ocr.unapproved_words(found, approved) == left


@pytest.mark.slow
def test_the_brand_its_references_and_its_approved_words_may_be_read(
    cast: Cast, output_of: MakeOutput, make_asset: MakeAsset
) -> None:
    rules = BrandRules.objects.create(brand=cast.acme)
    output = output_of(lettered("ACME bowler summer"), make_asset(title="Bowler hat"))
    (found,) = inspect._words(output, output.asset)  # type: ignore[arg-type]
    assert found.sentence == "The image contains “summer”, which is not approved text."
    rules.approved_words = ["Summer"]
    rules.save()
    assert inspect._words(output, output.asset) == []  # type: ignore[arg-type]


# ------------------------------------------------------------------------ references


@pytest.fixture
def handbag(make_asset: MakeAsset) -> Asset:
    picture = render(Spec("handbag", "red", "plain", "white", seed=3), 480)
    return make_asset(file=png(picture), title="Red handbag")


def with_it(reference: Image.Image, room: Image.Image) -> Image.Image:
    """Return another image of which a third is the reference."""
    room = room.resize((640, 640))
    room.paste(reference.resize((240, 240)), (360, 360))
    return room


def test_a_product_that_was_ignored_is_told_and_one_that_is_there_is_not(
    output_of: MakeOutput, handbag: Asset, index: Index
) -> None:
    bicycle = render(Spec("bicycle", "blue", "plain", "beach", seed=5), 640)
    bag = Image.open(io.BytesIO(read_original(handbag))).convert("RGB")
    without = output_of(bicycle, handbag)
    there = output_of(with_it(bag, bicycle), handbag)
    style = output_of(bicycle.rotate(2), handbag, roles="style")
    index()
    assert inspect.inspect_pending() == 3
    assert Code.IGNORED in codes(without)
    finding = without.findings.get(code=Code.IGNORED)
    assert finding.sentence.startswith(
        "Reference 1, “Red handbag”, cannot be recognised in the image"
    )
    assert finding.reference == without.generation.reference_rows.get()
    assert finding.measured is not None
    assert finding.measured < fidelity.RECOGNITION_THRESHOLD
    assert Code.IGNORED not in codes(there)
    assert Code.IGNORED not in codes(style)


def test_a_reference_of_another_brand_is_not_named(
    cast: Cast, output_of: MakeOutput, make_asset: MakeAsset, index: Index
) -> None:
    picture = render(Spec("handbag", "red", "plain", "white", seed=3), 480)
    secret = make_asset(file=png(picture), title="Secret bag", brand=cast.other)
    output = output_of(render(Spec("bicycle", "blue", "plain", "beach", seed=5), 640), secret)
    index()
    inspect.inspect_pending()
    assert output.findings.get(code=Code.IGNORED).sentence.startswith("Reference 1 cannot")


# ------------------------------------------------------------------------ the library


def test_what_the_library_has_already_is_told_but_not_what_it_goes_on_from(
    output_of: MakeOutput, make_asset: MakeAsset, index: Index
) -> None:
    picture = render(Spec("teapot", "green", "dots", "desk", seed=2), 640)
    there = make_asset(file=png(picture), title="Old teapot")
    draft = output_of(picture.resize((600, 600)))
    final = output_of(picture.resize((800, 800)))
    final.generation.draft = draft
    final.generation.save()
    copied = output_of(picture.resize((700, 700)), there)
    index()
    inspect.inspect_pending()
    found = draft.findings.get(code=Code.DUPLICATE)
    assert "“Old teapot”" in found.sentence
    told = copied.findings.filter(code=Code.DUPLICATE).values_list("sentence", flat=True)
    assert "The image is a near-duplicate of its reference “Old teapot”." in told
    told = final.findings.filter(code=Code.DUPLICATE).values_list("sentence", flat=True)
    assert [f"(asset {there.pk})" in sentence for sentence in told] == [True]


# ------------------------------------------------------------------------ when it runs


def test_an_output_waits_for_its_vector_and_is_inspected_once(
    output_of: MakeOutput, index: Index
) -> None:
    output = output_of(painted((GREEN, 0.8)))
    tasks.inspect_pending(timestamp=0)
    assert codes(output) == []
    index()
    tasks.inspect_pending(timestamp=0)
    assert codes(output) == [Code.PALETTE]
    assert inspect.inspect_pending() == 0
    output.refresh_from_db()
    inspect.inspect(output)  # as by a worker that was considered dead
    assert codes(output) == [Code.PALETTE]


def test_a_check_that_breaks_says_so_and_stops_no_other(
    output_of: MakeOutput, index: Index, handbag: Asset
) -> None:
    output = output_of(painted((GREEN, 0.8)), handbag)
    index()
    handbag.embeddings.update(vector_bytes=None)
    inspect.inspect_pending()
    assert codes(output) == [Code.PALETTE, Code.UNCHECKED]
    sentence = output.findings.get(code=Code.UNCHECKED).sentence
    assert sentence.startswith("The use of references could not be checked:")
    output.refresh_from_db()
    assert output.inspected_at


def test_a_generation_succeeds_whatever_is_found(
    cast: Cast, settings: Settings, server: GeminiServer, index: Index
) -> None:
    generation = submit(
        person=cast.creator, brand=cast.acme, prompt="Summer sale", model=MODEL, aspect_ratio="1:1"
    )
    run_generation(generation_id=generation.pk)
    index()
    assert inspect.inspect_pending() == 1
    generation.refresh_from_db()
    assert generation.state == "succeeded"
    (output,) = generation.outputs.all()
    assert Code.WORDS in codes(output)
    assert "Summer" in output.findings.get(code=Code.WORDS).sentence


# ------------------------------------------------------------------------ what it blocks


def test_only_what_the_brand_names_blocks_approval(
    cast: Cast, output_of: MakeOutput, index: Index
) -> None:
    output = output_of(painted((GREEN, 0.8)))
    asset = output.asset
    assert asset
    assert (
        inspect.approval_blockers(asset) == []
    )  # without rules, approval does not wait for findings
    brand_rules.change_rules(person=cast.manager, brand=cast.acme, blocking=["palette"])
    with pytest.raises(CannotApprove, match="still running"):
        approval.decide(asset=asset, by=cast.manager, verdict="approved")
    index()
    inspect.inspect_pending()
    with pytest.raises(CannotApprove, match="not in the palette"):
        approval.decide(asset=asset, by=cast.manager, verdict="approved")
    brand_rules.change_rules(person=cast.manager, brand=cast.acme, palette=[RED, GREEN])
    inspect.inspect_again(person=cast.creator, outputs=Output.objects.all(), brand=cast.acme)
    inspect.inspect_pending()
    approval.decide(asset=asset, by=cast.manager, verdict="approved")


def test_uploads_are_not_held_up(cast: Cast, make_asset: MakeAsset) -> None:
    brand_rules.change_rules(person=cast.manager, brand=cast.acme, blocking=list(Code.values))
    asset = make_asset(status="draft")
    approval.decide(asset=asset, by=cast.manager, verdict="approved")
    assert asset.status == "approved"


# ------------------------------------------------------------------------ pages, REST


def test_managers_change_the_rules_and_have_drafts_checked_again(
    cast: Cast, client: Client, output_of: MakeOutput, index: Index
) -> None:
    output = output_of(painted((GREEN, 0.8)))
    index()
    inspect.inspect_pending()
    address = reverse("brand-rules", args=["acme"])
    for name, status in (("creator", 403), ("viewer", 403), ("outsider", 404), ("manager", 200)):
        client.force_login(getattr(cast, name))
        assert client.get(address).status_code == status
    given = {"palette": "#C81C26, #2f9548", "never": "people\n\nlettering", "blocking": ["words"]}
    assert client.post(address, given).status_code == 302
    rules = BrandRules.objects.get(brand=cast.acme)
    assert (rules.never, rules.blocking) == (["people", "lettering"], ["words"])
    assert rules.brand.palette == [RED, GREEN]
    page = client.post(address, {"palette": "green"})
    assert (page.status_code, "A colour must be a hex code" in page.text) == (400, True)
    client.post(reverse("inspect-drafts", args=["acme"]))
    output.refresh_from_db()
    assert output.inspected_at is None
    inspect.inspect_pending()
    assert codes(output) == []


def test_findings_are_shown_to_those_who_work_on_it(
    cast: Cast, client: Client, output_of: MakeOutput, index: Index
) -> None:
    output = output_of(painted((GREEN, 0.8)))
    address = reverse("asset-findings", args=[output.asset_id])
    client.force_login(cast.creator)
    assert "The brand check is running" in client.get(address).text
    index()
    inspect.inspect_pending()
    assert "not in the palette" in client.get(address).text
    shown = client.get(output.generation.get_absolute_url()).text
    assert "not in the palette" in shown
    told = client_of(cast, "creator").get(f"/api/v1/assets/{output.asset_id}/findings/").json()
    assert [each["code"] for each in told["findings"]] == ["palette"]
    listed = client_of(cast, "creator").get(f"/api/v1/generations/{output.generation_id}/").json()
    assert listed["outputs"][0]["findings"] == told["findings"]
    again = client_of(cast, "creator").post(f"/api/v1/assets/{output.asset_id}/findings/")
    assert (again.status_code, again.json()["inspected_at"]) == (202, None)


def test_rules_over_rest(cast: Cast, make_asset: MakeAsset) -> None:
    address = "/api/v1/brands/acme/rules/"
    told = client_of(cast, "viewer").get(address).json()
    assert (told["palette"], told["style"], told["always"]) == ([RED], "Calm light.", [])
    change = {"always": ["daylight"], "blocking": ["words"], "style": "Loud."}
    assert client_of(cast, "creator").patch(address, change).status_code == 403
    changed = client_of(cast, "manager").patch(address, change).json()
    assert (changed["always"], changed["style"], changed["palette"]) == (
        ["daylight"],
        "Loud.",
        [RED],
    )
    wrong = client_of(cast, "manager").patch(address, {"blocking": ["nonsense"]})
    assert wrong.status_code == 400


def test_only_creators_have_it_checked_again(cast: Cast) -> None:
    with pytest.raises(NotAllowed):
        inspect.inspect_again(person=cast.viewer, outputs=Output.objects.all(), brand=cast.acme)


def test_pictures_of_the_size_of_a_pixel_are_no_trouble(
    output_of: MakeOutput, index: Index
) -> None:
    output = output_of(Image.open(io.BytesIO(picture_bytes(size=(9, 1)))))
    index()
    inspect.inspect_pending()
    output.refresh_from_db()
    assert output.inspected_at
    assert codes(output) == []

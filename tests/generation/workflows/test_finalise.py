"""Finals: a chosen draft is generated again, larger, from its recorded request."""

from __future__ import annotations

import io
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageStat

from assetbank.assets import read_original
from assetbank.errors import NotAllowed
from assetbank.models import Asset
from generation.billing import prices, savings
from generation.engines import catalog
from generation.errors import InvalidRequest
from generation.models import EngineModel, Generation, LedgerEntry, Output
from generation.pipeline import run_generation, submit
from generation.workflows import finalise, refine
from tests.conftest import Cast
from tests.gemini_server import GeminiServer
from tests.support.api import client_of
from tests.support.pages import signed_in
from tests.support.trash import delete_asset

MakeAsset = Callable[..., Asset]
MODEL = "gemini-nano-banana-2.1"


def run(generation: Generation) -> list[Output]:
    run_generation(generation_id=generation.pk)
    generation.refresh_from_db()
    return list(generation.outputs.select_related("asset", "generation__brand"))


def drafts(cast: Cast, *references: Asset, model: str = MODEL, **options: Any) -> list[Output]:
    given = {"prompt": "A red cape", "aspect_ratio": "4:5", "image_size": "1K", **options}
    asked = submit(
        person=cast.creator, brand=cast.acme, references=references, model=model, **given
    )
    return run(asked)


def upscale(cast: Cast, output: Output, size: str = "2K") -> Generation:
    return finalise.finalise_draft(person=cast.creator, output=output, image_size=size)


def picture(output: Output) -> Image.Image:
    assert output.asset
    return Image.open(io.BytesIO(read_original(output.asset))).convert("RGB")


def saved() -> Decimal:
    entries = LedgerEntry.objects.filter(kind="saved").values_list("usd", flat=True)
    return sum(entries, Decimal(0))


def price_by_size() -> dict[str, Decimal]:
    return prices.picture_prices(EngineModel.objects.get(pk=MODEL))


def test_it_is_made_again_from_the_same_inputs_with_the_draft_beside_them(
    cast: Cast, server: GeminiServer, make_asset: MakeAsset
) -> None:
    cape, style = make_asset(title="Cape"), make_asset(title="Mood")
    _, second = drafts(cast, cape, style, count=2, roles={cape.pk: "product", style.pk: "style"})
    drafted = second.generation
    final = upscale(cast, second)
    (made,) = run(final)
    assert (final.draft, final.image_size, final.count) == (second, "2K", 1)
    for name in ("prompt", "model", "aspect_ratio", "preset_version", "variables"):
        assert getattr(final, name) == getattr(drafted, name)
    rows = [(row.asset, row.role) for row in final.reference_rows.all()]
    assert rows == [(cape, "product"), (style, "style")]
    sent = server.requests[-1]
    assert second.asset
    assert [reference.data for reference in sent.references] == [
        read_original(asset) for asset in (cape, style, second.asset)
    ]
    assert "Image 3 is a draft of this very picture." in sent.prompt
    assert sent.asked
    assert sent.asked.image_size == "2K"
    assert picture(made).width > picture(second).width


def test_where_no_slot_is_free_the_draft_is_left_out_and_that_is_said(
    cast: Cast, server: GeminiServer, make_asset: MakeAsset
) -> None:
    EngineModel.objects.filter(pk=MODEL).update(max_references=1)
    (output,) = drafts(cast, make_asset())
    final = upscale(cast, output)
    run(final)
    assert len(server.requests[-1].references) == 1
    assert "draft of this very picture" not in server.requests[-1].prompt
    assert any("The draft is not used" in sentence for sentence in final.left_out)


def test_a_refined_draft_leaves_room_for_its_conversation(
    cast: Cast, server: GeminiServer, make_asset: MakeAsset
) -> None:
    references = [make_asset() for _ in range(13)]
    (first,) = drafts(cast, *references)
    (second,) = run(
        refine.submit_refinement(person=cast.creator, output=first, words="Swap the hat")
    )
    final = upscale(cast, second)
    run(final)
    assert (final.state, final.reason) == ("succeeded", "")
    assert server.requests[-1].references == ()
    assert any("The draft is not used" in sentence for sentence in final.left_out)
    delete_asset(asset=references[0])
    with pytest.raises(InvalidRequest, match="was deleted, so its edit history cannot"):
        upscale(cast, second, "4K")


def test_a_sketch_keeps_its_layout(cast: Cast, make_asset: MakeAsset) -> None:
    references = [make_asset((200, 30, 40)), make_asset((20, 90, 200))]
    first, second = drafts(cast, *references, model="sketch", count=2)
    (made,) = run(upscale(cast, second))

    def difference(one: Output, other: Output) -> float:
        small = [picture(each).resize((64, 80)) for each in (one, other)]
        return sum(ImageStat.Stat(ImageChops.difference(*small)).mean)

    assert difference(made, second) < difference(made, first) / 4


def test_only_larger_sizes_are_on_offer_with_their_prices(cast: Cast) -> None:
    model = EngineModel.objects.get(pk=MODEL)
    assert [(step.image_size, step.usd) for step in finalise.larger_sizes(model, "1K")] == [
        ("2K", Decimal("0.0504")),
        ("4K", Decimal("0.1134")),
    ]
    assert finalise.larger_sizes(model, "4K") == []
    assert finalise.larger_sizes(EngineModel.objects.get(pk="gemini-3.1-flash-image"), "1K") == []
    assert finalise.larger_sizes(None, "1K") == []


@pytest.mark.parametrize(
    ("drafted", "size"), [("1K", "1K"), ("1K", "9K"), ("2K", "1K"), ("4K", "2K")]
)
def test_no_other_size_is_made(cast: Cast, drafted: str, size: str) -> None:
    (output,) = drafts(cast, model="sketch")
    output.generation.image_size = drafted
    output.generation.save()
    with pytest.raises(InvalidRequest) as refused:
        upscale(cast, output, size)
    assert refused.value.code == "no_larger"


def test_a_reference_that_is_not_what_it_was_is_named(cast: Cast, make_asset: MakeAsset) -> None:
    gone, other = make_asset(title="Cape"), make_asset(title="Copy")
    (output,) = drafts(cast, gone, model="sketch")
    # as after a merge of duplicates: the row points to the remaining copy
    output.generation.reference_rows.update(asset=other)
    with pytest.raises(InvalidRequest, match="“Cape” has changed") as refused:
        upscale(cast, output)
    assert refused.value.code == "reference_changed"
    output.generation.reference_rows.update(asset=gone)
    delete_asset(asset=gone)
    with pytest.raises(InvalidRequest, match="“Cape” was deleted") as refused:
        upscale(cast, output)
    assert refused.value.code == "reference_gone"
    assert Generation.objects.count() == 1


def test_a_deleted_draft_is_not_made_again(cast: Cast, server: GeminiServer) -> None:
    (output,) = drafts(cast)
    final = upscale(cast, output)
    assert output.asset
    delete_asset(asset=output.asset)
    run(final)
    assert (final.state, final.reason_code) == ("failed", "reference_gone")
    with pytest.raises(InvalidRequest, match="no longer in the library"):
        upscale(cast, Output.objects.get(pk=output.pk))
    assert len(server.requests) == 1


def test_two_clicks_ask_once(cast: Cast) -> None:
    (output,) = drafts(cast, model="sketch")
    assert upscale(cast, output) == upscale(cast, output)
    assert upscale(cast, output, "4K") != upscale(cast, output)


def test_only_creators(cast: Cast) -> None:
    (output,) = drafts(cast, model="sketch")
    for person in (cast.viewer, cast.outsider):
        with pytest.raises(NotAllowed):
            finalise.finalise_draft(person=person, output=output, image_size="2K")


class TestSaving:
    def test_what_the_drafts_would_have_cost_at_full_size_less_what_was_paid(
        self, cast: Cast, server: GeminiServer
    ) -> None:
        chosen, *_ = drafts(cast, count=4)
        final = upscale(cast, chosen)
        assert not saved(), "nothing is saved before it is there"
        run(final)
        small, large = price_by_size()["1K"], price_by_size()["2K"]
        assert saved() == 4 * large - (4 * small + large)
        assert LedgerEntry.objects.get(kind="saved").generation == final
        page = signed_in(cast.creator).get(final.get_absolute_url()).content.decode()
        assert "by generating drafts first" in page
        savings.record_saving(final)
        assert LedgerEntry.objects.filter(kind="saved").count() == 1

    def test_each_further_final_takes_its_price_off_again(
        self, cast: Cast, server: GeminiServer
    ) -> None:
        outputs = drafts(cast, count=4)
        small, large = price_by_size()["1K"], price_by_size()["2K"]
        for number, output in enumerate(outputs[:2], start=1):
            run(upscale(cast, output))
            assert saved() == max(Decimal(0), (4 - number) * large - 4 * small)
        assert LedgerEntry.objects.filter(kind="saved", usd__lt=0).exists()

    def test_one_draft_and_its_final_save_nothing(self, cast: Cast, server: GeminiServer) -> None:
        (output,) = drafts(cast)
        run(upscale(cast, output))
        assert saved() == 0

    def test_a_final_that_was_refused_saves_nothing(self, cast: Cast, server: GeminiServer) -> None:
        output, *_ = drafts(cast, count=4)
        server.script("refuse_picture")
        run(upscale(cast, output, "4K"))
        assert saved() == 0


def test_pages_offer_it_with_its_price_and_lead_to_the_final(
    cast: Cast, server: GeminiServer
) -> None:
    (output,) = drafts(cast)
    client = signed_in(cast.creator)
    page = client.get(output.generation.get_absolute_url()).content.decode()
    assert "Upscale to 2K" in page
    assert "about $0.11" in page
    address = f"/outputs/{output.pk}/finalise/"
    final_page = client.post(address, {"image_size": "4K"}, follow=True)
    final = Generation.objects.get(draft=output)
    assert final_page.redirect_chain[-1][0] == final.get_absolute_url()
    assert "upscaled to 4K" in final_page.content.decode()
    fragment = client.post(address, {"image_size": "2K"}, headers={"HX-Request": "true"})
    assert "2K · queued" in fragment.content.decode()
    wrong = client.post(address, {"image_size": "1K"}, headers={"HX-Request": "true"})
    assert wrong.status_code == 400
    assert "can upscale this image to 2K or 4K" in wrong.content.decode()
    assert client.post(address, {"image_size": "1K"}).status_code == 400


def test_rest(cast: Cast) -> None:
    (output,) = drafts(cast, model="sketch")
    client, address = client_of(cast, "creator"), f"/api/v1/outputs/{output.pk}/finalise/"
    answer = client.post(address, {"image_size": "2K"})
    final = Generation.objects.get(draft=output)
    assert answer.status_code == 202
    assert answer["Location"].endswith(f"/api/v1/generations/{final.pk}/")
    assert answer.json()["image_size"] == "2K"
    wrong = client.post(address, {"image_size": "1K"})
    assert (wrong.status_code, wrong.json()["code"]) == (400, "no_larger")
    assert catalog.get_model("sketch").image_sizes[-1] == "4K"

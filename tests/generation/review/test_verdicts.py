"""Verdicts on outputs, and their comparison."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from assetbank.errors import NotAllowed
from assetbank.models import Asset
from generation.errors import InvalidRequest
from generation.models import Generation, Output
from generation.pipeline import run_generation, submit
from generation.review import verdicts
from tests.conftest import Cast
from tests.support.api import Row, client_of, statuses
from tests.support.pages import signed_in, text

MakeAsset = Callable[..., Asset]


def make(cast: Cast, *references: Asset, count: int = 1) -> list[Output]:
    generation = submit(
        person=cast.creator,
        brand=cast.acme,
        prompt="A red cape",
        references=references,
        model="sketch",
        aspect_ratio="1:1",
        count=count,
    )
    run_generation(generation_id=generation.pk)
    return list(generation.outputs.select_related("asset", "generation__brand"))


def asset_of(output: Output) -> Asset:
    assert output.asset_id
    return Asset.objects.get(pk=output.asset_id)


class TestVerdict:
    def test_kept_with_a_name_to_it_and_taken_back(self, cast: Cast) -> None:
        (output,) = make(cast)
        kept = verdicts.keep(person=cast.creator, output=output)
        assert (kept.verdict, kept.verdict_by) == ("kept", cast.creator)
        assert asset_of(output).status == "draft", "approval is the managers'"
        undone = verdicts.clear_verdict(person=cast.manager, output=output)
        assert (undone.verdict, undone.verdict_by) == ("", None)

    def test_rejecting_archives_and_taking_that_back_makes_a_draft(self, cast: Cast) -> None:
        (output,) = make(cast)
        rejected = verdicts.reject(person=cast.creator, output=output, reason="Anatomy: six toes")
        assert rejected.verdict_reason == "Anatomy: six toes"
        assert asset_of(output).status == "archived"
        verdicts.keep(person=cast.creator, output=output)
        assert asset_of(output).status == "draft"
        output.refresh_from_db()
        assert output.verdict_reason == ""

    @pytest.mark.parametrize(
        ("status", "code"), [("approved", "approved"), ("archived", "archived")]
    )
    def test_what_somebody_decided_is_not_rejected(
        self, cast: Cast, status: str, code: str
    ) -> None:
        (output,) = make(cast)
        Asset.objects.update(status=status)
        with pytest.raises(InvalidRequest) as refused:
            verdicts.reject(person=cast.creator, output=output, reason="Off brand")
        assert refused.value.code == code
        verdicts.clear_verdict(person=cast.creator, output=output)
        assert asset_of(output).status == status

    def test_what_was_quarantined_since_stays_so(self, cast: Cast) -> None:
        (output,) = make(cast)
        verdicts.reject(person=cast.creator, output=output, reason="Off brand")
        Asset.objects.update(status="quarantined")
        verdicts.clear_verdict(person=cast.creator, output=output)
        assert asset_of(output).status == "quarantined"

    def test_one_picture_that_came_twice_is_archived_when_both_are_rejected(
        self, cast: Cast
    ) -> None:
        (one,), (two,) = make(cast), make(cast)
        assert one.asset == two.asset, "a sketch of the same request is the same picture"
        verdicts.reject(person=cast.creator, output=one, reason="Off brand")
        assert asset_of(one).status == "draft"
        verdicts.reject(person=cast.creator, output=two, reason="Off brand")
        assert asset_of(one).status == "archived"
        verdicts.clear_verdict(person=cast.creator, output=one)
        assert asset_of(one).status == "draft"

    def test_an_upload_with_the_same_bytes_is_left_alone(
        self, cast: Cast, make_asset: MakeAsset
    ) -> None:
        (output,) = make(cast)
        Asset.objects.update(origin="upload")
        verdicts.reject(person=cast.creator, output=output, reason="Off brand")
        assert asset_of(output).status == "draft"

    def test_a_reason_is_needed(self, cast: Cast) -> None:
        (output,) = make(cast)
        for reason in ("", " \n", "x" * 301):
            with pytest.raises(InvalidRequest):
                verdicts.reject(person=cast.creator, output=output, reason=reason)
        assert asset_of(output).status == "draft"

    def test_only_creators_decide(self, cast: Cast) -> None:
        (output,) = make(cast)
        for person in (cast.viewer, cast.outsider):
            for verb in (verdicts.keep, verdicts.clear_verdict):
                with pytest.raises(NotAllowed):
                    verb(person=person, output=output)
            with pytest.raises(NotAllowed):
                verdicts.reject(person=person, output=output, reason="Off brand")

    def test_a_deleted_picture_is_not_decided_on(self, cast: Cast) -> None:
        (output,) = make(cast)
        Asset.objects.all().delete()
        with pytest.raises(InvalidRequest, match="no longer in the library"):
            verdicts.keep(person=cast.creator, output=Output.objects.get(pk=output.pk))


class TestPages:
    def test_a_generation_offers_reasons_and_shows_what_was_said(self, cast: Cast) -> None:
        (output,) = make(cast)
        client = signed_in(cast.creator)
        page = text(client.get(output.generation.get_absolute_url()))
        assert all(f'value="{reason}"' in page for reason in verdicts.REASONS)
        address = f"/outputs/{output.pk}/reject/"
        said = {"reason": "Text wrong", "words": " the logo ", "next": "/batches/1/"}
        answer = client.post(address, said, headers={"HX-Request": "true"})
        assert "Rejected: Text wrong: the logo" in text(answer)
        assert answer["HX-Trigger"] == "chosen"
        assert f'name="next" value="{said["next"]}"' in text(answer), "the page, not the fragment"
        assert "Undo" in text(client.get(output.generation.get_absolute_url()))

    def test_without_a_script_it_leads_back(self, cast: Cast) -> None:
        (output,) = make(cast)
        client, address = signed_in(cast.creator), f"/outputs/{output.pk}/keep/"
        assert client.post(address, {"next": "/batches/"})["Location"] == "/batches/"
        away = client.post(address, {"next": "https://example.com/"})["Location"]
        assert away == output.generation.get_absolute_url()

    def test_what_is_wrong_is_said_in_place(self, cast: Cast) -> None:
        (output,) = make(cast)
        client, address = signed_in(cast.creator), f"/outputs/{output.pk}/reject/"
        answer = client.post(address, headers={"HX-Request": "true"})
        assert answer.status_code == 400
        assert "Enter a reason for the rejection." in text(answer)
        assert client.post(address).status_code == 400

    def test_strangers_do_not_find_it_and_viewers_may_not(self, cast: Cast) -> None:
        (output,) = make(cast)
        Asset.objects.update(status="approved")
        for verdict in ("keep", "undecide", "finalise"):
            address = f"/outputs/{output.pk}/{verdict}/"
            assert signed_in(cast.outsider).post(address).status_code == 404
            assert signed_in(cast.viewer).post(address).status_code == 403
        assert signed_in(cast.creator).post(f"/outputs/{output.pk}/like/").status_code == 404

    def test_polling_sends_nothing_while_nothing_changes(self, cast: Cast) -> None:
        generation = submit(
            person=cast.creator,
            brand=cast.acme,
            prompt="A cape",
            model="sketch",
            aspect_ratio="1:1",
        )
        client, state = signed_in(cast.creator), f"/generations/{generation.pk}/state/"
        (mark,) = re.findall(r"state/\?m=(\w+)", text(client.get(generation.get_absolute_url())))
        assert client.get(state, {"m": mark}).status_code == 204
        run_generation(generation_id=generation.pk)
        assert "hx-preserve" in text(client.get(state, {"m": mark}))


class TestComparing:
    def test_with_what_it_was_made_from_then_with_the_others(
        self, cast: Cast, make_asset: MakeAsset
    ) -> None:
        cape = make_asset(title="The cape")
        one, two, three = make(cast, cape, make_asset(), count=3)
        client = signed_in(cast.creator)
        page = text(client.get(f"/compare/?a={two.asset_id}"))
        assert 'alt="The cape"' in page
        assert f'href="?a={three.asset_id}&amp;b={cape.pk}&amp;way=side"' in page
        assert f'href="?a={one.asset_id}&amp;b={cape.pk}&amp;way=side"' in page
        assert "2 of 3" in page
        page = text(client.get(f"/compare/?a={two.asset_id}&b={three.asset_id}&way=slider"))
        assert "data-compare-split" in page
        assert page.count('class="verdict ') == 2
        assert 'rel="next"' not in page, "it would be compared with itself"

    def test_a_picture_alone_says_so(self, cast: Cast) -> None:
        (output,) = make(cast)
        page = text(signed_in(cast.creator).get(f"/compare/?a={output.asset_id}"))
        assert "nothing to compare" in page

    @pytest.mark.parametrize("asked", ["", "?a=", "?a=x", "?a=999999", f"?a={'9' * 30}"])
    def test_what_is_not_there(self, cast: Cast, asked: str) -> None:
        assert signed_in(cast.creator).get(f"/compare/{asked}").status_code == 404

    def test_other_brands_pictures_are_not_compared(
        self, cast: Cast, make_asset: MakeAsset
    ) -> None:
        (output,) = make(cast)
        theirs = make_asset(brand=cast.other, by=cast.outsider, title="Secret")
        client = signed_in(cast.creator)
        assert client.get(f"/compare/?a={output.asset_id}&b={theirs.pk}").status_code == 404
        assert signed_in(cast.outsider).get(f"/compare/?a={output.asset_id}").status_code == 404


@pytest.mark.parametrize(
    "row",
    [
        Row("post", "/api/v1/outputs/{output}/keep/", (401, 404, 403, 200, 200, 200)),
        Row("post", "/api/v1/outputs/{output}/undecide/", (401, 404, 403, 200, 200, 200)),
        Row(  # an approved asset, which viewers see
            "post",
            "/api/v1/outputs/{output}/reject/",
            (401, 404, 403, 400, 400, 400),
            {"reason": "Off brand"},
        ),
        Row(
            "post",
            "/api/v1/outputs/{output}/finalise/",
            (401, 404, 403, 202, 202, 202),
            {"image_size": "2K"},
        ),
    ],
    ids=str,
)
def test_who_may_do_what(row: Row, cast: Cast) -> None:
    (output,) = make(cast)
    Asset.objects.update(status="approved")
    assert statuses(cast, row, output=output.pk) == row.statuses


def test_rest_says_what_was_decided(cast: Cast) -> None:
    (output,) = make(cast)
    client = client_of(cast, "creator")
    answer = client.post(f"/api/v1/outputs/{output.pk}/reject/", {"reason": "Anatomy"})
    told = answer.json()
    assert (told["id"], told["verdict"], told["verdict_reason"]) == (
        output.pk,
        "rejected",
        "Anatomy",
    )
    generation = client.get(f"/api/v1/generations/{output.generation_id}/").json()
    assert generation["outputs"][0]["verdict"] == "rejected"
    answer = client.post(f"/api/v1/outputs/{output.pk}/undecide/")
    assert answer.json()["verdict"] == ""
    assert Generation.objects.count() == 1

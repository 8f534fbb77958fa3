"""What a file says of itself fills the fields of its asset, and comes back in downloads."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from assetbank.assets import (
    GenerationProvenance,
    downloads,
    ingest_asset,
    read_original,
    update_asset,
)
from assetbank.errors import InvalidAsset
from assetbank.media.metadata import FileMetadata, read_metadata, write_metadata
from assetbank.models import Asset
from assetbank.rights import terms
from assetbank.text import MAX_TAG_LENGTH, MAX_TAGS
from tests.assetbank.media.metadata.test_reading import CASES
from tests.assetbank.media.metadata.test_writing import ALL
from tests.conftest import Cast, picture_bytes

MakeAsset = Callable[..., Asset]


def picture(**fields: Any) -> bytes:
    """Return a JPEG that says `fields` of itself."""
    return write_metadata(picture_bytes(fmt="JPEG"), fields=FileMetadata(**fields))


class TestIngest:
    def test_the_case(self, make_asset: MakeAsset) -> None:
        asset = make_asset(
            file=(CASES / "meta.jpg").read_bytes(), filename="meta.jpg", status="draft"
        )
        assert asset.title == "Messestand Halle 7"
        assert asset.description == "Stand auf der Messe, Halle 7"
        assert asset.tag_names == ["Frühjahr", "Messe Stand"]
        assert (asset.creator, asset.credit) == ("A. Beispiel", "Beispiel Foto")
        assert asset.copyright == "(c) 2019 Beispiel Foto, nur redaktionell"
        assert asset.captured == "2019-03-14T10:11:12+01:00"
        assert asset.captured_offset == 60
        assert "nur redaktionell" in asset.terms_to_check
        assert terms.usage_problem(asset) is None
        assert "nur redaktionell" in (terms.usage_problem(asset, derive=True) or "")
        assert not terms.usable(Asset.objects.filter(pk=asset.pk), derive=True).exists()

    def test_every_field_is_filled(self, make_asset: MakeAsset) -> None:
        asset = make_asset(file=write_metadata(picture_bytes(fmt="JPEG"), fields=ALL))
        assert (asset.title, asset.description) == (ALL.title, ALL.caption)
        same = ("creator", "credit", "copyright", "usage_terms", "licence", "licensor_url")
        same += ("headline", "city", "country", "captured_at", "captured_offset", "rating")
        for name in (*same, "alt_text", "extended_description"):
            assert getattr(asset, name) == getattr(ALL, name), name
        assert asset.latitude == pytest.approx(ALL.latitude)
        assert asset.longitude == pytest.approx(ALL.longitude)

    def test_what_a_user_gives_wins(self, make_asset: MakeAsset) -> None:
        moment = datetime.datetime(2001, 2, 3, 4, 5, tzinfo=datetime.UTC)
        given = {"title": "Mine", "description": "Words", "licence": "L", "captured_at": moment}
        data = write_metadata(picture_bytes(fmt="JPEG"), fields=ALL)
        asset = make_asset(file=data, tags=["own", "FRÜHJAHR"], credit="", **given)
        assert {name: getattr(asset, name) for name in given} == given
        assert asset.captured_offset is None
        assert asset.credit == ALL.credit  # an empty field of a form is none
        assert asset.tag_names == ["FRÜHJAHR", "Messe Stand", "a, b; c", "own"]

    def test_what_is_too_long_is_cut(self, make_asset: MakeAsset) -> None:
        long = "w" * 5_000
        words = tuple(f"{number} " + "k" * 90 for number in range(100))
        asset = make_asset(
            file=picture(title=long, copyright=long, city=long, usage_terms=long, keywords=words)
        )
        assert (len(asset.title), len(asset.copyright), len(asset.city)) == (200, 500, 200)
        assert (asset.usage_terms, asset.licence) == (long, "")
        assert len(asset.tag_names) == MAX_TAGS
        assert {len(tag) for tag in asset.tag_names} == {MAX_TAG_LENGTH}

    def test_tags_of_a_user_are_not_cut(self, make_asset: MakeAsset) -> None:
        with pytest.raises(InvalidAsset, match="Shorten it"):
            make_asset(file=picture(keywords=("a",)), tags=["k" * 90])

    def test_usage_terms_become_the_licence_if_they_fit(self, make_asset: MakeAsset) -> None:
        assert (
            make_asset(file=picture(usage_terms="Press only, free")).licence == "Press only, free"
        )

    def test_invalid_values_do_not_refuse_the_picture(self, make_asset: MakeAsset) -> None:
        future = datetime.datetime(2999, 1, 1, tzinfo=datetime.UTC)
        asset = make_asset(file=picture(licensor_url="javascript:alert(1)", captured_at=future))
        assert (asset.licensor_url, asset.captured_at) == ("", None)
        assert asset.captured_offset is None

    def test_the_studio_reads_nothing_from_what_it_made(self, make_asset: MakeAsset) -> None:
        asset = make_asset(
            file=picture(title="A prompt", keywords=("x",), copyright="No derivatives"),
            provenance=GenerationProvenance(7, "nano", "A cape"),
            title="Cape",
        )
        assert (asset.title, asset.tag_names, asset.terms_to_check) == ("Cape", [], "")

    def test_a_cameras_name_is_no_title(self, make_asset: MakeAsset) -> None:
        assert make_asset(file=picture(title="DSC_0193"), filename="shoe.jpg").title == "shoe"


@pytest.mark.parametrize("fmt", downloads.FORMATS)
class TestDownloads:
    def sent(self, asset: Asset, fmt: str) -> FileMetadata:
        return read_metadata(downloads.render_download(asset=asset, fmt=fmt, side=40).data)

    def test_they_carry_what_the_file_says(self, make_asset: MakeAsset, fmt: str) -> None:
        asset = make_asset(file=(CASES / "meta.jpg").read_bytes(), filename="meta.jpg")
        said = self.sent(asset, fmt)
        own = read_metadata(read_original(asset))
        dates = {"photoshop:DateCreated": ("2019-03-14T10:11:12+01:00",)}
        added = {**dates, "xmpRights:Marked": ("True",), "xmpRights:UsageTerms": ()}
        assert replace(said, properties={}) == replace(own, properties={})
        assert said.properties.items() >= own.properties.items()
        assert set(said.properties) - set(own.properties) <= set(added)

    def test_they_carry_what_was_changed_in_the_library(
        self, make_asset: MakeAsset, fmt: str
    ) -> None:
        asset = make_asset(file=(CASES / "meta.jpg").read_bytes(), filename="meta.jpg")
        update_asset(asset=asset, title="Neuer Titel", creator="", credit="C", tags=["neu"])
        said = self.sent(asset, fmt)
        assert (said.title, said.creator, said.credit) == ("Neuer Titel", "", "C")
        assert said.keywords == ("neu",)
        assert said.caption == "Stand auf der Messe, Halle 7"

    def test_values_longer_than_a_field_stay_whole(self, make_asset: MakeAsset, fmt: str) -> None:
        long = "w" * 5_000
        assert self.sent(make_asset(file=picture(title=long)), fmt).title == long

    def test_an_asset_that_was_never_read_keeps_all_of_its_file(
        self, make_asset: MakeAsset, fmt: str
    ) -> None:
        asset = make_asset(file=(CASES / "meta.jpg").read_bytes(), filename="meta.jpg")
        asset.tags.clear()
        Asset.objects.filter(pk=asset.pk).update(
            metadata_read_at=None, creator="", copyright="", captured_at=None, title="Old"
        )
        said = self.sent(Asset.objects.get(pk=asset.pk), fmt)
        assert (said.title, said.creator) == ("Old", "A. Beispiel")
        assert said.copyright.endswith("nur redaktionell")
        assert said.keywords == ("Frühjahr", "Messe Stand")
        assert said.captured_at is not None

    def test_a_title_made_of_the_file_name_is_none(self, make_asset: MakeAsset, fmt: str) -> None:
        for filename in ("red shoe.png", "DSC_0193.png"):
            asset = make_asset(filename=filename)
            assert self.sent(asset, fmt).title == ""
        update_asset(asset=asset, title="Shoe")
        assert self.sent(asset, fmt).title == "Shoe"

    def test_a_licence_alone_is_found_by_others(self, make_asset: MakeAsset, fmt: str) -> None:
        said = self.sent(make_asset(licence="L-17"), fmt)
        assert (said.licence, said.usage_terms) == ("L-17", "L-17")


def test_the_original_stays(cast: Cast) -> None:
    data = (CASES / "meta.jpg").read_bytes()
    asset = ingest_asset(brand=cast.acme, file=data, filename="meta.jpg", by=None).asset
    update_asset(asset=asset, title="Changed")
    assert read_original(asset) == data

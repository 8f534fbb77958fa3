"""Tests of values of custom fields: validation, defaults, required ones, CSV cells and XMP."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from assetbank.assets import update_asset
from assetbank.assets.metadata import csv, custom_fields
from assetbank.errors import InvalidFields, InvalidRow
from assetbank.models import Asset, Brand, CustomNumber
from tests.assetbank.assets.metadata.fields import FIELDS, add_fields
from tests.conftest import Cast

MakeAsset = Callable[..., Asset]


@pytest.fixture
def brand(cast: Cast) -> Brand:
    add_fields(cast.acme)
    return cast.acme


@pytest.mark.parametrize(
    ("name", "given", "stored"),
    [
        ("sku", "  ORV-2231\n", "ORV-2231"),
        ("sku", 2231, "2231"),
        ("sku", "", None),
        ("notes", "one\ntwo", "one\ntwo"),
        ("price", "12.50", 12.5),
        ("price", "12", 12),
        ("price", 0, 0),
        ("launch", "2026-03-01", "2026-03-01"),
        ("launch", datetime.date(2026, 3, 1), "2026-03-01"),
        ("line", "men", "Men"),
        ("season", "SS26; fw25", ["fw25", "ss26"]),
        ("season", ["ss26", "ss26"], ["ss26"]),
        ("season", [], None),
        ("cleared", "No", False),
        ("cleared", True, True),
        ("shop", "https://example.com/a?b=1", "https://example.com/a?b=1"),
    ],
)
def test_a_value_is_stored_in_one_form(brand: Brand, name: str, given: Any, stored: Any) -> None:
    cleaned = custom_fields.clean_values(brand, {name: given})
    assert cleaned == {name: stored}
    assert type(cleaned[name]) is type(stored)
    text = custom_fields.as_text(stored)
    assert custom_fields.clean_values(brand, {name: text}) == {name: stored}


@pytest.mark.parametrize(
    ("name", "given", "sentence"),
    [
        ("sku", "x" * 1_001, "Article number: At most 1,000 characters. Shorten it."),
        ("sku", ["a"], "Article number: The value must be a text."),
        ("price", "12,5", "Price: Write a number, for example 12.5."),
        ("price", "nan", "Price: Write a number, for example 12.5."),
        ("price", True, "Price: Write a number, for example 12.5."),
        ("price", "1e99", "Price: A number has at most 15 digits before the point."),
        ("launch", "1.3.2026", "Launch: Write a date as year, month and day, for example"),
        ("launch", "2026-02-31", "Launch: Write a date as year, month and day, for example"),
        ("line", "Kids", "Line: “Kids” is no choice. Choose Women or Men."),
        ("season", ["ss26", "xx"], "Season: “xx” is no choice. Choose fw25 or ss26."),
        ("cleared", "maybe", "Cleared: Write yes or no."),
        ("shop", "javascript:alert(1)", "Shop: Write a web address, for example"),
        ("shop", "http://[", "Shop: Write a web address, for example"),
        ("colour", "red", f"Acme has no field “colour”. Its fields: {', '.join(FIELDS)}."),
    ],
)
def test_a_wrong_value_is_refused_with_a_sentence(
    brand: Brand, name: str, given: Any, sentence: str
) -> None:
    with pytest.raises(InvalidFields) as error:
        custom_fields.clean_values(brand, {name: given})
    assert error.value.message.startswith(sentence)
    assert set(error.value.errors) == {name}


def test_given_values_are_merged_and_none_removes_one(brand: Brand, make_asset: MakeAsset) -> None:
    asset = make_asset(custom={"sku": "ORV-2231", "price": 5})
    update_asset(asset=asset, custom={"price": None, "line": "Men"})
    asset.refresh_from_db()
    assert asset.custom == {"sku": "ORV-2231", "line": "Men"}
    stale = Asset.objects.get(pk=asset.pk)
    update_asset(asset=asset, custom={"price": 7})
    update_asset(asset=stale, custom={"line": "Women"})  # Does not overwrite what it has not read
    asset.refresh_from_db()
    assert asset.custom == {"sku": "ORV-2231", "line": "Women", "price": 7}


def test_defaults_fill_new_assets_only(brand: Brand, make_asset: MakeAsset) -> None:
    old = make_asset()
    brand.custom_fields.filter(name="line").update(default="Women")
    changed(brand)
    assert make_asset().custom == {"line": "Women"}
    assert make_asset(custom={"line": "Men"}).custom == {"line": "Men"}
    assert make_asset(custom={"line": None}).custom == {}
    old.refresh_from_db()
    assert old.custom == {}


def test_a_required_value_is_asked_of_new_assets_and_cannot_be_removed(
    brand: Brand, make_asset: MakeAsset
) -> None:
    brand.custom_fields.filter(name="sku").update(required=True)
    changed(brand)
    with pytest.raises(InvalidFields, match="Article number is required"):
        make_asset(complete=True)
    old = make_asset()  # As an import adds it
    assert [f.name for f in custom_fields.missing_fields(brand, old.custom)] == ["sku"]
    update_asset(asset=old, title="Still without")
    update_asset(asset=old, custom={"price": 1})
    update_asset(asset=old, custom={"sku": "A-1"})
    with pytest.raises(InvalidFields, match="Article number is required"):
        update_asset(asset=old, custom={"sku": ""})


def test_a_retired_choice_stays_on_the_asset_that_has_it(
    brand: Brand, make_asset: MakeAsset
) -> None:
    asset = make_asset(custom={"season": ["ss26"], "line": "Men"})
    brand.custom_fields.filter(name="season").update(choices=["fw25"], retired_choices=["ss26"])
    changed(brand)
    update_asset(asset=asset, custom={"season": ["ss26", "fw25"]})
    assert asset.custom["season"] == ["ss26", "fw25"]
    with pytest.raises(InvalidFields, match="is no choice"):
        make_asset(custom={"season": ["ss26"]})


def test_numbers_and_dates_are_kept_in_an_index_by_the_database(
    brand: Brand, make_asset: MakeAsset
) -> None:
    asset = make_asset(custom={"price": 12.5, "launch": "1970-01-11", "sku": "7"})
    rows = CustomNumber.objects.values_list("field__name", "value")
    assert set(rows.all()) == {("price", 12.5), ("launch", 10.0)}
    Asset.objects.filter(pk=asset.pk).update(custom={"price": 3})  # Also without our code
    assert set(rows.all()) == {("price", 3.0)}
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM search_embedding")
        cursor.execute("DELETE FROM taggit_taggeditem")
        cursor.execute("DELETE FROM assetbank_asset WHERE id = %s", [asset.pk])
    assert not rows.exists()


def changed(brand: Brand) -> None:
    """Let the brand's fields be read again, as the verbs that change them do."""
    brand.fields_changed_at = datetime.datetime.now(datetime.UTC)
    brand.save()


# ------------------------------------------------------------------------ CSV


def test_a_row_becomes_fields(brand: Brand) -> None:
    row = {
        "id": "7",
        "Title": " Cape ",
        "tags": "red, linen; silk",
        "kind": "Campaign",
        "expires_on": "2027-01-31",
        "derivatives_allowed": "no",
        "territories": "DE, AT",
        "field.sku": "ORV-2231",
        "Price": "12.5",
        "season": "ss26; fw25",
        "shop": "",
    }
    assert csv.parse_row(brand, row) == {
        "title": "Cape",
        "tags": ["red", "linen", "silk"],
        "kind": "campaign",
        "expires_on": datetime.date(2027, 1, 31),
        "derivatives_allowed": False,
        "territories": ["AT", "DE"],
        "custom": {"sku": "ORV-2231", "price": 12.5, "season": ["fw25", "ss26"]},
    }


def test_an_empty_cell_changes_nothing_unless_it_shall(brand: Brand) -> None:
    row = {"description": "", "sku": ""}
    assert csv.parse_row(brand, row) == {}
    assert csv.parse_row(brand, row, clear_empty=True) == {
        "description": "",
        "custom": {"sku": None},
    }


def test_wrong_cells_and_columns_are_named(brand: Brand) -> None:
    with pytest.raises(InvalidRow) as error:
        csv.parse_row(brand, {"kind": "photo", "launch": "soon", "title": "x"})
    assert error.value.errors == {
        "kind": "kind: Write product or campaign or logo or render or other.",
        "launch": "launch: Write a date as year, month and day, for example 2026-03-01.",
    }
    with pytest.raises(
        InvalidRow, match=r"Unknown column “colour”\. Columns: title.*tags.*field\.sku"
    ):
        csv.parse_row(brand, {"colour": "red"})
    with pytest.raises(InvalidRow, match="Two columns set “sku”"):
        csv.check_columns(brand, ["sku", "Article number"])


@pytest.mark.parametrize("text", ["=1+1", "+49 30", "-x", "@cmd", "'=quoted"])
def test_no_cell_is_run_as_a_formula_and_each_is_read_back(text: str) -> None:
    written = csv.safe_cell(text)
    assert written[0] == "'"
    assert csv.plain_cell(written) == text or text.startswith("'")
    assert csv.safe_cell("-12.5") == "-12.5"


# ------------------------------------------------------------------------ XMP


def test_values_come_from_a_file_and_go_back_into_it(brand: Brand, make_asset: MakeAsset) -> None:
    brand.custom_fields.filter(name="sku").update(xmp_property="acme:SKU")
    brand.custom_fields.filter(name="season").update(xmp_property="acme:Season")
    brand.custom_fields.filter(name="price").update(xmp_property="acme:Price")
    changed(brand)
    properties = {
        "acme:SKU": ("ORV-2231",),
        "acme:Season": ("SS26", "fw25"),
        "acme:Price": ("cheap",),  # Not a number: left out
        "dc:format": ("image/jpeg",),
    }
    found = custom_fields.custom_from_properties(brand, properties)
    assert found == {"sku": "ORV-2231", "season": ["fw25", "ss26"]}
    asset = make_asset(custom={**found, "price": 12.5, "cleared": False})
    assert custom_fields.properties_from_custom(asset) == {
        "acme:SKU": ("ORV-2231",),
        "acme:Season": ("fw25", "ss26"),
        "acme:Price": ("12.5",),
    }

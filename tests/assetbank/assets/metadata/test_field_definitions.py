"""Tests of defining custom fields: names, limits, changes of kind, renamed and retired choices."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from assetbank import hooks
from assetbank.assets.metadata import custom_fields
from assetbank.assets.metadata.field_definitions import (
    MAX_FIELDS,
    change_field,
    define_field,
    delete_field,
    order_fields,
)
from assetbank.assets.metadata.value_changes import count_uses
from assetbank.errors import FieldRefused, NotAllowed
from assetbank.models import Asset, Brand, CustomField, CustomNumber
from tests.conftest import Cast

MakeAsset = Callable[..., Asset]


def stored(asset: Asset) -> object:
    asset.refresh_from_db()
    return asset.custom


def test_a_field_is_defined_by_a_manager_and_named_after_its_label(cast: Cast) -> None:
    field = define_field(brand=cast.acme, by=cast.manager, label="Artikel-Nr. (Größe)")
    assert (field.name, field.kind, field.position) == ("artikel_nr_grosse", "text", 0)
    second = define_field(brand=cast.acme, by=cast.manager, label="型番", kind="number")
    assert (second.name, second.position) == ("field", 1)
    assert [each.name for each in custom_fields.fields_of(cast.acme)] == [field.name, "field"]
    for nobody in (cast.creator, cast.viewer, cast.outsider):
        with pytest.raises(NotAllowed):
            define_field(brand=cast.acme, by=nobody, label="Mine")
        with pytest.raises(NotAllowed):
            change_field(field=field, by=nobody, label="Mine")
        with pytest.raises(NotAllowed):
            delete_field(field=field, by=nobody)
        with pytest.raises(NotAllowed):
            order_fields(brand=cast.acme, by=nobody, names=[])


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"label": "SKU", "name": "Sku"}, "Name: A name has at most 40"),
        ({"label": "SKU", "name": "taken"}, "already has a field “taken”"),
        ({"label": ""}, "Label: This field cannot be blank"),
        ({"label": "A", "kind": "colour"}, "A field is one of text, long_text, number"),
        ({"label": "A", "kind": "choice"}, "needs at least one choice"),
        ({"label": "A", "kind": "choice", "choices": ["a;b"]}, "A choice cannot contain “;”"),
        ({"label": "A", "kind": "choice", "choices": ["x" * 101]}, "at most 100 characters"),
        ({"label": "A", "kind": "choice", "choices": map(str, range(201))}, "at most 200 choices"),
        ({"label": "A", "kind": "number", "default": "x"}, "The default of “A” is invalid"),
        ({"label": "A", "kind": "choice", "choices": ["a"], "default": "b"}, "“b” is no choice"),
        ({"label": "A", "xmp_property": "SKU"}, "An XMP property has a prefix and a name"),
    ],
)
def test_a_definition_that_is_wrong_is_refused(
    cast: Cast, options: dict[str, object], sentence: str
) -> None:
    define_field(brand=cast.acme, by=cast.manager, label="Taken")
    with pytest.raises(FieldRefused, match=sentence):
        define_field(brand=cast.acme, by=cast.manager, **options)  # type: ignore[arg-type]


def test_a_brand_has_at_most_fifty_fields(cast: Cast) -> None:
    CustomField.objects.bulk_create(
        CustomField(brand=cast.acme, name=f"f{n}", label=f"F {n}") for n in range(MAX_FIELDS)
    )
    with pytest.raises(FieldRefused, match="50 fields, the maximum"):
        define_field(brand=cast.acme, by=cast.manager, label="One more")


@pytest.mark.parametrize(
    ("kind", "value", "other", "converted"),
    [
        ("text", "12.50", "number", 12.5),
        ("text", "2026-03-01", "date", "2026-03-01"),
        ("number", 12, "text", "12"),
        ("text", "a", "choice", "a"),
        ("choice", "a", "choices", ["a"]),
        ("choices", ["a"], "choice", "a"),
        ("choices", ["a"], "text", "a"),
        ("yes_no", True, "text", "yes"),
        ("text", "No", "yes_no", False),
        ("text", "one", "long_text", "one"),
    ],
)
def test_a_change_of_the_kind_converts_every_value(
    cast: Cast, make_asset: MakeAsset, kind: str, value: object, other: str, converted: object
) -> None:
    choices = ["a", "b"]
    field = define_field(brand=cast.acme, by=cast.manager, label="Part", kind=kind, choices=choices)
    asset, none = make_asset(custom={"part": value}), make_asset()
    change_field(field=field, by=cast.manager, kind=other, choices=choices)
    assert stored(asset) == {"part": converted}
    assert stored(none) == {}
    ranged = other in ("number", "date")
    assert CustomNumber.objects.filter(asset=asset).exists() is ranged


def test_a_kind_that_not_all_values_fit_is_refused(cast: Cast, make_asset: MakeAsset) -> None:
    field = define_field(brand=cast.acme, by=cast.manager, label="SKU")
    for value in ("12", "ORV-1", "ORV-1"):
        asset = make_asset(custom={"sku": value})
    with pytest.raises(FieldRefused, match="2 assets have values of “sku” that cannot be a number"):
        change_field(field=field, by=cast.manager, kind="number")
    assert CustomField.objects.get(pk=field.pk).kind == "text"
    assert stored(asset) == {"sku": "ORV-1"}


@pytest.mark.parametrize("kind", ["choice", "choices"])
def test_values_follow_a_renamed_choice(cast: Cast, make_asset: MakeAsset, kind: str) -> None:
    several = kind == "choices"
    field = define_field(
        brand=cast.acme,
        by=cast.manager,
        label="Season",
        kind=kind,
        choices=["ss26", "fw25"],
        default="ss26",
    )
    first = make_asset(custom={"season": ["ss26", "fw25"] if several else "ss26"})
    second = make_asset(custom={"season": "fw25"})
    foreign = make_asset(brand=cast.other, by=cast.outsider)
    Asset.objects.filter(pk=foreign.pk).update(custom={"season": "ss26"})
    change_field(field=field, by=cast.manager, renamed={"ss26": "Spring 26"})
    assert field.choices == ["Spring 26", "fw25"]
    assert field.default == (["Spring 26"] if several else "Spring 26")
    assert stored(first) == {"season": ["Spring 26", "fw25"] if several else "Spring 26"}
    assert stored(second) == {"season": ["fw25"] if several else "fw25"}
    assert stored(foreign) == {"season": "ss26"}
    with pytest.raises(FieldRefused, match="is empty or a choice already"):
        change_field(field=field, by=cast.manager, renamed={"fw25": "spring 26"})
    with pytest.raises(FieldRefused, match="has no choice “ss26”"):
        change_field(field=field, by=cast.manager, renamed={"ss26": "x"})


def test_a_choice_that_is_left_out_is_retired_if_an_asset_has_it(
    cast: Cast, make_asset: MakeAsset
) -> None:
    field = define_field(
        brand=cast.acme, by=cast.manager, label="Line", kind="choice", choices=["a", "b", "c"]
    )
    asset = make_asset(custom={"line": "a"})
    change_field(field=field, by=cast.manager, choices=["c"])
    assert (field.choices, field.retired_choices) == (["c"], ["a"])
    assert stored(asset) == {"line": "a"}
    change_field(field=field, by=cast.manager, choices=["c", "a"])
    assert (field.choices, field.retired_choices) == (["c", "a"], [])


def test_values_of_a_deleted_field_are_hidden_and_shown_by_a_new_one(
    cast: Cast, make_asset: MakeAsset
) -> None:
    field = define_field(brand=cast.acme, by=cast.manager, label="Price", kind="number")
    asset = make_asset(custom={"price": 5})
    delete_field(field=field, by=cast.manager)
    asset = Asset.objects.get(pk=asset.pk)
    assert custom_fields.public_values(asset) == {}
    assert not CustomNumber.objects.exists()
    define_field(brand=cast.acme, by=cast.manager, label="Price", kind="number")
    assert custom_fields.public_values(Asset.objects.get(pk=asset.pk)) == {"price": 5}
    assert CustomNumber.objects.get().value == 5


def test_values_can_be_deleted_with_their_field(cast: Cast, make_asset: MakeAsset) -> None:
    field = define_field(brand=cast.acme, by=cast.manager, label="Price", kind="number")
    asset = make_asset(custom={"price": 5})
    assert count_uses(cast.acme) == {"price": 1}
    delete_field(field=field, by=cast.manager, forget_values=True)
    assert stored(asset) == {}
    assert count_uses(cast.acme) == {}


def test_fields_are_put_in_order(cast: Cast) -> None:
    for label in ("A", "B", "C"):
        define_field(brand=cast.acme, by=cast.manager, label=label)
    order_fields(brand=cast.acme, by=cast.manager, names=["c", "nonsense", "a"])
    assert [field.name for field in custom_fields.fields_of(cast.acme)] == ["c", "a", "b"]


def test_others_hear_when_another_field_is_searched(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[Brand] = []
    monkeypatch.setattr(hooks.searched_fields_changed, "functions", [heard.append])
    field = define_field(brand=cast.acme, by=cast.manager, label="A", searched=False)
    change_field(field=field, by=cast.manager, label="B")
    assert heard == []
    change_field(field=field, by=cast.manager, searched=True)
    assert heard == [cast.acme]
    change_field(field=field, by=cast.manager, help="Of the label.")
    assert len(heard) == 1
    delete_field(field=field, by=cast.manager)
    assert len(heard) == 2


def test_a_brand_without_fields_costs_no_query_and_others_one_each_change(
    cast: Cast, django_assert_num_queries: Callable[[int], object]
) -> None:
    with django_assert_num_queries(0):  # type: ignore[attr-defined]
        assert custom_fields.fields_of(cast.other) == ()
    define_field(brand=cast.acme, by=cast.manager, label="A")
    with django_assert_num_queries(1):  # type: ignore[attr-defined]
        custom_fields.fields_of(cast.acme)
        custom_fields.fields_of(cast.acme)

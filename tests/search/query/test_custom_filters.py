"""Tests of filters by custom fields: their parameters, and that each finds exactly its assets."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.http import QueryDict

from assetbank import permissions
from assetbank.assets.metadata import field_definitions
from assetbank.models import Asset
from search.errors import InvalidQuery
from search.query import Filters, SearchForm, facets, read_query, search
from search.query.filters import custom_fields, to_milvus, to_queryset
from search.vectorstore import store
from tests.assetbank.assets.metadata.fields import add_fields
from tests.conftest import Cast

MakeAsset = Callable[..., Asset]
Index = Callable[[], int]


@pytest.fixture
def assets(cast: Cast, make_asset: MakeAsset) -> dict[str, Asset]:
    add_fields(cast.acme)
    values = {
        "cape": {"sku": "ORV-2231", "price": 12.5, "season": ["ss26", "fw25"], "line": "Women"},
        "hat": {"sku": "ORV-2232", "price": 0, "launch": "2026-03-01", "cleared": True},
        "bag": {"season": ["ss26"], "launch": "2025-12-31", "line": "Men", "cleared": False},
        "none": {},
    }
    made = {name: make_asset(title=name, custom=custom) for name, custom in values.items()}
    foreign = make_asset(title="foreign", brand=cast.other, by=cast.outsider)
    Asset.objects.filter(pk=foreign.pk).update(custom=values["cape"])  # No field of its brand
    return made


def filters_of(cast: Cast, address: str) -> Filters:
    question = read_query(address, person=cast.viewer)
    again = read_query(question.to_querystring(), person=cast.viewer)
    assert again == question
    return question.filters


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("field.sku=ORV-2231", "cape"),
        ("field.sku=orv-2231", ""),  # A filter is exact; the search box is not
        ("field.season=ss26", "cape bag"),
        ("field.season=fw25&field.season=ss26", "cape bag"),
        ("field.season=SS26&field.line=men", "bag"),
        ("field.line=Men&field.line=Women", "cape bag"),
        ("field.price=12.50", "cape"),
        ("field.price.min=0", "cape hat"),
        ("field.price.min=0.5&field.price.max=12.5", "cape"),
        ("field.price.max=-1", ""),
        ("field.launch=2026-03-01", "hat"),
        ("field.launch.from=2026-01-01", "hat"),
        ("field.launch.from=2025-12-31&field.launch.to=2025-12-31", "bag"),
        ("field.cleared=yes", "hat"),
        ("field.cleared=0", "bag"),
        ("field.sku.missing=yes", "bag none"),
        ("field.sku=", "cape hat bag none foreign"),
    ],
)
def test_each_filter_finds_exactly_its_assets(
    cast: Cast, assets: dict[str, Asset], address: str, found: str
) -> None:
    filters = filters_of(cast, address)
    passing = to_queryset(filters, Asset.objects.all())
    assert {asset.title for asset in passing} == set(found.split())
    ids = {str(asset.pk) for asset in passing}
    if address.endswith("="):
        return
    where = to_milvus(filters, permissions.AssetScope(None))
    listed = where.partition("id in [")[2].partition("]")[0]
    assert set(filter(None, listed.split(", "))) == ids


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        (
            "field.colour=red",
            "field.colour is no filter. Filters by custom fields: field.cleared, ",
        ),
        ("field.price.from=2026-01-01", "field.price.from is no filter."),
        ("field.notes=x", "field.notes is no filter."),
        ("field.season=xx", "field.season: “xx” is no choice. Choose fw25 or ss26."),
        ("field.price=cheap", "field.price: Write a number, for example 12.5."),
        ("field.price.min=x", "field.price.min: Write a number, for example 12.5."),
        ("field.launch.to=soon", "field.launch.to: Write a date"),
        ("field.cleared=perhaps", "field.cleared: Write yes or no."),
        ("field.sku.missing=no", "field.sku.missing: Write yes"),
        ("field.price.min=1&field.price.min=2", "field.price.min takes one value"),
        ("&".join(f"field.sku={n}" for n in range(21)), "field.sku takes at most 20 values"),
    ],
)
def test_an_unknown_field_or_value_is_refused_and_the_known_ones_named(
    cast: Cast, assets: dict[str, Asset], address: str, sentence: str
) -> None:
    form = SearchForm(QueryDict(address), person=cast.viewer)
    assert not form.is_valid()
    (message,) = form.errors["custom"]
    assert str(message).startswith(sentence)
    with pytest.raises(InvalidQuery):
        read_query(address, person=cast.viewer)


def test_fields_of_another_brand_and_those_that_are_no_filters_are_unknown(
    cast: Cast, assets: dict[str, Asset]
) -> None:
    assert not SearchForm(QueryDict("field.sku=x"), person=cast.outsider).is_valid()
    by_staff = SearchForm(QueryDict("brand=other&field.sku=x"), person=cast.staff)
    assert not by_staff.is_valid()
    field = cast.acme.custom_fields.get(name="sku")
    field_definitions.change_field(field=field, by=cast.manager, filterable=False)
    assert not SearchForm(QueryDict("field.sku=x"), person=cast.viewer).is_valid()


def test_fields_of_one_name_are_read_by_the_kind_of_each_brand(
    cast: Cast, assets: dict[str, Asset], make_asset: MakeAsset
) -> None:
    field_definitions.define_field(
        brand=cast.other, by=cast.outsider, label="Price", kind="text", name="price"
    )
    cast.other.refresh_from_db()
    other = make_asset(brand=cast.other, by=cast.outsider, custom={"price": "12.5"})
    filters = read_query("field.price=12.5", person=cast.staff).filters
    passing = to_queryset(filters, Asset.objects.all())
    # The hidden value of the other brand's asset became a text when the field was defined
    assert set(passing) == {assets["cape"], other, Asset.objects.get(title="foreign")}
    filters = read_query("field.price.min=1", person=cast.staff).filters
    assert set(to_queryset(filters, Asset.objects.all())) == {assets["cape"]}


@pytest.mark.parametrize("most", [10_000, 1])
def test_a_search_by_meaning_keeps_to_the_filter_however_many_pass(
    cast: Cast,
    assets: dict[str, Asset],
    index: Index,
    monkeypatch: pytest.MonkeyPatch,
    most: int,
) -> None:
    """With few, Milvus is given their ids; with many, its hits are checked."""
    monkeypatch.setattr(custom_fields, "MAX_LISTED", most)
    index()
    question = read_query("q=a+photo&field.season=ss26", person=cast.viewer)
    found = search(person=cast.viewer, question=question).found
    assert {hit.asset.title for hit in found} == {"cape", "bag"}
    monkeypatch.setattr(store, "MAX_HITS", 2)  # So deep that most hits do not pass
    found = search(person=cast.creator, question=question).found
    assert {hit.asset.title for hit in found} == {"cape", "bag"}


def test_a_search_shows_a_change_of_a_value_at_once(
    cast: Cast, assets: dict[str, Asset], index: Index
) -> None:
    index()
    question = read_query("q=a+photo&field.season=ss26", person=cast.viewer)
    assert len(search(person=cast.viewer, question=question).found) == 2
    Asset.objects.filter(title="none").update(custom={"season": ["ss26"]})
    found = search(person=cast.viewer, question=question).found
    assert {hit.asset.title for hit in found} == {"cape", "bag", "none"}


def test_facets_count_choices_under_all_filters_but_their_own(
    cast: Cast, assets: dict[str, Asset]
) -> None:
    def counted(address: str) -> dict[str, dict[str, int]]:
        question = read_query(address, person=cast.viewer)
        found = facets.count_facets(person=cast.viewer, question=question).facets
        return {
            facet.name: {value.value: value.count for value in facet.values}
            for facet in found
            if facet.name.startswith("field.")
        }

    assert counted("") == {
        "field.line": {"Men": 1, "Women": 1},
        "field.season": {"ss26": 2, "fw25": 1},
        "field.cleared": {"no": 1, "yes": 1},
    }
    assert counted("field.line=Women") == {
        "field.line": {"Men": 1, "Women": 1},
        "field.season": {"ss26": 1, "fw25": 1},
    }
    assert counted("field.line=Women&field.season=ss26")["field.line"] == {"Men": 1, "Women": 1}


def test_facets_take_no_query_more_with_fields_than_without(
    cast: Cast, make_asset: MakeAsset, django_assert_num_queries: Callable[[int], object]
) -> None:
    make_asset()
    question = read_query("", person=cast.staff)
    for fields in (False, True):
        if fields:
            add_fields(cast.acme)
        with django_assert_num_queries(2):  # type: ignore[attr-defined]
            facets.count_facets(person=cast.staff, question=question)

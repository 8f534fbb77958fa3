"""Tests of SearchQuery: its query string, and the validation of its parameters."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

import pytest
from django.http import QueryDict
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assetbank.assets.metadata.field_definitions import define_field
from assetbank.models import Asset, Collection
from search.errors import InvalidQuery
from search.models import QueryImage
from search.query import (
    PARAMETERS,
    Filters,
    ImageTerm,
    SearchForm,
    SearchQuery,
    Sort,
    read_query,
)
from tests.conftest import Cast

MakeAsset = Callable[..., Asset]

TEXT = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Z"], exclude_characters="\x00"), max_size=40
)
TAGS = st.lists(
    st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=12), max_size=4, unique=True
).map(tuple)
WEIGHTS = st.sampled_from([1.0, 0.5, -1.0, 2.25, -0.125, 5.0])
DAYS = st.none() | st.dates(datetime.date(1970, 1, 1), datetime.date(9998, 12, 31))
PIXELS = st.none() | st.integers(1, 1_000_000)


def several(*values: str) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(values), unique=True).map(tuple)


@pytest.mark.parametrize("attribute", PARAMETERS.values())
def test_every_filter_can_stand_in_an_address(attribute: str) -> None:
    assert hasattr(Filters(), attribute)


@pytest.mark.slow
def test_a_question_reads_back_from_the_address_that_it_writes(
    cast: Cast, make_asset: MakeAsset
) -> None:
    collection = Collection.objects.create(brand=cast.acme, name="Summer")
    asset = make_asset()
    picture = QueryImage.objects.create(
        person=cast.viewer, fingerprint="x", vector_bytes=b"", thumbnail=b""
    )
    define_field(brand=cast.acme, by=cast.manager, label="SKU")
    address = "field.sku=a%26b&field.sku=%C3%A9&field.sku.missing=yes"
    own = read_query(address, person=cast.viewer).filters.custom
    shown = st.lists(
        st.builds(ImageTerm, asset=st.just(asset.pk), weight=WEIGHTS)
        | st.builds(ImageTerm, picture=st.just(picture.pk), weight=WEIGHTS),
        max_size=3,
    ).map(lambda each: tuple(sorted(each, key=lambda one: one.picture is not None)))
    filters = st.builds(
        Filters,
        brands=several("acme"),
        kinds=several(*Asset.Kind.values),
        origins=several(*Asset.Origin.values),
        statuses=several(*Asset.Status.values),
        tags=TAGS,
        tags_any=TAGS,
        tags_none=TAGS,
        orientation=st.sampled_from(["", *Asset.Orientation.values]),
        aspect_ratio=st.none() | st.sampled_from([1.0, 16 / 9, 0.8, 2 / 3]),
        min_width=PIXELS,
        min_height=PIXELS,
        created_after=DAYS,
        created_before=DAYS,
        collection=st.sampled_from([None, collection.pk]),
        colour=st.sampled_from(["", "#c81c26", "#FFFFFF"]),
        usable=st.booleans(),
        created_by=st.sampled_from([None, cast.creator.pk]),
        engine_models=several("gemini-nano-banana-2.1", "a&b=c"),
        presets=several("pack shot", "é"),
        captured_from=DAYS,
        captured_to=DAYS,
        captured_years=several("1839", "2019"),
        creators=several("Ana Özil", "a&b=c"),
        places=several("Łódź", "Norway"),
        has_alt_text=st.sampled_from(["", "yes", "no"]),
        terms_to_check=st.booleans(),
        custom=st.sampled_from([(), own]),
    )

    @settings(
        max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(
        st.builds(
            SearchQuery,
            text=TEXT,
            text_weight=WEIGHTS.map(abs),
            shown=shown,
            filters=filters,
            sort=st.sampled_from(["", *Sort.values]),
        )
    )
    def check(question: SearchQuery) -> None:
        assert read_query(question.to_querystring(), person=cast.viewer) == question

    check()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("like", "0"),
        ("like", "x"),
        ("like", "{foreign}"),
        ("like", "{own}*0"),
        ("like", "{own}*nan"),
        ("like", "{own}*99"),
        ("picture", "00000000-0000-4000-8000-000000000000"),
        ("picture", "not-a-uuid"),
        ("colour", "red"),
        ("created_by", "{outsider}"),
        ("text_weight", "0"),
        ("text_weight", "-1"),  # Words are excluded with a minus each
        ("text_weight", "inf"),
        ("tags_none", ",".join(map(str, range(30)))),
        ("preset", "x" * 101),
        ("captured_year", "19"),
        ("creator", "x" * 301),
        ("has_alt_text", "perhaps"),
        ("sort", "biggest"),
    ],
)
def test_what_is_wrong_or_not_to_be_seen_is_an_invalid_choice(
    cast: Cast, make_asset: MakeAsset, field: str, value: str
) -> None:
    ids: dict[str, Any] = {
        "own": make_asset().pk,
        "foreign": make_asset(brand=cast.other, by=cast.outsider).pk,
        "outsider": cast.outsider.pk,
    }
    asked = QueryDict(mutable=True)
    asked[field] = value.format(**ids)
    form = SearchForm(asked, person=cast.viewer)
    assert not form.is_valid()
    assert set(form.errors) == {field}
    with pytest.raises(InvalidQuery, match=field):
        read_query(asked.urlencode(), person=cast.viewer)


def test_a_picture_in_a_kept_question_is_the_brands(cast: Cast) -> None:
    kept = QueryImage.objects.create(
        brand=cast.acme, fingerprint="x", vector_bytes=b"", thumbnail=b""
    )
    address = SearchQuery(shown=(ImageTerm(picture=kept.pk),)).to_querystring()
    assert read_query(address, person=cast.viewer).shown == (ImageTerm(picture=kept.pk),)
    with pytest.raises(InvalidQuery):
        read_query(address, person=cast.outsider)

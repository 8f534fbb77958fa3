"""Tests that every filter finds the same assets in PostgreSQL and in Milvus."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from django.http import QueryDict
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assetbank import permissions
from assetbank.assets import GenerationProvenance, collections, update_asset
from assetbank.assets.metadata.field_definitions import define_field
from assetbank.models import Asset, Brand, Collection
from search.explain import filter_steps
from search.indexing import spaces
from search.query import PARAMETERS, Filters, SearchForm, read_query
from search.query.filters import milvus, sql, to_milvus, to_queryset
from search.vectorstore import store
from search.views import query_bar
from tests.conftest import Cast, picture_bytes

MakeAsset = Callable[..., Asset]
Index = Callable[[], int]

NAMES = [each.name for each in fields(Filters)]
ANY_STATUS = Filters(statuses=tuple(Asset.Status.values))  # So that no status is hidden


def test_every_filter_is_asked_for_and_compiled_in_each_place() -> None:
    assert set(milvus.COMPILERS) == set(sql.COMPILERS) == set(NAMES)
    assert set(PARAMETERS.values()) == set(NAMES)
    assert set(PARAMETERS) <= set(SearchForm.base_fields)


@pytest.fixture
def values(cast: Cast, make_asset: MakeAsset, index: Index) -> dict[str, Any]:
    """Return a value for each filter, which matches some of three assets but not all."""
    yesterday = timezone.localdate() - datetime.timedelta(days=1)
    day = timezone.make_aware(datetime.datetime(2024, 5, 1, 23, 30))
    wide = picture_bytes((20, 90, 200), size=(320, 180))
    define_field(brand=cast.acme, by=cast.manager, label="SKU")
    sku = {"sku": "ORV-2231"}
    make_asset(
        (200, 30, 40),
        tags=["Handbag"],
        kind="product",
        custom=sku,
        file=picture_bytes(size=(60, 80)),
        alt_text="A handbag",
        terms_to_check="Editorial use only",
        country="Deutschland",
    )
    new_york = datetime.timezone(datetime.timedelta(hours=-5))
    logo = make_asset(
        brand=cast.other,
        by=cast.outsider,
        file=wide,
        tags=["watch"],
        kind="logo",
        created_at=day,
        # The day after in UTC
        captured_at=datetime.datetime(2019, 12, 31, 23, 30, tzinfo=new_york),
        creator="Ana ÖZIL",
        city="Łódź",
    )
    update_asset(asset=logo, status="archived", expires_on=yesterday)
    made_by = GenerationProvenance(1, "nano", "a prompt", preset="pack shot")
    generated = make_asset((90, 200, 40), by=cast.manager, origin="generated", provenance=made_by)
    update_asset(asset=generated, captured_at=datetime.datetime(2021, 1, 1, 0, 30))
    collection = Collection.objects.create(brand=cast.other, name="Summer")
    collections.add_assets(collection=collection, assets=[logo])
    index()
    return {
        "brands": ("acme",),
        "collection": collection.pk,
        "kinds": ("logo", "campaign"),
        "origins": ("generated",),
        "statuses": ("archived",),
        "tags": ("HANDBAG",),
        "tags_any": ("watch", "nothing"),
        "tags_none": ("handbag", "nothing"),
        "orientation": "landscape",
        "aspect_ratio": 16 / 9,
        "min_width": 300,
        "min_height": 180,
        "created_after": datetime.date(2024, 5, 2),
        "created_before": datetime.date(2024, 5, 1),
        "colour": "#c81e28",
        "usable": True,
        "created_by": cast.manager.pk,
        "engine_models": ("nano", "other"),
        "presets": ("pack shot",),
        "captured_from": datetime.date(2020, 1, 1),
        "captured_to": datetime.date(2019, 12, 31),
        "captured_years": ("2019", "1955"),
        "creators": ("ana özil", "nobody"),
        "places": ("łódź", "DEUTSCHLAND"),
        "has_alt_text": "no",
        "terms_to_check": True,
        "custom": read_query("field.sku=ORV-2231", person=cast.viewer).filters.custom,
    }


def in_postgres(filters: Filters) -> set[int]:
    return set(to_queryset(filters, Asset.objects.all()).values_list("pk", flat=True))


def in_milvus(filters: Filters) -> set[int]:
    scope = permissions.AssetScope(None)
    if filters.brands:
        chosen = Brand.objects.filter(slug__in=filters.brands)
        scope = permissions.AssetScope(frozenset(chosen.values_list("pk", flat=True)))
    space = spaces.active_space()
    anything = np.ones(space.dimension, np.float32)
    where = to_milvus(filters, scope)
    hits = store.search(anything, limit=100, where=where, collection=space.collection)
    return {hit.id for hit in hits}


def test_each_filter_lets_the_same_assets_pass_in_postgres_and_in_milvus(
    values: dict[str, Any],
) -> None:
    everything = in_postgres(ANY_STATUS)
    assert everything == in_milvus(ANY_STATUS)
    assert in_postgres(Filters()) == in_milvus(Filters()) < everything
    for name in NAMES:
        filters = replace(ANY_STATUS, **{name: values[name]})
        passing = in_postgres(filters)
        assert passing == in_milvus(filters), name
        assert set() < passing < everything, f"{name} keeps nothing out, or everything"


def test_filters_together_let_the_same_assets_pass_in_postgres_and_in_milvus(
    values: dict[str, Any],
) -> None:
    @settings(
        max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(st.sets(st.sampled_from(NAMES), max_size=4), st.sampled_from([Filters(), ANY_STATUS]))
    def check(names: set[str], others: Filters) -> None:
        filters = replace(others, **{name: values[name] for name in names})
        assert in_postgres(filters) == in_milvus(filters)

    check()


def test_a_filter_without_words_of_its_own_is_still_said(
    cast: Cast, make_asset: MakeAsset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(query_bar, "SENTENCES", {})
    form = SearchForm(QueryDict("min_width=300&usable=0"), person=cast.viewer)
    assert form.is_valid()
    assert [(chip.label, chip.without) for chip in query_bar.chips(form)] == [
        ("min width 300", "?usable=0")
    ]
    monkeypatch.setattr(filter_steps, "_values", lambda filters, asset: {})
    said = filter_steps._describe(
        "kind", Filters(kinds=("logo", "render")), make_asset(), passes=False
    )
    assert said == "the filter is logo, render"

"""Generations and what is in the trash: records stay, terms still bind, nothing new is made."""

from __future__ import annotations

import datetime
from collections.abc import Callable

import pytest

from assetbank.assets import trash, update_asset
from assetbank.errors import InvalidAsset
from assetbank.models import Asset, Notice
from generation.billing import reports
from generation.lineage import graph, impact, inheritance
from generation.models import Generation, Output
from generation.workflows import withdrawal
from search.models import DuplicatePair
from tests.conftest import Cast
from tests.generation.requests import ask, run
from tests.support.api import client_of
from tests.support.trash import delete_asset

MakeAsset = Callable[..., Asset]


@pytest.fixture
def source(make_asset: MakeAsset) -> Asset:
    return make_asset(title="Cape")


@pytest.fixture
def generation(cast: Cast, source: Asset) -> Generation:
    return run(ask(cast, prompt="A red cape", references=[source]))


def made_by(generation: Generation) -> Asset:
    asset = generation.outputs.get().asset
    assert asset is not None
    return asset


def to_trash(cast: Cast, *assets: Asset) -> None:
    trash.trash_assets(assets=assets, by=cast.manager)


def test_terms_of_a_source_in_the_trash_still_bind(
    cast: Cast, source: Asset, generation: Generation
) -> None:
    made = made_by(generation)
    update_asset(asset=source, territories=["DE"])
    to_trash(cast, source)
    assert inheritance.source_assets(made) == [source]
    made.refresh_from_db()
    assert made.territories == ["DE"]
    with pytest.raises(InvalidAsset, match="cannot be less strict"):
        update_asset(asset=made, territories=[])
    update_asset(asset=source, expires_on=datetime.date(2030, 1, 1))
    made.refresh_from_db()
    assert made.expires_on == datetime.date(2030, 1, 1)


def test_terms_reach_descendants_in_the_trash_silently(
    cast: Cast, source: Asset, generation: Generation
) -> None:
    made = made_by(generation)
    to_trash(cast, made)
    update_asset(asset=source, territories=["DE"])
    assert Asset.all_objects.get(pk=made.pk).territories == ["DE"]
    assert not Notice.objects.exists()


def test_revoked_rights_reach_both_through_the_trash(
    cast: Cast, source: Asset, generation: Generation
) -> None:
    made = made_by(generation)
    between = run(ask(cast, prompt="Again", references=[made]))
    last = made_by(between)
    to_trash(cast, source, made)
    done = withdrawal.withdraw_rights(person=cast.manager, asset=source, reason="It ended.")
    states = dict(Asset.all_objects.values_list("pk", "status"))
    assert {states[each.pk] for each in (source, made, last)} == {"quarantined"}
    assert withdrawal.affected_by(person=cast.manager, asset=source).unseen == 0
    trash.restore_assets(assets=[made], by=cast.manager)
    assert Asset.objects.get(pk=made.pk).status == "quarantined"
    withdrawal.lift_withdrawal(person=cast.manager, withdrawal=done)
    assert Asset.all_objects.get(pk=source.pk).status == "approved"


def test_a_waiting_generation_does_not_use_it(cast: Cast, source: Asset) -> None:
    waiting = ask(cast, prompt="A red cape", references=[source])
    to_trash(cast, source)
    failed = run(waiting)
    assert (failed.state, failed.reason_code) == ("failed", "reference_gone")
    assert failed.reason == "A reference is in the trash. Restore it and retry, or remove it."


def test_records_stay_through_trash_and_purge(
    cast: Cast, source: Asset, generation: Generation
) -> None:
    made = made_by(generation)
    to_trash(cast, source, made)
    row = generation.reference_rows.get()
    assert (row.asset, row.title) == (source, "Cape")
    assert generation.outputs.get().asset == made
    api = client_of(cast, "staff")
    told = api.get(f"/api/v1/generations/{generation.pk}/").json()
    assert told["outputs"] == []
    assert told["references"][0]["asset"] is None
    assert "Cape" not in told["references"][0]["title"]
    trash.restore_assets(assets=[source, made], by=cast.manager)
    told = api.get(f"/api/v1/generations/{generation.pk}/").json()
    assert [each["asset"] for each in told["outputs"]] == [made.pk]
    assert told["references"][0]["title"] == "Cape"
    delete_asset(asset=made)
    assert Output.objects.get().asset is None
    assert Generation.objects.get(pk=generation.pk).state == "succeeded"


def test_the_tree_does_not_name_it(cast: Cast, source: Asset, generation: Generation) -> None:
    made = made_by(generation)
    to_trash(cast, source)
    (branch,) = graph.lineage_tree(made, cast.staff).made_from.branches
    assert (branch.asset, branch.title) == (None, "An asset in the trash")
    to_trash(cast, made)
    assert graph.descendants([source.pk]) == {made.pk}
    assert graph.descendants([source.pk], in_trash=False) == set()


def test_a_request_for_the_same_image_brings_it_back(cast: Cast, source: Asset) -> None:
    """The sketch engine draws equal images for equal requests."""
    made = made_by(run(ask(cast, prompt="A red cape", references=[source])))
    to_trash(cast, made)
    again = run(ask(cast, prompt="A red cape", references=[source]))
    assert (again.state, made_by(again)) == ("succeeded", made)
    assert Asset.objects.filter(pk=made.pk).exists()


def test_findings_that_name_it_are_made_again(
    cast: Cast, source: Asset, generation: Generation, make_asset: MakeAsset
) -> None:
    output, twin = generation.outputs.get(), make_asset(title="Twin")
    pair = sorted((made_by(generation), twin), key=lambda asset: asset.pk)
    DuplicatePair.objects.create(brand=cast.acme, first=pair[0], second=pair[1], score=1)
    output.findings.create(code="near_duplicate", sentence="“Twin” is in the library.")
    output.findings.create(
        code="reference_ignored", sentence="“Cape”", reference=generation.reference_rows.get()
    )
    output.findings.create(code="palette", sentence="Green.")
    Output.objects.update(inspected_at=twin.created_at)
    to_trash(cast, twin)
    assert sorted(output.findings.values_list("code", flat=True)) == [
        "palette",
        "reference_ignored",
    ]
    assert Output.objects.get().inspected_at is None
    Output.objects.update(inspected_at=twin.created_at)
    to_trash(cast, source)
    assert list(output.findings.values_list("code", flat=True)) == ["palette"]
    assert Output.objects.get().inspected_at is None


def test_spending_counts_what_the_library_has(cast: Cast, generation: Generation) -> None:
    month = reports.first_day("")
    assert reports.report(cast.manager, month).made == 1
    to_trash(cast, made_by(generation))
    assert reports.report(cast.manager, month).made == 0


def test_the_impact_names_generations(cast: Cast, source: Asset, generation: Generation) -> None:
    made = made_by(generation)
    assert impact.deletion_impact(Asset.all_objects.filter(pk=source.pk)) == [
        "1 generation used them as references. Their records keep title and checksum, but they "
        "cannot be repeated with these references.",
        "What was made from them stays, with its terms: 1 asset.",
    ]
    assert impact.deletion_impact(Asset.all_objects.filter(pk=made.pk)) == [
        "1 generation made them. Their records stay, without these images."
    ]

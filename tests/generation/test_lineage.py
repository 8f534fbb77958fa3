"""What was made from what, both ways."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from assetbank import intake
from assetbank.models import Asset
from generation import lineage
from generation.models import Generation, Output, Reference
from tests.conftest import Cast

MakeAsset = Callable[..., Asset]


@pytest.fixture
def make(cast: Cast, make_asset: MakeAsset) -> Callable[..., Output]:
    """`make("B", from_=[a])`: an output whose picture was made that way."""

    def making(
        title: str,
        *,
        from_: Sequence[Asset] = (),
        refines: Output | None = None,
        draft: Output | None = None,
        asset: Asset | None = None,
        **fields: object,
    ) -> Output:
        generation = Generation.objects.create(
            brand=cast.acme,
            prompt=f"Make {title}",
            model="sketch",
            state="succeeded",
            aspect_ratio="1:1",
            refines=refines,
            draft=draft,
        )
        for position, each in enumerate(from_):
            Reference.objects.create(
                generation=generation,
                asset=each,
                position=position,
                title=each.title,
                checksum=each.checksum,
            )
        asset = asset or make_asset(title=title, origin="generated", **fields)
        return Output.objects.create(
            generation=generation,
            take=0,
            position=0,
            mime=asset.mime,
            asset=asset,
            checksum=asset.checksum,
        )

    return making


Make = Callable[..., Output]


def asset_of(output: Output) -> Asset:
    assert output.asset
    return output.asset


def test_descendants_are_found_at_every_remove(make_asset: MakeAsset, make: Make) -> None:
    source, other = make_asset(), make_asset()
    first = make("first", from_=[source])
    refined = make("refined", refines=first)
    final = make("final", draft=refined)
    used = make("used", from_=[other, asset_of(final)])
    make("unrelated", from_=[other])
    made = {asset_of(each).pk for each in (first, refined, final, used)}
    assert lineage.descendants([source.pk]) == made
    assert lineage.descendants([asset_of(final).pk]) == {asset_of(used).pk}
    assert lineage.descendants([asset_of(used).pk]) == set()
    assert lineage.descendants([]) == set()


def test_a_deleted_picture_in_between_hides_no_descendant(
    make_asset: MakeAsset, make: Make
) -> None:
    source = make_asset()
    between = make("between", from_=[source])
    refined, used = make("refined", refines=between), make("used", from_=[asset_of(between)])
    intake.remove(asset=asset_of(between))
    assert lineage.descendants([source.pk]) == {asset_of(refined).pk, asset_of(used).pk}


def test_a_circle_ends(make_asset: MakeAsset, make: Make) -> None:
    source = make_asset()
    first = make("first", from_=[source])
    make("back", from_=[asset_of(first)], asset=source)  # the same bytes came back
    assert lineage.descendants([source.pk]) == {asset_of(first).pk}
    assert lineage.descendants([asset_of(first).pk]) == {source.pk}

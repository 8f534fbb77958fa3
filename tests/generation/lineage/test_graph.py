"""Graph of lineage in both directions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from assetbank.models import Asset
from generation.lineage import graph
from generation.models import Generation, Output, Reference
from tests.conftest import Cast
from tests.generation.requests import answered
from tests.support.trash import delete_asset

MakeAsset = Callable[..., Asset]


@pytest.fixture
def make(cast: Cast, make_asset: MakeAsset) -> Callable[..., Output]:
    """Return a function: `make("B", from_=[a])` returns an output that was generated from `a`."""

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
            take=answered(generation),
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
    assert graph.descendants([source.pk]) == made
    assert graph.descendants([asset_of(final).pk]) == {asset_of(used).pk}
    assert graph.descendants([asset_of(used).pk]) == set()
    assert graph.descendants([]) == set()


def test_a_deleted_picture_in_between_hides_no_descendant(
    make_asset: MakeAsset, make: Make
) -> None:
    source = make_asset()
    between = make("between", from_=[source])
    refined, used = make("refined", refines=between), make("used", from_=[asset_of(between)])
    delete_asset(asset=asset_of(between))
    assert graph.descendants([source.pk]) == {asset_of(refined).pk, asset_of(used).pk}


def test_a_circle_ends(make_asset: MakeAsset, make: Make) -> None:
    source = make_asset()
    first = make("first", from_=[source])
    make("back", from_=[asset_of(first)], asset=source)  # another output has the same bytes
    assert graph.descendants([source.pk]) == {asset_of(first).pk}
    assert graph.descendants([asset_of(first).pk]) == {source.pk}


def titles(nodes: Sequence[graph.Node]) -> list[object]:
    """Return nested lists: each title is followed by the list of its branches, if it has any."""
    shown: list[object] = []
    for node in nodes:
        shown.append(node.title)
        if node.branches:
            shown.append(titles(node.branches))
    return shown


def test_the_tree_goes_both_ways(cast: Cast, make_asset: MakeAsset, make: Make) -> None:
    hat, coat = make_asset(title="Hat"), make_asset(title="Coat")
    first = make("first", from_=[hat, coat])
    second = make("second", refines=first)
    make("third", draft=second)
    make("fourth", from_=[asset_of(second)])
    tree = graph.lineage_tree(asset_of(second), cast.creator)
    assert titles(tree.made_from.branches) == ["first", ["Hat", "Coat"]]
    assert titles(tree.made_with.branches) == ["third", "fourth"]
    assert [node.how for node in tree.made_with.branches] == ["final", "reference"]
    assert tree.made_from.branches[0].generation
    assert tree.made_from.branches[0].generation.prompt == "Make second"
    whole = graph.lineage_tree(hat, cast.creator)
    assert titles(whole.made_with.branches) == ["first", ["second", ["third", "fourth"]]]


def test_who_may_not_see_a_picture_is_told_that_there_is_one(
    cast: Cast, make_asset: MakeAsset, make: Make
) -> None:
    secret = make_asset(title="Secret", brand=cast.other)
    first = make("first", from_=[secret])
    assert titles(graph.lineage_tree(asset_of(first), cast.creator).made_from.branches) == [
        graph.ANOTHER_BRAND
    ]
    below = graph.lineage_tree(secret, cast.outsider).made_with.branches
    assert titles(below) == [graph.ANOTHER_BRAND]
    assert below[0].generation is None  # nor its generation
    assert titles(graph.lineage_tree(secret, cast.staff).made_with.branches) == ["first"]


def test_a_deleted_picture_keeps_its_place_in_the_tree(
    cast: Cast, make_asset: MakeAsset, make: Make
) -> None:
    source = make_asset(title="Source")
    between = make("between", from_=[source])
    used = make("used", from_=[asset_of(between)])
    delete_asset(asset=asset_of(between))
    assert titles(graph.lineage_tree(source, cast.creator).made_with.branches) == [
        graph.DELETED,
        ["used"],
    ]
    assert titles(graph.lineage_tree(asset_of(used), cast.creator).made_from.branches) == [
        "between: deleted",
        ["Source"],
    ]


def test_a_circle_is_shown_once(cast: Cast, make_asset: MakeAsset, make: Make) -> None:
    source = make_asset(title="Source")
    first = make("first", from_=[source])
    make("back", from_=[asset_of(first)], asset=source)
    (down,) = graph.lineage_tree(source, cast.creator).made_with.branches
    assert titles(down.branches) == ["Source"]
    assert down.branches[0].repeated


def test_a_large_tree_is_cut_and_says_how_much_is_missing(
    cast: Cast, make_asset: MakeAsset, make: Make
) -> None:
    source = make_asset(title="Source")
    step = make("1", from_=[source])
    for number in range(2, 7):
        make(f"{number} beside", from_=[source])
        step = make(str(number), refines=step)
    tree = graph.lineage_tree(source, cast.creator, depth=2, width=4)
    assert len(tree.made_with.branches) == 4
    assert tree.made_with.more == 2
    whole = graph.lineage_tree(source, cast.creator, depth=2, width=10)
    (one,) = [node for node in whole.made_with.branches if node.title == "1"]
    (two,) = one.branches
    assert (two.branches, two.more) == ([], 1)
    little = graph.lineage_tree(source, cast.creator, max_nodes=4).made_with
    assert (len(little.branches), little.more) == (2, 4)


def test_the_number_of_queries_does_not_depend_on_the_size(
    cast: Cast,
    make_asset: MakeAsset,
    make: Make,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    source = make_asset()
    for _ in range(6):
        step = make("step", from_=[source, make_asset()])
        for _ in range(3):
            step = make("step", refines=step)
    with django_assert_max_num_queries(10):  # one per level, and four for all of them
        tree = graph.lineage_tree(source, cast.creator)
    assert len(tree.made_with.branches) == 6
    with django_assert_max_num_queries(1):
        assert len(graph.descendants([source.pk])) == 24


def test_pages_show_the_tree_and_what_goes_when_an_asset_goes(
    cast: Cast, make_asset: MakeAsset, make: Make
) -> None:
    source = make_asset(title="The source")
    first = make("first", from_=[source], status="approved")
    client = Client()
    client.force_login(cast.manager)

    def text(path: str) -> str:
        return str(client.get(path).content.decode())

    page = text(f"/assets/{source.pk}/lineage/")
    assert asset_of(first).grid_url in page
    assert "this asset was uploaded or imported" in page
    assert f"/assets/{source.pk}/made-with/" in text(f"/assets/{source.pk}/delete/")
    assert "1 derivative<" in text(f"/assets/{source.pk}/made-with/")
    assert "can no longer be upscaled or edited" in text(f"/assets/{source.pk}/made-with/")
    assert "cannot be upscaled afterwards" in text(f"/assets/{source.pk}/made-with/?merged=1")
    assert "has no derivatives" in text(f"/assets/{first.asset_id}/made-with/")
    client.force_login(cast.outsider)
    for part in ("lineage", "made-with"):
        assert client.get(f"/assets/{source.pk}/{part}/").status_code == 404


def test_the_admin_asks_first_too(make_asset: MakeAsset, make: Make, admin_client: Client) -> None:
    one, two = make_asset(title="One"), make_asset(title="Two")
    make("first", from_=[one])
    asked = admin_client.get(f"/admin/assetbank/asset/{one.pk}/delete/").content.decode()
    assert f'hx-get="/assets/{one.pk}/made-with/"' in asked
    action = {"action": "delete_selected", "_selected_action": [one.pk, two.pk]}
    asked = admin_client.post("/admin/assetbank/asset/", action).content.decode()
    for asset in (one, two):
        assert f'hx-get="/assets/{asset.pk}/made-with/"' in asked
    assert "1 derivative<" in (admin_client.get(f"/assets/{one.pk}/made-with/").content.decode())

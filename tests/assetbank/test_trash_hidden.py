"""Nothing shows what is in the trash, except the trash itself: a walk through every address."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.urls import URLResolver, get_resolver
from pytest_django import Settings

from assetbank import notifications
from assetbank.assets import approval, collections, trash
from assetbank.models import Asset
from generation.models import Generation, Output
from search.models import DuplicatePair, QueryImage
from search.query import SearchQuery, like_asset
from search.saved import searches
from tests.conftest import Cast
from tests.generation.requests import answered, ask, run
from tests.query_library import Library
from tests.support.addresses import Address, client_for
from tests.support.addresses import ask as request
from tests.support.api import client_of
from tests.test_query_counts import addresses

MakeAsset = Callable[..., Asset]
Index = Callable[[], int]
GHOST = "zanzibar"  # in the title, the file name and every sentence about the asset
PK = 7_654_321  # an id that no other text contains by chance
PEOPLE = ("staff", "manager", "creator", "viewer")
MAY_RESTORE = ("staff", "manager")
# What users who may restore an asset may open of it
OPEN = re.compile(
    rf"/assets/{PK}/(original/|renditions/grid/|download/)?$"
    rf"|/api/v1/assets/{PK}/(download|credentials|restore)/$"
)
# Logs of what was sent, when it was sent
SENT = "/api/v1/webhooks/{hook}/deliveries/"
# A saved search by the asset still names it: its parameters are what somebody saved
BY_ITSELF = re.compile(rf"like=[^&\"']*{PK}")


@pytest.fixture
def library(cast: Cast, make_asset: MakeAsset, index: Index, settings: Settings) -> Library:
    settings.GEMINI_API_KEY = "a-key"  # its models are on offer; nothing is sent
    return Library(cast, make_asset, index)


@pytest.fixture
def ghost(cast: Cast, library: Library, make_asset: MakeAsset, index: Index) -> Asset:
    """Return an asset in the trash that is in every relation with what the addresses show."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT setval('assetbank_asset_id_seq', %s, false)", [PK])
    asset = make_asset(title=f"{GHOST} cape", tags=["cape"], filename=f"{GHOST}.png")
    assert asset.pk == PK
    shown, generation = library.shown, library.generation
    collections.add_assets(collection=library.collection, assets=[asset])
    for verdict in ("rejected", "approved"):
        approval.decide(asset=asset, by=cast.manager, verdict=verdict, reason=GHOST)
    for person in PEOPLE:
        sentence = f"“{asset}” was approved."
        notifications.notify(getattr(cast, person), sentence, asset.get_absolute_url())
    DuplicatePair.objects.create(brand=cast.acme, first=shown, second=asset, score=1)
    library.golden.expected.add(asset)
    QueryImage.objects.filter(pk=library.picture.pk).update(asset=asset)
    question = SearchQuery(shown=(like_asset(asset),))
    searches.save_search(brand=cast.acme, name="By it", question=question, by=cast.creator)
    _relate_to_generations(library, generation, asset)
    index()
    trash.trash_assets(assets=[asset], by=cast.manager)
    return asset


def _relate_to_generations(library: Library, generation: Generation, asset: Asset) -> None:
    """Make the asset a reference and an output of the library's generation, and its reference."""
    generation.reference_rows.create(
        asset=asset, position=7, title=asset.title, checksum=asset.checksum
    )
    Generation.objects.filter(pk=generation.pk).update(
        full_prompt=f"Image 8: {asset.title}", left_out=[f"{asset.title} is left out."]
    )
    output = Output.objects.create(
        generation=generation, take=answered(generation), position=9, asset=asset, mime="image/png"
    )
    output.findings.create(code="palette", sentence=f"The {GHOST} is green.")
    library.output.findings.create(
        code="near_duplicate", sentence=f"A near-duplicate is in the library: “{asset.title}”."
    )
    library.output.findings.create(
        code="reference_ignored",
        sentence=f"Reference 8, “{asset.title}”, cannot be recognised.",
        reference=generation.reference_rows.get(position=7),
    )
    made = library.output.asset
    assert made is not None
    DuplicatePair.objects.create(brand=asset.brand, first=made, second=asset, score=1)
    run(ask(library.cast, prompt="From it", references=[asset, library.shown]))


@pytest.mark.slow
@pytest.mark.timeout(600)  # each address for four users
def test_no_address_tells_of_it(cast: Cast, library: Library, ghost: Asset) -> None:
    asked = {address.path: address for address in addresses() if address.method == "get"}
    asked |= {path: Address("get", path, "viewer") for path in (f"/?q={GHOST}", "/?tags=cape")}
    told = []
    for path, address in asked.items():
        if path == SENT or "/trash/" in path or "in_trash=1" in path:
            continue
        for name in PEOPLE:
            with transaction.atomic():
                client = client_for(cast, name, address)
                answer = request(client, address, library.ids)
                text = answer.getvalue().decode("latin-1")
                transaction.set_rollback(True)
            text = text.replace(f"q={GHOST}", "").replace(f'value="{GHOST}"', "")
            text = BY_ITSELF.sub("", text)
            if path != f"/?q={GHOST}" and GHOST in text:
                told.append(f"{name} reads {GHOST} at {path}")
            if str(PK) in text:
                place = text.index(str(PK))
                told.append(f"{name} reads the id at {path}: {text[place - 60 : place + 20]!r}")
    assert len(asked) > 150
    assert not told, "\n".join(told)


@pytest.mark.slow
def test_its_own_addresses_are_for_those_who_may_restore_it(
    cast: Cast, library: Library, ghost: Asset
) -> None:
    found = sorted(set(_addresses(get_resolver().url_patterns)))
    assert len(found) > 30
    wrong = []
    for address in found:
        for name in PEOPLE:
            client: Any = client_of(cast, name) if address.startswith("/api/") else Client()
            if not address.startswith("/api/"):
                client.force_login(getattr(cast, name))
            for method in ("get", "post", "patch", "delete"):
                with transaction.atomic():
                    status = getattr(client, method)(address).status_code
                    transaction.set_rollback(True)
                allowed = name in MAY_RESTORE and OPEN.search(address)
                # 400: the view validates the request first
                if not (status in (400, 403, 404, 405) or (allowed and status == 200)):
                    wrong.append(f"{name} gets {status} at {method} {address}")
    assert not wrong, "\n".join(wrong)
    assert Asset.all_objects.get(pk=PK).in_trash


def _addresses(patterns: list[Any], before: str = "") -> Iterator[str]:
    """Yield every address about the asset, found in the URL patterns, so also future ones."""
    for pattern in patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _addresses(pattern.url_patterns, route)
        elif re.match(r"(api/v1/)?assets/<int:pk>/", route) and "path:" not in route:
            yield "/" + re.sub(r"<slug:\w+>", "grid", route).replace("<int:pk>", str(PK))


@pytest.mark.slow
def test_restored_it_is_where_it_was(cast: Cast, library: Library, ghost: Asset) -> None:
    trash.restore_assets(assets=[ghost], by=cast.manager)
    client = Client()
    client.force_login(cast.manager)
    for path in (
        f"/?q={GHOST}",
        f"/?collection={library.collection.pk}",
        "/duplicates/",
        f"/golden/{library.golden.pk}/",
        "/notices/",
        f"/generations/{library.generation.pk}/",
    ):
        assert f"/assets/{PK}/" in client.get(path).content.decode(), path
    listed = client_of(cast, "manager").get(f"/api/v1/collections/{library.collection.pk}/").json()
    assert PK in listed["assets"]

"""A generation uses, and names, the version of a reference that it was requested with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from assetbank.assets import merge, read_original, versions
from assetbank.models import Asset
from generation.lineage import record
from generation.models import Generation, Output, Reference
from generation.pipeline import run_generation, submit
from generation.review import inspect
from generation.workflows import finalise, refine
from tests.conftest import Cast, picture_bytes
from tests.gemini_server import GeminiServer
from tests.support.api import client_of
from tests.support.pages import signed_in, text

MakeAsset = Callable[..., Asset]
MODEL = "gemini-nano-banana-2.1"
NEW = picture_bytes((5, 200, 5), (90, 90))


@pytest.fixture
def hat(make_asset: MakeAsset) -> Asset:
    return make_asset(title="Hat")


def ask(cast: Cast, *references: Asset, **options: Any) -> Generation:
    given = {"aspect_ratio": "1:1", "prompt": "A woman in a hat", "model": MODEL, **options}
    return submit(person=cast.creator, brand=cast.acme, references=references, **given)


def run(asked: Generation) -> Output:
    run_generation(generation_id=asked.pk)
    asked.refresh_from_db()
    assert (asked.state, asked.reason) == ("succeeded", "")
    output = asked.outputs.select_related("asset__brand", "generation").first()
    assert output
    return output


def replace(asset: Asset, cast: Cast, data: bytes = NEW) -> bytes:
    """Replace the file, approve the asset again, and return the earlier file."""
    before = read_original(asset)
    versions.replace_file(asset=asset, file=data, filename="new.png", by=cast.creator)
    return before


def sent(server: GeminiServer) -> list[bytes]:
    """Return the references of the latest request."""
    asked = server.requests[-1].asked
    assert asked
    return [each.data for each in asked.references]


def test_the_version_is_recorded_and_sent_though_it_is_replaced_before_it_is_drawn(
    cast: Cast, server: GeminiServer, hat: Asset
) -> None:
    asked = ask(cast, hat)
    before = replace(hat, cast)
    later = ask(cast, hat)
    assert [row.version for row in Reference.objects.order_by("pk")] == [1, 2]
    run(asked)
    assert sent(server) == [before]
    run(later)
    assert sent(server) == [NEW]


def test_a_conversation_goes_on_with_the_files_that_it_began_with(
    cast: Cast, server: GeminiServer, hat: Asset
) -> None:
    first = run(ask(cast, hat))
    assert first.asset
    before, drew = replace(hat, cast), replace(first.asset, cast, picture_bytes((1, 2, 3)))
    run(refine.submit_refinement(person=cast.creator, output=first, words="A red one"))
    history = server.requests[-1].asked.history  # type: ignore[union-attr]
    assert [each.data for each in history[0].images] == [before]
    assert [each.data for each in history[1].images] == [drew]


def test_a_preview_that_was_sent_is_again_that_of_its_version(
    cast: Cast, server: GeminiServer, make_asset: MakeAsset
) -> None:
    scan = make_asset(file=picture_bytes((250, 1, 1), (90, 60), "TIFF"), filename="scan.tif")
    first = run(ask(cast, scan))
    preview = server.requests[-1].asked.references[0].data  # type: ignore[union-attr]
    replace(scan, cast)
    run(refine.submit_refinement(person=cast.creator, output=first, words="A red one"))
    history = server.requests[-1].asked.history  # type: ignore[union-attr]
    assert [each.data for each in history[0].images] == [preview]


def test_a_final_is_made_from_the_files_of_its_draft(
    cast: Cast, server: GeminiServer, hat: Asset
) -> None:
    draft = run(ask(cast, hat, image_size="1K"))
    assert draft.asset
    before, drew = replace(hat, cast), replace(draft.asset, cast, picture_bytes((1, 2, 3)))
    final = finalise.finalise_draft(person=cast.creator, output=draft, image_size="2K")
    assert final.reference_rows.get().version == 1
    run(final)
    assert sent(server) == [before, drew]


def test_record_page_and_rest_say_which_version_it_was_and_that_it_was_replaced(
    cast: Cast, server: GeminiServer, hat: Asset
) -> None:
    output = run(ask(cast, hat))
    made = output.asset
    assert made
    address = f"/api/v1/generations/{output.generation_id}/"
    (reference,) = client_of(cast, "creator").get(address).json()["references"]
    assert (reference["version"], reference["replaced_since"]) == (1, False)
    replace(hat, cast)
    replace(made, cast, picture_bytes((1, 2, 3)))
    (reference,) = client_of(cast, "creator").get(address).json()["references"]
    assert (reference["version"], reference["replaced_since"]) == (1, True)
    told = record.provenance_record(asset=made, person=cast.creator)
    assert (told["asset"]["version"], told["made"]["version"]) == (2, 1)
    (named,) = told["made"]["references"]
    assert (named["version"], named["current_version"], named["replaced_since"]) == (1, 2, True)
    client = signed_in(cast.creator)
    page = text(client.get(f"/assets/{made.pk}/record/"))
    assert "version 1 of 2, replaced since" in page
    assert "version 1 was generated; its file was replaced since" in page
    assert "version 1, replaced since" in text(client.get(f"/generations/{output.generation_id}/"))


def test_after_a_merge_no_version_of_the_kept_asset_is_claimed(
    cast: Cast, hat: Asset, make_asset: MakeAsset
) -> None:
    asked = ask(cast, hat, model="sketch")
    kept = make_asset(title="The same hat")
    merge.merge_assets(keep=kept, others=[hat], by=cast.manager)
    row = asked.reference_rows.get()
    assert (row.asset, row.version, row.replaced_since) == (kept, None, False)


def test_a_replaced_output_is_checked_again_and_references_replaced_since_are_not_compared(
    cast: Cast, server: GeminiServer, hat: Asset
) -> None:
    output = run(ask(cast, hat))
    assert output.asset
    inspect.inspect(output)
    replace(output.asset, cast)
    output.refresh_from_db()
    assert output.inspected_at is None
    replace(hat, cast, picture_bytes((1, 2, 3)))
    (row,) = output.generation.reference_rows.select_related("asset")
    assert row.replaced_since


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_the_migration_fills_the_versions_that_are_known(
    cast: Cast, hat: Asset, make_asset: MakeAsset
) -> None:
    asked = ask(cast, hat, make_asset(), make_asset(), model="sketch")
    rows = list(asked.reference_rows.all())
    Reference.objects.filter(pk=rows[1].pk).update(checksum="of a merged asset")
    Reference.objects.filter(pk=rows[2].pk).update(asset=None)
    try:
        MigrationExecutor(connection).migrate([("generation", "0012_wording")])
    finally:
        MigrationExecutor(connection).migrate([("generation", "0013_version_of_reference")])
    assert [row.version for row in asked.reference_rows.all()] == [1, None, None]

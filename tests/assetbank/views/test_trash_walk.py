"""The trash in a browser: undo on the library's page, restore and delete on the trash's."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pytest_django.live_server_helper import LiveServer

from assetbank.models import Asset
from tests.conftest import Cast, picture_bytes

if TYPE_CHECKING:
    from playwright.sync_api import FilePayload, Page

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

MakeAsset = Callable[..., Asset]
CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"


@pytest.fixture
def page(cast: Cast, live_server: LiveServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    """Return a page of the server in this process, signed in as a manager."""
    if not Path(CHROMIUM).exists():
        if os.environ.get("REQUIRE_BROWSER"):
            pytest.fail("Chromium is required here and not installed.")
        pytest.skip("no Chromium on this machine")
    from playwright.sync_api import sync_playwright

    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # Playwright runs a loop in this thread
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(base_url=live_server.url, viewport={"width": 1280, "height": 900})
        page.set_default_timeout(20_000)
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto("/sign-in/")
        page.fill("input[name=username]", "manager")
        page.fill("input[name=password]", "secret")
        page.click("button[type=submit]")
        page.locator(".wordmark").wait_for()
        yield page
        browser.close()
        assert problems == []


def test_trash_undo_restore_and_delete_now(page: Page, make_asset: MakeAsset) -> None:
    asset = make_asset(file=picture_bytes((200, 40, 60), (640, 480)), title="Red cape")
    move_to_trash(page, asset)
    page.get_by_role("button", name="Undo").click()
    page.get_by_text("1 asset restored.").wait_for()
    assert page.url.endswith(f"/assets/{asset.pk}/")
    page.get_by_role("link", name="Download original").wait_for()

    move_to_trash(page, asset)
    assert page.locator("#grid .card").count() == 0
    page.get_by_label("Account").click()
    page.get_by_role("link", name="Trash").click()
    page.get_by_label("Red cape").check()
    page.get_by_role("button", name="Restore selected").click()
    page.get_by_role("heading", name="The trash is empty").wait_for()
    page.goto("/")
    page.locator("#grid .card-title", has_text="Red cape").wait_for()

    move_to_trash(page, asset)
    page.goto(f"/assets/{asset.pk}/")
    page.get_by_text("In the trash since").wait_for()
    page.get_by_role("button", name="Delete now…").click()
    page.get_by_role("heading", name="Delete “Red cape” for good?").wait_for()
    page.get_by_role("button", name="Delete permanently").click()
    page.get_by_text("1 asset deleted for good.").wait_for()
    assert not Asset.all_objects.exists()


def test_an_upload_of_the_same_file_offers_to_restore_it(page: Page, make_asset: MakeAsset) -> None:
    data = picture_bytes((20, 40, 160), (640, 480))
    asset = make_asset(file=data, title="Blue hat")
    move_to_trash(page, asset)
    page.get_by_role("link", name="Upload").first.click()
    again: list[FilePayload] = [{"name": "again.png", "mimeType": "image/png", "buffer": data}]
    page.set_input_files("input[data-upload-choose]", again)
    row = page.locator(".upload-row")
    row.get_by_text(re.compile("has been in the trash since")).wait_for()
    row.get_by_role("button", name="Restore").click()
    row.get_by_role("link", name="Blue hat").wait_for()
    assert Asset.objects.get() == asset


def move_to_trash(page: Page, asset: Asset) -> None:
    """Delete the asset from its own page."""
    page.goto(f"/assets/{asset.pk}/")
    page.get_by_text("Edit metadata").click()
    page.get_by_role("link", name="Delete…").click()
    page.get_by_role("heading", name=f"Move “{asset.title}” to the trash?").wait_for()
    page.get_by_text("This asset has no derivatives.").wait_for()
    page.get_by_role("button", name="Move to trash").click()
    page.get_by_text(f"“{asset.title}” moved to the trash.").wait_for()

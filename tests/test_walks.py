"""The first minutes of a new user in a browser, with all processes running.

`manage.py run_library` with its web server and workers, embedded PostgreSQL, Milvus Lite, the demo
encoder, and the Gemini stand-in over HTTP.
"""

from __future__ import annotations

import datetime
import io
import os
import shutil
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from assetbank.demo.catalogue import assets
from assetbank.demo.drawing.render import render
from assetbank.demo.drawing.specs import Spec
from assetbank.demo.library import PASSWORD
from tests.gemini_server import GeminiServer
from tests.support.processes import House, free_port

if TYPE_CHECKING:
    from playwright.sync_api import FilePayload, Page

pytestmark = [pytest.mark.browser, pytest.mark.processes, pytest.mark.timeout(300)]

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
)


@pytest.fixture(scope="module")
def gemini() -> Iterator[GeminiServer]:
    with GeminiServer(slow_s=0.5) as server:
        yield server


@pytest.fixture(scope="module")
def address(gemini: GeminiServer) -> Iterator[str]:
    port = free_port()
    house = House(GEMINI_API_KEY="AIza-a-key-for-tests", GEMINI_BASE_URL=gemini.url)
    try:
        running = house.start("run_library", "--port", str(port))
        base = f"http://127.0.0.1:{port}"
        wait_for(lambda: answers(f"{base}/sign-in/") or not running.alive, 150)
        assert running.alive, running.output
        yield base
    finally:
        house.close()


def answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=2) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def wait_for(done: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.3)


@pytest.fixture
def page(address: str) -> Iterator[Page]:
    if not Path(CHROMIUM).exists():
        if os.environ.get("REQUIRE_BROWSER"):
            pytest.fail("Chromium is required here and not installed.")
        pytest.skip("no Chromium on this machine")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS.split())
        page = browser.new_page(base_url=address, viewport={"width": 1280, "height": 900})
        page.set_default_timeout(40_000)
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        yield page
        browser.close()
        assert problems == []


def cut(picture: Image.Image) -> bytes:
    """Return the middle of an image, as PNG."""
    edge = picture.width // 16
    buffer = io.BytesIO()
    picture.crop((edge, edge, picture.width - edge, picture.height - edge)).save(buffer, "PNG")
    return buffer.getvalue()


def drawn(ware: str, colour: str) -> bytes:
    """Return a drawing that the demo library does not have, as PNG."""
    return cut(render(Spec(ware, colour, seed=99), 512))


def sign_in(page: Page) -> None:
    page.goto("/")
    page.fill("input[name=username]", "creative")
    page.fill("input[name=password]", PASSWORD)
    page.click("button[type=submit]")
    page.locator("#grid .card").nth(20).wait_for()


def titles(page: Page) -> list[str]:
    return page.locator("#grid .card-title").all_inner_texts()


def search(page: Page, text: str) -> None:
    page.goto("/")
    page.fill("#q", text)
    page.press("#q", "Enter")
    page.wait_for_url("**q=**")
    page.locator("#results").locator(".card-why, .none-match, .quiet-state").first.wait_for()


def test_upload_find_choose_references_generate_and_find_again(
    page: Page, gemini: GeminiServer
) -> None:
    sign_in(page)

    # a library full of images, each loaded
    shown = page.locator("#grid img").first
    assert shown.evaluate("image => image.decode().then(() => image.naturalWidth)") > 100

    # search by text
    wait_until_found(page, "red handbag", "handbag")

    ask_precisely(page)
    narrow_it_down(page)

    # search by image: a smaller crop of an asset
    page.goto("/")
    watch = next(a for a in assets.assets(datetime.date.today()) if a.spec.obj == "watch")
    page.set_input_files(
        "input[name=picture][type=file]",
        {"name": "mine.png", "mimeType": "image/png", "buffer": cut(render(watch.spec, 320))},
    )
    page.wait_for_url("**picture=**")
    page.locator("#grid .card-why").first.wait_for()
    assert titles(page)[0] == watch.title
    search_with_a_part(page, watch.title)

    upload_two_files(page)
    wait_until_found(page, "purple rocket", "violet dream")

    make_a_picture(page, gemini)
    think_before_making_it_again(page, gemini)
    find_it_again(page)


def wait_until_found(page: Page, text: str, expected: str) -> None:
    """Repeat the search until the asset is indexed, which happens in the background."""

    def found() -> bool:
        search(page, text)
        return expected in " ".join(titles(page)[:2]).lower()

    wait_for(found, 60)


def matching(page: Page) -> list[str]:
    """Return the titles of the cards that match."""
    return page.locator("#grid .card:has(.card-why) .card-title").all_inner_texts()


def ask_precisely(page: Page) -> None:
    """Search with an excluded word, an image besides the text, and its weight."""
    search(page, "handbag")
    assert any("checked" in title for title in matching(page))
    search(page, "handbag -checked")
    assert matching(page)
    assert not any("checked" in title for title in titles(page))

    card = page.locator("#grid .card", has=page.locator(".card-why")).first
    title = card.locator(".card-title").inner_text()
    card.hover()
    card.get_by_role("link", name="Search by").click()
    page.wait_for_url("**like=**")
    page.locator("#asked .balance").wait_for()
    assert "q=handbag" in page.url
    assert title not in titles(page)
    page.locator("#asked summary").click()
    page.get_by_role("link", name="Exclude similar").click()
    page.locator("#asked .shown-not").wait_for()
    page.get_by_role("link", name="from this search").click()
    page.locator("#asked .shown").wait_for(state="detached")
    page.wait_for_url(lambda address: "like=" not in address)
    assert page.input_value("#q") == "handbag -checked"

    search(page, "a submarine")
    page.get_by_text("No good matches for “a submarine”.").wait_for()
    assert matching(page) == []
    assert titles(page)


def narrow_it_down(page: Page) -> None:
    """Use filters with counts, a colour and a tag."""
    search(page, "handbag")
    page.get_by_label("Filters", exact=True).click()
    counted = page.locator("#count-kind-product")
    counted.and_(page.locator(":not(:empty)")).wait_for()
    assert int(counted.inner_text()) == len(matching(page))
    page.locator(".swatch[title=Red]").click()
    page.get_by_role("link", name="Remove the filter near red").wait_for()
    page.locator("[data-tag=bags]").click()
    page.get_by_role("link", name="Remove the filter #bags").wait_for()
    assert "colour=%23d4212b" in page.url
    page.get_by_label("Close filters").click()
    assert matching(page)
    assert len(titles(page)) < 10


def covers_nothing(page: Page) -> None:
    """Check that the image of an asset stays next to its metadata, and covers nothing below."""
    below = page.locator(".asset-below:visible").first
    below.scroll_into_view_if_needed()
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    held, following = page.locator(".asset-picture").bounding_box(), below.bounding_box()
    assert held
    assert following
    assert held["y"] + held["height"] <= following["y"]
    page.evaluate("scrollTo(0, 0)")


def search_with_a_part(page: Page, title: str) -> None:
    """Search with a region of the first hit, which is called `title`: a box dragged by mouse."""
    page.locator("#grid .card a").first.click()
    covers_nothing(page)
    page.get_by_text("Search by part of image").click()
    frame = page.locator("[data-part-surface]").bounding_box()
    assert frame
    left, top, width, height = frame["x"], frame["y"], frame["width"], frame["height"]
    page.mouse.move(left + 0.1 * width, top + 0.1 * height)
    page.mouse.down()
    page.mouse.move(left + 0.5 * width, top + 0.6 * height)
    page.mouse.move(left + 0.9 * width, top + 0.9 * height)
    page.mouse.up()
    assert "/assets/" in page.url, "the large preview did not open"
    edges = [page.input_value(f"[name={side}]") for side in ("left", "top", "right", "bottom")]
    assert [round(float(edge), 1) for edge in edges] == [0.1, 0.1, 0.9, 0.9]
    page.get_by_role("button", name="Search by this part").click()
    page.wait_for_url("**picture=**")
    page.locator("#asked .shown").wait_for()
    assert titles(page)[0] == title


def upload_two_files(page: Page) -> None:
    """Upload a new image and a file that is none: each row shows its result."""
    page.goto("/")
    page.get_by_role("link", name="Upload").first.click()
    rocket = drawn("rocket", "purple")
    files: list[FilePayload] = [
        {"name": "violet_dream.png", "mimeType": "image/png", "buffer": rocket},
        {"name": "notes.jpg", "mimeType": "image/jpeg", "buffer": b"no picture at all"},
    ]
    page.set_input_files("input[data-upload-choose]", files)
    start = page.locator("[data-upload-start]")
    if start.is_visible():
        start.click()
    rows = page.locator(".upload-row")
    rows.nth(1).get_by_text("not a supported image").wait_for()
    page.locator("#grid .card-title", has_text="violet dream").first.wait_for()


def make_a_picture(page: Page, gemini: GeminiServer) -> None:
    search(page, "red handbag")
    buttons = page.locator("#grid [data-tray-button]")
    buttons.nth(0).click()
    page.locator(".tray-item").nth(0).wait_for()
    buttons.nth(1).click()
    page.locator(".tray-item").nth(1).wait_for()
    alike = page.locator(".tray").get_by_role("link", name="Find similar")
    assert str(alike.get_attribute("href")).count("like=") == 2
    page.locator(".tray").get_by_role("link", name="Studio", exact=True).click()
    page.fill("textarea[name=prompt]", "A red handbag on a sunny beach")
    page.get_by_role("button", name="Generate").click()
    page.locator("#generation-state.state-succeeded").wait_for(timeout=60_000)
    picture = page.locator(".outputs img").first
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 100
    (sent,) = gemini.requests
    assert len(sent.references) == 2
    assert "A red handbag on a sunny beach" in sent.prompt


def think_before_making_it_again(page: Page, gemini: GeminiServer) -> None:
    """Check that the studio keeps its form, shows existing results, and helps with a preset."""
    page.goto("/studio/")
    assert page.input_value("textarea[name=prompt]") == "A red handbag on a sunny beach"
    page.locator("#beside").get_by_text("An identical request was made").wait_for()
    page.get_by_role("button", name="Generate").click()
    page.get_by_role("heading", name="An identical request exists").wait_for()
    page.get_by_role("link", name="Back to the studio").click()
    assert len(gemini.requests) == 1, "nothing was paid for"

    page.get_by_label("Pack-shot").check(force=True)
    page.locator(".preset-chosen").get_by_text("1 to 4 products").wait_for()
    wait_for(lambda: page.locator(".reference-role").nth(1).input_value() == "product")
    prompt = page.locator("textarea[name=prompt]")
    prompt.fill("")
    page.locator("#suggestions .suggestion-note").wait_for(state="attached")
    before = prompt.bounding_box()
    prompt.press_sequentially("with a gold watch")
    suggested = page.locator("#suggestions button[aria-label*=chronograph i]").first
    suggested.wait_for()
    assert prompt.bounding_box() == before, "nothing moves while one writes"
    suggested.press("Enter")
    page.locator("#tray [data-in-tray]").nth(2).wait_for()
    assert page.locator(".reference-role").nth(2).input_value() == "product"


def find_it_again(page: Page) -> None:
    def found() -> bool:
        page.goto("/?q=red+handbag&origin=generated")
        return titles(page) == ["A red handbag on a sunny beach"]

    wait_for(found, 60)
    with page.expect_request("**/asked/*/click/"):  # a click in a new tab counts, too
        page.locator("#grid .card a").first.click(button="middle")
    page.locator("#grid .card a").first.click()
    page.get_by_text("A red handbag on a sunny beach").first.wait_for()
    page.get_by_role("heading", name="Sources").wait_for()


def test_replace_a_file_find_it_by_its_new_picture_compare_and_restore(page: Page) -> None:
    sign_in(page)
    page.goto("/upload/")
    guitar, teapot = drawn("guitar", "purple"), drawn("teapot", "green")
    page.set_input_files(
        "input[type=file]", {"name": "plain.png", "mimeType": "image/png", "buffer": guitar}
    )
    page.locator("form.panel button[type=submit]").click()
    wait_until_found(page, "purple guitar", "plain")
    page.locator("#grid .card", has_text="plain").first.locator("a.card-picture").click()
    page.get_by_role("heading", name="plain").wait_for()

    # the new file is dropped on the form
    page.get_by_text("Replace file…").click()
    page.get_by_text("it was never replaced").wait_for()
    dropped = page.evaluate_handle(
        """bytes => {
            const holder = new DataTransfer();
            const file = new File([new Uint8Array(bytes)], "pot.png", { type: "image/png" });
            holder.items.add(file);
            return holder;
        }""",
        list(teapot),
    )
    page.dispatch_event("form[data-drop-file]", "drop", {"dataTransfer": dropped})
    page.fill("form[data-drop-file] [name=reason]", "A pot after all")
    page.get_by_role("button", name="Replace file").click()
    page.get_by_text("has a new file: version 2").wait_for()
    assert page.locator(".facts").get_by_text("pot.png").is_visible()
    here = page.url
    wait_until_found(page, "green teapot", "plain")
    search(page, "purple guitar")
    assert "plain" not in [title.lower() for title in titles(page)[:2]]

    page.goto(here)
    page.get_by_text("Replace file…").click()
    page.get_by_text("A pot after all").first.wait_for()
    page.get_by_label("Compare version 1 with the current one").click()
    page.get_by_role("heading", name="Compare versions").wait_for()
    for frame in page.locator(".compare-frame img").all():
        assert frame.evaluate("image => image.decode().then(() => image.naturalWidth)") > 100
    page.get_by_role("link", name="Slider").click()
    page.locator("#compare-split").fill("20")
    wait_for(lambda: "20%" in (page.locator("[data-compare]").get_attribute("style") or ""))

    page.get_by_role("link", name="Versions").click()
    with page.expect_download() as download:
        page.get_by_label("Download version 1").click()
    assert download.value.suggested_filename == "plain.png"
    assert Path(download.value.path()).read_bytes() == guitar
    page.get_by_label("Restore version 1").click()
    page.get_by_text("is current again").wait_for()
    wait_until_found(page, "purple guitar", "plain")


def test_nobody_sees_a_picture_without_signing_in(page: Page) -> None:
    for path in ("/", "/assets/1/", "/assets/1/original/", "/assets/1/renditions/grid/"):
        page.goto(path)
        assert "/sign-in/" in page.url or page.locator("input[name=username]").count() == 1

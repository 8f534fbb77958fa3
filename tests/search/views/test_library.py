"""The library page: browsing, searching, paging, and errors."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from PIL import Image
from pytest_django import DjangoAssertNumQueries

from assetbank.assets import GenerationProvenance, collections
from assetbank.models import Asset, Collection
from search.indexing import pipeline
from search.models import Embedding, QueryImage
from search.query import PAGE_SIZE, ParsedText, fulltext
from search.query.embedding import save_query_crop
from search.query.search_form import MAX_IMAGES
from search.templatetags.search_results import counted
from tests.conftest import Cast, picture_bytes

MakeAsset = Callable[..., Asset]
Index = Callable[[], int]


def signed_in(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def cards(page: str) -> list[int]:
    return [int(number) for number in re.findall(r'id="card-(\d+)"', page)]


def query_of(address: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(address.replace("&amp;", "&")).query)


def text(page: str, client: Client) -> str:
    return client.get(page).content.decode()


def more(page: str) -> str:
    found = re.search(r'class="more" id="more"><a class="button" href="([^"]+)"', page)
    return found[1].replace("&amp;", "&") if found else ""


class TestBrowsing:
    def test_newest_first_in_the_same_number_of_queries(
        self,
        cast: Cast,
        make_asset: MakeAsset,
        django_assert_max_num_queries: DjangoAssertNumQueries,
    ) -> None:
        assets = [make_asset(tags=["a", f"b{n}"]) for n in range(20)]
        client = signed_in(cast.creator)
        with django_assert_max_num_queries(10):
            page = client.get("/").content.decode()
        assert cards(page) == [asset.pk for asset in reversed(assets)]

    @pytest.mark.slow
    def test_pages_follow_each_other_with_and_without_a_script(
        self, cast: Cast, make_asset: MakeAsset
    ) -> None:
        assets = [make_asset() for _ in range(PAGE_SIZE + 5)]
        client = signed_in(cast.viewer)
        first = client.get("/").content.decode()
        rest = client.get("/" + more(first)).content.decode()
        fragment = client.get("/" + more(first), headers={"HX-Request": "true"})
        assert len(cards(first)) == PAGE_SIZE
        assert cards(first) + cards(rest) == [asset.pk for asset in reversed(assets)]
        assert cards(fragment.content.decode()) == cards(rest)
        assert "<html" not in fragment.content.decode()
        assert "HX-Request" in fragment.headers["Vary"]

    def test_only_what_one_may_see(self, cast: Cast, make_asset: MakeAsset) -> None:
        own, foreign = make_asset(), make_asset(brand=cast.other, by=cast.outsider)
        assert cards(signed_in(cast.viewer).get("/").content.decode()) == [own.pk]
        assert cards(signed_in(cast.outsider).get("/").content.decode()) == [foreign.pk]
        assert len(cards(signed_in(cast.staff).get("/").content.decode())) == 2

    def test_filters_stand_as_chips_that_can_be_taken_away(
        self, cast: Cast, make_asset: MakeAsset
    ) -> None:
        make_asset(kind="product", tags=["silk"])
        logo = make_asset(kind="logo", tags=["silk"])
        client = signed_in(cast.viewer)
        page = client.get("/?kind=logo&kind=campaign&tags=silk&min_width=10&q=").content.decode()
        assert cards(page) == [logo.pk]
        chips = {
            label: query_of(address)
            for address, label in re.findall(
                r'<li><a href="([^"]+)" aria-label="Remove the filter ([^"]+)"', page
            )
        }
        assert chips["Logo"] == {"kind": ["campaign"], "tags": ["silk"], "min_width": ["10"]}
        assert chips["#silk"] == {"kind": ["logo", "campaign"], "min_width": ["10"]}
        assert "at least 10 px wide" in chips

    @pytest.mark.slow
    def test_a_collection_is_shown_in_its_own_order_and_paged(
        self, cast: Cast, make_asset: MakeAsset
    ) -> None:
        collection = Collection.objects.create(brand=cast.acme, name="Launch")
        assets = [make_asset() for _ in range(PAGE_SIZE + 3)]
        collections.add_assets(collection=collection, assets=assets)
        client = signed_in(cast.creator)
        first = client.get(f"/?collection={collection.pk}").content.decode()
        fragment = client.get("/" + more(first), headers={"HX-Request": "true"}).content.decode()
        assert cards(first) + cards(fragment) == [asset.pk for asset in assets]
        assert 'form="remove-form"' in fragment, "later pages can be arranged as well"
        assert (
            'id="remove-form"'
            not in signed_in(cast.viewer).get(f"/?collection={collection.pk}").content.decode()
        )

    def test_hostile_titles_and_questions_stay_text(
        self, cast: Cast, make_asset: MakeAsset
    ) -> None:
        make_asset(title="<script>alert(1)</script>")
        page = signed_in(cast.viewer).get("/?tags=%3Cscript%3E").content.decode()
        page += signed_in(cast.viewer).get("/").content.decode()
        assert "<script>" not in page


class TestDesignedStates:
    def test_no_brand(self, cast: Cast) -> None:
        stranger = User.objects.create_user("stranger")
        assert "You belong to no brand yet" in signed_in(stranger).get("/").content.decode()

    def test_an_empty_library_invites_those_who_may_fill_it(self, cast: Cast) -> None:
        invited = signed_in(cast.creator).get("/").content.decode()
        assert "Drop images anywhere" in invited
        assert 'id="uploads"' in invited
        viewer = signed_in(cast.viewer).get("/").content.decode()
        assert "No assets have been added" in viewer
        assert 'id="uploads"' not in viewer

    def test_nothing_fits(self, cast: Cast, make_asset: MakeAsset) -> None:
        make_asset()
        page = signed_in(cast.viewer).get("/?kind=logo").content.decode()
        assert "No results" in page

    @pytest.mark.parametrize(
        "query",
        [
            "kind=x",
            "brand=other",
            "min_width=-1",
            "aspect_ratio=wide",
            "created_after=soon",
            "q=cape&like=1",
            "picture=1",
            "cursor=nonsense",
        ],
    )
    def test_a_wrong_question_is_400_with_a_sentence(self, cast: Cast, query: str) -> None:
        response = signed_in(cast.viewer).get(f"/?{query}")
        assert response.status_code == 400
        page = response.content.decode()
        assert "Invalid search" in page
        assert "cursor=" not in page  # it would lead to this page again

    @pytest.mark.usefixtures("milvus_down")
    def test_search_is_down_and_browsing_goes_on(self, cast: Cast, make_asset: MakeAsset) -> None:
        asset, client = make_asset(), signed_in(cast.viewer)
        response = client.get("/?q=cape&kind=product")
        assert response.status_code == 503
        page = response.content.decode()
        assert "Search is not available" in page
        assert 'href="?kind=product">Browse instead' in page
        assert cards(client.get("/").content.decode()) == [asset.pk]
        picture = SimpleUploadedFile("x.png", picture_bytes())
        assert client.post("/picture-search/", {"picture": picture}).status_code == 503


class TestSearching:
    def test_a_match_says_in_words_why_it_was_found(
        self, cast: Cast, make_asset: MakeAsset, index: Index
    ) -> None:
        titled = make_asset(title="Silk tie")
        tagged = make_asset(title="Something", tags=["gold", "silk"])
        both = make_asset(title="A tie", description="Of heavy silk, woven in Como.")
        named = make_asset(title="No. 7", filename="silk.png")
        long = "A present, wrapped and sent to the press in May. Article ORV-2231, never sold."
        numbered = make_asset(title="No. 8", description=long)
        index()
        client = signed_in(cast.viewer)
        page = text("/?q=silk", client)
        assert cards(page)[0] == named.pk
        said = dict(
            re.findall(r'id="card-(\d+)".*?<p class="card-why" title="([^"]+)"', page, re.S)
        )
        assert "exact name or number" in said[str(named.pk)]
        assert said[str(titled.pk)].endswith("in the title")
        assert said[str(tagged.pk)].endswith("in the tags: gold, silk")
        assert "in the tags: …<mark>silk</mark>" in page
        assert "in the description: Of heavy silk" in said[str(both.pk)]
        assert "<mark>Silk</mark> tie" in page
        assert "in the title and description" in text("/?q=silk+tie", client)
        page = text("/?q=orv-2231", client)
        assert cards(page)[0] == numbered.pk
        assert f"exact name or number, in the description: {long}" in page  # in the tooltip
        assert "in the description: …Article <mark>ORV" in page

    def test_relevance_is_a_bar_in_steps_and_no_number(
        self, cast: Cast, make_asset: MakeAsset, index: Index
    ) -> None:
        red, _ = make_asset((200, 10, 10)), make_asset((10, 10, 200))
        again = make_asset((201, 10, 10))
        index()
        page = text(f"/?like={red.pk}", signed_in(cast.viewer))
        assert cards(page)[0] == again.pk
        assert 'class="match match-3" role="img" aria-label="Very good match"' in page
        assert "looks similar" in page
        assert not re.search(r"\d\.\d\d", re.sub(r"<[^>]+>", "", page))

    def test_words_are_marked_and_markup_in_titles_stays_text(
        self, cast: Cast, make_asset: MakeAsset, index: Index
    ) -> None:
        asset = make_asset(title="plain", tags=["<i>silk"])
        hostile = '<b>silk</b> \x02<script>\x03 \x1e"onload='
        Asset.objects.filter(pk=asset.pk).update(title=hostile)
        index()
        page = text("/?q=silk&tags=%3Ci%3Esilk", signed_in(cast.viewer))
        assert cards(page) == [asset.pk]
        assert "&lt;b&gt;" in page
        for markup in ("<b>", "<i>silk", "<script>\x03", "<script></", '"onload'):
            assert markup not in page

    def test_a_picture_finds_itself_and_has_an_address_of_its_own(
        self, cast: Cast, make_asset: MakeAsset, index: Index
    ) -> None:
        red, _ = make_asset((200, 10, 10)), make_asset((10, 10, 200))
        index()
        client = signed_in(cast.viewer)
        shown = SimpleUploadedFile("red.png", picture_bytes((200, 10, 10)))
        address = client.post("/picture-search/", {"picture": shown}).headers["Location"]
        page = client.get(address).content.decode()
        assert cards(page)[0] == red.pk
        query_image = QueryImage.objects.get()
        thumbnail = reverse("picture-thumbnail", args=[query_image.pk])
        assert thumbnail in page
        assert client.get(thumbnail).headers["Content-Type"] == "image/webp"
        other = signed_in(cast.manager)
        assert other.get(thumbnail).status_code == 404
        assert other.get(address).status_code == 400

    def test_a_bad_picture_is_refused_with_a_sentence(
        self, cast: Cast, make_asset: MakeAsset, index: Index
    ) -> None:
        make_asset()
        index()
        client = signed_in(cast.viewer)
        bad = SimpleUploadedFile("x.png", b"no picture")
        assert client.post("/picture-search/", {"picture": bad}).status_code == 415
        assert client.post("/picture-search/").status_code == 400

    def test_more_like_this(self, cast: Cast, make_asset: MakeAsset, index: Index) -> None:
        asset, near = make_asset((200, 10, 10)), make_asset((190, 20, 15))
        hidden = make_asset((201, 11, 10), brand=cast.other, by=cast.outsider)
        index()
        fragment = signed_in(cast.viewer).get(f"/assets/{asset.pk}/similar/").content.decode()
        assert near.get_absolute_url() in fragment
        assert hidden.get_absolute_url() not in fragment

    def test_the_number_of_queries_does_not_grow_with_what_is_found(
        self,
        cast: Cast,
        make_asset: MakeAsset,
        index: Index,
        django_assert_max_num_queries: DjangoAssertNumQueries,
    ) -> None:
        for number in range(12):
            make_asset(title=f"silk {number}", tags=["a", f"b{number}"])
        index()
        client = signed_in(cast.creator)
        client.get("/?q=cotton")  # the encoder is loaded
        with django_assert_max_num_queries(16):
            assert len(cards(text("/?q=silk", client))) == 12
        with django_assert_max_num_queries(13):
            client.get("/?q=silk+b3", headers={"HX-Request": "true"})

    @pytest.mark.parametrize(
        "address",
        [
            "/?q=silk+-b3",
            "/?q=-b3",
            "/facets/?q=silk",
            "/facets/?q=-b3",
            "/assets/{}/why/?q=silk+-b3",
            "/api/v1/assets/?q=silk+-b3",
        ],
    )
    def test_one_request_parses_the_typed_text_once(
        self,
        cast: Cast,
        make_asset: MakeAsset,
        index: Index,
        monkeypatch: pytest.MonkeyPatch,
        address: str,
    ) -> None:
        asset = make_asset(title="silk", tags=["b2"])
        index()
        parsed: list[str] = []

        def parse(text: str, parse: Callable[[str], ParsedText] = fulltext.parse) -> ParsedText:
            parsed.append(text)
            return parse(text)

        monkeypatch.setattr(fulltext, "parse", parse)
        address = address.format(asset.pk)
        assert signed_in(cast.creator).get(address).status_code == 200
        assert parsed == parse_qs(urlsplit(address).query)["q"]


NEAREST = "Weaker matches"
NOTHING = "No good matches for"


class TestTheLine:
    """The divider between matches and other hits appears once, wherever pages end."""

    @pytest.fixture
    def fleet(self, make_asset: MakeAsset, index: Index) -> list[Asset]:
        """Return 50 assets titled "Submarine", one with "periscope"; add 3 other assets."""
        boats = [make_asset(title=f"Submarine {number}") for number in range(PAGE_SIZE + 2)]
        for number in range(3):
            make_asset(title=f"Rest {number}")
        Asset.objects.filter(pk=boats[0].pk).update(description="With a periscope.")
        for boat in boats[PAGE_SIZE:]:
            boat.tags.add("late")
        index()
        return boats

    def test_a_page_that_ends_within_the_matches_leaves_the_line_to_the_next(
        self, cast: Cast, fleet: list[Asset]
    ) -> None:
        client = signed_in(cast.viewer)
        first = text("/?q=submarine", client)
        assert len(cards(first)) == PAGE_SIZE
        assert NEAREST not in first
        assert NOTHING not in first
        for headers in ({}, {"HX-Request": "true"}):
            second = client.get("/" + more(first), headers=headers).content.decode()
            before, after = second.split(NEAREST)
            assert (len(cards(before)), len(cards(after))) == (2, 3)
            assert set(cards(first) + cards(before)) == {boat.pk for boat in fleet}

    def test_a_page_that_ends_with_the_last_match_leaves_it_too(
        self, cast: Cast, fleet: list[Asset]
    ) -> None:
        client = signed_in(cast.viewer)
        first = text("/?q=submarine&tags_none=late", client)
        assert NEAREST not in first
        second = client.get("/" + more(first), headers={"HX-Request": "true"}).content.decode()
        before, after = second.split(NEAREST)
        assert (len(cards(before)), len(cards(after))) == (0, 3)

    def test_it_is_not_drawn_twice(self, cast: Cast, fleet: list[Asset]) -> None:
        client = signed_in(cast.viewer)
        first = text("/?q=periscope", client)
        before, after = first.split(NEAREST)
        assert cards(before) == [fleet[0].pk]
        assert len(cards(after)) == PAGE_SIZE - 1
        fragment = client.get("/" + more(first), headers={"HX-Request": "true"}).content.decode()
        assert len(cards(fragment)) == 5
        assert NEAREST not in fragment
        by_itself = text("/" + more(first), client)
        before, after = by_itself.split(NEAREST)
        assert (len(cards(before)), len(cards(after))) == (0, 5)

    def test_when_nothing_matches_it_is_said_above_with_what_one_could_do(
        self, cast: Cast, fleet: list[Asset]
    ) -> None:
        client = signed_in(cast.creator)
        page = text("/?q=zeppelin+-red&kind=product", client)
        assert f"{NOTHING} “zeppelin -red”." in page
        assert len(cards(page)) == PAGE_SIZE
        assert NEAREST not in page
        assert "card-why" not in page
        assert f'href="{reverse("studio")}?prompt=zeppelin"' in page
        (widened,) = re.findall(r'href="([^"]+)">Search without filters', page)
        assert query_of(widened) == {"q": ["zeppelin -red"]}
        fragment = client.get("/" + more(page), headers={"HX-Request": "true"}).content.decode()
        assert cards(fragment)
        assert NEAREST not in fragment
        viewer = text("/?q=zeppelin", signed_in(cast.viewer))
        assert NOTHING in viewer
        assert "studio" not in viewer.split(NOTHING)[1].split("card-")[0]


class TestQuestionWithPictures:
    @pytest.fixture
    def reds(self, make_asset: MakeAsset, index: Index) -> list[Asset]:
        assets = [make_asset((200, 10 * n, 10), title=f"red {n}") for n in range(3)]
        index()
        return assets

    def test_each_is_a_thumb_with_its_weight_and_a_way_to_change_it(
        self, cast: Cast, reds: list[Asset]
    ) -> None:
        one, two, three = (asset.pk for asset in reds)
        address = f"/?q=red&like={one}*2&like={two}*-1&like={three}&kind=product"
        page = text(address, signed_in(cast.viewer))
        for value in (f"{one}*2", f"{two}*-1", f"{three}"):
            assert f'form="ask" name="like" value="{value}"' in page
        assert re.findall(r'class="shown(?: shown-(\w+))?"', page) == ["more", "not", ""]
        away = re.findall(r'class="shown-remove" href="([^"]+)"', page)
        assert query_of(away[1])["like"] == [f"{one}*2", f"{three}"]
        changes = {
            weigh: query_of(href)
            for href, weigh in re.findall(r'<a href="([^"]+)" data-weigh="([^"]+)"', page)
        }
        assert changes[f"{three}*0.5"] == {
            "q": ["red"],
            "like": [f"{one}*2", f"{two}*-1", f"{three}*0.5"],
            "kind": ["product"],
        }
        assert changes[f"{two}"]["like"] == [f"{one}*2", f"{two}", f"{three}"]

    def test_the_only_thing_asked_cannot_be_stayed_away_from(
        self, cast: Cast, reds: list[Asset]
    ) -> None:
        page = text(f"/?like={reds[0].pk}", signed_in(cast.viewer))
        assert "Less like this" in page
        assert "Exclude similar" not in page

    @pytest.mark.parametrize(
        ("given", "expected"),
        [("", ["3", "1*", "0.3"]), ("3", ["3*", "1", "0.3"]), ("2.5", ["2.5*", "1", "0.3"])],
    )
    def test_words_and_pictures_are_balanced_where_there_are_both(
        self, cast: Cast, reds: list[Asset], given: str, expected: list[str]
    ) -> None:
        client = signed_in(cast.viewer)

        def steps(page: str) -> list[str]:
            found = re.findall(r'name="text_weight" value="([^"]+)"( checked)?', page)
            return [value + ("*" if checked else "") for value, checked in found]

        page = text(f"/?q=red&like={reds[0].pk}&text_weight={given}", client)
        assert steps(page) == expected
        assert steps(text(f"/?q=red&text_weight={given}", client)) == []
        assert steps(text(f"/?like={reds[0].pk}", client)) == []

    def test_a_picture_that_is_shown_joins_the_question(
        self, cast: Cast, reds: list[Asset]
    ) -> None:
        client = signed_in(cast.viewer)
        sent = {
            "question": f"?q=red+-striped&like={reds[0].pk}*2&kind=product&cursor=abc&below=1",
            "picture": [
                SimpleUploadedFile(f"{n}.png", picture_bytes((n, 200, 10))) for n in (10, 20)
            ],
        }
        address = client.post("/picture-search/", sent).headers["Location"]
        pictures = [str(pk) for pk in QueryImage.objects.values_list("pk", flat=True)]
        question = query_of(address)
        assert sorted(question.pop("picture")) == sorted(pictures)
        assert question == {
            "q": ["red -striped"],
            "like": [f"{reds[0].pk}*2"],
            "kind": ["product"],
        }
        assert client.get(address).status_code == 200

    @pytest.mark.parametrize(
        "question",
        [
            "https://evil.example/?q=x",
            "//evil.example/",
            "\r\nLocation: https://evil.example/",
            "next=//evil.example&brand=other&kind=x&tags=" + ",".join(map(str, range(30))),
            "q=%00&like=9999999999999999999999&picture=1&created_after=soon",
            "&".join(f"p{n}=1" for n in range(900)),
        ],
    )
    def test_a_question_that_means_harm_leads_to_the_library_and_asks_nothing(
        self, cast: Cast, reds: list[Asset], question: str
    ) -> None:
        client = signed_in(cast.viewer)
        sent = {"question": question, "picture": SimpleUploadedFile("a.png", picture_bytes())}
        address = client.post("/picture-search/", sent).headers["Location"]
        assert re.fullmatch(r"/\?picture=[0-9a-f-]{36}", address)

    def test_a_question_has_only_so_many_pictures(self, cast: Cast, reds: list[Asset]) -> None:
        client = signed_in(cast.viewer)
        full = "&".join([f"like={reds[0].pk}"] * MAX_IMAGES)
        sent = {"question": full, "picture": SimpleUploadedFile("a.png", picture_bytes())}
        refused = client.post("/picture-search/", sent)
        assert refused.status_code == 400
        assert f"at most {MAX_IMAGES} images" in refused.content.decode()
        assert not QueryImage.objects.exists()

    def test_what_is_gone_can_be_left_out_of_the_question(
        self, cast: Cast, reds: list[Asset]
    ) -> None:
        page = text("/?q=red&like=999999&kind=product", signed_in(cast.viewer))
        (rest,) = re.findall(r'href="([^"]+)">Search without that', page)
        assert query_of(rest) == {"q": ["red"], "kind": ["product"]}

    def test_a_wrong_filter_takes_no_picture_away(self, cast: Cast, reds: list[Asset]) -> None:
        answer = signed_in(cast.viewer).get(f"/?q=red&like={reds[0].pk}*2&aspect_ratio=wide")
        page = answer.content.decode()
        assert answer.status_code == 400
        assert f'form="ask" name="like" value="{reds[0].pk}*2"' in page

    def test_a_part_of_a_picture_is_asked_with(
        self, cast: Cast, make_asset: MakeAsset, index: Index
    ) -> None:
        halves = Image.new("RGB", (120, 80), (200, 10, 10))
        halves.paste((10, 10, 200), (60, 0, 120, 80))
        file = io.BytesIO()
        halves.save(file, "PNG")
        asset = make_asset(file=file.getvalue())
        blue = make_asset((10, 10, 200))
        make_asset((200, 10, 10))
        index()
        client = signed_in(cast.viewer)
        part = reverse("part-search", args=[asset.pk])
        assert f'action="{part}"' in text(asset.get_absolute_url(), client)
        box = {"left": "0.55", "top": "0.1", "right": "1", "bottom": "0.9"}
        page = text(client.post(part, box).headers["Location"], client)
        assert cards(page)[0] == blue.pk
        assert reverse("picture-thumbnail", args=[QueryImage.objects.get().pk]) in page
        assert signed_in(cast.outsider).post(part, box).status_code == 404
        for wrong in ({}, {"left": "x"}, {"left": "nan"}, {"right": "0.5"}, {"bottom": "7"}):
            refused = client.post(part, {**box, **wrong} if wrong else {}, follow=True)
            assert refused.redirect_chain == [(asset.get_absolute_url(), 302)]
            assert "Draw a box inside the image." in refused.content.decode()

    def test_a_part_of_a_draft_is_shown_to_nobody_who_may_not_see_the_draft(
        self, cast: Cast, make_asset: MakeAsset, index: Index
    ) -> None:
        draft = make_asset(status="draft")
        index()
        part = save_query_crop(person=cast.creator, asset=draft, box=(0, 0, 1, 1))
        QueryImage.objects.update(brand=cast.acme)  # as a saved search does
        address = reverse("picture-thumbnail", args=[part.pk])
        assert signed_in(cast.creator).get(address).status_code == 200
        assert signed_in(cast.viewer).get(address).status_code == 404


class TestFilters:
    def test_counts_stand_beside_the_values_of_what_the_question_matches(
        self, cast: Cast, make_asset: MakeAsset, index: Index
    ) -> None:
        for number in range(3):
            make_asset(title=f"submarine {number}", kind="product", tags=["deep", f"n{number}"])
        made_by = GenerationProvenance(1, "nano-2", "a prompt", preset="pack shot")
        make_asset(title="submarine logo", kind="logo", origin="generated", provenance=made_by)
        make_asset(title="other", kind="campaign")
        make_asset(title="old submarine", kind="logo", status="archived")
        make_asset(title="submarine", brand=cast.other, by=cast.outsider)
        index()
        client = signed_in(cast.creator)
        address = f"{reverse('facets')}?q=submarine&kind=logo"
        fragment = text(address, client)
        counts = dict(re.findall(r'id="count-([\w-]+)" hx-swap-oob="true">([^<]*)<', fragment))
        assert counts["kind-product"] == "3"
        assert counts["kind-logo"] == "1"
        assert counts["kind-campaign"] == "0"
        assert counts["origin-generated"] == "1"
        assert counts["total"] == " 1"
        assert "brand-other" not in counts
        statuses = {name: counts[f"status-{name}"] for name in ("approved", "archived", "draft")}
        assert statuses == {"approved": "1", "archived": "1", "draft": "0"}
        assert 'name="engine_model" value="nano-2"' in fragment
        assert 'name="preset" value="pack shot"' in fragment
        everything = text(f"{reverse('facets')}?q=submarine&tags=deep", client)
        assert 'data-tag="deep" aria-pressed="true">deep<small class="count">3<' in everything

    def test_a_count_that_is_not_complete_says_so(self) -> None:
        assert [counted(2000, True), counted(0, True), counted(2000, False)] == [
            "2,000+",
            "0",
            "2,000",
        ]

    def test_filters_stay_usable_when_nothing_can_be_counted(
        self, cast: Cast, make_asset: MakeAsset, index: Index, milvus_down: None
    ) -> None:
        client = signed_in(cast.viewer)
        for query in ("q=submarine", "kind=x"):
            answer = client.get(f"{reverse('facets')}?{query}")
            assert answer.status_code == 200
            assert not answer.content.strip()

    def test_no_count_is_asked_for_while_browsing(
        self, cast: Cast, make_asset: MakeAsset, django_assert_max_num_queries: Any
    ) -> None:
        make_asset(tags=["deep"])
        page = text("/", signed_in(cast.viewer))
        assert "data-tag" not in page
        assert re.findall(r'<small class="count"[^>]*>([^<]*)<', page)[0] == ""

    def test_a_colour_is_a_swatch_and_a_chip_that_shows_it(
        self, cast: Cast, make_asset: MakeAsset
    ) -> None:
        red, _ = make_asset((212, 33, 43)), make_asset((43, 99, 212))
        client = signed_in(cast.viewer)
        page = text("/?colour=%23d4212b", client)
        assert cards(page) == [red.pk]
        assert '<span class="chip-colour" style="--swatch: #d4212b"></span>near red' in page
        assert 'name="colour" value="#d4212b" aria-label="Red" checked' in page
        own = text("/?colour=%23d0202a", client)
        assert 'value="#d0202a" aria-label="Another colour" checked' in own
        asset_page = text(red.get_absolute_url(), client)
        assert red.colours
        assert f'href="/?colour=%23{red.colours[0][1:]}"' in asset_page

    def test_people_to_choose_from_are_those_who_added_something_here(
        self, cast: Cast, make_asset: MakeAsset
    ) -> None:
        make_asset(by=cast.creator)
        make_asset(by=cast.outsider, brand=cast.other)
        by_staff = make_asset(by=cast.staff)  # a user without a brand
        client = signed_in(cast.viewer)
        assert cards(text(f"/?created_by={cast.staff.pk}", client)) == [by_staff.pk]
        page = text(f"/?created_by={cast.creator.pk}", client)
        people = page.split('id="f-who"')[1].split("</select>")[0]
        assert re.findall(r"<option[^>]*>(\w+)<", people) == ["Anyone", "creator", "staff"]
        assert f'value="{cast.creator.pk}" selected' in people
        assert "by creator" in page


class TestIndexStates:
    def test_a_card_waits_and_becomes_findable(
        self, cast: Cast, make_asset: MakeAsset, index: Index
    ) -> None:
        asset, client = make_asset(), signed_in(cast.viewer)
        card = client.get(f"/assets/{asset.pk}/card/").content.decode()
        assert f'name="waiting" value="{asset.pk}"' in card
        poll = f"/index-states/?waiting={asset.pk}&waiting=x"
        assert not client.get(poll).content.strip()
        index()
        assert "Indexed" in client.get(poll).content.decode()
        assert not signed_in(cast.outsider).get(poll).content.strip()

    def test_a_failure_says_why_and_is_tried_again(
        self, cast: Cast, make_asset: MakeAsset, index: Index
    ) -> None:
        index()
        asset = make_asset()
        row = Embedding.objects.filter(asset=asset)
        row.update(state="failed", reason="The file is gone.")
        state, again = (f"/assets/{asset.pk}/index-{end}/" for end in ("state", "again"))
        assert "The file is gone." in signed_in(cast.viewer).get(state).content.decode()
        assert again not in signed_in(cast.viewer).get(state).content.decode()
        assert again in signed_in(cast.creator).get(state).content.decode()
        assert signed_in(cast.viewer).post(again).status_code == 403
        answer = signed_in(cast.creator).post(again, headers={"HX-Request": "true"})
        assert "Waiting to be indexed" in answer.content.decode()
        pipeline.index_pending()
        assert row.get().state == "indexed"

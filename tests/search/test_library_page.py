"""The library page: browsing, asking, paging, and what it says when something is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from assetbank import collecting
from assetbank.models import Asset, Collection
from search import indexing
from search.models import Embedding, PictureQuestion
from search.queries import PAGE_SIZE
from tests.conftest import Cast, picture_bytes

MakeAsset = Callable[..., Asset]
Index = Callable[[], int]


def signed_in(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def cards(page: str) -> list[int]:
    return [int(number) for number in re.findall(r'id="card-(\d+)"', page)]


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
        with django_assert_max_num_queries(13):
            page = client.get("/").content.decode()
        assert cards(page) == [asset.pk for asset in reversed(assets)]

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
            label: parse_qs(urlsplit(address.replace("&amp;", "&")).query)
            for address, label in re.findall(
                r'<li><a href="([^"]+)" aria-label="Remove the filter ([^"]+)"', page
            )
        }
        assert chips["Logo"] == {"kind": ["campaign"], "tags": ["silk"], "min_width": ["10"]}
        assert chips["#silk"] == {"kind": ["logo", "campaign"], "min_width": ["10"]}
        assert "at least 10 px wide" in chips

    def test_a_collection_is_shown_in_its_own_order_and_paged(
        self, cast: Cast, make_asset: MakeAsset
    ) -> None:
        collection = Collection.objects.create(brand=cast.acme, name="Launch")
        assets = [make_asset() for _ in range(PAGE_SIZE + 3)]
        collecting.add(collection=collection, assets=assets)
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
        assert "Drop pictures anywhere" in invited
        assert 'id="uploads"' in invited
        viewer = signed_in(cast.viewer).get("/").content.decode()
        assert "Nobody has added a picture" in viewer
        assert 'id="uploads"' not in viewer

    def test_nothing_fits(self, cast: Cast, make_asset: MakeAsset) -> None:
        make_asset()
        page = signed_in(cast.viewer).get("/?kind=logo").content.decode()
        assert "Nothing fits" in page

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
        assert "This question cannot be asked" in response.content.decode()

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
    def test_words_find_pictures_with_scores(
        self, cast: Cast, make_asset: MakeAsset, index: Index
    ) -> None:
        asset = make_asset()
        index()
        page = signed_in(cast.viewer).get("/?q=a+red+picture").content.decode()
        assert cards(page) == [asset.pk]
        assert re.search(r'class="score"[^>]*>-?\d\.\d\d<', page)

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
        asked = PictureQuestion.objects.get()
        thumbnail = reverse("picture-thumbnail", args=[asked.pk])
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
        assert client.post("/picture-search/", {"picture": bad}).status_code == 400
        assert client.post("/picture-search/").status_code == 400

    def test_more_like_this(self, cast: Cast, make_asset: MakeAsset, index: Index) -> None:
        asset, near = make_asset((200, 10, 10)), make_asset((190, 20, 15))
        hidden = make_asset((201, 11, 10), brand=cast.other, by=cast.outsider)
        index()
        fragment = signed_in(cast.viewer).get(f"/assets/{asset.pk}/similar/").content.decode()
        assert near.get_absolute_url() in fragment
        assert hidden.get_absolute_url() not in fragment


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
        assert "Findable" in client.get(poll).content.decode()
        assert not signed_in(cast.outsider).get(poll).content.strip()

    def test_a_failure_says_why_and_is_tried_again(
        self, cast: Cast, make_asset: MakeAsset, index: Index
    ) -> None:
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
        indexing.index()
        assert row.get().state == "indexed"

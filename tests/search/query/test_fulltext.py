"""Tests of full-text search: parsed terms, and matches in documents that triggers maintain."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest
from django.db import connection
from taggit.models import Tag

from assetbank.assets import update_asset
from assetbank.models import Asset
from search import checks
from search.models import Document
from search.query import ParsedText, fulltext
from search.query.prepared import PreparedQuery, is_in_param
from tests.support.trash import delete_asset

MakeAsset = Callable[..., Asset]


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("red dress", ParsedText(("red", "dress"))),
        ("red dress -striped", ParsedText(("red", "dress"), ("striped",))),
        ('"silk cape" -"gold trim" red', ParsedText(("silk cape", "red"), ("gold trim",))),
        ("t-shirt a - b --long", ParsedText(("t-shirt", "a", "b"), ("long",))),
        ('-striped "open', ParsedText(('"open',), ("striped",))),
        ("  ", ParsedText()),
        ("- ' !?", ParsedText()),
    ],
    ids=str,
)
def test_a_minus_before_a_word_means_not(text: str, terms: ParsedText) -> None:
    assert fulltext.parse(text) == terms


def found(text: str) -> list[str]:
    terms = fulltext.parse(text)
    count = {"include": len(terms.include), "exclude": len(terms.exclude)}
    hits = fulltext.match(terms, fulltext.compile_match(Asset.objects.all(), **count))
    titles = Asset.objects.in_bulk([hit.id for hit in hits])
    return [titles[hit.id].title for hit in hits]


@pytest.fixture
def shelf(make_asset: MakeAsset) -> dict[str, Asset]:
    made = [
        make_asset(title="Silk cape", tags=["Evening", "gold trim"], credit="Zoë Müller"),
        make_asset(title="Linen dress", description="Striped, for the beach. Article ORV-2231."),
        make_asset(title="Two dresses", filename="IMG_4412.JPG"),
        make_asset(title="Evening shoes", description="To go with the silk cape."),
    ]
    return {asset.title: asset for asset in made}


@pytest.mark.parametrize(
    ("text", "titles"),
    [
        ("silk cape", ["Silk cape", "Evening shoes"]),  # A title ranks before a description
        ("CAPES", ["Silk cape", "Evening shoes"]),
        ("evening", ["Evening shoes", "Silk cape"]),
        ("gold", ["Silk cape"]),
        ("zoe muller", ["Silk cape"]),
        ("dress", ["Two dresses", "Linen dress"]),
        ("dress -striped", ["Two dresses"]),
        ('"dress linen"', []),
        ("img_4412.jpg", ["Two dresses"]),
        ("img 4412", ["Two dresses"]),
        ("orv2231", ["Linen dress"]),
        ("ORV-2231", ["Linen dress"]),
        ("silk submarine", []),
        ("the", []),
        ("' \\ & | ! ( ) : * <->", []),
    ],
)
def test_all_words_must_occur_in_some_field(
    shelf: dict[str, Asset], text: str, titles: list[str]
) -> None:
    assert found(text) == titles


def test_a_name_typed_exactly_comes_first(shelf: dict[str, Asset], make_asset: MakeAsset) -> None:
    make_asset(title="Cape", filename="other.png", description="cape cape cape")
    make_asset(title="No words", filename="Cape.tiff")
    assert found("cape")[0] == "No words"
    make_asset(title="Minus", filename="robe -12.png")
    assert found("Robe -12.png") == ["Minus"]
    make_asset(title="About it", description="This goes with ORV-2231 and orv-2231.")
    assert set(found("orv 2231")) == {"Linen dress", "About it"}


class TestDocuments:
    def test_every_change_is_found_at_once(self, make_asset: MakeAsset) -> None:
        asset = make_asset(title="Bag", tags=["leather"])
        assert found("leather bag") == ["Bag"]
        update_asset(asset=asset, title="Purse", tags=["suede"])
        assert (found("leather"), found("suede purse")) == ([], ["Purse"])
        Asset.objects.filter(pk=asset.pk).update(description="calfskin")  # Sends no signal
        assert found("calfskin") == ["Purse"]
        Tag.objects.filter(name="suede").update(name="velvet")
        assert (found("suede"), found("velvet")) == ([], ["Purse"])
        asset.tags.clear()
        assert found("velvet") == []

    def test_it_goes_with_its_asset(self, make_asset: MakeAsset) -> None:
        kept, removed = make_asset(tags=["a", "b"]), make_asset(tags=["a", "b"])
        delete_asset(asset=removed)
        assert list(Document.objects.values_list("pk", flat=True)) == [kept.pk]


def test_a_question_without_a_letter_or_digit_is_nobodys_name(make_asset: MakeAsset) -> None:
    make_asset(title="Unnamed", filename="---.png")
    assert found("_") == []


def test_what_was_found_is_marked_where_it_stands(shelf: dict[str, Asset]) -> None:
    assets = Asset.objects.with_tags()
    assets = fulltext.with_highlights(assets, of="of", phrases="phrases")
    statement = PreparedQuery(assets.filter(is_in_param("pk", "of")))

    def highlights(asset: Asset) -> list[fulltext.Highlight]:
        (marked,) = statement.rows(of=[asset.pk], phrases=["of the", "evening", "capes"])
        return fulltext.highlights(marked)

    marked = highlights(shelf["Silk cape"])
    assert [(each.field, each.pieces) for each in marked] == [
        ("title", (("Silk ", False), ("cape", True))),
        ("tags", (("Evening", True), (", gold trim", False))),
    ]
    long = shelf["Linen dress"]
    update_asset(asset=long, description="word " * 300 + "evening " + "more " * 300)
    (marked_long,) = highlights(long)
    assert marked_long.field == "description"
    assert ("evening", True) in marked_long.pieces
    assert len(str(marked_long)) < 200


@pytest.mark.django_db(transaction=True)
def test_a_database_that_knows_no_letters_is_told() -> None:
    assert checks.check_locale(databases=["default"]) == []
    settings = connection.settings_dict
    server = {"host": settings["HOST"], "port": settings["PORT"] or None, "user": settings["USER"]}
    server["password"] = settings["PASSWORD"] or None
    name = f"{settings['NAME']}_c"
    with connection.cursor() as cursor:
        cursor.execute(f'DROP DATABASE IF EXISTS "{name}"')
        cursor.execute(
            f'CREATE DATABASE "{name}" TEMPLATE template0 ENCODING UTF8'
            " LOCALE_PROVIDER libc LC_COLLATE 'C' LC_CTYPE 'C'"
        )
    try:
        with psycopg.connect(dbname=name, **server) as other:
            assert other.execute(checks.KNOWS_LETTERS).fetchone() != (True,)
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f'DROP DATABASE "{name}"')

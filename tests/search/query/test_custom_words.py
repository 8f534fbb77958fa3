"""Tests of full text in custom fields: article numbers exactly, other values as words."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from procrastinate.contrib.django.models import ProcrastinateJob

from assetbank.assets.metadata.field_definitions import change_field
from assetbank.models import Asset
from search.explain.term_matches import occurrences
from search.query import fulltext, read_query, search
from search.tasks import write_documents
from tests.assetbank.assets.metadata.fields import add_fields
from tests.conftest import Cast

MakeAsset = Callable[..., Asset]


def named(text: str) -> list[str]:
    statement = fulltext.compile_match(Asset.objects.all(), include=1)
    hits = fulltext.match(fulltext.ParsedText((text,), (), text), statement)
    titles = dict(Asset.objects.values_list("pk", "title"))
    return [titles[hit.id] for hit in hits if hit.named]


def worded(text: str) -> set[str]:
    terms = fulltext.parse(text)
    statement = fulltext.compile_match(Asset.objects.all(), include=len(terms.include))
    titles = dict(Asset.objects.values_list("pk", "title"))
    return {titles[hit.id] for hit in fulltext.match(terms, statement)}


@pytest.mark.parametrize("text", ["ORV-2231", "orv 2231", "ORV2231", "orv.2231"])
@pytest.mark.parametrize("value", ["ORV-2231", "ORV 2231", "orv/2231"])
def test_an_article_number_is_found_exactly_however_it_is_written(
    cast: Cast, make_asset: MakeAsset, text: str, value: str
) -> None:
    add_fields(cast.acme)
    make_asset(title="cape", custom={"sku": value})
    make_asset(title="hat", custom={"sku": "ORV-22310"})
    assert named(text) == ["cape"]


def test_values_are_words_unless_the_field_is_not_searched(
    cast: Cast, make_asset: MakeAsset
) -> None:
    fields = add_fields(cast.acme)
    custom = {"notes": "Woven in Como", "line": "Women", "cleared": True, "sku": "Quartz"}
    cape = make_asset(title="cape", custom=custom)
    for word in ("woven", "como", "women", "quartz"):
        assert worded(word) == {"cape"}, word
    assert worded("yes") == set()
    assert named("Quartz") == []  # A word is no number
    change_field(field=fields["notes"], by=cast.manager, searched=False)
    assert worded("woven") == {"cape"}  # Until the job has run
    job = ProcrastinateJob.objects.get(task_name="search.tasks.write_documents")
    write_documents(**job.args)
    assert worded("woven") == set()
    assert worded("quartz") == {"cape"}
    Asset.objects.filter(pk=cape.pk).update(custom={"sku": "Marble"})
    assert worded("marble") == {"cape"}
    assert worded("quartz") == set()


def test_hidden_values_and_those_of_other_brands_are_no_words(
    cast: Cast, make_asset: MakeAsset
) -> None:
    add_fields(cast.acme)
    foreign = make_asset(brand=cast.other, by=cast.outsider)
    Asset.objects.filter(pk=foreign.pk).update(custom={"sku": "Quartz", "gone": "Marble"})
    assert worded("quartz") == worded("marble") == set()


def test_a_hit_says_where_the_word_is(
    cast: Cast, make_asset: MakeAsset, index: Callable[[], int]
) -> None:
    add_fields(cast.acme)
    cape = make_asset(title="cape", custom={"notes": "Woven in Como", "sku": "ORV-2231"})
    index()
    question = read_query("q=como", person=cast.viewer)
    (hit,) = search(person=cast.viewer, question=question).found
    assert [(each.field, str(each)) for each in hit.highlights] == [
        ("fields", "ORV-2231 Woven in Como")
    ]
    found, _ = occurrences(cape, question.terms)
    assert [(each.fields, each.in_document) for each in found] == [(("fields of the brand",), True)]

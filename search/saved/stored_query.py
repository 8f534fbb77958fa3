"""Questions that a brand keeps: saved searches, which are collections that fill themselves, and
golden questions, of which the right answers are known. Every change to one goes through here."""

from __future__ import annotations

from dataclasses import replace

from django.http import QueryDict

from assetbank import permissions
from assetbank.models import Asset, Brand, Collection, Membership
from search.errors import InvalidQuery
from search.models import GoldenQuestion, PictureQuestion, SavedSearch
from search.query import ImageTerm, SearchQuery, read_query


def query_key(question: SearchQuery) -> str:
    """As it is kept: without brands, since it is always asked within the brand that keeps it."""
    return replace(question, filters=question.filters.without("brands")).address()


def query_of(kept: SavedSearch | GoldenQuestion, person: permissions.AnyUser) -> SearchQuery:
    """What it asks, of its brand. Raises InvalidQuestion when it cannot be asked any more."""
    return read_query(kept.question, person=person).within(kept.brand)


def querystring_of(kept: SavedSearch | GoldenQuestion) -> str:
    """The same as the parameters of an address, whether it can be asked or not."""
    brand = SearchQuery().within(kept.brand).address()
    return f"{kept.question}&{brand}" if kept.question else brand


# ------------------------------------------------------------------------ what a brand can ask


def for_brand(brand: Brand, question: SearchQuery) -> SearchQuery:
    """The question as everybody in the brand can ask it; pictures that somebody showed become the
    brand's, and are not forgotten after a day. Raises InvalidQuestion."""
    filters = question.filters
    if filters.brands and brand.slug not in filters.brands:
        raise InvalidQuery(f"This asks for pictures of another brand than {brand}.")
    foreign = Asset.objects.filter(pk__in=question.assets).exclude(brand=brand).first()
    if foreign:
        raise InvalidQuery(f"“{foreign}” belongs to another brand: not all could ask this.")
    inside = Collection.objects.filter(brand=brand)
    if filters.collection is not None and not inside.filter(pk=filters.collection).exists():
        raise InvalidQuery(f"This collection belongs to another brand than {brand}.")
    members = Membership.objects.filter(brand=brand)
    if filters.created_by is not None and not members.filter(user=filters.created_by).exists():
        raise InvalidQuery(f"This asks for pictures of somebody who is not in {brand}.")
    return replace(question, shown=tuple(_adopt_image(brand, shown) for shown in question.shown))


def _adopt_image(brand: Brand, shown: ImageTerm) -> ImageTerm:
    if shown.picture is None:
        return shown
    picture = PictureQuestion.objects.select_for_update().filter(pk=shown.picture).first()
    if picture is None:
        raise InvalidQuery("This picture is not kept any more: please show it again.")
    if picture.brand_id not in (None, brand.pk):  # another brand keeps it: a copy of one's own
        picture = PictureQuestion.objects.create(
            asset_id=picture.asset_id,
            fingerprint=picture.fingerprint,
            vector_bytes=picture.vector_bytes,
            thumbnail=picture.thumbnail,
        )
    PictureQuestion.objects.filter(pk=picture.pk).update(brand=brand)
    return replace(shown, picture=picture.pk)


def release_images(brand: Brand, question: str) -> None:
    """Pictures in it are forgotten like any other, unless another kept question holds them."""
    for text in QueryDict(question).getlist("picture"):
        picture = text.partition("*")[0]
        kept = (model.objects.filter(brand=brand) for model in (SavedSearch, GoldenQuestion))
        if not any(rows.filter(question__contains=picture).exists() for rows in kept):
            PictureQuestion.objects.filter(pk=picture, brand=brand).update(brand=None)

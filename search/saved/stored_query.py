"""Stored form of saved searches and golden queries, within their brand."""

from __future__ import annotations

from dataclasses import replace

from django.http import QueryDict

from assetbank import permissions
from assetbank.models import Asset, Brand, Collection, Membership
from search.errors import InvalidQuery
from search.models import GoldenQuestion, QueryImage, SavedSearch
from search.query import ImageTerm, SearchQuery, read_query


def query_key(question: SearchQuery) -> str:
    """Return the form in which a query is stored: its query string without brands.

    The brand of the row that stores it takes their place.
    """
    return replace(question, filters=question.filters.without("brands")).to_querystring()


def query_of(stored: SavedSearch | GoldenQuestion, person: permissions.AnyUser) -> SearchQuery:
    """Return the query of a saved search or golden query, within its brand.

    Raises InvalidQuery if it is no longer valid for this user.
    """
    return read_query(stored.question, person=person).within(stored.brand)


def querystring_of(stored: SavedSearch | GoldenQuestion) -> str:
    """Return the query string of a saved search or golden query, with its brand.

    It is not validated.
    """
    brand = SearchQuery().within(stored.brand).to_querystring()
    return f"{stored.question}&{brand}" if stored.question else brand


# ------------------------------------------------------------------------ queries of a brand


def for_brand(brand: Brand, question: SearchQuery) -> SearchQuery:
    """Return the query in a form that every member of the brand can run.

    Uploaded query images become the brand's, and are no longer deleted after a day. Raises
    InvalidQuery if the query refers to another brand.
    """
    filters = question.filters
    if filters.brands and brand.slug not in filters.brands:
        raise InvalidQuery(f"This search uses a brand other than {brand}. Change its brand filter.")
    foreign = Asset.objects.filter(pk__in=question.assets).exclude(brand=brand).first()
    if foreign:
        raise InvalidQuery(
            f"“{foreign}” does not belong to {brand}, so other members could not run this "
            "search. Remove it."
        )
    inside = Collection.objects.filter(brand=brand)
    if filters.collection is not None and not inside.filter(pk=filters.collection).exists():
        raise InvalidQuery(f"This collection does not belong to {brand}. Choose another one.")
    members = Membership.objects.filter(brand=brand)
    if filters.created_by is not None and not members.filter(user=filters.created_by).exists():
        raise InvalidQuery(
            f"This search filters by a user who is not a member of {brand}. Change the filter."
        )
    for each in filters.custom:
        if all(term.brand != brand.pk for term in each.terms):
            raise InvalidQuery(
                f"{brand} has no field “{each.name}” to filter by. Change the filter."
            )
    return replace(question, shown=tuple(_adopt_image(brand, shown) for shown in question.shown))


def _adopt_image(brand: Brand, shown: ImageTerm) -> ImageTerm:
    """Return the image with an uploaded query image assigned to the brand.

    It is copied if it belongs to another brand. Raises InvalidQuery if it has expired.
    """
    if shown.picture is None:
        return shown
    picture = QueryImage.objects.select_for_update().filter(pk=shown.picture).first()
    if picture is None:
        raise InvalidQuery("This search image has expired. Upload it again.")
    if picture.brand_id not in (None, brand.pk):  # another brand has it: copy
        picture = QueryImage.objects.create(
            asset_id=picture.asset_id,
            fingerprint=picture.fingerprint,
            vector_bytes=picture.vector_bytes,
            thumbnail=picture.thumbnail,
        )
    QueryImage.objects.filter(pk=picture.pk).update(brand=brand)
    return replace(shown, picture=picture.pk)


def release_images(brand: Brand, question: str) -> None:
    """Let the query images of a deleted stored query expire after a day.

    An image that another stored query of the brand uses is kept.
    """
    for text in QueryDict(question).getlist("picture"):
        picture = text.partition("*")[0]
        queries = (model.objects.filter(brand=brand) for model in (SavedSearch, GoldenQuestion))
        if not any(rows.filter(question__contains=picture).exists() for rows in queries):
            QueryImage.objects.filter(pk=picture, brand=brand).update(brand=None)

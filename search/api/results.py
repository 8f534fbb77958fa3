"""Search results as JSON: an asset, why it was found, and its index state."""

from __future__ import annotations

from typing import Any

from django.http import QueryDict
from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request

from assetbank.api.asset_serializers import AssetSerializer
from assetbank.api.fields import user_of
from assetbank.api.pagination import limit_of
from assetbank.models import Asset
from search.api.query_params import validated_form
from search.models import Embedding
from search.query import MatchedBy, SearchHit, fulltext, search


class HighlightSerializer(serializers.Serializer[Any]):
    field = serializers.CharField(help_text=", ".join(fulltext.FIELDS))
    text = serializers.CharField()
    words = serializers.ListField(child=serializers.CharField(), help_text="The matching words.")


@extend_schema_serializer(component_name="Asset")
class FoundSerializer(AssetSerializer):
    """Return an asset, its relevance to the search and its state in the index."""

    score = serializers.FloatField(
        allow_null=True,
        help_text="Relevance from 0 to 1, comparable between searches: 0.5 and above is a "
        "good match. Null if nothing is searched for, or if only the text matched.",
    )
    matches = serializers.BooleanField(help_text="False: a weak match that fills the page.")
    matched_by = serializers.ListField(
        child=serializers.ChoiceField([str(by.name).lower() for by in MatchedBy]),
        help_text="meaning (semantic match), words (text match) or name (exact file name or "
        "number).",
    )
    highlights = HighlightSerializer(many=True)
    index_state = serializers.CharField(help_text=", ".join(Embedding.State.values))
    index_error = serializers.CharField(help_text="Reason why it is not indexed, or empty.")

    class Meta(AssetSerializer.Meta):
        fields = [
            *AssetSerializer.Meta.fields,
            *("score", "matches", "matched_by", "highlights", "index_state", "index_error"),
        ]
        read_only_fields = fields

    def to_representation(self, asset: Asset) -> dict[str, Any]:
        found = self.context.get("found", {}).get(asset.pk) or SearchHit(asset)
        return {
            **super().to_representation(asset),
            "score": found.relevance,
            "matches": found.matches,
            "matched_by": found.by,
            "highlights": [_highlight(each) for each in found.highlights],
            # An asset without a row is pending until reconciliation adds one
            "index_state": getattr(asset, "index_state", None) or Embedding.State.PENDING.value,
            "index_error": getattr(asset, "index_reason", None) or "",
        }


def _highlight(found: fulltext.Highlight) -> dict[str, Any]:
    return {
        "field": found.field,
        "text": str(found),
        "words": [text for text, is_word in found.pieces if is_word],
    }


@extend_schema_serializer(many=False, component_name="AssetPage")
class FoundPageSerializer(serializers.Serializer[Any]):
    results = FoundSerializer(many=True)
    next = serializers.URLField(allow_null=True, help_text="URL of the next page, or null.")
    matched = serializers.IntegerField(
        allow_null=True,
        help_text="Number of good matches ranked so far; 0: none, and the results are the "
        "closest ones. Null if nothing is searched for.",
    )


@extend_schema_serializer(many=False, component_name="SearchPage")
class SearchPageSerializer(FoundPageSerializer):
    picture = serializers.UUIDField(
        allow_null=True,
        help_text="UUID of the search image, valid for one day in GET /assets/?picture=",
    )


def page_of(
    request: Request, query: QueryDict, *, where: str, ignored: tuple[str, ...] = ()
) -> Any:
    """Return one page of results for the parameters `query`.

    The next page's address is under the path `where`, without the parameters in `ignored`. Raises
    ValidationError, InvalidQuery and SearchUnavailable.
    """
    limit = limit_of(query)
    page = search(
        person=user_of(request),
        question=validated_form(query, request).question(),
        limit=limit,
        cursor=query.get("cursor", ""),
        by_program=True,
    )
    assets = [found.asset for found in page.found]
    context = {"request": request, "found": {found.asset.pk: found for found in page.found}}
    following = None
    if page.next_cursor:
        query = query.copy()
        query["cursor"] = page.next_cursor
        for name in ignored:
            query.pop(name, None)
        following = request.build_absolute_uri(f"{where}?{query.urlencode()}")
    results = FoundSerializer(assets, many=True, context=context).data
    return {"results": results, "next": following, "matched": page.matched}

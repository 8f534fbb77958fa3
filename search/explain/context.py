"""Context of an explanation: one asset, one user and one query; shared values are computed once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from django.db.models import QuerySet

from assetbank import permissions
from assetbank.models import Asset, Brand
from search.encoders import ComposedQuery, relevance
from search.errors import InvalidQuery
from search.explain.index_steps import IndexState
from search.indexing import space_encoders, spaces
from search.models import VectorSpace
from search.query import SearchQuery, embedding, fulltext, ranking
from search.query.filters import to_milvus, to_queryset
from search.vectorstore import expressions as e
from search.vectorstore import store


@dataclass(frozen=True)
class ExplainContext:
    """One asset, user and query of an explanation."""

    index: IndexState
    person: permissions.AnyUser
    asker: permissions.AnyUser  # reads the explanation: counts include only what both may see
    question: SearchQuery

    @property
    def asset(self) -> Asset:
        return self.index.asset

    @property
    def space(self) -> VectorSpace:
        """Active space. Raises SearchUnavailable if there is none yet."""
        if self.index.space is None:
            raise spaces.encoder_not_ready()
        return self.index.space

    @property
    def browsing(self) -> bool:
        return self.question.browsing

    @cached_property
    def assets(self) -> QuerySet[Asset]:
        """Assets that both users may see."""
        return self._both.assets()

    @cached_property
    def scope(self) -> permissions.AssetScope:
        """Scope of the assets that both users may see, limited to the brands of the query."""
        if not (slugs := self.question.filters.brands):
            return self._both
        chosen = Brand.objects.filter(slug__in=slugs).order_by()
        return self._both.limit_to(frozenset(chosen.values_list("pk", flat=True)))

    @cached_property
    def _both(self) -> permissions.AssetScope:
        seen = permissions.asset_scope(self.person)
        return (
            seen
            if self.person == self.asker
            else seen.intersect(permissions.asset_scope(self.asker))
        )

    @cached_property
    def admitted(self) -> bool:
        """True if the filters, the excluded words and the user's permission let the asset pass."""
        found = to_queryset(self.question.filters, self.assets.filter(pk=self.asset.pk))
        return fulltext.exclude_terms(self.question.terms, found).exists()

    @cached_property
    def stored(self) -> bool:
        """True if Milvus holds the asset. Raises VectorStoreUnavailable."""
        return self.holds("")

    def holds(self, where: str) -> bool:
        """Return True if Milvus holds the asset, and it matches the expression `where`.

        Raises VectorStoreUnavailable.
        """
        same_id = e.equals("id", self.asset.pk)
        any_vector = np.ones(self.space.dimension, np.float32)
        where = e.all_of([same_id, *([where] if where else [])])
        return bool(
            store.search(any_vector, limit=1, where=where, collection=self.space.collection)
        )

    @cached_property
    def composed(self) -> ComposedQuery:
        """Query composed into one vector. Raises InvalidQuery and SearchUnavailable."""
        background = space_encoders.load_background(str(self.space.fingerprint))
        try:
            return relevance.compose(embedding.query_parts(self.question, self.space), background)
        except ValueError as error:
            raise InvalidQuery(str(error)) from error

    @cached_property
    def where(self) -> str:
        """Milvus expression of the assets that this query may find for both users."""
        where = to_milvus(self.question.filters, self.scope)
        candidates = to_queryset(self.question.filters, self.assets)
        if excluded := fulltext.excluded_ids(self.question.terms, candidates):
            where = e.all_of([where, e.none_of("id", excluded)])
        return where

    def nearest(self, many: int) -> tuple[list[store.Hit], bool]:
        """Return the nearest `many` hits without query images, and True if there are no more.

        Raises InvalidQuery and SearchUnavailable.
        """
        hits = ranking.nearest(self.space, self.composed.vector, many, self.where)
        query_assets = self.question.assets
        return [hit for hit in hits if hit.id not in query_assets], len(hits) < many

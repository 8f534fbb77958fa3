"""One asset, one person, one question: what several steps need is found out once."""

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
    known: IndexState
    person: permissions.AnyUser
    asker: permissions.AnyUser  # who is told: counts only what both may see
    question: SearchQuery

    @property
    def asset(self) -> Asset:
        return self.known.asset

    @property
    def space(self) -> VectorSpace:
        """Raises SearchUnavailable before there is one."""
        if self.known.space is None:
            raise spaces.encoder_not_ready()
        return self.known.space

    @property
    def browsing(self) -> bool:
        return self.question.browsing

    @cached_property
    def assets(self) -> QuerySet[Asset]:
        """That both may see."""
        return self._both.assets()

    @cached_property
    def reach(self) -> permissions.AssetScope:
        """The same, of the brands that are asked for."""
        if not (slugs := self.question.filters.brands):
            return self._both
        chosen = Brand.objects.filter(slug__in=slugs).order_by()
        return self._both.within(frozenset(chosen.values_list("pk", flat=True)))

    @cached_property
    def _both(self) -> permissions.AssetScope:
        seen = permissions.asset_scope(self.person)
        return (
            seen if self.person == self.asker else seen.shared(permissions.asset_scope(self.asker))
        )

    @cached_property
    def admitted(self) -> bool:
        """The filters let it pass, no unwanted word throws it out, and the person may see it."""
        found = to_queryset(self.question.filters, self.assets.filter(pk=self.asset.pk))
        return fulltext.exclude_terms(self.question.terms, found).exists()

    @cached_property
    def stored(self) -> bool:
        """Milvus has it. Raises MilvusDown."""
        return self.holds("")

    def holds(self, where: str) -> bool:
        """Milvus has it, and it passes this expression. Raises MilvusDown."""
        this = e.equals("id", self.asset.pk)
        anything = np.ones(self.space.dimension, np.float32)
        where = e.all_of([this, *([where] if where else [])])
        return bool(store.search(anything, limit=1, where=where, collection=self.space.collection))

    @cached_property
    def composed(self) -> ComposedQuery:
        """Raises InvalidQuestion and SearchUnavailable."""
        background = space_encoders.background(str(self.space.fingerprint))
        try:
            return relevance.compose(embedding.query_parts(self.question, self.space), background)
        except ValueError as error:
            raise InvalidQuery(str(error)) from error

    @cached_property
    def where(self) -> str:
        """As the search itself filters."""
        where = to_milvus(self.question.filters, self.reach)
        candidates = to_queryset(self.question.filters, self.assets)
        if left_out := fulltext.excluded_ids(self.question.terms, candidates):
            where = e.all_of([where, e.none_of("id", left_out)])
        return where

    def nearest(self, many: int) -> tuple[list[store.Hit], bool]:
        """And whether these are all. Raises InvalidQuestion and SearchUnavailable."""
        hits = ranking.nearest(self.space, self.composed.vector, many, self.where)
        asked_with = self.question.assets
        return [hit for hit in hits if hit.id not in asked_with], len(hits) < many

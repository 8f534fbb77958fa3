"""Collections: ordered lists of assets."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models

from assetbank.models.assets import Asset
from assetbank.models.brands import Brand


class Collection(models.Model):
    """A named list of a brand's assets."""

    brand = models.ForeignKey(Brand, on_delete=models.CASCADE, related_name="collections")
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    assets: models.ManyToManyField[Any, Any] = models.ManyToManyField(
        Asset, through="CollectionItem", related_name="collections"
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["brand", "name"], name="collection_name_in_brand")
        ]

    def __str__(self) -> str:
        return self.name


class CollectionItem(models.Model):
    """An asset in a collection; `position` counts from 0."""

    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="items")
    asset = models.ForeignKey(Asset, on_delete=models.CASCADE, related_name="collection_items")
    position = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["position", "id"]
        constraints = [
            models.UniqueConstraint(fields=["collection", "asset"], name="once_in_a_collection")
        ]

    def __str__(self) -> str:
        return f"{self.asset} in {self.collection}"

"""Brands, who belongs to them, and the assets they own."""

from __future__ import annotations

import re
import uuid
from functools import cache
from typing import Any

from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.contrib.postgres.expressions import ArraySubquery
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, OuterRef
from django.urls import get_script_prefix, reverse
from django.utils import timezone
from taggit.managers import TaggableManager
from taggit.models import TaggedItem

hex_colour = RegexValidator(r"\A#[0-9a-fA-F]{6}\Z", "A colour is written like #1f6feb.")


def validate_palette(value: Any) -> None:
    if not isinstance(value, list) or len(value) > 12:
        raise ValidationError("A palette is a list of at most 12 colours.")
    for colour in value:
        hex_colour(colour)


class Brand(models.Model):
    class SearchGenerated(models.TextChoices):
        ALL = "all", "All of them"
        APPROVED = "approved", "Approved ones"
        NONE = "none", "None"

    name = models.CharField(max_length=120, unique=True)
    slug = models.SlugField(max_length=60, unique=True)
    palette = models.JSONField(
        default=list, blank=True, validators=[validate_palette], help_text='Like ["#1f6feb"].'
    )
    style = models.TextField(
        blank=True, help_text="How this brand's pictures look; goes into every prompt."
    )
    search_generated = models.CharField(
        "generated pictures in search",
        max_length=10,
        choices=SearchGenerated.choices,
        default=SearchGenerated.ALL,
        help_text="Which pictures from the studio can be found by searching; browsing shows all.",
    )
    members: models.ManyToManyField[Any, Any] = models.ManyToManyField(
        settings.AUTH_USER_MODEL, through="Membership", related_name="brands"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    class Role(models.TextChoices):
        VIEWER = "viewer", "Viewer: looks and downloads"
        CREATOR = "creator", "Creator: uploads, edits and generates"
        MANAGER = "manager", "Manager: also approves and deletes"

    brand = models.ForeignKey(Brand, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships"
    )
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.VIEWER)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["brand", "user"], name="one_membership_per_brand")
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.brand}: {self.role}"


def original_path(asset: Asset, filename: str) -> str:
    """A folder of its own for each asset, and a file name that every storage can hold."""
    stem, _, extension = filename.rpartition(".")
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-.")[:80] or "original"
    return f"originals/{asset.folder}/{stem}.{extension}"


class AssetQuerySet(models.QuerySet["Asset"]):
    def with_tags(self) -> AssetQuerySet:
        """`tag_names` costs no query then: prefetching through taggit builds one per asset."""
        kind = ContentType.objects.get_for_model(Asset)  # kept in memory after the first time
        items = TaggedItem.objects.filter(content_type=kind, object_id=OuterRef("pk"))
        names = ArraySubquery(items.order_by("tag__name").values("tag__name"))
        return self.annotate(annotated_tags=names)

    def with_author(self) -> AssetQuerySet:
        return self.annotate(annotated_author=F("created_by__username"))


class Asset(models.Model):
    """One picture of a brand. The bytes that came in are the bytes kept; the rest is about them."""

    class Kind(models.TextChoices):
        PRODUCT = "product", "Product"
        CAMPAIGN = "campaign", "Campaign"
        LOGO = "logo", "Logo"
        RENDER = "render", "Render"
        OTHER = "other", "Other"

    class Origin(models.TextChoices):
        UPLOAD = "upload", "Upload"
        IMPORT = "import", "Import"
        GENERATED = "generated", "Generated"

    class Status(models.TextChoices):
        DRAFT = "draft", "Draft"
        APPROVED = "approved", "Approved"
        ARCHIVED = "archived", "Archived"

    class Orientation(models.TextChoices):
        LANDSCAPE = "landscape", "Landscape"
        PORTRAIT = "portrait", "Portrait"
        SQUARE = "square", "Square"

    brand = models.ForeignKey(Brand, on_delete=models.PROTECT, related_name="assets")
    title = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.PRODUCT)
    tags = TaggableManager(blank=True)
    origin = models.CharField(max_length=10, choices=Origin.choices, default=Origin.UPLOAD)
    status = models.CharField(
        max_length=10, choices=Status.choices, default=Status.DRAFT, db_index=True
    )

    folder = models.UUIDField(default=uuid.uuid4, editable=False, unique=True)
    file = models.FileField(upload_to=original_path, max_length=300)
    filename = models.CharField(max_length=255, help_text="The name that the file came with.")
    checksum = models.CharField(max_length=64, help_text="SHA-256 of the original bytes, hex.")
    mime = models.CharField(max_length=40)
    width = models.PositiveIntegerField(help_text="Pixels, as shown (EXIF orientation applied).")
    height = models.PositiveIntegerField()
    bytes = models.PositiveBigIntegerField()
    colours = ArrayField(
        models.CharField(max_length=7),
        null=True,
        editable=False,
        help_text="Dominant ones, like #1f6feb, largest share first; null: not read yet.",
    )
    colour_cells = ArrayField(
        models.IntegerField(), default=list, editable=False, help_text="See assetbank.colours."
    )
    perceptual_hash = models.BigIntegerField(
        null=True, editable=False, help_text="64 bits of how it looks; null: not read yet."
    )

    licence = models.CharField(max_length=200, blank=True)
    credit = models.CharField(max_length=200, blank=True)
    expires_on = models.DateField(
        null=True, blank=True, help_text="Last day on which it may be used."
    )

    # Provenance of a generated picture; kept here, so that search can index it
    # without knowing the app that made it
    generation_id = models.BigIntegerField(null=True, blank=True, editable=False, db_index=True)
    engine_model = models.CharField(max_length=80, blank=True, editable=False)
    prompt = models.TextField(blank=True, editable=False)
    preset = models.CharField(max_length=80, blank=True, editable=False)

    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="assets",
    )
    created_at = models.DateTimeField(default=timezone.now, db_index=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = AssetQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["brand", "checksum"], name="one_copy_per_brand")
        ]
        indexes = [
            models.Index(fields=["brand", "-created_at", "-id"], name="asset_newest_in_brand"),
            models.Index(fields=["-created_at", "-id"], name="asset_newest"),
            GinIndex(fields=["colour_cells"], name="asset_colour_cells"),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("asset", args=[self.pk])

    @property
    def tag_names(self) -> list[str]:
        """Sorted. A query, unless the asset came `with_tags`."""
        annotated: list[str] | None = self.__dict__.get("annotated_tags")
        return sorted(self.tags.names()) if annotated is None else annotated

    @property
    def author(self) -> str | None:
        """Username of who created it. A query, unless the asset came `with_author`."""
        if "annotated_author" in self.__dict__:
            annotated: str | None = self.__dict__["annotated_author"]
            return annotated
        return self.created_by.username if self.created_by else None

    @property
    def path(self) -> str:
        """Of the original, in the storage."""
        return str(self.file.name)

    @property
    def aspect_ratio(self) -> float:
        """Width divided by height."""
        return self.width / self.height

    @property
    def orientation(self) -> str:
        """Square is anything within 5 % of 1:1, as people see it; 21:20 is."""
        if 0.95 <= self.aspect_ratio <= 1.05:
            return self.Orientation.SQUARE
        return self.Orientation.LANDSCAPE if self.width > self.height else self.Orientation.PORTRAIT

    @property
    def expired(self) -> bool:
        return self.expires_on is not None and self.expires_on < timezone.localdate()

    @property
    def original_url(self) -> str:
        return _address("asset-original").replace("/0/", f"/{self.pk}/", 1)

    @property
    def grid_url(self) -> str:
        return self.rendition_url("grid")

    @property
    def preview_url(self) -> str:
        return self.rendition_url("preview")

    def rendition_url(self, name: str) -> str:
        """The checksum in the URL lets browsers keep a rendition for good."""
        address = _address("asset-rendition", name).replace("/0/", f"/{self.pk}/", 1)
        return f"{address}?v={self.checksum[:12]}"

    def rendition_path(self, name: str) -> str:
        return f"renditions/{self.folder}/{self.checksum[:12]}-{name}.webp"


def _address(view: str, *more: str) -> str:
    """Of asset 0: a page of results has hundreds of addresses, and `reverse` takes its time."""
    return _address_below(get_script_prefix(), view, *more)


@cache
def _address_below(prefix: str, view: str, *more: str) -> str:
    """`prefix` is in it where the whole site is served under a path."""
    return reverse(view, args=[0, *more])


class Collection(models.Model):
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

"""Assets: images of a brand with their metadata, terms and provenance."""

from __future__ import annotations

import re
import uuid

from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.contrib.postgres.expressions import ArraySubquery
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, OuterRef, Q
from django.db.models.functions import Lower
from django.urls import reverse
from django.utils import timezone
from taggit.managers import TaggableManager
from taggit.models import TaggedItem

from assetbank.models.brands import Brand
from assetbank.models.files import FileAddresses
from assetbank.models.history import track_changes
from assetbank.models.metadata import UNTITLED, EmbeddedMetadata, Trashable

METADATA_FILTERS = ("creator", "city", "country")  # are filtered by, whatever their case


def original_path(asset: Asset, filename: str) -> str:
    """Return the original's path: a folder for each asset, and a name valid in every storage."""
    stem, _, extension = filename.rpartition(".")
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-.")[:80] or "original"
    return f"originals/{asset.folder}/{stem}.{extension}"


class AssetQuerySet(models.QuerySet["Asset"]):
    """Assets, with annotations that save queries."""

    def with_tags(self) -> AssetQuerySet:
        """Annotate tags, so that `tag_names` needs no query.

        Prefetching does not help: taggit builds one queryset per asset.
        """
        kind = ContentType.objects.get_for_model(Asset)  # cached by Django
        items = TaggedItem.objects.filter(content_type=kind, object_id=OuterRef("pk"))
        names = ArraySubquery(items.order_by("tag__name").values("tag__name"))
        return self.annotate(annotated_tags=names)

    def with_author(self) -> AssetQuerySet:
        """Annotate the creator's username, so that `author` needs no query."""
        return self.annotate(annotated_author=F("created_by__username"))


_Manager = models.Manager.from_queryset(AssetQuerySet)


class AssetManager(_Manager["Asset"]):
    """Assets, without those in the trash."""

    def get_queryset(self) -> AssetQuerySet:
        return AssetQuerySet(self.model, using=self._db).filter(deleted_at=None)


@track_changes(
    exclude=[
        "folder", "colours", "colour_cells", "perceptual_hash", "generation_id", "engine_model",
        "prompt", "preset", "metadata_read_at", "created_by", "created_at", "updated_at",
    ]
)  # fmt: skip
class Asset(EmbeddedMetadata, Trashable, FileAddresses):
    """An image of a brand. An original's bytes never change; another file is another version."""

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
        QUARANTINED = (
            "quarantined",
            "Quarantined",
        )  # usage rights of it, or of a source, were withdrawn

    class Consent(models.TextChoices):
        NOT_NEEDED = "not_needed", "Not needed: no recognisable people"
        GIVEN = "given", "Given"
        MISSING = "missing", "Not given"

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
        max_length=12, choices=Status.choices, default=Status.DRAFT, db_index=True
    )

    folder = models.UUIDField(default=uuid.uuid4, editable=False, unique=True)
    file = models.FileField(upload_to=original_path, max_length=300)
    filename = models.CharField(max_length=255, help_text="Original file name.")
    checksum = models.CharField(
        max_length=64, help_text="SHA-256 of the original file, hexadecimal."
    )
    mime = models.CharField(max_length=40)
    width = models.PositiveIntegerField(help_text="In pixels, with EXIF orientation applied.")
    height = models.PositiveIntegerField()
    bytes = models.PositiveBigIntegerField()
    version = models.PositiveIntegerField(
        default=1, editable=False, help_text="Number of the file's version; 1: never replaced."
    )
    colours = ArrayField(
        models.CharField(max_length=7),
        null=True,
        editable=False,
        help_text="Dominant colours as hex codes such as #1f6feb, largest share first; null: not "
        "computed yet.",
    )
    colour_cells = ArrayField(
        models.IntegerField(),
        default=list,
        editable=False,
        help_text="See assetbank.media.colours.",
    )
    perceptual_hash = models.BigIntegerField(
        null=True, editable=False, help_text="64-bit perceptual hash; null: not computed yet."
    )

    expires_on = models.DateField(null=True, blank=True, help_text="Last day of the usage rights.")
    derivatives_allowed = models.BooleanField(
        default=True, help_text="Whether derivatives are allowed."
    )
    territories = ArrayField(
        models.CharField(max_length=2),
        default=list,
        blank=True,
        help_text="ISO 3166 country codes where it may be used, for example DE; empty: worldwide.",
    )
    consent = models.CharField(max_length=10, choices=Consent.choices, default=Consent.NOT_NEEDED)
    consent_until = models.DateField(
        null=True, blank=True, help_text="Last day of the consent of the people shown."
    )

    # Provenance of a generated image; in this table so that search can index it without
    # importing the app that generated it
    generation_id = models.BigIntegerField(null=True, blank=True, editable=False, db_index=True)
    engine_model = models.CharField(max_length=80, blank=True, editable=False)
    prompt = models.TextField(blank=True, editable=False)
    preset = models.CharField(max_length=80, blank=True, editable=False)
    digital_source_type = models.CharField(
        max_length=40,
        blank=True,
        editable=False,
        help_text="IPTC digital source type of a generated image.",
    )

    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="assets",
    )
    created_at = models.DateTimeField(default=timezone.now, db_index=True)
    updated_at = models.DateTimeField(auto_now=True)

    # The first is the default: related managers, forms and the admin leave the trash out. A foreign
    # key still loads its asset from it, so whoever shows one checks `in_trash` or permissions
    objects = AssetManager()
    all_objects = AssetQuerySet.as_manager()

    class Meta(EmbeddedMetadata.Meta):
        abstract = False
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["brand", "checksum"], name="one_copy_per_brand")
        ]
        indexes = [
            models.Index(
                fields=["brand", "-created_at", "-id"],
                name="asset_newest_in_brand",
                condition=Q(deleted_at=None),
            ),
            models.Index(
                fields=["-created_at", "-id"], name="asset_newest", condition=Q(deleted_at=None)
            ),
            models.Index(
                fields=["deleted_at"], name="asset_in_trash", condition=Q(deleted_at__isnull=False)
            ),
            models.Index(
                fields=["deleted_by"],
                name="asset_deleted_by",
                condition=Q(deleted_by__isnull=False),
            ),
            GinIndex(fields=["colour_cells"], name="asset_colour_cells"),
            GinIndex(fields=["custom"], name="asset_custom", opclasses=["jsonb_path_ops"]),
            models.Index(
                F("captured_at").desc(nulls_last=True), F("id").desc(), name="asset_taken"
            ),
            *(models.Index(Lower(name), name=f"asset_{name}") for name in METADATA_FILTERS),
            models.Index(
                fields=["brand"], condition=~Q(terms_to_check=""), name="asset_terms_to_check"
            ),
        ]

    def __str__(self) -> str:
        return self.display_title

    def get_absolute_url(self) -> str:
        return reverse("asset", args=[self.pk])

    @property
    def untitled(self) -> bool:
        """True if neither its file nor a user gave it a title."""
        return self.title == UNTITLED

    @property
    def display_title(self) -> str:
        """The title; of an untitled asset with its file name, as "Untitled — IMG_1234.jpg".

        It fits into fields for titles.
        """
        return f"{UNTITLED} — {self.filename}"[:200] if self.untitled else self.title

    @property
    def alt(self) -> str:
        """Text in place of the image: its alt text, or what it is called."""
        return self.alt_text or self.display_title

    @property
    def tag_names(self) -> list[str]:
        """The tags, sorted. Needs a query, unless the asset was fetched `with_tags`."""
        annotated: list[str] | None = self.__dict__.get("annotated_tags")
        return sorted(self.tags.names()) if annotated is None else annotated

    @property
    def author(self) -> str | None:
        """The creator's username. Needs a query, unless the asset was fetched `with_author`."""
        if "annotated_author" in self.__dict__:
            annotated: str | None = self.__dict__["annotated_author"]
            return annotated
        return self.created_by.username if self.created_by else None

    @property
    def path(self) -> str:
        """Path of the original in the storage."""
        return str(self.file.name)

    @property
    def aspect_ratio(self) -> float:
        """Width divided by height."""
        return self.width / self.height

    @property
    def orientation(self) -> str:
        """A value of Orientation; square within 5 % of 1:1, such as 21:20."""
        if 0.95 <= self.aspect_ratio <= 1.05:
            return self.Orientation.SQUARE
        return self.Orientation.LANDSCAPE if self.width > self.height else self.Orientation.PORTRAIT

    @property
    def expired(self) -> bool:
        """True after the last day of the licence."""
        return self.expires_on is not None and self.expires_on < timezone.localdate()

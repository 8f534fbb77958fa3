"""Fields that a brand defines for its assets; `Asset.custom` holds their values by name."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.core.validators import RegexValidator
from django.db import models

from assetbank.models.assets import Asset
from assetbank.models.brands import Brand

field_name = RegexValidator(
    r"\A[a-z][a-z0-9_]{0,39}\Z",
    "A name has at most 40 lower-case letters, digits and underscores, and begins with a letter.",
)
xmp_property = RegexValidator(
    r"\A[A-Za-z_][\w.-]*:[A-Za-z_][\w.-]*\Z",
    "An XMP property has a prefix and a name, for example acme:SKU.",
)


class CustomField(models.Model):
    """A field of a brand's assets. Its name never changes: addresses and programs use it."""

    class Kind(models.TextChoices):
        TEXT = "text", "Text"
        LONG_TEXT = "long_text", "Long text"
        NUMBER = "number", "Number"
        DATE = "date", "Date"
        CHOICE = "choice", "Choice"
        CHOICES = "choices", "Several choices"
        YES_NO = "yes_no", "Yes or no"
        URL = "url", "Web address"

    brand = models.ForeignKey(Brand, on_delete=models.CASCADE, related_name="custom_fields")
    name = models.CharField(
        max_length=40, validators=[field_name], help_text="Never changes, for example sku."
    )
    label = models.CharField(max_length=80, help_text="Shown on pages, for example Article number.")
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.TEXT)
    choices = ArrayField(models.CharField(max_length=100), default=list, blank=True)
    retired_choices = ArrayField(
        models.CharField(max_length=100),
        default=list,
        blank=True,
        help_text="No longer offered; assets that have them keep them.",
    )
    required = models.BooleanField(
        default=False, help_text="New assets need a value; older ones may lack it."
    )
    default = models.JSONField(
        null=True, blank=True, help_text="Value of new assets; null: no default."
    )
    help = models.CharField(max_length=300, blank=True, help_text="Shown below the field.")
    xmp_property = models.CharField(
        "XMP property",
        max_length=120,
        blank=True,
        validators=[xmp_property],
        help_text="Read from files and written to downloads, for example acme:SKU.",
    )
    searched = models.BooleanField(default=True, help_text="Searches find its words.")
    filterable = models.BooleanField("filter", default=True, help_text="Searches filter by it.")
    position = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["brand", "position", "id"]
        constraints = [
            models.UniqueConstraint(fields=["brand", "name"], name="one_custom_field_per_name")
        ]

    def __str__(self) -> str:
        return self.label

    @property
    def has_choices(self) -> bool:
        return self.kind in (self.Kind.CHOICE, self.Kind.CHOICES)

    @property
    def is_range(self) -> bool:
        """True for numbers and dates, which filters compare with a minimum and a maximum."""
        return self.kind in (self.Kind.NUMBER, self.Kind.DATE)

    @property
    def is_counted(self) -> bool:
        """True if filters list its values with counts."""
        return self.filterable and (self.has_choices or self.kind == self.Kind.YES_NO)


class CustomNumber(models.Model):
    """A number or date of an asset's custom field, so that an index finds ranges of them.

    PostgreSQL triggers (see the migration `custom_fields`) keep it in the transaction of the
    change. A date is its number of days since 1970.
    """

    asset = models.ForeignKey(
        Asset,
        on_delete=models.DO_NOTHING,  # the database cascades
        db_constraint=False,
        db_index=False,
        related_name="+",
    )
    field = models.ForeignKey(
        CustomField,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )
    value = models.FloatField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["asset", "field"], name="one_number_per_custom_field")
        ]
        indexes = [models.Index(fields=["field", "value", "asset"], name="custom_number_in_range")]

    def __str__(self) -> str:
        return f"{self.value} of asset {self.asset_id}"

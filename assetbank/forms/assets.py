"""Forms for the metadata and terms of an asset."""

from __future__ import annotations

import datetime
from typing import Any

from django import forms

from assetbank.errors import ProblemError
from assetbank.forms.fields import ClockField, OffsetField
from assetbank.models import Asset
from assetbank.rights import provenance, terms

EMBEDDED_FIELDS = (  # of an asset, which its file can carry
    *("headline", "alt_text", "extended_description", "rating", "creator", "copyright"),
    *("usage_terms", "licensor_url", "city", "country", "latitude", "longitude"),
)
UNCHANGED_IF_MISSING = (  # a form without these fields must not loosen or reset them
    *("derivatives_allowed", "territories", "consent", "consent_until"),
    *("digital_source_type", *EMBEDDED_FIELDS),
)
GROUPS = {  # fields that the page folds away
    "more": ("headline", "extended_description"),
    "rights": (
        *("creator", "credit", "copyright", "licence", "usage_terms", "licensor_url"),
        *("expires_on", "derivatives_allowed", "territories", "digital_source_type"),
        *("consent", "consent_until"),
    ),
    "place": ("captured_local", "captured_zone", "city", "country", "latitude", "longitude"),
}
RATINGS = [("", "Not rated"), *((str(n), f"{n} star{'s' * (n != 1)}") for n in range(6))]


class EmbeddedForm(forms.Form):
    """Metadata of an asset that its file can carry."""

    headline = forms.CharField(required=False, max_length=300)
    alt_text = forms.CharField(
        required=False,
        max_length=2_000,
        label="Alt text",
        help_text="Describes the image to people who cannot see it, in a sentence.",
        widget=forms.Textarea({"rows": 2}),
    )
    extended_description = forms.CharField(
        required=False,
        max_length=10_000,
        help_text="More about the image than its alt text says.",
        widget=forms.Textarea({"rows": 2}),
    )
    rating = forms.TypedChoiceField(
        choices=[*RATINGS, ("-1", "Rejected")], required=False, coerce=int, empty_value=None
    )
    creator = forms.CharField(required=False, max_length=300, help_text="Who made the image.")
    copyright = forms.CharField(required=False, max_length=500, label="Copyright notice")
    usage_terms = forms.CharField(
        required=False,
        max_length=10_000,
        label="Usage terms",
        help_text="In the words of the licensor.",
        widget=forms.Textarea({"rows": 2}),
    )
    licensor_url = forms.URLField(
        required=False,
        max_length=500,
        assume_scheme="https",
        label="Licensor",
        help_text="Web page where a licence can be had.",
    )
    captured_local = ClockField(required=False, label="Taken on")
    captured_zone = OffsetField(
        required=False,
        max_length=10,
        label="Offset from UTC",
        help_text="Of the place, for example +01:00. Empty: unknown.",
    )
    city = forms.CharField(required=False, max_length=200)
    country = forms.CharField(required=False, max_length=200)
    latitude = forms.FloatField(
        required=False, min_value=-90, max_value=90, help_text="Degrees, north positive."
    )
    longitude = forms.FloatField(
        required=False, min_value=-180, max_value=180, help_text="Degrees, east positive."
    )

    def clean(self) -> dict[str, Any]:
        """Add `captured_at`: the clock of the place and its offset as one time."""
        data = super().clean() or self.cleaned_data
        clock, offset = data.pop("captured_local", None), data.pop("captured_zone", None)
        if "captured_local" in self.data:
            zone = None if offset is None else datetime.timezone(datetime.timedelta(minutes=offset))
            data["captured_at"] = clock.replace(tzinfo=zone) if clock else None
            data["captured_offset"] = offset if clock else None
        return data

    @staticmethod
    def initial_of(asset: Asset) -> dict[str, Any]:
        """Return the values of these fields."""
        local = asset.captured_local
        seconds = "milliseconds" if local and local.microsecond else "seconds"
        return {
            **{name: getattr(asset, name) for name in EMBEDDED_FIELDS},
            "captured_local": local.replace(tzinfo=None).isoformat(timespec=seconds)
            if local
            else None,
            "captured_zone": asset.captured_zone,
        }


class AssetForm(EmbeddedForm):
    """An asset's metadata and terms; with `can_decide`, also its status."""

    title = forms.CharField(max_length=200)
    description = forms.CharField(required=False, widget=forms.Textarea({"rows": 3}))
    kind = forms.ChoiceField(choices=Asset.Kind.choices)
    status = forms.ChoiceField(
        choices=[each for each in Asset.Status.choices if each[0] != Asset.Status.QUARANTINED]
    )
    tags = forms.CharField(required=False, max_length=4_000, help_text="Separated by commas.")
    licence = forms.CharField(required=False, max_length=200)
    credit = forms.CharField(required=False, max_length=200)
    expires_on = forms.DateField(
        required=False,
        label="Usage rights expire on",
        help_text="Last day of the usage rights.",
        widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
    )
    derivatives_allowed = forms.TypedChoiceField(
        choices=[("yes", "Yes"), ("no", "No")],
        required=False,
        label="Derivatives allowed",
        help_text="Whether the licence allows derivatives: new images generated from this one.",
        coerce=lambda value: value == "yes",
    )
    territories = forms.CharField(
        required=False,
        max_length=1_000,
        label="Territories",
        help_text="Country codes where it may be used, for example DE, AT, GB. Empty: worldwide.",
    )
    consent = forms.ChoiceField(choices=Asset.Consent.choices, required=False, label="Consent")
    digital_source_type = forms.ChoiceField(
        choices=list(provenance.CLAIMABLE_SOURCE_TYPES.items()),
        required=False,
        label="Digital source type",
        help_text="Assets made or edited with AI are labelled wherever they are shown.",
    )
    consent_until = forms.DateField(
        required=False,
        label="Consent expires on",
        help_text="Last day of the consent of the people shown.",
        widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
    )

    def __init__(self, *args: Any, can_decide: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not can_decide:
            del self.fields["status"]

    @classmethod
    def for_asset(cls, asset: Asset, can_decide: bool) -> AssetForm:
        """Return an unbound form with the asset's values."""
        names = ("title", "description", "kind", "status", "licence", "credit", "expires_on")
        initial = {name: getattr(asset, name) for name in (*names, "consent", "consent_until")}
        initial |= cls.initial_of(asset)
        initial["tags"] = ", ".join(asset.tag_names)
        initial["territories"] = ", ".join(asset.territories)
        initial["digital_source_type"] = asset.digital_source_type
        initial["derivatives_allowed"] = "yes" if asset.derivatives_allowed else "no"
        form = cls(initial=initial, can_decide=can_decide)
        form.adapt_source_type(asset)
        return form

    def adapt_source_type(self, asset: Asset) -> None:
        """Remove the source type of a generated image; else add the file's own as a choice."""
        source_type, field = asset.digital_source_type, self.fields["digital_source_type"]
        if asset.generation_id:
            del self.fields["digital_source_type"]
        elif source_type not in provenance.CLAIMABLE_SOURCE_TYPES:
            field.choices = [*provenance.CLAIMABLE_SOURCE_TYPES.items(), (source_type, source_type)]  # type: ignore[attr-defined]

    def changes(self) -> dict[str, Any]:
        """Return the cleaned values as keyword arguments of `update_asset`."""
        values = {**self.cleaned_data, "tags": self.cleaned_data["tags"].split(",")}
        return {
            name: value
            for name, value in values.items()
            if name not in UNCHANGED_IF_MISSING or name in self.data
        }

    @property
    def wrong_groups(self) -> list[str]:
        """Return the groups of fields with an error; the page opens them."""
        return [name for name, fields in GROUPS.items() if self.errors.keys() & set(fields)]

    def clean_territories(self) -> list[str]:
        try:
            return terms.clean_territories(self.cleaned_data["territories"])
        except ProblemError as error:
            raise forms.ValidationError(error.message) from error

    def clean_consent(self) -> str:
        return str(self.cleaned_data["consent"] or Asset.Consent.NOT_NEEDED)

"""Forms for assets, uploads and collections."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile

from assetbank import permissions
from assetbank.errors import ProblemError
from assetbank.models import Asset, Brand, Collection
from assetbank.rights import provenance, terms

UNCHANGED_IF_MISSING = (  # a form without these fields must not loosen or reset them
    *("derivatives_allowed", "territories", "consent", "consent_until"),
    "digital_source_type",
)


class AssetForm(forms.Form):
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
        label="Rights end on",
        help_text="Last day on which it may be used.",
        widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
    )
    derivatives_allowed = forms.TypedChoiceField(
        choices=[("yes", "Yes"), ("no", "No")],
        required=False,
        label="New pictures from it",
        help_text="Whether its licence allows new pictures to be made from it.",
        coerce=lambda value: value == "yes",
    )
    territories = forms.CharField(
        required=False,
        max_length=1_000,
        label="Countries",
        help_text="In which it may be used, as in DE, AT, GB. Empty: everywhere.",
    )
    consent = forms.ChoiceField(choices=Asset.Consent.choices, required=False, label="People shown")
    digital_source_type = forms.ChoiceField(
        choices=list(provenance.CLAIMABLE_SOURCE_TYPES.items()),
        required=False,
        label="How it was made",
        help_text="What AI made, or changed, says so wherever it is shown.",
    )
    consent_until = forms.DateField(
        required=False,
        label="Consent ends on",
        help_text="Last day on which the people shown agree to its use.",
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

    def clean_territories(self) -> list[str]:
        try:
            return terms.clean_territories(self.cleaned_data["territories"])
        except ProblemError as error:
            raise forms.ValidationError(error.message) from error

    def clean_consent(self) -> str:
        return str(self.cleaned_data["consent"] or Asset.Consent.NOT_NEEDED)


class FilesInput(forms.ClearableFileInput):
    allow_multiple_selected = True


class FilesField(forms.FileField):
    """One or more files; empty ones are valid here, since ingest reports them better."""

    widget = FilesInput

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allow_empty_file=True, **kwargs)

    def clean(self, data: Any, initial: Any = None) -> list[UploadedFile[bytes]]:
        files = data if isinstance(data, list) else [data]
        return [super(FilesField, self).clean(file, initial) for file in files or [None]]


class UploadForm(forms.Form):
    """Files, and where they go. `brand` is optional for users who may edit in one brand only."""

    brand = forms.ModelChoiceField(
        Brand.objects.none(), required=False, to_field_name="slug", empty_label=None
    )
    collection = forms.ModelChoiceField(
        Collection.objects.none(), required=False, widget=forms.HiddenInput
    )
    file = FilesField(label="Pictures", widget=FilesInput({"accept": "image/*"}))

    def __init__(self, *args: Any, user: permissions.AnyUser, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.creates_in = list(permissions.brands(user, *permissions.EDITORS))
        # All visible brands: for one without edit permission the view explains the refusal
        self.fields["brand"].queryset = permissions.brands(user)  # type: ignore[attr-defined]
        self.fields["collection"].queryset = permissions.collections(user)  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        collection = data.get("collection")
        if not data.get("brand") and "brand" not in self.errors:
            if collection:
                data["brand"] = collection.brand
            elif len(self.creates_in) == 1:
                data["brand"] = self.creates_in[0]
            else:
                self.add_error("brand", "Say for which brand.")
        elif collection and collection.brand_id != data["brand"].pk:
            self.add_error("collection", "This collection belongs to another brand.")
        return data


class CollectionForm(forms.Form):
    """A new collection."""

    brand = forms.ModelChoiceField(Brand.objects.none(), empty_label=None)
    name = forms.CharField(max_length=120)
    description = forms.CharField(required=False, max_length=500)

    def __init__(self, *args: Any, user: permissions.AnyUser, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["brand"].queryset = permissions.brands(user)  # type: ignore[attr-defined]
        self.creates_in = list(permissions.brands(user, *permissions.EDITORS))

"""Forms that put assets somewhere: uploads and collections."""

from __future__ import annotations

from typing import Any

from django import forms

from assetbank import permissions
from assetbank.forms.fields import FilesField, FilesInput
from assetbank.models import Brand, Collection

DETAILS_OF_UPLOADS = {  # of all files of an upload, with their maximum lengths
    "creator": 300,
    "credit": 200,
    "licence": 200,
    "copyright": 500,
    "usage_terms": 10_000,
    "city": 200,
    "country": 200,
}


class UploadForm(forms.Form):
    """Files, and where they go. `brand` is optional for users who may edit in one brand only."""

    brand = forms.ModelChoiceField(
        Brand.objects.none(), required=False, to_field_name="slug", empty_label=None
    )
    collection = forms.ModelChoiceField(
        Collection.objects.none(), required=False, widget=forms.HiddenInput
    )
    file = FilesField(label="Images", widget=FilesInput({"accept": "image/*"}))
    tags = forms.CharField(required=False, max_length=4_000)

    def __init__(self, *args: Any, user: permissions.AnyUser, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.creates_in = list(permissions.brands(user, *permissions.EDITORS))
        # All visible brands: for one without edit permission the view explains the refusal
        self.fields["brand"].queryset = permissions.brands(user)  # type: ignore[attr-defined]
        self.fields["collection"].queryset = permissions.collections(user)  # type: ignore[attr-defined]
        for name, maximum in DETAILS_OF_UPLOADS.items():
            self.fields[name] = forms.CharField(required=False, max_length=maximum)

    def details(self) -> dict[str, Any]:
        """Return what holds for all files, as keyword arguments of `ingest_asset`."""
        given = {name: value for name in DETAILS_OF_UPLOADS if (value := self.cleaned_data[name])}
        return {**given, "tags": self.cleaned_data["tags"].split(",")}

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        collection = data.get("collection")
        if not data.get("brand") and "brand" not in self.errors:
            if collection:
                data["brand"] = collection.brand
            elif len(self.creates_in) == 1:
                data["brand"] = self.creates_in[0]
            else:
                self.add_error("brand", "Choose a brand.")
        elif collection and collection.brand_id != data["brand"].pk:
            self.add_error(
                "collection", "This collection belongs to another brand. Choose another one."
            )
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

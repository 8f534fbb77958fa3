"""What people say about assets, collections and files that come in."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile

from assetbank import access
from assetbank.models import Asset, Brand, Collection


class AssetForm(forms.Form):
    """What is said about an asset; its status only by those who decide on it."""

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

    def __init__(self, *args: Any, decides: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not decides:
            del self.fields["status"]

    @classmethod
    def of(cls, asset: Asset, decides: bool) -> AssetForm:
        names = ("title", "description", "kind", "status", "licence", "credit", "expires_on")
        initial = {name: getattr(asset, name) for name in names}
        initial["tags"] = ", ".join(asset.tag_names)
        return cls(initial=initial, decides=decides)

    def changes(self) -> dict[str, Any]:
        """Keyword arguments of `intake.update`."""
        return {**self.cleaned_data, "tags": self.cleaned_data["tags"].split(",")}


class FilesInput(forms.ClearableFileInput):
    allow_multiple_selected = True


class FilesField(forms.FileField):
    """One or more files; an empty one is let through, since intake says what is wrong with it."""

    widget = FilesInput

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allow_empty_file=True, **kwargs)

    def clean(self, data: Any, initial: Any = None) -> list[UploadedFile[bytes]]:
        files = data if isinstance(data, list) else [data]
        return [super(FilesField, self).clean(file, initial) for file in files or [None]]


class UploadForm(forms.Form):
    """Where files go. `brand` may be left out by those who may add to one brand only."""

    brand = forms.ModelChoiceField(
        Brand.objects.none(), required=False, to_field_name="slug", empty_label=None
    )
    collection = forms.ModelChoiceField(
        Collection.objects.none(), required=False, widget=forms.HiddenInput
    )
    file = FilesField(label="Pictures", widget=FilesInput({"accept": "image/*"}))

    def __init__(self, *args: Any, person: access.Person, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.creates_in = list(access.brands(person, *access.CREATORS))
        # All that one sees: what one may see but not add to is refused with a sentence
        self.fields["brand"].queryset = access.brands(person)  # type: ignore[attr-defined]
        self.fields["collection"].queryset = access.collections(person)  # type: ignore[attr-defined]

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
    brand = forms.ModelChoiceField(Brand.objects.none(), empty_label=None)
    name = forms.CharField(max_length=120)
    description = forms.CharField(required=False, max_length=500)

    def __init__(self, *args: Any, person: access.Person, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["brand"].queryset = access.brands(person)  # type: ignore[attr-defined]
        self.creates_in = list(access.brands(person, *access.CREATORS))

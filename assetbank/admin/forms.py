"""Forms of the asset admin."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.auth.models import User
from unfold import widgets

from assetbank import text
from assetbank.assets import approval, ingest_asset
from assetbank.assets.metadata import custom_fields
from assetbank.errors import ProblemError
from assetbank.models import Asset
from assetbank.rights import terms

if TYPE_CHECKING:
    AssetModelForm = forms.ModelForm[Asset]
else:
    AssetModelForm = forms.ModelForm

TERMS = ["derivatives_allowed", "territories", "consent", "consent_until"]
DETAILS = ["title", "description", "headline", "alt_text", "extended_description", "kind"]
RIGHTS = [
    *("licence", "credit", "creator", "copyright", "usage_terms", "licensor_url", "expires_on"),
    *TERMS,
]
PLACE = ["city", "country", "latitude", "longitude"]
WORDS = [*DETAILS, "rating", *RIGHTS, *PLACE]


class TagsField(forms.CharField):
    """Tags in a text field, separated by commas."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            required=False,
            widget=widgets.UnfoldAdminTextInputWidget,
            help_text="Separated by commas.",
            **kwargs,
        )

    def clean(self, value: Any) -> list[str]:
        try:
            return text.clean_tags(super().clean(value).split(","))
        except ProblemError as error:
            raise forms.ValidationError(error.message) from error


class CountriesField(forms.CharField):
    """Country codes in a text field, separated by commas; empty: everywhere."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            required=False,
            widget=widgets.UnfoldAdminTextInputWidget,
            help_text="Country codes where it may be used, for example DE, AT, GB. Empty: "
            "worldwide.",
            **kwargs,
        )

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> list[str]:
        try:
            return terms.clean_territories(super().clean(value))
        except ProblemError as error:
            raise forms.ValidationError(error.message) from error


class CapturedField(forms.CharField):
    """A time with the offset of its place, in a text field; None when empty."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            required=False,
            label="Captured at",
            widget=widgets.UnfoldAdminTextInputWidget,
            help_text="With the offset of the place: 2019-03-14T10:11:00+01:00. With Z: in UTC, "
            "because the offset is unknown.",
            **kwargs,
        )

    def clean(self, value: Any) -> datetime.datetime | None:
        given = super().clean(value)
        try:
            return text.parse_moment(given) if given else None
        except ValueError as error:
            raise forms.ValidationError("Write the time as 2019-03-14T10:11:00+01:00.") from error


class TermsForm(AssetModelForm):
    """Fields of the terms, shared by both forms."""

    territories = CountriesField()
    captured_at = CapturedField()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["captured_at"] = self.instance.captured or ""
        if consent := self.fields.get("consent"):  # missing for users who may only view
            consent.required = False

    def clean_consent(self) -> str:
        return str(self.cleaned_data["consent"] or self.instance.consent)


class AssetChangeForm(TermsForm):
    """Changes of an asset, saved by `update_asset`."""

    user: User  # set by the admin for each request
    tags = TagsField()
    custom_values = forms.CharField(
        required=False,
        label="Custom fields",
        widget=widgets.UnfoldAdminTextareaWidget({"rows": 6}),
        help_text="One on each line: sku = ORV-2231. Several choices are separated by “;”.",
    )

    class Meta:
        model = Asset
        fields = [*WORDS, "captured_at", "status", "tags", "custom_values"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["custom_values"] = "\n".join(
            f"{name} = {custom_fields.as_text(value)}"
            for name, value in custom_fields.public_values(self.instance).items()
            if value is not None
        )
        self.initial["tags"] = ", ".join(self.instance.tag_names)
        status = self.fields.get("status")  # missing for users who may only view
        if status and self.instance.status == Asset.Status.QUARANTINED:
            status.disabled = True
        elif status:
            choices = [each for each in Asset.Status.choices if each[0] != "quarantined"]
            status.choices = choices  # type: ignore[attr-defined]

    def clean_custom_values(self) -> dict[str, Any]:
        """Return the values by field; None for one whose line is missing."""
        own = custom_fields.public_values(self.instance)
        values: dict[str, Any] = {name: None for name, value in own.items() if value is not None}
        last = ""
        for line in self.cleaned_data["custom_values"].splitlines():
            name, sign, rest = line.partition("=")
            if sign and name.strip() in own:
                last = name.strip()
                values[last] = rest.strip()
            elif last:  # A further line of a long text
                values[last] += f"\n{line}"
            elif line.strip():
                raise forms.ValidationError(f"Write NAME = value, with one of {', '.join(own)}.")
        try:
            custom_fields.merge_values(self.instance, values)
        except ProblemError as error:
            raise forms.ValidationError(error.message) from error
        return values

    def clean_status(self) -> str:
        status: str = self.cleaned_data["status"]
        if status == Asset.Status.APPROVED != self.instance.status and (
            problems := approval.approval_blockers(self.instance, by=self.user)
        ):
            raise forms.ValidationError(problems)
        return status

    def _save_m2m(self) -> None:
        """Do nothing: `update_asset` saves tags as well."""


class AssetAddForm(TermsForm):
    """A new asset. Validation ingests the file, since only ingest can tell whether it is valid."""

    user: User  # set by the admin for each request
    upload = forms.FileField(
        label="File",
        widget=widgets.UnfoldAdminFileFieldWidget,
        allow_empty_file=True,
        help_text="An image. The original file is stored unchanged.",
    )
    title = forms.CharField(
        required=False,
        max_length=200,
        widget=widgets.UnfoldAdminTextInputWidget,
        help_text="If empty: that of the file, or a readable file name, or Untitled.",
    )
    tags = TagsField()

    class Meta:
        model = Asset
        fields = ["brand", *WORDS, "captured_at", "tags"]

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        if self.errors:
            return
        fields = {name: self.cleaned_data[name] for name in (*WORDS, "captured_at")}
        if not fields["title"]:
            del fields["title"]
        file = self.cleaned_data["upload"]
        try:
            result = ingest_asset(
                brand=self.cleaned_data["brand"],
                file=file,
                filename=file.name,
                by=self.user,
                tags=self.cleaned_data["tags"],
                **fields,
            )
        except ProblemError as error:
            self.add_error("upload", error.message)
            return
        if not result.created:
            self.add_error(
                "upload",
                f"{result.asset.brand} already has this file: “{result.asset}” (asset "
                f"{result.asset.pk})."
                + " The tags and fields that it lacked were added to it."
                * bool(result.added),
            )
            return
        self.instance = result.asset

    def save(self, commit: bool = True) -> Asset:
        return self.instance

    def save_m2m(self) -> None:
        """Do nothing: everything is saved already."""


class TagForm(forms.Form):
    """A tag to add to several assets."""

    tag = forms.CharField(
        max_length=text.MAX_TAG_LENGTH,
        widget=widgets.UnfoldAdminTextInputWidget(attrs={"autofocus": True}),
    )

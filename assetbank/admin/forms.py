"""Forms of the asset admin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.auth.models import User
from unfold import widgets

from assetbank import text
from assetbank.assets import approval, ingest_asset
from assetbank.errors import ProblemError
from assetbank.models import Asset
from assetbank.rights import terms

if TYPE_CHECKING:
    AssetModelForm = forms.ModelForm[Asset]
else:
    AssetModelForm = forms.ModelForm

TERMS = ["derivatives_allowed", "territories", "consent", "consent_until"]
WORDS = ["title", "description", "kind", "licence", "credit", "expires_on", *TERMS]


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


class TermsForm(AssetModelForm):
    """Fields of the terms, shared by both forms."""

    territories = CountriesField()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if consent := self.fields.get("consent"):  # missing for users who may only view
            consent.required = False

    def clean_consent(self) -> str:
        return str(self.cleaned_data["consent"] or self.instance.consent)


class AssetChangeForm(TermsForm):
    """Changes of an asset, saved by `update_asset`."""

    user: User  # set by the admin for each request
    tags = TagsField()

    class Meta:
        model = Asset
        fields = [*WORDS, "status", "tags"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["tags"] = ", ".join(self.instance.tag_names)
        status = self.fields.get("status")  # missing for users who may only view
        if status and self.instance.status == Asset.Status.QUARANTINED:
            status.disabled = True
        elif status:
            choices = [each for each in Asset.Status.choices if each[0] != "quarantined"]
            status.choices = choices  # type: ignore[attr-defined]

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
        help_text="If empty, derived from the file name.",
    )
    tags = TagsField()

    class Meta:
        model = Asset
        fields = ["brand", *WORDS, "tags"]

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        if self.errors:
            return
        fields = {name: self.cleaned_data[name] for name in WORDS}
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

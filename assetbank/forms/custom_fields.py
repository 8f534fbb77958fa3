"""Forms for custom fields: their values of an asset, and their definitions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms

from assetbank.assets.metadata import csv, custom_fields
from assetbank.models import Brand, CustomField
from assetbank.text import clean_text

Kind = CustomField.Kind
MAX_CSV_BYTES = 20 * 2**20
SHOWN = "custom_shown"  # Sent with the inputs: an unticked list of choices sends nothing itself


def _widget(field: CustomField, held: Any) -> forms.Widget:
    own = held if isinstance(held, list) else [held] if held and field.has_choices else []
    choices = [(each, each) for each in dict.fromkeys([*field.choices, *own])]
    match Kind(field.kind):
        case Kind.LONG_TEXT:
            return forms.Textarea({"rows": 3, "maxlength": custom_fields.MAX_LONG_TEXT})
        case Kind.NUMBER:
            return forms.NumberInput({"step": "any"})
        case Kind.DATE:
            return forms.DateInput({"type": "date"}, format="%Y-%m-%d")
        case Kind.CHOICE:
            return forms.Select(choices=[("", "None"), *choices])
        case Kind.CHOICES:
            return forms.CheckboxSelectMultiple(choices=choices)
        case Kind.YES_NO:
            return forms.Select(choices=[("", "Unknown"), ("yes", "Yes"), ("no", "No")])
        case Kind.URL:
            return forms.URLInput({"maxlength": custom_fields.MAX_TEXT})
    return forms.TextInput({"maxlength": custom_fields.MAX_TEXT})


class CustomValueField(forms.Field):
    """The value of one custom field; cleaned to the form in which it is stored."""

    def __init__(self, field: CustomField, held: Any, *, required: bool) -> None:
        self.field, self.held = field, held
        super().__init__(
            label=f"{field.label} (required)" if required else field.label,
            help_text=field.help,
            required=required,
            widget=_widget(field, held),
            initial=held if isinstance(held, list) else custom_fields.as_text(held),
        )

    def clean(self, value: Any) -> Any:
        try:
            cleaned = custom_fields.clean_value(self.field, value, held=self.held)
        except ValueError as error:
            raise forms.ValidationError(str(error)) from error
        if cleaned is None and self.required:
            raise forms.ValidationError(f"{self.field} is required.")
        return cleaned


class CustomValuesForm(forms.Form):
    """Values of the custom fields of a brand: of an asset that has `held`, or of new assets.

    A new asset needs the required ones, unless its file may bring them; an existing one only those
    that it has already.
    """

    def __init__(
        self, data: Any = None, *, brand: Brand, held: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(data, auto_id="id_%s")
        self.use_required_attribute = held is not None
        for field in custom_fields.fields_of(brand):
            value = field.default if held is None else held.get(field.name)
            needed = not field.xmp_property if held is None else value is not None
            self.fields[f"{csv.PREFIX}{field.name}"] = CustomValueField(
                field, value, required=field.required and needed
            )

    def values(self) -> dict[str, Any]:
        """Return the cleaned values that were sent, by the names of their fields."""
        sent = self.fields if SHOWN in self.data else self.data
        return {
            name.removeprefix(csv.PREFIX): value
            for name, value in self.cleaned_data.items()
            if name in sent
        }

    def full_clean(self) -> None:
        """Validate; fields that were not sent are left out, and keep their values."""
        if self.is_bound and SHOWN not in self.data:
            for name in [name for name in self.fields if name not in self.data]:
                if not self.fields[name].required or self.fields[name].held is not None:  # type: ignore[attr-defined]
                    del self.fields[name]
        super().full_clean()


class FieldForm(forms.ModelForm):  # type: ignore[type-arg]
    """The definition of a custom field. The verbs validate it."""

    choice_lines = forms.CharField(
        required=False,
        label="Choices",
        widget=forms.Textarea({"rows": 5}),
        help_text="One on each line. One that is left out is retired if assets have it. To rename "
        "one on all assets, write: old name => new name",
    )
    default_text = forms.CharField(
        required=False,
        max_length=custom_fields.MAX_LONG_TEXT,
        label="Default",
        help_text="Value of new assets, if none is given.",
    )

    class Meta:
        model = CustomField
        fields = ["label", "kind", "required", "help", "xmp_property", "searched", "filterable"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["choice_lines"].initial = "\n".join(self.instance.choices)
        self.fields["default_text"].initial = custom_fields.as_text(self.instance.default)

    def _post_clean(self) -> None:
        """Leave the instance as it is: verbs change it."""

    def options(self) -> dict[str, Any]:
        """Return the arguments of `define_field` or `change_field`."""
        data = self.cleaned_data
        lines = [clean_text(line) for line in data["choice_lines"].splitlines()]
        renamed = dict(_renames(lines))
        options = {name: data[name] for name in self.Meta.fields}
        if data["kind"] in (Kind.CHOICE, Kind.CHOICES):
            options["choices"] = [line.partition("=>")[2].strip() or line for line in lines if line]
        default = data["default_text"]
        options["default"] = renamed.get(default, default) or None
        return {**options, "renamed": renamed} if renamed else options


def _renames(lines: Iterable[str]) -> Iterable[tuple[str, str]]:
    for line in lines:
        old, arrow, new = line.partition("=>")
        if arrow and new.strip():
            yield old.strip(), new.strip()


class CsvForm(forms.Form):
    """A CSV with metadata, and how it is imported."""

    file = forms.FileField(error_messages={"required": "Choose a CSV file."})
    dry_run = forms.BooleanField(required=False)
    clear_empty = forms.BooleanField(required=False)

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > MAX_CSV_BYTES:
            raise forms.ValidationError("The file has more than 20 MB. Split it.")
        return file.file

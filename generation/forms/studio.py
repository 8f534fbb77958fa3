"""Forms of the studio and of the history. `pipeline.submit` checks values against the model."""

from __future__ import annotations

import re
import uuid
from typing import Any

from django import forms
from django.db.models import QuerySet

from assetbank import permissions
from assetbank.models import Asset, Brand
from assetbank.text import parse_id, parse_ids
from generation.composer import form_state
from generation.engines import catalog
from generation.errors import InvalidRequest
from generation.models import Generation, PresetVersion, Role
from generation.pipeline import MAX_PICTURES, MAX_PROMPT_LENGTH
from generation.prompting import presets

COUNTS = [1, 2, 3, 4, 6, 8]


class StudioForm(forms.Form):
    """Fields of a request. Aspect ratios and sizes of all models are valid here; `submit` checks
    them, with a sentence that lists the model's own. The variables of a preset are posted as
    `var_<name>`, the roles of references as `role_<id>`."""

    preset = forms.CharField(max_length=80, required=False)  # slug, or slug:version
    prompt = forms.CharField(max_length=MAX_PROMPT_LENGTH, required=False)
    brand = forms.ModelChoiceField(
        Brand.objects.none(), to_field_name="slug", empty_label=None, required=True
    )
    model = forms.CharField(max_length=80)
    aspect_ratio = forms.CharField(max_length=10)
    image_size = forms.CharField(max_length=10, required=False)
    count = forms.IntegerField(min_value=1, max_value=MAX_PICTURES)

    def __init__(self, *args: Any, person: permissions.AnyUser, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.person = person
        self.version: PresetVersion | None = None
        # all visible ones: without edit permission, `submit` raises a clearer error
        self.fields["brand"].queryset = permissions.brands(person)  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        slug, _, number = data.get("preset", "").partition(":")
        prompt = data.get("prompt", "")
        if slug and "brand" in data:
            try:
                version = presets.choose_version(self.person, data["brand"], slug, parse_id(number))
                self.version = version
                data["prompt"] = presets.fill_prompt(version, self.variables(), prompt)
            except InvalidRequest as error:
                self.add_error(None, error.message)
        elif not slug and not prompt:
            self.add_error("prompt", "Enter a prompt, or choose a preset.")
        return data

    def arguments(self) -> dict[str, Any]:
        """Return the keyword arguments of `submit` from a valid form. Raises InvalidRequest if a
        reference was deleted or hidden in the meantime."""
        data = {name: value for name, value in self.cleaned_data.items() if name != "preset"}
        filled = presets.variable_values(self.version, self.variables()) if self.version else {}
        return {
            **data,
            "preset_version": self.version,
            "variables": filled,
            "references": self.references(),
            "roles": self.roles(),
        }

    def variables(self) -> dict[str, str]:
        """Return the posted values of the preset's variables by name; "" stands for a variable's
        default."""
        if self.version is None:
            return {}
        names = [each["name"] for each in self.version.variables]
        return {name: str(self.data.get(f"{form_state.VAR_PREFIX}{name}", "")) for name in names}

    def key(self) -> uuid.UUID | None:
        """Return the idempotency key of a valid form: equal for two posts of one page with the same
        values; None without a token."""
        if not (token := str(self.data.get("token", ""))):
            return None
        values = [self.person.pk, token, *self.cleaned_data.values(), self._posted_references()]
        return uuid.uuid5(uuid.NAMESPACE_OID, repr([*values, sorted(self.roles().items())]))

    def _posted_references(self) -> list[str]:
        return self.data.getlist("references") if hasattr(self.data, "getlist") else []

    def _reference_ids(self) -> list[int]:
        return parse_ids(self._posted_references())

    def roles(self) -> dict[int, str]:
        given = {pk: str(self.data.get(f"role_{pk}", "")) for pk in self._reference_ids()}
        return {pk: role for pk, role in given.items() if role in Role.values}

    def references(self) -> list[Asset]:
        """Return the posted references in their order on the page. Raises InvalidRequest if one was
        deleted or hidden in the meantime."""
        pks = self._reference_ids()
        visible = permissions.assets(self.person).select_related("brand").in_bulk(pks)
        if len(visible) < len(pks):
            raise InvalidRequest(
                "One of the references no longer exists: check the list and retry.",
                code="unknown_reference",
            )
        return [visible[pk] for pk in pks]


class HistoryForm(forms.Form):
    q = forms.CharField(required=False, max_length=200, label="Prompt text")
    state = forms.ChoiceField(
        required=False, choices=[("", "All states"), *Generation.State.choices]
    )
    model = forms.CharField(required=False, max_length=80)
    preset = forms.CharField(required=False, max_length=60)
    person = forms.CharField(required=False, max_length=150)
    since = forms.DateField(required=False, label="From")
    until = forms.DateField(required=False, label="To")
    before = forms.IntegerField(required=False, min_value=1)

    def filter(self, generations: QuerySet[Generation]) -> QuerySet[Generation]:
        """Return those of `generations` that match the filters of a valid form."""
        data = {name: _printable(value) for name, value in self.cleaned_data.items()}
        generations = prompt_contains(generations, data["q"])
        for name, value in (
            ("state", data["state"]),
            ("model", data["model"]),
            ("preset_version__preset__slug", data["preset"]),
            ("created_by__username", data["person"]),
            ("created_at__date__gte", data["since"]),
            ("created_at__date__lte", data["until"]),
            ("pk__lt", data["before"]),
        ):
            if value:
                generations = generations.filter(**{name: value})
        return generations


def prompt_contains(generations: QuerySet[Generation], words: str) -> QuerySet[Generation]:
    """Return generations whose prompt has, for each of `words`, a word that starts with it."""
    for word in words.replace("\0", " ").split():
        generations = generations.filter(prompt__iregex=_word_start(word))
    return generations


def _printable(value: Any) -> Any:
    """Return a posted value without NUL characters, which PostgreSQL does not accept."""
    return value.replace("\0", "") if isinstance(value, str) else value


def _word_start(word: str) -> str:
    """Return a regular expression of PostgreSQL for words that start with `word`."""
    start = r"\m" if word[0].isalnum() else ""
    return start + re.sub(r"([^\w])", r"\\\1", word)


def defaults(brands: list[Brand], saved: dict[str, str], references: list[Asset]) -> dict[str, Any]:
    """Return the initial fields of the studio: those that were `saved`, else the first model and
    the brand of the references."""
    models = catalog.available_models()
    by_id = {brand.pk: brand for brand in brands}
    home = next((by_id[each.brand_id] for each in references if each.brand_id in by_id), None)
    first = models[0] if models else None
    fields: dict[str, Any] = {
        "brand": (home or brands[0]).slug if brands else "",
        "model": first.id if first else "",
        "aspect_ratio": first.aspect_ratios[0] if first else "",
        "image_size": first.image_sizes[0] if first and first.image_sizes else "",
        "count": 1,
    }
    fields |= {name: value for name, value in saved.items() if value or name == "prompt"}
    if fields["brand"] not in {brand.slug for brand in brands}:
        fields["brand"] = (home or brands[0]).slug if brands else ""
    fields["model"] = catalog.default_model_for(fields["model"])
    return fields

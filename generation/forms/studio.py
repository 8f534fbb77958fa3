"""What the studio asks for. Whether a model can draw it is decided by `studio.request`."""

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
    """Formats and sizes of all models are accepted here; the model's own are checked afterwards,
    with a sentence that names them. The blanks of a preset come as `var_<name>`, the roles of
    references as `role_<id>`."""

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
        # All that one sees: what one may not add to is refused with a sentence, not as unknown
        self.fields["brand"].queryset = permissions.brands(person)  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        slug, _, number = data.get("preset", "").partition(":")
        words = data.get("prompt", "")
        if slug and "brand" in data:
            try:
                version = presets.choose_version(self.person, data["brand"], slug, parse_id(number))
                self.version = version
                data["prompt"] = presets.fill_prompt(version, self.variables(), words)
            except InvalidRequest as error:
                self.add_error(None, error.message)
        elif not slug and not words:
            self.add_error("prompt", "Write what you want to see, or choose a preset.")
        return data

    def asked(self) -> dict[str, Any]:
        """What `studio.request` is told. Of a valid form; raises InvalidRequest where a reference
        is gone meanwhile."""
        data = {name: value for name, value in self.cleaned_data.items() if name != "preset"}
        filled = presets.values(self.version, self.variables()) if self.version else {}
        return {
            **data,
            "preset_version": self.version,
            "variables": filled,
            "references": self.references(),
            "roles": self.roles(),
        }

    def variables(self) -> dict[str, str]:
        """What is written into the blanks of the chosen preset; empty ones take their defaults."""
        if self.version is None:
            return {}
        names = [each["name"] for each in self.version.variables]
        return {name: str(self.data.get(f"{form_state.VAR_PREFIX}{name}", "")) for name in names}

    def key(self) -> uuid.UUID | None:
        """The same for two posts of one page that ask for the same. Of a valid form."""
        if not (token := str(self.data.get("token", ""))):
            return None
        asked = [self.person.pk, token, *self.cleaned_data.values(), self._given_references()]
        return uuid.uuid5(uuid.NAMESPACE_OID, repr([*asked, sorted(self.roles().items())]))

    def _given_references(self) -> list[str]:
        return self.data.getlist("references") if hasattr(self.data, "getlist") else []

    def _given_ids(self) -> list[int]:
        return parse_ids(self._given_references())

    def roles(self) -> dict[int, str]:
        given = {pk: str(self.data.get(f"role_{pk}", "")) for pk in self._given_ids()}
        return {pk: role for pk, role in given.items() if role in Role.values}

    def references(self) -> list[Asset]:
        """In the order of the page. Raises InvalidRequest where one is gone meanwhile."""
        wanted = self._given_ids()
        seen = permissions.assets(self.person).select_related("brand").in_bulk(wanted)
        if len(seen) < len(wanted):
            raise InvalidRequest(
                "One of the references is not there any more: look at the list and try again.",
                code="unknown_reference",
            )
        return [seen[pk] for pk in wanted]


class HistoryForm(forms.Form):
    q = forms.CharField(required=False, max_length=200, label="Words")
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
        """Those that fit. Of a valid form."""
        data = {name: _printable(value) for name, value in self.cleaned_data.items()}
        generations = with_words(generations, data["q"])
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


def with_words(generations: QuerySet[Generation], words: str) -> QuerySet[Generation]:
    """Those in whose prompt each of the words begins a word."""
    for word in words.replace("\0", " ").split():
        generations = generations.filter(prompt__iregex=_word(word))
    return generations


def _printable(value: Any) -> Any:
    """PostgreSQL takes no NUL."""
    return value.replace("\0", "") if isinstance(value, str) else value


def _word(word: str) -> str:
    """PostgreSQL's regular expression for a word that begins like this."""
    begins = r"\m" if word[0].isalnum() else ""
    return begins + re.sub(r"([^\w])", r"\\\1", word)


def defaults(brands: list[Brand], left: dict[str, str], references: list[Asset]) -> dict[str, Any]:
    """What the studio starts with: what was `left` on the desk, else the first model and the
    references' brand."""
    models = catalog.available_models()
    own = {brand.pk: brand for brand in brands}
    home = next((own[each.brand_id] for each in references if each.brand_id in own), None)
    first = models[0] if models else None
    found: dict[str, Any] = {
        "brand": (home or brands[0]).slug if brands else "",
        "model": first.id if first else "",
        "aspect_ratio": first.aspect_ratios[0] if first else "",
        "image_size": first.image_sizes[0] if first and first.image_sizes else "",
        "count": 1,
    }
    found |= {name: value for name, value in left.items() if value or name == "prompt"}
    if found["brand"] not in {brand.slug for brand in brands}:
        found["brand"] = (home or brands[0]).slug if brands else ""
    found["model"] = catalog.default_model_for(found["model"])
    return found

"""What the studio asks for. Whether a model can draw it is decided by `studio.request`."""

from __future__ import annotations

import uuid
from typing import Any

from django import forms

from assetbank import access
from assetbank.models import Asset, Brand
from generation import engines
from generation.errors import InvalidRequest
from generation.models import Generation
from generation.studio import LONGEST_PROMPT, MOST_PICTURES

COUNTS = [1, 2, 3, 4, 6, 8]


class StudioForm(forms.Form):
    """Formats and sizes of all models are accepted here; the model's own are checked afterwards,
    with a sentence that names them."""

    prompt = forms.CharField(max_length=LONGEST_PROMPT)
    brand = forms.ModelChoiceField(
        Brand.objects.none(), to_field_name="slug", empty_label=None, required=True
    )
    model = forms.CharField(max_length=80)
    aspect_ratio = forms.CharField(max_length=10)
    image_size = forms.CharField(max_length=10, required=False)
    count = forms.IntegerField(min_value=1, max_value=MOST_PICTURES)

    def __init__(self, *args: Any, person: access.Person, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.person = person
        # All that one sees: what one may not add to is refused with a sentence, not as unknown
        self.fields["brand"].queryset = access.brands(person)  # type: ignore[attr-defined]

    def key(self) -> uuid.UUID | None:
        """The same for two posts of one page that ask for the same. Of a valid form."""
        if not (token := str(self.data.get("token", ""))):
            return None
        asked = [self.person.pk, token, *self.cleaned_data.values(), self._given_references()]
        return uuid.uuid5(uuid.NAMESPACE_OID, repr(asked))

    def _given_references(self) -> list[str]:
        return self.data.getlist("references") if hasattr(self.data, "getlist") else []

    def references(self) -> list[Asset]:
        """In the order of the page. Raises InvalidRequest where one is gone meanwhile."""
        given = dict.fromkeys(self._given_references())
        wanted = [int(pk) for pk in given if pk.isdecimal() and len(pk) < 19]
        seen = access.assets(self.person).select_related("brand").in_bulk(wanted)
        if len(seen) < len(wanted):
            raise InvalidRequest(
                "One of the references is not there any more: look at the list and try again.",
                code="unknown_reference",
            )
        return [seen[pk] for pk in wanted]


class HistoryForm(forms.Form):
    q = forms.CharField(required=False, max_length=200)
    state = forms.ChoiceField(
        required=False, choices=[("", "All states"), *Generation.State.choices]
    )
    before = forms.IntegerField(required=False, min_value=1)


def defaults(
    brands: list[Brand], past: Generation | None, references: list[Asset]
) -> dict[str, Any]:
    """What the studio starts with: a past generation, or the first model, the references' brand."""
    models = engines.models()
    if past:
        offered = past.model if past.model in {entry.id for entry in models} else models[0].id
        return {
            "prompt": past.prompt,
            "brand": past.brand.slug,
            "model": offered,
            "aspect_ratio": past.aspect_ratio,
            "image_size": past.image_size,
            "count": past.count,
        }
    own = {brand.pk for brand in brands}
    home = next((each.brand for each in references if each.brand_id in own), None)
    first = models[0] if models else None
    return {
        "brand": (home or brands[0]).slug if brands else "",
        "model": first.id if first else "",
        "aspect_ratio": first.aspect_ratios[0] if first else "",
        "image_size": first.image_sizes[0] if first and first.image_sizes else "",
        "count": 1,
    }

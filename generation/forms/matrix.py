"""Form of a batch. `pipeline.submit` checks the values against the model."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from django import forms

from assetbank import permissions
from assetbank.models import Asset, Brand, Collection
from assetbank.text import parse_ids
from generation.errors import InvalidRequest
from generation.models import Batch
from generation.pipeline import MAX_PICTURES, MAX_PROMPT_LENGTH
from generation.prompting import presets
from generation.workflows import MAX_CELLS, Matrix


class MatrixForm(forms.Form):
    """Fields of a matrix. `references` are ids in the order of the page: those that are also in
    `base` are references of every cell; the others, and those of `collection`, are products."""

    kind = forms.ChoiceField(choices=Batch.Kind.choices)
    prompt = forms.CharField(required=False, max_length=MAX_PROMPT_LENGTH)
    preset = forms.SlugField(required=False)
    brand = forms.ModelChoiceField(Brand.objects.none(), to_field_name="slug", empty_label=None)
    model = forms.CharField(max_length=80)
    aspect_ratio = forms.CharField(max_length=10)
    image_size = forms.CharField(max_length=10, required=False)
    count = forms.IntegerField(min_value=1, max_value=MAX_PICTURES)
    collection = forms.ModelChoiceField(Collection.objects.none(), required=False)
    variable = forms.RegexField(
        r"\A[A-Za-z]\w{0,39}\Z",
        required=False,
        error_messages={"invalid": "Use letters, digits and _ only, for example colour."},
    )
    values = forms.CharField(required=False, max_length=60_000, strip=False)
    in_bulk = forms.ChoiceField(required=False, choices=[("now", "Now"), ("bulk", "Bulk order")])

    def __init__(
        self, *args: Any, person: permissions.AnyUser, roles: Mapping[int, str], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.person, self.roles = person, roles
        # all visible ones: without edit permission, `submit_batch` raises a clearer error
        self.fields["brand"].queryset = permissions.brands(person)  # type: ignore[attr-defined]
        self.fields["collection"].queryset = permissions.collections(person)  # type: ignore[attr-defined]

    def key(self) -> uuid.UUID | None:
        """Return the idempotency key of a valid form: equal for two posts of one page with the same
        values; None without a token."""
        if not (token := str(self.data.get("token", ""))):
            return None
        pictures = [self._values("references"), self._values("base")]
        values = ["matrix", self.person.pk, token, *self.cleaned_data.values(), pictures]
        return uuid.uuid5(uuid.NAMESPACE_OID, repr(values))

    def arguments(self) -> dict[str, Any]:
        """Return the keyword arguments of `submit_batch` from a valid form. Raises
        InvalidRequest."""
        data = self.cleaned_data
        names = ("brand", "model", "aspect_ratio", "image_size", "count")
        return {
            "matrix": self._matrix(),
            "in_bulk": data["in_bulk"] == "bulk",
            **{name: data[name] for name in names},
        }

    def _matrix(self) -> Matrix:
        data = self.cleaned_data
        pictures, ticked = self._pictures(), set(self._values("base"))
        version = None
        if data["preset"]:
            version = presets.choose_version(self.person, data["brand"], data["preset"])
        shared = {"prompt": data["prompt"], "preset_version": version, "roles": self.roles}
        if data["kind"] == Batch.Kind.VALUES:
            if not data["variable"]:
                raise InvalidRequest("Enter the variable for the values, for example colour.")
            lines = data["values"].splitlines()
            return Matrix(**shared, base=pictures, variable=data["variable"], values=lines)
        base = [each for each in pictures if str(each.pk) in ticked]
        products = [each for each in pictures if str(each.pk) not in ticked]
        return Matrix(**shared, base=base, products=products + self._collected(base))

    def _collected(self, base: list[Asset]) -> list[Asset]:
        """Return the assets of the chosen collection that are not in `base`, at most one more than
        MAX_CELLS."""
        collection = self.cleaned_data["collection"]
        if collection is None:
            return []
        visible = permissions.assets(self.person).filter(collection_items__collection=collection)
        listed = visible.exclude(pk__in=[each.pk for each in base]).select_related("brand")
        return list(listed.order_by("collection_items__position")[: MAX_CELLS + 1])

    def _pictures(self) -> list[Asset]:
        """Return the posted references in their order on the page. Raises InvalidRequest if one was
        deleted or hidden in the meantime."""
        pks = parse_ids(self._values("references"))
        visible = permissions.assets(self.person).select_related("brand").in_bulk(pks)
        if len(visible) < len(pks):
            raise InvalidRequest(
                "One of the references no longer exists: check them and retry.",
                code="unknown_reference",
            )
        return [visible[pk] for pk in pks]

    def _values(self, name: str) -> list[str]:
        return self.data.getlist(name) if hasattr(self.data, "getlist") else []

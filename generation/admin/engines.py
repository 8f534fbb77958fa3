"""Admin of the image models: abilities, prices and retirement."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from assetbank.admin.base import ModelAdmin, display, label
from generation.billing import picture_prices
from generation.engines import catalog
from generation.models import EngineModel, Role

if TYPE_CHECKING:
    EngineModelModelForm = forms.ModelForm[EngineModel]
else:
    EngineModelModelForm = forms.ModelForm

RATIO = re.compile(r"[1-9]\d?:[1-9]\d?")
SIZE = re.compile(r"\d{3,4}|[1-9]K")


class EngineModelForm(EngineModelModelForm):
    def clean_aspect_ratios(self) -> list[str]:
        ratios: list[str] = self.cleaned_data["aspect_ratios"]
        if wrong := [ratio for ratio in ratios if not RATIO.fullmatch(ratio)]:
            raise forms.ValidationError(
                f"An aspect ratio must be written like 16:9, not {wrong[0]}."
            )
        return ratios

    def clean_image_sizes(self) -> list[str]:
        sizes: list[str] = self.cleaned_data["image_sizes"] or []
        if wrong := [size for size in sizes if not SIZE.fullmatch(size)]:
            raise forms.ValidationError(f"A size must be written like 512 or 2K, not {wrong[0]}.")
        return sizes

    def clean_slots(self) -> dict[str, int]:
        slots = _counts(self.cleaned_data["slots"], least=0)
        if wrong := slots.keys() - set(Role.values):
            roles = ", ".join(Role.values)
            raise forms.ValidationError(f"There is no role {min(wrong)}. Use one of {roles}.")
        return slots

    def clean_image_tokens(self) -> dict[str, int]:
        return _counts(self.cleaned_data["image_tokens"], least=1)

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        sizes = set(data.get("image_sizes") or [""])
        tokens = data.get("image_tokens", {}).keys()
        if wrong := tokens - sizes:
            self.add_error("image_tokens", f"This model does not offer the size “{min(wrong)}”.")
        elif data.get("usd_image") and (missing := sizes - tokens):
            self.add_error(
                "image_tokens", f"Enter the number of tokens for an image of {min(missing)}."
            )
        if data.get("successor") and self._succeeds_itself(data["successor"]):
            self.add_error(
                "successor", "A model cannot be its own successor, directly or indirectly."
            )
        return data

    def _succeeds_itself(self, following: EngineModel | None) -> bool:
        seen: set[str] = set()
        while following and following.pk not in seen:
            if following.pk == self.instance.pk:
                return True
            seen.add(following.pk)
            following = following.successor
        return False


def _counts(value: Any, *, least: int) -> dict[str, int]:
    value = value or {}
    numbers = value.values() if isinstance(value, dict) else [None]
    if not all(type(number) is int and number >= least for number in numbers):
        raise forms.ValidationError('Use names with whole numbers, for example {"character": 4}.')
    return dict(value)


@admin.register(EngineModel)
class EngineModelAdmin(ModelAdmin[EngineModel]):
    form = EngineModelForm
    list_display = [
        *("label", "state", "prices", "retires_on", "successor", "source_start", "checked_on"),
    ]
    list_filter = ["engine", "offered"]
    list_select_related = ["successor"]
    list_fullwidth = True
    search_fields = ["id", "label", "note"]
    fieldsets = [
        (None, {"fields": ["id", "label", "engine", "note", "offered", "position"]}),
        (
            "Capabilities",
            {
                "fields": [
                    *("aspect_ratios", "image_sizes", "max_references", "slots"),
                    *("refines", "batches", "digital_source_type"),
                ]
            },
        ),
        (
            "Prices",
            {
                "fields": [
                    *("usd_input", "usd_text", "usd_image", "image_tokens", "batch_share"),
                    *("source", "checked_on"),
                ]
            },
        ),
        ("Availability", {"fields": ["retires_on", "successor"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[EngineModel]:
        return super().get_queryset(request).order_by("position", "id")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Make the id of an existing model read-only: generations refer to it."""
        return ["id"] if obj else []

    @display(description="State")
    def state(self, model: EngineModel) -> SafeString:
        if model.retired():
            return label("Retired", "danger")
        if not model.offered:
            return label("Not offered", "warning")
        return label(
            "Retires soon" if catalog.retires_soon_sentence(model) else "Offered", "success"
        )

    @display(description="Price per image")
    def prices(self, model: EngineModel) -> str:
        prices = picture_prices(model)
        return ", ".join(f"{size} ${usd:.4f}".strip() for size, usd in prices.items()) or "-"

    @display(description="Source")
    def source_start(self, model: EngineModel) -> str:
        return Truncator(model.source).chars(60) or "-"

"""Admin of brand rules, and of findings, which are read-only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter

from assetbank.admin.base import ModelAdmin, ReadOnly, admin_link, display, picture
from assetbank.admin.history import WithHistory
from generation.models import BrandRules, Finding

if TYPE_CHECKING:
    RulesModelForm = forms.ModelForm[BrandRules]
else:
    RulesModelForm = forms.ModelForm


class RulesForm(RulesModelForm):
    blocking = forms.MultipleChoiceField(
        choices=Finding.Code.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Findings that block the approval of an image.",
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        anchors, brand = data.get("anchors"), data.get("brand") or self.instance.brand
        if anchors and anchors.brand_id != brand.pk:
            self.add_error(
                "anchors", f"This collection does not belong to {brand}. Choose another one."
            )
        return data


@admin.register(BrandRules)
class BrandRulesAdmin(WithHistory, ModelAdmin[BrandRules]):
    form = RulesForm
    list_display = ["brand", "voice", "blocked"]
    list_select_related = ["brand"]
    search_fields = ["brand__name", "voice"]
    autocomplete_fields = ["brand", "anchors"]
    fields = ["brand", "voice", "always", "never", "approved_words", "anchors", "blocking"]

    def get_readonly_fields(self, request: HttpRequest, obj: BrandRules | None = None) -> Any:
        return ["brand"] if obj else []

    @display(description="Blocks approval")
    def blocked(self, rules: BrandRules) -> str:
        names = dict(Finding.Code.choices)
        return ", ".join(str(names[code]) for code in rules.blocking if code in names) or "-"


@admin.register(Finding)
class FindingAdmin(ReadOnly, ModelAdmin[Finding]):
    list_display = ["image", "sentence", "code", "asset_link", "measured", "created_at"]
    list_display_links = ["image", "sentence"]
    list_filter = [
        ("code", ChoicesDropdownFilter),
        ("output__generation__brand", RelatedDropdownFilter),
    ]
    list_filter_submit = True
    search_fields = ["sentence", "output__asset__title"]
    ordering = ["-id"]
    readonly_fields = ("image", "asset_link", "code", "sentence", "measured", "created_at")
    fields = readonly_fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Finding]:
        found = super().get_queryset(request).filter(output__asset__deleted_at=None)
        found = found.select_related("output__asset")
        return found.defer("output__data")

    @display(description="")
    def image(self, finding: Finding) -> SafeString:
        return picture(finding.output.asset)

    @display(description="Asset")
    def asset_link(self, finding: Finding) -> SafeString:
        return admin_link(finding.output.asset)

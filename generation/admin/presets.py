"""Admin of presets. Saving a change creates a new version; all versions are listed."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import QuerySet, Window
from django.db.models.functions import Lag
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import RelatedDropdownFilter
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from assetbank.admin.base import NONE, ModelAdmin, ReadOnly, TabularInline, display
from assetbank.admin.history import WithHistory
from generation.models import EngineModel, Preset, PresetVersion
from generation.prompting import preset_validation, presets

if TYPE_CHECKING:
    PresetModelForm = forms.ModelForm[Preset]
else:
    PresetModelForm = forms.ModelForm

VERSION_FIELDS = ("template", "variables", "roles", "aspect_ratio", "image_size")
ROLE_LINE = re.compile(r"([a-z]+)\s*:?\s+(\d{1,2})(?:\s*(?:-|to)\s*(\d{1,2}))?")


def read_variables(lines: str) -> list[dict[str, str]]:
    """Parse lines of `name | label | default`. Raises ValidationError."""
    found = []
    for line in filter(None, map(str.strip, lines.splitlines())):
        name, *rest = (part.strip() for part in line.split("|"))
        if len(rest) > 2:
            raise forms.ValidationError(f"“{line}” is invalid: use name | label | default.")
        options = zip(("label", "default"), rest, strict=False)
        found.append({"name": name, **{key: value for key, value in options if value}})
    return found


def read_roles(lines: str) -> list[dict[str, Any]]:
    """Parse lines like `product 1 to 4`. Raises ValidationError."""
    found = []
    for line in filter(None, map(str.strip, lines.splitlines())):
        match = ROLE_LINE.fullmatch(line.lower())
        if match is None:
            raise forms.ValidationError(f"“{line}” is invalid: use the form “product 1 to 4”.")
        role, least, most = match.groups()
        found.append({"role": role, "least": int(least), "most": int(most or least)})
    return found


def require_supported(value: str, field: str) -> str:
    """Return `value` if empty or in the list `field` of some model. Raises ValidationError."""
    every = {each for row in EngineModel.objects.values_list(field, flat=True) for each in row}
    if value and value not in every:
        raise forms.ValidationError(
            f"No model offers “{value}”. Use one of {', '.join(sorted(every))}."
        )
    return value


def write_variables(variables: list[dict[str, str]]) -> str:
    lines = [
        " | ".join([each["name"], each.get("label", ""), each.get("default", "")])
        for each in variables
    ]
    return "\n".join(line.rstrip(" |") for line in lines)


def write_roles(roles: list[dict[str, Any]]) -> str:
    return "\n".join(f"{each['role']} {each['least']} to {each['most']}" for each in roles)


class PresetForm(PresetModelForm):
    template = forms.CharField(
        label="Prompt",
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 9}),
        help_text="{place} is a variable; write literal braces twice.",
    )
    variables = forms.CharField(
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 5}),
        help_text="Variables, one per line: name | label | default. A variable without a "
        "default is required.",
    )
    roles = forms.CharField(
        label="References",
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}),
        help_text="One role per line with its minimum and maximum number: product 1 to 4.",
    )
    aspect_ratio = forms.CharField(
        required=False,
        max_length=10,
        widget=UnfoldAdminTextInputWidget(),
        help_text="Selected with the preset; empty: the user's choice.",
    )
    image_size = forms.CharField(
        required=False, max_length=10, widget=UnfoldAdminTextInputWidget(), help_text="Likewise."
    )

    class Meta:
        model = Preset
        fields = ["name", "slug", "description", "brand", "offered", "position"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        version = self.instance.versions.order_by("-number").first() if self.instance.pk else None
        if version:
            self.initial.update(
                template=version.template,
                variables=write_variables(version.variables),
                roles=write_roles(version.roles),
                aspect_ratio=version.aspect_ratio,
                image_size=version.image_size,
            )

    def clean_variables(self) -> list[dict[str, str]]:
        return read_variables(self.cleaned_data["variables"])

    def clean_roles(self) -> list[dict[str, Any]]:
        return read_roles(self.cleaned_data["roles"])

    def clean_aspect_ratio(self) -> str:
        return require_supported(self.cleaned_data["aspect_ratio"], "aspect_ratios")

    def clean_image_size(self) -> str:
        return require_supported(self.cleaned_data["image_size"], "image_sizes")

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if {"template", "variables", "roles"} <= data.keys():
            for problem in preset_validation.template_problems(
                data["template"], data["variables"], data["roles"]
            ):
                self.add_error("template", problem)
        return data


class VersionInline(ReadOnly, TabularInline[PresetVersion, Preset]):
    model = PresetVersion
    extra = 0
    readonly_fields = ("number", "changed", "asked", "shape", "created_by", "created_at")
    fields = readonly_fields
    ordering = ["-number"]
    verbose_name_plural = "versions, newest first"

    def get_queryset(self, request: HttpRequest) -> QuerySet[PresetVersion]:
        before = Window(Lag("template"), partition_by="preset", order_by="number")
        versions = super().get_queryset(request).annotate(before=before)
        return versions.select_related("preset", "created_by")

    @display(description="Prompt, with changes marked")
    def changed(self, version: Any) -> SafeString:
        return difference(version.before, version.template)

    @display(description="Variables and references")
    def asked(self, version: PresetVersion) -> SafeString:
        text = f"{write_variables(version.variables)}\n\n{write_roles(version.roles)}".strip()
        return format_html('<span style="white-space: pre-line">{}</span>', text or "-")

    @display(description="Aspect ratio and size")
    def shape(self, version: PresetVersion) -> str:
        return " ".join(filter(None, [version.aspect_ratio, version.image_size])) or str(NONE)


def difference(old: str | None, new: str) -> SafeString:
    """Return the text of `new` as HTML: words added to `old` in bold, and removed ones struck
    out."""
    if old is None:
        return format_html("{}", new)
    left, right = re.findall(r"\s+|\S+", old), re.findall(r"\s+|\S+", new)
    html = SafeString("")
    for kind, a, b, c, d in SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        if kind == "equal":
            html += format_html("{}", "".join(right[c:d]))
            continue
        if removed := "".join(left[a:b]):
            html += format_html('<del style="opacity: .6">{}</del> ', removed)
        if added := "".join(right[c:d]):
            html += format_html("<ins><strong>{}</strong></ins>", added)
    return html


@admin.register(Preset)
class PresetAdmin(WithHistory, ModelAdmin[Preset]):
    form = PresetForm
    list_display = ["name", "description", "brand", "version", "used", "offered", "position"]
    list_editable = ["offered", "position"]
    list_filter = ["offered", ("brand", RelatedDropdownFilter)]
    list_filter_submit = True
    list_select_related = ["brand"]
    search_fields = ["name", "slug", "description", "versions__template"]
    prepopulated_fields = {"slug": ["name"]}
    autocomplete_fields = ["brand"]
    inlines = [VersionInline]
    fieldsets = (
        (None, {"fields": [*PresetForm.Meta.fields]}),
        (
            "Content",
            {
                "fields": [*VERSION_FIELDS],
                "description": "A change creates a new version. Existing generations keep theirs.",
            },
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Preset]:
        return presets.with_use_counts(super().get_queryset(request)).prefetch_related("versions")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Forbid the deletion of a used preset: generations refer to it. It can be made unavailable
        instead."""
        uses = PresetVersion.objects.filter(preset=obj, generations__isnull=False)
        used = obj is not None and uses.exists()
        return not used and super().has_delete_permission(request, obj)

    def get_actions(self, request: HttpRequest) -> Any:
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    def save_model(self, request: HttpRequest, obj: Preset, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if isinstance(form, PresetForm):  # the change list saves some fields with another form
            assert isinstance(request.user, User)
            content = {name: form.cleaned_data[name] for name in VERSION_FIELDS}
            presets.save_preset(preset=obj, by=request.user, **content)

    @display(description="Version")
    def version(self, preset: Preset) -> int | None:
        return max((version.number for version in preset.versions.all()), default=None)

    @display(description="Used", ordering="used")
    def used(self, preset: Any) -> int:
        return int(preset.used or 0)

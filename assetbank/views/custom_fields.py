"""Pages of custom fields: a brand's definitions for its managers, and inputs for uploads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from assetbank import permissions
from assetbank.assets.folders import csv_import
from assetbank.assets.metadata import csv, custom_fields, field_definitions, value_changes
from assetbank.errors import InvalidRow, ProblemError
from assetbank.forms import CsvForm, CustomValuesForm, FieldForm
from assetbank.http import PageRequest
from assetbank.models import Asset, Brand, CustomField


@login_required
@require_safe
def of_brands(request: PageRequest) -> HttpResponse:
    """Render links to the fields of each brand that the user manages."""
    managed = permissions.brands(request.user, *permissions.MANAGERS)
    return render(request, "assetbank/fields_of_brands.html", {"brands": managed})


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def of_brand(request: PageRequest, slug: str) -> HttpResponse:
    """Render the fields of a brand and a form for a new one; define it on POST."""
    brand = _managed(request, slug)
    form = FieldForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            options = form.options()
            options.pop("renamed", None)
            added = field_definitions.define_field(brand=brand, by=request.user, **options)
        except ProblemError as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, f"“{added}” is a field of {brand} now.")
            return redirect("brand-fields", slug=slug)
    uses = value_changes.count_uses(brand)
    fields = custom_fields.fields_of(brand)
    context = {
        "brand": brand,
        "rows": [(field, uses.get(field.name, 0)) for field in fields],
        "form": form,
        "full": len(fields) >= field_definitions.MAX_FIELDS,
    }
    status = 400 if form.errors else 200
    return render(request, "assetbank/brand_fields.html", context, status=status)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def change(request: PageRequest, slug: str, name: str) -> HttpResponse:
    """Render a form with the definition of a field; change it on POST."""
    field = _field(request, slug, name)
    form = FieldForm(request.POST or None, instance=field)
    if request.method == "POST" and form.is_valid():
        try:
            field_definitions.change_field(field=field, by=request.user, **form.options())
        except ProblemError as error:
            form.add_error(None, error.message)
            field.refresh_from_db()
        else:
            messages.success(request, f"“{field}” is saved.")
            return redirect("brand-fields", slug=slug)
    uses = value_changes.count_uses(field.brand).get(name, 0)
    context = {"field": field, "brand": field.brand, "form": form, "uses": uses}
    status = 400 if form.errors else 200
    return render(request, "assetbank/brand_field.html", context, status=status)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: PageRequest, slug: str, name: str) -> HttpResponse:
    """Ask for confirmation, with the number of assets that have a value; delete on POST."""
    field = _field(request, slug, name)
    if request.method == "POST":
        forget = request.POST.get("forget_values") == "yes"
        field_definitions.delete_field(field=field, by=request.user, forget_values=forget)
        values = "with its values" if forget else "and its values are hidden"
        messages.success(request, f"“{field}” is deleted, {values}.".replace(", with", " with"))
        return redirect("brand-fields", slug=slug)
    uses = value_changes.count_uses(field.brand).get(name, 0)
    context = {"field": field, "brand": field.brand, "uses": uses}
    return render(request, "assetbank/brand_field_delete.html", context)


@login_required
@require_POST
def move(request: PageRequest, slug: str) -> HttpResponse:
    """Move the field named by `up` or `down` by one place."""
    brand = _managed(request, slug)
    names = [field.name for field in custom_fields.fields_of(brand)]
    for direction, step in (("up", -1), ("down", 1)):
        if (name := request.POST.get(direction, "")) in names:
            place = names.index(name)
            names.insert(max(0, place + step), names.pop(place))
    field_definitions.order_fields(brand=brand, by=request.user, names=names)
    return redirect("brand-fields", slug=slug)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def import_csv(request: PageRequest, slug: str) -> HttpResponse:
    """Render a form for a CSV with metadata of the brand's assets; on POST try or import it, and
    show the report."""
    brand = _managed(request, slug)
    context: dict[str, Any] = {"brand": brand, "columns": csv.editable_columns()}
    context["fields"] = custom_fields.fields_of(brand)
    status = 200
    if request.method == "POST":
        form = CsvForm(request.POST, request.FILES)
        try:
            if not form.is_valid():
                raise InvalidRow({"file": str(next(iter(form.errors.values()))[0])})
            context["report"] = csv_import.import_rows(brand=brand, **form.cleaned_data)
        except InvalidRow as error:
            context["problem"], status = error.message, 400
    return render(request, "assetbank/brand_csv.html", context, status=status)


@login_required
@require_safe
def upload_inputs(request: PageRequest) -> HttpResponse:
    """Render inputs for the fields of the chosen `brand`, for the form of an upload."""
    editable = permissions.brands(request.user, *permissions.EDITORS)
    brand = get_object_or_404(editable, slug=request.GET.get("brand", ""))
    context = {"custom_form": CustomValuesForm(brand=brand)}
    return render(request, "assetbank/_custom_inputs.html", context)


def _managed(request: PageRequest, slug: str) -> Brand:
    brand = get_object_or_404(permissions.brands(request.user), slug=slug)
    permissions.require_manager(request.user, brand)
    return brand


def _field(request: PageRequest, slug: str, name: str) -> CustomField:
    found = CustomField.objects.select_related("brand")
    return get_object_or_404(found, brand=_managed(request, slug), name=name)


@dataclass(frozen=True)
class ShownValue:
    """A value of an asset as its page shows it; `parts` are its texts, each with the URL parameters
    that find the assets that have it, or ""."""

    field: CustomField
    parts: tuple[tuple[str, str], ...]


def shown_values(asset: Asset) -> list[ShownValue]:
    """Return the values of the asset in the order of its brand's fields, without empty ones."""
    shown = []
    for field in custom_fields.fields_of(asset.brand):
        if (value := asset.custom.get(field.name)) is None:
            continue
        parts = []
        for text in map(custom_fields.as_text, value if isinstance(value, list) else [value]):
            linked = field.filterable and field.kind not in (
                CustomField.Kind.LONG_TEXT,
                CustomField.Kind.URL,
            )
            query = {"brand": asset.brand.slug, f"field.{field.name}": text}
            parts.append((text, urlencode(query) if linked else ""))
        shown.append(ShownValue(field, tuple(parts)))
    return shown

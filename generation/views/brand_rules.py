"""Pages of brand rules, and the findings of an asset."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from assetbank import permissions
from assetbank.errors import ProblemError
from assetbank.http import PageRequest
from assetbank.models import Asset, Brand, Collection
from generation.models import BrandRules, Finding, Output
from generation.prompting import brand_rules
from generation.review import inspect, ocr

# Fields with one entry per line
LINE_FIELDS = ("always", "never", "approved_words")


class RulesForm(forms.Form):
    palette = forms.CharField(
        required=False, max_length=200, help_text="At most 12 hex colours such as #1f6feb."
    )
    style = forms.CharField(required=False, widget=forms.Textarea({"rows": 4}))
    voice = forms.CharField(required=False, widget=forms.Textarea({"rows": 2}))
    always = forms.CharField(required=False, widget=forms.Textarea({"rows": 4}))
    never = forms.CharField(required=False, widget=forms.Textarea({"rows": 4}))
    approved_words = forms.CharField(required=False, widget=forms.Textarea({"rows": 4}))
    anchors = forms.ModelChoiceField(
        Collection.objects.none(),
        required=False,
        empty_label="None",
        label="Brand reference images",
    )
    blocking = forms.MultipleChoiceField(
        choices=Finding.Code.choices, required=False, widget=forms.CheckboxSelectMultiple
    )
    four_eyes = forms.BooleanField(required=False)

    def __init__(self, *args: Any, rules: BrandRules, **kwargs: Any) -> None:
        brand = rules.brand
        lines = {name: "\n".join(getattr(rules, name)) for name in LINE_FIELDS}
        kwargs["initial"] = {
            "palette": " ".join(brand.palette),
            "style": brand.style,
            "four_eyes": brand.four_eyes,
            "voice": rules.voice,
            "anchors": rules.anchors_id,
            "blocking": rules.blocking,
            **lines,
        }
        super().__init__(*args, **kwargs)
        self.fields["anchors"].queryset = brand.collections.all()  # type: ignore[attr-defined]

    def changes(self) -> dict[str, Any]:
        """Return the keyword arguments of `change_rules` from a valid form."""
        changes = dict(self.cleaned_data)
        changes["palette"] = changes["palette"].replace(",", " ").split()
        return changes | {name: brand_rules.lines(changes[name]) for name in LINE_FIELDS}


@login_required
@require_safe
def rules_list(request: PageRequest) -> HttpResponse:
    """List the brands that the user manages, or redirect to the rules of the only one."""
    brands = list(permissions.brands(request.user, *permissions.MANAGERS))
    if len(brands) == 1:
        return redirect("brand-rules", slug=brands[0].slug)
    return render(request, "generation/rules_of_brands.html", {"brands": brands})


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def edit_rules(request: PageRequest, slug: str) -> HttpResponse:
    brand = _brand(request, slug)
    permissions.require_manager(request.user, brand)
    rules = brand_rules.brand_rules_of(brand)
    form = RulesForm(request.POST if request.method == "POST" else None, rules=rules)
    if request.method == "POST" and form.is_valid():
        try:
            brand_rules.change_rules(person=request.user, brand=brand, **form.changes())
        except ProblemError as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, "Saved. The rules are added to every prompt from now on.")
            return redirect("brand-rules", slug=slug)
    drafts = _drafts(brand)
    context = {
        "brand": brand,
        "form": form,
        "swatches": brand.palette,
        "reads_words": ocr.is_installed(),
        "drafts": drafts.count(),
        "waiting": drafts.filter(inspected_at=None).count(),
    }
    return render(request, "generation/rules.html", context, status=400 if form.errors else 200)


@login_required
@require_POST
def inspect_drafts(request: PageRequest, slug: str) -> HttpResponse:
    """Queue a check of all drafts of a brand by its present rules."""
    brand = _brand(request, slug)
    permissions.require_manager(request.user, brand)
    many = inspect.inspect_again(person=request.user, outputs=_drafts(brand), brand=brand)
    messages.success(request, f"{many} draft{'' if many == 1 else 's'} will be checked again.")
    return redirect("brand-rules", slug=slug)


@login_required
@require_safe
def asset_findings(request: PageRequest, pk: int) -> HttpResponse:
    """Return the fragment with the brand check's findings on a generated asset; nothing to a user
    who may not edit it."""
    asset = get_object_or_404(permissions.assets(request.user).select_related("brand"), pk=pk)
    if not permissions.can_edit(request.user, asset.brand):
        return HttpResponse()
    return _findings(request, asset)


@login_required
@require_POST
def inspect_again(request: PageRequest, pk: int) -> HttpResponse:
    asset = get_object_or_404(permissions.assets(request.user).select_related("brand"), pk=pk)
    outputs = Output.objects.filter(asset=asset)
    inspect.inspect_again(person=request.user, outputs=outputs, brand=asset.brand)
    if request.htmx:
        return _findings(request, asset)
    return redirect("asset", pk=pk)


def _findings(request: PageRequest, asset: Asset) -> HttpResponse:
    output = inspect.output_of(asset)
    if output is None:
        return HttpResponse()
    context = {
        "output": output,
        "asset": asset,
        "blocking": brand_rules.brand_rules_of(asset.brand).blocking,
        "headed": "bare" not in request.GET,
    }
    response = render(request, "generation/_findings.html", context)
    response["Cache-Control"] = "no-store"
    return response


def _brand(request: PageRequest, slug: str) -> Brand:
    brand = permissions.brands(request.user).filter(slug=slug).first()
    if brand is None:
        raise Http404
    return brand


def _drafts(brand: Brand) -> Any:
    return Output.objects.filter(asset__brand=brand, asset__status=Asset.Status.DRAFT)

"""Admin of withdrawals: their quarantined assets, lifting, and an action on assets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth.models import User
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold import widgets

from assetbank.admin.base import (
    ModelAdmin,
    ReadOnly,
    TabularInline,
    admin_link,
    display,
    label,
    picture,
)
from assetbank.errors import ProblemError
from assetbank.models import Asset
from generation.lineage import graph
from generation.models import Quarantine, Withdrawal
from generation.workflows import withdrawal

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin as DjangoAdmin

MAX_SHOWN = 12  # images on the page that confirms a withdrawal


class QuarantineInline(ReadOnly, TabularInline[Quarantine, Withdrawal]):
    model = Quarantine
    extra = 0
    readonly_fields = ("image", "asset_link", "status_before")
    fields = readonly_fields
    verbose_name_plural = "quarantined assets"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Quarantine]:
        rows = super().get_queryset(request).filter(asset__deleted_at=None)
        return rows.select_related("asset", "withdrawal")

    @display(description="")
    def image(self, row: Quarantine) -> SafeString:
        return picture(row.asset)

    @display(description="Asset")
    def asset_link(self, row: Quarantine) -> SafeString:
        return admin_link(row.asset)


@admin.register(Withdrawal)
class WithdrawalAdmin(ReadOnly, ModelAdmin[Withdrawal]):
    list_display = ["image", "reason", "asset_link", "state", "many", "by", "at"]
    list_display_links = ["image", "reason"]
    list_filter = [("lifted_at", admin.EmptyFieldListFilter)]
    list_select_related = ["asset", "by"]
    search_fields = ["title", "asset__title", "checksum", "reason"]
    date_hierarchy = "at"
    readonly_fields = (
        *("image", "asset_link", "brand", "sha256", "reason"),
        *("by", "at", "lifted_at", "lifted_by"),
    )
    fields = readonly_fields
    inlines = [QuarantineInline]
    actions = ["lift"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Withdrawal]:
        return (
            super()
            .get_queryset(request)
            .annotate(put_aside=Count("quarantined", filter=Q(quarantined__asset__deleted_at=None)))
        )

    @display(description="")
    def image(self, row: Withdrawal) -> SafeString:
        return picture(row.asset)

    @display(description="Source")
    def asset_link(self, row: Withdrawal) -> SafeString:
        return admin_link(row.asset) if row.asset else format_html("{}, since deleted", row.title)

    @display(description="SHA-256")
    def sha256(self, row: Withdrawal) -> SafeString:
        return format_html('<span style="word-break: break-all">{}</span>', row.checksum)

    @display(description="State")
    def state(self, row: Withdrawal) -> SafeString:
        return label("Reinstated", "success") if row.lifted_at else label("In force", "danger")

    @display(description="Assets", ordering="put_aside")
    def many(self, row: Any) -> int:
        return int(row.put_aside)

    @admin.action(description="Reinstate usage rights", permissions=["view"])
    def lift(self, request: HttpRequest, queryset: QuerySet[Withdrawal]) -> None:
        lifted = 0
        for row in queryset.filter(lifted_at=None).select_related("brand"):
            try:
                withdrawal.lift_withdrawal(person=_person(request), withdrawal=row)
                lifted += 1
            except ProblemError as error:
                messages.error(request, error.message)
        messages.info(request, f"{lifted} reinstated.")


class ReasonForm(forms.Form):
    reason = forms.CharField(
        max_length=withdrawal.MAX_REASON_LENGTH,
        widget=widgets.UnfoldAdminTextInputWidget(attrs={"autofocus": True}),
        help_text="Shown to all affected users who can access the asset.",
    )


@admin.action(description="Revoke usage rights …", permissions=["change"])
def withdraw(
    model_admin: DjangoAdmin[Asset], request: HttpRequest, queryset: QuerySet[Asset]
) -> TemplateResponse | None:
    form = ReasonForm(request.POST if "reason" in request.POST else None)
    if form.is_valid():
        for asset in queryset.select_related("brand"):
            try:
                done = withdrawal.withdraw_rights(
                    person=_person(request), asset=asset, reason=form.cleaned_data["reason"]
                )
                many = done.quarantined.count()
                messages.success(
                    request, f"The usage rights of “{asset}” are revoked; {many} quarantined."
                )
            except ProblemError as error:
                messages.error(request, error.message)
        return None
    chosen = list(queryset)
    made = graph.descendants(asset.pk for asset in chosen)
    context = {
        **model_admin.admin_site.each_context(request),
        "title": "Revoke usage rights",
        "opts": model_admin.opts,
        "form": form,
        "chosen": len(chosen),
        "many": len(made),
        "more": max(0, len(chosen) + len(made) - MAX_SHOWN),
        "assets": [*chosen, *Asset.objects.filter(pk__in=made)[:MAX_SHOWN]][:MAX_SHOWN],
        "selected": request.POST.getlist(ACTION_CHECKBOX_NAME),
        "select_across": request.POST.get("select_across", "0"),
        "checkbox": ACTION_CHECKBOX_NAME,
    }
    return TemplateResponse(request, "admin/generation/withdraw.html", context)


# assetbank does not know of descendants, so its admin cannot offer this action itself
_assets: DjangoAdmin[Asset] = admin.site.get_model_admin(Asset)
_assets.actions = [*(_assets.actions or ()), withdraw]


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user

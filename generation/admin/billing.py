"""Admin of spending caps, and of the ledger, which is read-only."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter

from assetbank.admin.base import ModelAdmin, ReadOnly, admin_link, display
from generation.billing import caps, format_usd
from generation.models import LedgerEntry, SpendingCap


@admin.register(SpendingCap)
class SpendingCapAdmin(ModelAdmin[SpendingCap]):
    list_display = ["whose", "monthly_usd", "left_now"]
    list_select_related = ["brand", "person"]
    autocomplete_fields = ["brand", "person"]
    search_fields = ["brand__name", "person__username"]

    @display(description="Brand or user")
    def whose(self, cap: SpendingCap) -> str:
        return str(cap.brand or cap.person)

    @display(description="Left this month")
    def left_now(self, cap: SpendingCap) -> str:
        return format_usd(caps.remaining(cap))


@admin.register(LedgerEntry)
class LedgerEntryAdmin(ReadOnly, ModelAdmin[LedgerEntry]):
    list_display = ["at", "kind", "amount", "brand", "person", "made_by", "take_number", "note"]
    list_filter = [
        ("kind", ChoicesDropdownFilter),
        ("brand", RelatedDropdownFilter),
        ("person", RelatedDropdownFilter),
    ]
    list_filter_submit = True
    list_select_related = ["brand", "person", "generation", "take"]
    list_per_page = 50
    search_fields = ["note", "person__username", "generation__prompt"]
    date_hierarchy = "at"
    fields = ("at", "kind", "amount", "brand", "person", "made_by", "take_number", "note")
    readonly_fields = fields

    @display(description="$", ordering="usd")
    def amount(self, entry: LedgerEntry) -> str:
        return f"{entry.usd:f}"

    @display(description="Generation")
    def made_by(self, entry: LedgerEntry) -> SafeString:
        return admin_link(entry.generation)

    @display(description="Take")
    def take_number(self, entry: LedgerEntry) -> int | None:
        return entry.take.number if entry.take else None

    def has_view_permission(self, request: HttpRequest, obj: LedgerEntry | None = None) -> bool:
        return request.user.has_perm("generation.view_ledgerentry")

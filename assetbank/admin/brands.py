"""Admin of brands with their members, and of collections with their items."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import Count, Model, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import RelatedDropdownFilter

from assetbank.admin.base import NONE, ModelAdmin, ReadOnly, TabularInline, display, picture
from assetbank.admin.history import WithHistory
from assetbank.models import Brand, Collection, CollectionItem, CustomField, Membership

if TYPE_CHECKING:
    ItemModelForm = forms.ModelForm[CollectionItem]
else:
    ItemModelForm = forms.ModelForm


class MembershipInline(TabularInline[Membership, Brand]):
    model = Membership
    extra = 0
    autocomplete_fields = ["user"]
    tab = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        return super().get_queryset(request).select_related("user", "brand")


class CustomFieldInline(ReadOnly, TabularInline[CustomField, Brand]):
    """The brand's fields; they are changed on a page, whose verbs convert the values of assets."""

    model = CustomField
    extra = 0
    fields = ["definition", "name", "kind", "required", "searched", "filterable", "xmp_property"]
    readonly_fields = ["definition"]
    tab = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[CustomField]:
        return super().get_queryset(request).select_related("brand")

    @display(description="Field")
    def definition(self, field: CustomField) -> SafeString:
        address = reverse("brand-field", args=[field.brand.slug, field.name])
        return format_html('<a href="{}" class="text-primary-600 underline">{}</a>', address, field)


@admin.register(Brand)
class BrandAdmin(WithHistory, ModelAdmin[Brand]):
    list_display = ["name", "slug", "colours", "asset_count", "member_count"]
    search_fields = ["name", "slug"]
    prepopulated_fields = {"slug": ["name"]}
    inlines = [MembershipInline, CustomFieldInline]
    readonly_fields = ["custom_fields_page"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Brand]:
        return (
            super()
            .get_queryset(request)
            .annotate(
                asset_count=Count("assets", filter=Q(assets__deleted_at=None), distinct=True),
                member_count=Count("memberships", distinct=True),
            )
        )

    def save_model(self, request: HttpRequest, obj: Brand, form: Any, change: bool) -> None:
        """Save what the form changed only: `fields_changed_at` may have changed in the meantime."""
        if change:
            obj.save(update_fields=[name for name in form.changed_data if name != "members"])
        else:
            super().save_model(request, obj, form, change)

    def get_inlines(self, request: HttpRequest, obj: Brand | None) -> Any:
        return self.inlines if obj else [MembershipInline]

    def rows_with_history(self, obj: Brand) -> list[Model]:
        """Return the brand and its memberships, also those that were deleted."""
        events = Membership.pgh_event_model.objects.filter(brand_id=obj.pk)  # type: ignore[attr-defined]
        last = {
            pk: (user, role)
            for pk, user, role in events.order_by("pgh_id").values_list(
                "pgh_obj_id", "user_id", "role"
            )
        }
        members = Membership.objects.select_related("user", "brand").in_bulk(last)
        users = User.objects.in_bulk(user for user, _ in last.values())
        nobody = User(username="a deleted user")
        deleted = {
            pk: Membership(pk=pk, brand=obj, user=users.get(user, nobody), role=role)
            for pk, (user, role) in last.items()
        }
        return [obj, *(deleted | members).values()]

    @display(description="Custom fields")
    def custom_fields_page(self, brand: Brand) -> SafeString:
        if not brand.pk:
            return NONE
        address = reverse("brand-fields", args=[brand.slug])
        link = '<a href="{}" class="text-primary-600 underline">Define the fields of {}</a>'
        return format_html(link, address, brand)

    @display(description="Palette")
    def colours(self, brand: Brand) -> SafeString:
        swatch = (
            '<span title="{0}" style="background: {0}; display: inline-block; '
            'width: 20px; height: 20px; border-radius: 4px; margin-right: 4px"></span>'
        )
        return format_html_join("", swatch, ([colour] for colour in brand.palette))

    @display(description="Assets", ordering="asset_count")
    def asset_count(self, brand: Any) -> int:
        return int(brand.asset_count)

    @display(description="Members", ordering="member_count")
    def member_count(self, brand: Any) -> int:
        return int(brand.member_count)


class ItemForm(ItemModelForm):
    """An item whose asset must be of the collection's brand."""

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        asset = data.get("asset")
        if asset and asset.brand_id != data["collection"].brand_id:
            raise forms.ValidationError(f"“{asset}” belongs to another brand. Remove it.")
        return data


class ItemInline(TabularInline[CollectionItem, Collection]):
    model = CollectionItem
    form = ItemForm
    extra = 0
    fields = ["image", "asset", "position"]
    readonly_fields = ["image"]
    autocomplete_fields = ["asset"]
    ordering_field = "position"
    hide_ordering_field = True
    verbose_name = "asset"
    verbose_name_plural = "assets, in order"

    def get_queryset(self, request: HttpRequest) -> QuerySet[CollectionItem]:
        items = super().get_queryset(request).filter(asset__deleted_at=None)
        return items.select_related("asset", "collection")

    @display(description="")
    def image(self, item: CollectionItem) -> SafeString:
        return picture(item.asset if item.asset_id else None)


@admin.register(Collection)
class CollectionAdmin(ModelAdmin[Collection]):
    list_display = ["name", "brand", "asset_count", "created_by", "created_at"]
    list_filter = [("brand", RelatedDropdownFilter)]
    list_filter_submit = True
    list_select_related = ["brand", "created_by"]
    search_fields = ["name", "description"]
    readonly_fields = ["created_by", "created_at"]
    autocomplete_fields = ["brand"]
    inlines = [ItemInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Collection]:
        shown = Count("items", filter=Q(items__asset__deleted_at=None))
        return super().get_queryset(request).annotate(asset_count=shown)

    @display(description="Assets", ordering="asset_count")
    def asset_count(self, collection: Any) -> int:
        return int(collection.asset_count)

    def get_readonly_fields(self, request: HttpRequest, obj: Collection | None = None) -> Any:
        """Make the brand read-only: a collection stays in its brand, as its assets do."""
        return [*self.readonly_fields, "brand"] if obj else self.readonly_fields

    def save_model(self, request: HttpRequest, obj: Collection, form: Any, change: bool) -> None:
        if not change:
            obj.created_by = request.user  # type: ignore[assignment]
        super().save_model(request, obj, form, change)

"""Admin of webhooks and the log of their deliveries."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter

from assetbank.admin.base import ModelAdmin, ReadOnly, display, label
from generation import webhooks
from generation.models import Webhook, WebhookDelivery

if TYPE_CHECKING:
    WebhookModelForm = forms.ModelForm[Webhook]
else:
    WebhookModelForm = forms.ModelForm

STATE_LABELS = {"waiting": "info", "delivered": "success", "failed": "danger"}


class WebhookForm(WebhookModelForm):
    url = forms.URLField(max_length=500, assume_scheme="https")
    events = forms.MultipleChoiceField(
        choices=Webhook.Event.choices, widget=forms.CheckboxSelectMultiple
    )

    class Meta:
        model = Webhook
        fields = ["brand", "url", "events", "active", "secret"]

    def clean_url(self) -> str:
        url: str = self.cleaned_data["url"]
        try:
            webhooks.validate_url(url)
        except webhooks.InvalidWebhook as error:
            raise forms.ValidationError(error.message) from error
        return url

    def clean_secret(self) -> str:
        secret: str = self.cleaned_data["secret"]
        try:
            webhooks.validate_secret(secret)
        except webhooks.InvalidWebhook as error:
            raise forms.ValidationError(error.message) from error
        return secret


@admin.register(Webhook)
class WebhookAdmin(ModelAdmin[Webhook]):
    form = WebhookForm
    list_display = ["url", "brand", "told_of", "active", "created_at"]
    list_filter = [("brand", RelatedDropdownFilter), "active"]
    list_filter_submit = True
    list_select_related = ["brand"]
    search_fields = ["url"]
    actions = ["send_test"]

    @display(description="Events")
    def told_of(self, webhook: Webhook) -> str:
        return ", ".join(webhook.events)

    @admin.action(description="Send a test message", permissions=["change"])
    def send_test(self, request: HttpRequest, queryset: QuerySet[Webhook]) -> None:
        for webhook in queryset.select_related("brand"):
            webhooks.send_test(webhook)
        messages.success(request, "Queued: its status appears in the webhook deliveries.")


class WebhookFilter(RelatedDropdownFilter):  # type: ignore[misc]  # django-unfold has no types
    def field_choices(self, *_: Any) -> list[tuple[Any, str]]:
        """Return each webhook's id and name; the name tells the brand."""
        return [(hook.pk, str(hook)) for hook in Webhook.objects.select_related("brand")]


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(ReadOnly, ModelAdmin[WebhookDelivery]):
    list_display = ["event", "webhook", "state_label", "attempts", "status", "reason", "created_at"]
    list_filter = [("state", ChoicesDropdownFilter), "event", ("webhook", WebhookFilter)]
    list_filter_submit = True
    list_select_related = ["webhook__brand"]
    list_per_page = 50
    search_fields = ["id", "reason", "webhook__url"]
    date_hierarchy = "created_at"
    actions = ["send_again"]
    fields = (
        *("id", "webhook", "event", "state_label", "attempts", "status", "reason", "message"),
        *("created_at", "tried_at"),
    )
    readonly_fields = fields

    def has_again_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("generation.change_webhook")

    @display(description="State", ordering="state")
    def state_label(self, delivery: WebhookDelivery) -> SafeString:
        return label(delivery.get_state_display(), STATE_LABELS[delivery.state])

    @display(description="Message")
    def message(self, delivery: WebhookDelivery) -> SafeString:
        text = json.dumps(delivery.payload, ensure_ascii=False, indent=2)
        return format_html('<pre class="whitespace-pre-wrap">{}</pre>', text)

    @admin.action(description="Send again", permissions=["again"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[WebhookDelivery]) -> None:
        for delivery in queryset:
            webhooks.resend(delivery)
        messages.success(request, f"{len(queryset)} queued again.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("webhook__brand")

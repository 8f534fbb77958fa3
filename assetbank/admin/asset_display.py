"""Columns and read-only fields of assets in the admin."""

from __future__ import annotations

from django.template.defaultfilters import filesizeformat
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timezone import localtime

from assetbank.admin.base import NONE, display, label, picture
from assetbank.assets import approval, versions
from assetbank.models import Asset
from assetbank.rights import provenance

STATUS_LABELS = {
    "draft": "info",
    "approved": "success",
    "archived": "warning",
    "quarantined": "danger",
}


class AssetDisplay:
    """Mixin of the admin of assets: what it shows of one."""

    @display(description="")
    def image(self, asset: Asset) -> SafeString:
        return picture(asset)

    @display(description="Status", ordering="status")
    def status_label(self, asset: Asset) -> SafeString:
        return label(asset.get_status_display(), STATUS_LABELS[asset.status])

    @display(description="Tags")
    def tag_names(self, asset: Asset) -> str:
        return ", ".join(asset.tag_names)

    @display(description="Image")
    def preview(self, asset: Asset) -> SafeString:
        return format_html(
            '<a href="{}"><img src="{}" alt="{}" style="max-height: 480px; max-width: 100%"></a>',
            asset.get_absolute_url(),
            asset.preview_url,
            asset.alt,
        )

    @display(description="Original")
    def original(self, asset: Asset) -> SafeString:
        shape = '<a href="{}" class="text-primary-600 underline" download>{}</a>'
        return format_html(shape, asset.original_url, asset.filename)

    @display(description="Facts")
    def facts(self, asset: Asset) -> str:
        size = filesizeformat(asset.bytes)
        return f"{asset.width} x {asset.height} pixels, {asset.mime}, {size}"

    @display(description="Made by")
    def made_by(self, asset: Asset) -> str:
        if not asset.generation_id:
            return "-"
        ai_label = provenance.ai_label(asset)
        prefix = f"{ai_label}: " if ai_label else ""
        return f"{prefix}{asset.engine_model}, generation {asset.generation_id}: {asset.prompt}"

    @display(description="The current one first")
    def versions(self, asset: Asset) -> SafeString:
        if "listed_versions" not in asset.__dict__:  # unfold renders a field several times
            asset.__dict__["listed_versions"] = versions.list_versions(asset)
        rows = [
            (
                each.original_url,
                each.number,
                each.filename,
                f"{each.width} x {each.height} pixels, {filesizeformat(each.bytes)}",
                each.created_by or "an import",
                date_format(localtime(each.created_at), "DATETIME_FORMAT"),
                each.reason,
            )
            for each in asset.__dict__["listed_versions"]
        ]
        link = '<a href="{}" class="text-primary-600 underline" download>{}. {}</a>, {}'
        return format_html_join(SafeString("<br>"), f"{link}, by {{}}, {{}} {{}}", rows)

    @display(description="The latest first")
    def decided(self, asset: Asset) -> SafeString:
        decisions = approval.decisions([asset])[asset.pk]
        rows = [
            (
                each.get_verdict_display(),
                each.by or "a deleted user",
                date_format(localtime(each.at), "DATETIME_FORMAT"),
                each.reason,
            )
            for each in decisions
        ]
        return format_html_join(SafeString("<br>"), "{} by {}, {} {}", rows) or NONE

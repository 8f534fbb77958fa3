"""Changes of fields as text."""

from __future__ import annotations

from django import template
from django.db.models import Model
from django.utils.html import format_html
from django.utils.safestring import SafeString

from assetbank.history import FieldChange, field_values

register = template.Library()


@register.simple_tag
def changed_values(row: Model, change: FieldChange) -> SafeString:
    """Return the values before and after a change; of tags those that were removed and added."""
    before, after = field_values(row, change)
    removed = format_html("<del>{}</del>", before) if before else ""
    added = format_html("<ins>{}</ins>", after) if after else ""
    arrow = " → " if before and after else ""
    return format_html("{}{}{}", removed, arrow, added)

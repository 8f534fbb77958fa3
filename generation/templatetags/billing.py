"""Template filters for amounts of money."""

from __future__ import annotations

from django import template

from generation.billing import format_usd

register = template.Library()
register.filter("usd", format_usd)

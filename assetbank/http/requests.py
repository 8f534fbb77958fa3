"""The pages of the library itself, one module for each thing a person does."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails


class PageRequest(HttpRequest):
    """A signed-in person's request, as `login_required` and the htmx middleware leave it."""

    user: User
    htmx: HtmxDetails

"""Types of requests that views receive."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails


class PageRequest(HttpRequest):
    """A request of a signed-in user, as `login_required` and the htmx middleware pass it on."""

    user: User
    htmx: HtmxDetails

"""Coming in and going out."""

from __future__ import annotations

from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from assetbank.errors import TooManyAttempts


class DemoAccount(NamedTuple):
    username: str
    password: str
    what: str


class SignIn(LoginView):
    template_name = "assetbank/sign_in.html"
    redirect_authenticated_user = True

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        # A fragment that was asked for after the session ended: the whole page must sign in
        if getattr(request, "htmx", False):
            return HttpResponseClientRedirect(self._where_from(request))
        return super().dispatch(request, *args, **kwargs)

    @staticmethod
    def _where_from(request: HttpRequest) -> str:
        page = getattr(request, "htmx", HtmxDetails(request)).current_url_abs_path
        query = urlencode({REDIRECT_FIELD_NAME: page}) if page else ""
        return f"{reverse('sign-in')}?{query}"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(demo_accounts=demo_accounts(), **kwargs)


def locked_out(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    """Instead of the answer to another guess."""
    minutes = settings.AXES_COOLOFF_TIME.total_seconds() // 60
    sentence = (
        "There were too many attempts to sign in with this name. "
        f"Try again {minutes:.0f} minutes after the last one."
    )
    context = {"problem": TooManyAttempts(sentence)}
    return render(request, "problem.html", context, status=TooManyAttempts.status)


def demo_accounts() -> list[DemoAccount]:
    """Only on one machine with nothing configured, and only those that were made."""
    if not settings.EMBEDDED:
        return []
    from assetbank.demo import library  # it brings the painter along, which production never needs

    there = set(library.people().filter(is_active=True).values_list("username", flat=True))
    return [
        DemoAccount(name, library.PASSWORD, what)
        for name, what in library.SIGN_INS.items()
        if name in there
    ]

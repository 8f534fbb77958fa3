"""Sign-in, its lockout, and the accounts of the demo."""

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
    """An account that the sign-in page shows."""

    username: str
    password: str
    what: str  # what it may do, for the page


class SignIn(LoginView):
    """The sign-in page."""

    template_name = "assetbank/sign_in.html"
    redirect_authenticated_user = True

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        # htmx requested a fragment after the session had ended: redirect the whole page
        if getattr(request, "htmx", False):
            return HttpResponseClientRedirect(self._sign_in_address(request))
        return super().dispatch(request, *args, **kwargs)

    @staticmethod
    def _sign_in_address(request: HttpRequest) -> str:
        """Return the sign-in address that leads back to the page that sent the htmx request."""
        page = getattr(request, "htmx", HtmxDetails(request)).current_url_abs_path
        query = urlencode({REDIRECT_FIELD_NAME: page}) if page else ""
        return f"{reverse('sign-in')}?{query}"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(demo_accounts=demo_accounts(), **kwargs)


def locked_out(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    """Render the answer to further attempts after too many failed sign-ins (429)."""
    minutes = settings.AXES_COOLOFF_TIME.total_seconds() // 60
    sentence = (
        "There were too many attempts to sign in with this name. "
        f"Try again {minutes:.0f} minutes after the last one."
    )
    context = {"problem": TooManyAttempts(sentence)}
    return render(request, "problem.html", context, status=TooManyAttempts.status)


def demo_accounts() -> list[DemoAccount]:
    """Return the demo accounts that exist; none outside the embedded profile."""
    if not settings.EMBEDDED:
        return []
    from assetbank.demo import library  # imports the drawing code, which production never needs

    existing = set(library.demo_users().filter(is_active=True).values_list("username", flat=True))
    return [
        DemoAccount(name, library.PASSWORD, what)
        for name, what in library.SIGN_INS.items()
        if name in existing
    ]

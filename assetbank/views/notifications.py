"""Pages of notifications."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from assetbank import notifications
from assetbank.http import PageRequest

PER_PAGE = 30


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def listed(request: PageRequest) -> HttpResponse:
    """Render the user's notifications; mark all as read on POST."""
    if request.method == "POST":
        notifications.mark_read(request.user)
        return redirect("notices")
    page = Paginator(notifications.received(request.user), PER_PAGE).get_page(
        request.GET.get("page")
    )
    context = {"page": page, "unread": notifications.unread(request.user).exists()}
    return render(request, "assetbank/notices.html", context)


@login_required
@require_safe
def count(request: PageRequest) -> HttpResponse:
    """Render the badge in the navigation: the number of unread notifications."""
    context = {"unread": notifications.unread(request.user).count()}
    response = render(request, "assetbank/_notices_count.html", context)
    response["Cache-Control"] = "no-store"
    return response

"""Quotas that Google counts by the day: once used up, nothing is sent until they begin anew."""

from __future__ import annotations

import datetime
from zoneinfo import ZoneInfo

from django.utils import timezone

from generation.errors import InvalidRequest
from generation.models import Generation

GOOGLES_TIME = ZoneInfo("America/Los_Angeles")  # its days begin at midnight there
USED_UP = "daily_quota"


def quota_problem(model_id: str) -> str:
    """Until when today's quota of that model is known to be used up, in a sentence; else ""."""
    today = timezone.now().astimezone(GOOGLES_TIME).date()
    failed = Generation.objects.filter(
        model=model_id,
        state=Generation.State.FAILED,
        reason_code=USED_UP,
        finished_at__gte=_midnight(today),
    )
    if not failed.exists():
        return ""
    anew = timezone.localtime(_midnight(today + datetime.timedelta(days=1)))
    return (
        "Google's daily quota for this model is used up. It resets on "
        f"{anew:%A at %H:%M}. Choose another model in the meantime."
    )


def require_quota(model_id: str) -> None:
    """Raises InvalidRequest where nothing can be asked of that model before tomorrow."""
    if used_up := quota_problem(model_id):
        raise InvalidRequest(used_up, code=USED_UP)


def _midnight(day: datetime.date) -> datetime.datetime:
    return datetime.datetime.combine(day, datetime.time(), GOOGLES_TIME)

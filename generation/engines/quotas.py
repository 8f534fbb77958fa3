"""Google's daily quotas: once one is used up, nothing is sent to that model until it resets."""

from __future__ import annotations

import datetime
from zoneinfo import ZoneInfo

from django.utils import timezone

from generation.errors import InvalidRequest
from generation.models import Generation

GOOGLE_TIME_ZONE = ZoneInfo("America/Los_Angeles")  # Google's quotas reset at midnight there
DAILY_QUOTA = "daily_quota"  # Reason code of a generation that failed because of it


def quota_problem(model_id: str) -> str:
    """Return a sentence with the time of the reset if Google's quota of that model for today is
    used up, else ""."""
    today = timezone.now().astimezone(GOOGLE_TIME_ZONE).date()
    failed = Generation.objects.filter(
        model=model_id,
        state=Generation.State.FAILED,
        reason_code=DAILY_QUOTA,
        finished_at__gte=_midnight(today),
    )
    if not failed.exists():
        return ""
    reset = timezone.localtime(_midnight(today + datetime.timedelta(days=1)))
    return (
        "Google's daily quota for this model is used up. It resets on "
        f"{reset:%A at %H:%M}. Choose another model in the meantime."
    )


def require_quota(model_id: str) -> None:
    """Raise InvalidRequest if Google's quota of that model for today is used up."""
    if problem := quota_problem(model_id):
        raise InvalidRequest(problem, code=DAILY_QUOTA)


def _midnight(day: datetime.date) -> datetime.datetime:
    return datetime.datetime.combine(day, datetime.time(), GOOGLE_TIME_ZONE)

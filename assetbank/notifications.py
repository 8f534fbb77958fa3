"""Notifications for users: on their page, and by e-mail if a mail server is configured."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import send_mail
from django.db.models import QuerySet, TextField, Value
from django.db.models.functions import Cast, Concat
from django.urls import reverse
from django.utils import timezone

from assetbank import jobs, permissions
from assetbank.models import Asset, Notice


def notify(user: User, sentence: str, address: str = "") -> Notice:
    """Create a notification and enqueue its e-mail; the job commits with the notification.

    `sentence` is cut at 500 characters; `address` is the path of the page that shows more.
    """
    notice = Notice.objects.create(person=user, sentence=sentence[:500], address=address[:300])
    if settings.EMAIL_HOST and user.email:
        jobs.defer("assetbank.tasks.mail_notice", notice_id=notice.pk)
    return notice


def received(user: permissions.AnyUser) -> QuerySet[Notice]:
    """Return the user's notifications, without those about an asset in the trash."""
    return without_trash(Notice.objects.filter(person_id=user.pk))


def without_trash(notices: QuerySet[Notice]) -> QuerySet[Notice]:
    """Return those of `notices` that do not lead to an asset in the trash."""
    before, _, after = reverse("asset", args=[0]).rpartition("0")
    page = Concat(Value(before), Cast("pk", TextField()), Value(after), output_field=TextField())
    trashed = Asset.all_objects.filter(deleted_at__isnull=False).order_by()
    return notices.exclude(address__in=trashed.annotate(page=page).values("page"))


def unread(user: permissions.AnyUser) -> QuerySet[Notice]:
    """Return the user's unread notifications."""
    return received(user).filter(read_at=None)


def mark_read(user: permissions.AnyUser) -> int:
    """Mark all of the user's notifications as read; return how many were unread."""
    return unread(user).update(read_at=timezone.now())


def send_email(*, notice_id: int) -> None:
    """Send a notification by e-mail, if it exists and its user has an address.

    Raises OSError or SMTPException if the mail server is unavailable or rejects it.
    """
    notice = Notice.objects.select_related("person").filter(pk=notice_id).first()
    if notice is None or not notice.person.email:
        return
    link = f"\n\n{settings.SITE_URL.rstrip('/')}{notice.address}" if settings.SITE_URL else ""
    send_mail(
        subject=" ".join(f"Assetbank: {notice.sentence}".split())[
            :90
        ],  # a title may contain line breaks
        message=notice.sentence + link,
        from_email=None,
        recipient_list=[notice.person.email],
    )

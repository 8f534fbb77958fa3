"""Telling people what happened: on their page of notices, and by e-mail where that is set up."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import send_mail
from django.db.models import QuerySet
from django.utils import timezone

from assetbank import jobs, permissions
from assetbank.models import Notice


def notify(person: User, sentence: str, address: str = "") -> Notice:
    """`address`: a path of this site where it can be seen. The e-mail is a background job, which
    commits with the notice."""
    notice = Notice.objects.create(person=person, sentence=sentence[:500], address=address[:300])
    if settings.EMAIL_HOST and person.email:
        jobs.defer("assetbank.tasks.mail_notice", notice_id=notice.pk)
    return notice


def unread(person: permissions.AnyUser) -> QuerySet[Notice]:
    return Notice.objects.filter(person_id=person.pk, read_at=None)


def mark_read(person: permissions.AnyUser) -> int:
    """All of them; returns how many were new."""
    return unread(person).update(read_at=timezone.now())


def send_email(*, notice_id: int) -> None:
    """Raises OSError or SMTPException when the mail server does not take it."""
    notice = Notice.objects.select_related("person").filter(pk=notice_id).first()
    if notice is None or not notice.person.email:
        return
    where = f"\n\n{settings.SITE_URL.rstrip('/')}{notice.address}" if settings.SITE_URL else ""
    send_mail(
        subject=" ".join(f"Assetbank: {notice.sentence}".split())[:90],  # a title may have lines
        message=notice.sentence + where,
        from_email=None,
        recipient_list=[notice.person.email],
    )

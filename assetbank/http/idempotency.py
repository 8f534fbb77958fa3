"""`Idempotency-Key`: a program that did not hear the answer to its POST asks again with the same
key, and gets that answer; nothing is done, or paid, twice.

After draft-ietf-httpapi-idempotency-key-header-07: the same key with another body is 422, one that
is being answered is 409. An answer of 5xx is not kept, for there trying again is the point.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import uuid
from collections.abc import Callable

from django.core.exceptions import RequestDataTooBig
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from rest_framework.authentication import TokenAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from assetbank.errors import ProblemError
from assetbank.http.problems import problem
from assetbank.models import IdempotentRequest

MAX_KEY_LENGTH = 255
RECORD_TTL = datetime.timedelta(days=2)
# Longer than any request takes: who began to answer then was killed
ABANDONED = datetime.timedelta(minutes=10)
NOT_STORED = {401, 403, 409, 429}  # of a moment, and not of what was asked
HEADERS = ("Content-Type", "Location")


class InvalidIdempotencyKey(ProblemError):
    code = "idempotency_key"


class KeyReused(ProblemError):
    code = "idempotency_key_reused"
    status = 422


class RequestInProgress(ProblemError):
    code = "being_answered"
    status = 409


class IdempotencyMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        key = request.headers.get("Idempotency-Key")
        if key is None or request.method != "POST" or not request.path.startswith("/api/"):
            return self.get_response(request)
        person = _person(request)
        if person is None:
            return self.get_response(request)  # which says 401
        request.asked = _asked(request)  # type: ignore[attr-defined]
        try:
            kept, new = _begin(person, key, request.asked)  # type: ignore[attr-defined]
        except ProblemError as error:
            return JsonResponse(problem(error.code, error.message), status=error.status)
        if not new:
            return _replayed(kept)
        return self._answered(request, kept)

    def _answered(self, request: HttpRequest, kept: IdempotentRequest) -> HttpResponse:
        try:
            response = self.get_response(request)
        except BaseException:
            kept.delete()
            raise
        if response.status_code >= 500 or response.status_code in NOT_STORED:
            kept.delete()
            return response
        kept.status, kept.answer = response.status_code, response.content
        kept.headers = {name: response[name] for name in HEADERS if name in response}
        kept.save(update_fields=["status", "answer", "headers"])
        return response


def idempotency_key(request: Request) -> uuid.UUID | None:
    """For rows that must not be made twice even if the process was killed before it could keep its
    answer: the same for each time that one person asks the same with one Idempotency-Key; None
    without."""
    if not (key := request.headers.get("Idempotency-Key")):
        return None
    asked: str = request.asked  # type: ignore[attr-defined]
    return uuid.uuid5(uuid.NAMESPACE_OID, f"{request.user.pk} {asked} {key}")


def delete_expired() -> int:
    """What was answered days ago; returns how many."""
    return IdempotentRequest.objects.filter(created_at__lt=timezone.now() - RECORD_TTL).delete()[0]


def _person(request: HttpRequest) -> int | None:
    """Id of who asks. A session's CSRF token is looked at by the view: nothing is done before."""
    try:
        known = TokenAuthentication().authenticate(request)  # type: ignore[arg-type]
    except AuthenticationFailed:
        return None
    user = known[0] if known else request.user
    person: int | None = user.pk
    return person


def _asked(request: HttpRequest) -> str:
    """A file's bytes are not read for it: they may be many, and the library knows them anyway."""
    body = b""
    if request.content_type != "multipart/form-data":
        with contextlib.suppress(RequestDataTooBig):  # which the view says
            body = request.body
    length = request.headers.get("Content-Length", "")
    asked = f"{request.method} {request.get_full_path()} {length}\n".encode() + body
    return hashlib.sha256(asked).hexdigest()


def _begin(person: int, key: str, asked: str) -> tuple[IdempotentRequest, bool]:
    """The row of that key, and whether it is ours to answer. Raises KeyRefused, KeyReused and
    BeingAnswered."""
    if not 0 < len(key) <= MAX_KEY_LENGTH or not key.isprintable():
        raise InvalidIdempotencyKey(
            f"An Idempotency-Key has 1 to {MAX_KEY_LENGTH} printable characters."
        )
    rows = IdempotentRequest.objects.filter(person_id=person, key=key)
    rows.filter(status=None, created_at__lt=timezone.now() - ABANDONED).delete()
    try:
        with transaction.atomic():
            mine = IdempotentRequest.objects.create(person_id=person, key=key, asked=asked)
            return mine, True
    except IntegrityError:
        there = rows.first()
    if there is None or (there.asked == asked and there.status is None):
        raise RequestInProgress(
            "The first request with this Idempotency-Key is still being answered."
        )
    if there.asked != asked:
        raise KeyReused("This Idempotency-Key came with another request before. Use a new one.")
    return there, False


def _replayed(kept: IdempotentRequest) -> HttpResponse:
    headers = {**kept.headers, "Idempotent-Replayed": "true"}
    return HttpResponse(bytes(kept.answer or b""), status=kept.status, headers=headers)

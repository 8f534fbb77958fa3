"""`Idempotency-Key`: a client that retries a POST with the same key gets the first response.

Nothing is done, or paid, twice. Follows draft-ietf-httpapi-idempotency-key-header-07: a key with
another request is 422, a key whose first request is in progress is 409. Responses of 5xx are not
stored, since a retry may succeed.
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
# Longer than any request takes: after that, the process that handled it was killed
ABANDONED_AFTER = datetime.timedelta(minutes=10)
NOT_STORED = {401, 403, 409, 429}  # these depend on the moment, not on the request
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
    """Store the response to a POST to the API with an Idempotency-Key, and replay it on a retry."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        key = request.headers.get("Idempotency-Key")
        if key is None or request.method != "POST" or not request.path.startswith("/api/"):
            return self.get_response(request)
        user_id = _user_id(request)
        if user_id is None:
            return self.get_response(request)  # the view answers 401
        request.idempotency_hash = _hash(request)  # type: ignore[attr-defined]
        try:
            record, new = _begin(user_id, key, request.idempotency_hash)  # type: ignore[attr-defined]
        except ProblemError as error:
            return JsonResponse(problem(error.code, error.message), status=error.status)
        if not new:
            return _replay(record)
        return self._answer(request, record)

    def _answer(self, request: HttpRequest, record: IdempotentRequest) -> HttpResponse:
        """Run the view and store its response; delete the record if it may not be replayed."""
        try:
            response = self.get_response(request)
        except BaseException:
            record.delete()
            raise
        if response.status_code >= 500 or response.status_code in NOT_STORED:
            record.delete()
            return response
        record.status, record.answer = response.status_code, response.content
        record.headers = {name: response[name] for name in HEADERS if name in response}
        record.save(update_fields=["status", "answer", "headers"])
        return response


def idempotency_key(request: Request) -> uuid.UUID | None:
    """Return a UUID derived from user, request and Idempotency-Key; None without that header.

    Stored as a unique value of the row that the request creates, it prevents a second row on a
    retry, even if the process was killed before it could store its response.
    """
    if not (key := request.headers.get("Idempotency-Key")):
        return None
    request_hash: str = request.idempotency_hash  # type: ignore[attr-defined]
    return uuid.uuid5(uuid.NAMESPACE_OID, f"{request.user.pk} {request_hash} {key}")


def delete_expired() -> int:
    """Delete records older than RECORD_TTL; return how many."""
    return IdempotentRequest.objects.filter(created_at__lt=timezone.now() - RECORD_TTL).delete()[0]


def _user_id(request: HttpRequest) -> int | None:
    """Return the id of the authenticated user; None: anonymous, or the token is invalid.

    The CSRF token of a session is checked by the view, before it does anything.
    """
    try:
        authenticated = TokenAuthentication().authenticate(request)  # type: ignore[arg-type]
    except AuthenticationFailed:
        return None
    user = authenticated[0] if authenticated else request.user
    user_id: int | None = user.pk
    return user_id


def _hash(request: HttpRequest) -> str:
    """Return a SHA-256 of method, path, length and body.

    The body of a file upload is left out: it may be large, and ingest recognises its bytes anyway.
    """
    body = b""
    if request.content_type != "multipart/form-data":
        with contextlib.suppress(RequestDataTooBig):  # the view reports it
            body = request.body
    length = request.headers.get("Content-Length", "")
    content = f"{request.method} {request.get_full_path()} {length}\n".encode() + body
    return hashlib.sha256(content).hexdigest()


def _begin(user_id: int, key: str, request_hash: str) -> tuple[IdempotentRequest, bool]:
    """Return the record of a key, and whether this request created it and must answer.

    Raises:
        InvalidIdempotencyKey: the key is empty, too long or not printable.
        KeyReused: the key belongs to another request.
        RequestInProgress: the first request with this key has no response yet.
    """
    if not 0 < len(key) <= MAX_KEY_LENGTH or not key.isprintable():
        raise InvalidIdempotencyKey(
            f"An Idempotency-Key must have 1 to {MAX_KEY_LENGTH} printable characters."
        )
    rows = IdempotentRequest.objects.filter(person_id=user_id, key=key)
    rows.filter(status=None, created_at__lt=timezone.now() - ABANDONED_AFTER).delete()
    try:
        with transaction.atomic():
            record = IdempotentRequest.objects.create(
                person_id=user_id, key=key, request_hash=request_hash
            )
            return record, True
    except IntegrityError:
        existing = rows.first()
    if existing is None or (existing.request_hash == request_hash and existing.status is None):
        raise RequestInProgress(
            "The first request with this Idempotency-Key is still running. Retry later."
        )
    if existing.request_hash != request_hash:
        raise KeyReused("This Idempotency-Key was used with another request. Use a new one.")
    return existing, False


def _replay(record: IdempotentRequest) -> HttpResponse:
    headers = {**record.headers, "Idempotent-Replayed": "true"}
    return HttpResponse(bytes(record.answer or b""), status=record.status, headers=headers)

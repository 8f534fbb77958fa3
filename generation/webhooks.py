"""Telling programs over HTTP what happened: signed, tried again, and written down.

A delivery is a row, made in the transaction of what it tells of. Messages are those of
standardwebhooks.com, so receivers verify them with a library that is there for their language.
"""

from __future__ import annotations

import datetime
import ipaddress
import json
import logging
import socket
import uuid
from typing import Any
from urllib.parse import urlsplit

import httpx2
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from standardwebhooks import Webhook as Signer
from standardwebhooks.webhooks import EmptyWebhookSecretError

from assetbank import jobs
from assetbank.errors import ProblemError
from assetbank.models import Asset, Brand, Decision
from generation.models import Generation, Webhook, WebhookDelivery

logger = logging.getLogger(__name__)

TIMEOUT_S = 10
# Seconds after each attempt that failed; a receiver may be down for a night
WAITS = (5, 60, 5 * 60, 30 * 60, 2 * 3600, 8 * 3600)
DELIVERY_TTL = datetime.timedelta(days=30)  # what was sent, after its last attempt
# Addresses that hold another one, which may be inside
TUNNELS = [ipaddress.ip_network(each) for each in ("64:ff9b::/96", "2002::/16", "2001::/32")]
UNLIKE = "The URL of a webhook must be like https://example.com/hook."
GONE = 410  # the receiver's way to say that it will never want a message again

Event = Webhook.Event
State = WebhookDelivery.State


class InvalidWebhook(ProblemError):
    code = "invalid_webhook"


# ------------------------------------------------------------------------ what happened


def generation_ended(generation: Generation) -> None:
    """Within the transaction in which it ends."""
    refused = generation.state == Generation.State.REFUSED
    assets = generation.outputs.exclude(asset=None).values_list("asset_id", flat=True)
    data = {
        "id": generation.pk,
        "address": f"/api/v1/generations/{generation.pk}/",
        "status": generation.state,
        "reason": generation.reason,
        "reason_code": generation.reason_code,
        "batch": generation.batch_id,
        "outputs": list(assets),
    }
    announce(Event.REFUSED if refused else Event.FINISHED, generation.brand, data)


def asset_decided(decision: Decision) -> None:
    """Within the transaction of the decision; only approvals are told."""
    if decision.verdict != Decision.Verdict.APPROVED:
        return
    data = {
        **_asset(decision.asset),
        "by": decision.by.username if decision.by else None,
        "reason": decision.reason,
    }
    announce(Event.APPROVED, decision.asset.brand, data)


def rights_withdrawn(source: Asset, reason: str, quarantined: list[Asset]) -> None:
    """Each brand hears of its own pictures, and of the source only if that is its own."""
    by_brand: dict[Brand, list[Asset]] = {}
    for asset in quarantined:
        by_brand.setdefault(asset.brand, []).append(asset)
    for brand, assets in by_brand.items():
        data = {
            "source": _asset(source) if source.brand_id == brand.pk else None,
            "reason": reason if source.brand_id == brand.pk else "",
            "quarantined": [_asset(asset) for asset in assets],
        }
        announce(Event.WITHDRAWN, brand, data)


def _asset(asset: Asset) -> dict[str, Any]:
    return {"id": asset.pk, "title": asset.title, "address": f"/api/v1/assets/{asset.pk}/"}


# ------------------------------------------------------------------------ deliveries


def announce(event: str, brand: Brand, data: dict[str, Any]) -> list[WebhookDelivery]:
    """A delivery to each webhook of the brand that wants it, and its job: they commit, or vanish,
    with what they tell of."""
    wanted = Webhook.objects.filter(brand=brand, active=True, events__contains=[event])
    payload = {
        "type": event,
        "timestamp": timezone.now().isoformat(),
        "data": {"brand": brand.slug, **data},
    }
    return [send(hook, event, payload) for hook in wanted]


@transaction.atomic
def send(webhook: Webhook, event: str, payload: dict[str, Any]) -> WebhookDelivery:
    delivery = WebhookDelivery.objects.create(webhook=webhook, event=event, payload=payload)
    _defer(delivery)
    return delivery


def send_test(webhook: Webhook) -> WebhookDelivery:
    """In the shape of the first event that it wants, of a generation or asset 0."""
    data = {"brand": webhook.brand.slug, "id": 0, "test": True}
    event = webhook.events[0]
    payload = {"type": event, "timestamp": timezone.now().isoformat(), "data": data}
    return send(webhook, event, payload)


@transaction.atomic
def resend(delivery: WebhookDelivery) -> None:
    """By hand, whatever became of it before."""
    delivery.state, delivery.attempts, delivery.reason = State.WAITING, 0, ""
    delivery.save(update_fields=["state", "attempts", "reason"])
    _defer(delivery)


def requeue_orphans() -> None:
    """Waiting deliveries without a job."""
    waiting = WebhookDelivery.objects.filter(state=State.WAITING)
    jobs.requeue_orphans(waiting, lock=_lock, defer=_defer)


def delete_old_deliveries() -> int:
    """What was sent, or given up, days ago; returns how many."""
    ended = WebhookDelivery.objects.exclude(state=State.WAITING)
    return ended.filter(tried_at__lt=timezone.now() - DELIVERY_TTL).delete()[0]


def _defer(delivery: WebhookDelivery, seconds: int = 0) -> None:
    jobs.defer(
        "generation.tasks.deliver",
        lock=_lock(delivery.pk),
        after=datetime.timedelta(seconds=seconds),
        delivery_id=str(delivery.pk),
    )


def _lock(pk: uuid.UUID) -> str:
    return f"webhook-{pk}"


def deliver(*, delivery_id: str) -> None:
    """One attempt, and the job for the next one if it failed. A receiver may get a message twice;
    its `webhook-id` stays the same."""
    waiting = WebhookDelivery.objects.filter(pk=delivery_id, state=State.WAITING)
    delivery = waiting.select_related("webhook").first()
    if delivery is None:
        return
    delivery.attempts += 1
    delivery.tried_at = timezone.now()
    delivery.status, delivery.reason = _post(delivery)
    if not delivery.reason:
        delivery.state = State.DELIVERED
    elif delivery.attempts > len(WAITS) or delivery.status == GONE:
        delivery.state = State.FAILED
    with transaction.atomic():
        delivery.save()
        if delivery.status == GONE:
            Webhook.objects.filter(pk=delivery.webhook_id).update(active=False)
        if delivery.state == State.WAITING:
            _defer(delivery, WAITS[delivery.attempts - 1])
    if delivery.reason:
        logger.warning("%s to %s: %s", delivery.event, delivery.webhook.url, delivery.reason)


def _post(delivery: WebhookDelivery) -> tuple[int | None, str]:
    """The status of the answer, and why that is no delivery."""
    if not delivery.webhook.active:
        return None, "This webhook is disabled."
    body = json.dumps(delivery.payload, ensure_ascii=False, separators=(",", ":"))
    now = timezone.now()
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Assetbank",
        "webhook-id": str(delivery.pk),
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Signer(delivery.webhook.secret).sign(str(delivery.pk), now, body),
    }
    try:
        address, host = _checked(delivery.webhook.url)
        # no proxy of the environment, no redirects: both would lead past the check
        with (
            httpx2.Client(timeout=TIMEOUT_S, trust_env=False) as client,
            client.stream(  # whose body nobody reads: it may be endless
                "POST",
                address,
                content=body.encode(),
                headers={**headers, "Host": urlsplit(delivery.webhook.url).netloc},
                extensions={"sni_hostname": host},
            ) as answer,
        ):
            status, taken = answer.status_code, answer.is_success
    except ProblemError as error:
        return None, error.message
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
        return None, f"{type(error).__name__}: {error}"[:500]
    return status, "" if taken else f"The receiver responded with status {status}."


def validate_url(url: str) -> None:
    """Raises InvalidWebhook if messages may not go there."""
    _checked(url)


def validate_secret(secret: str) -> None:
    """Raises InvalidWebhook if nothing can be signed with it."""
    try:
        Signer(secret)
    except (ValueError, EmptyWebhookSecretError) as error:
        raise InvalidWebhook("A secret must be base64 after “whsec_”.") from error


def _checked(url: str) -> tuple[str, str]:
    """The address with its host looked up, and the host: what was checked is what is connected to.
    Whoever may name an address must not reach what only this machine can reach."""
    private = settings.WEBHOOKS_TO_PRIVATE_HOSTS
    try:
        parts = urlsplit(url)
        host, given = parts.hostname or "", parts.port
    except ValueError as error:  # of a port, or brackets
        raise InvalidWebhook(UNLIKE) from error
    if parts.scheme != "https" and not (private and parts.scheme == "http"):
        raise InvalidWebhook("The URL of a webhook must begin with https://.")
    if not host or parts.username is not None:
        raise InvalidWebhook(UNLIKE)
    port = given or (443 if parts.scheme == "https" else 80)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise InvalidWebhook(f"The host {host} does not exist.") from error
    addresses = [ipaddress.ip_address(str(each[4][0]).partition("%")[0]) for each in found]
    if not private and not all(map(_outside, addresses)):
        raise InvalidWebhook(
            f"{host} is a private host, to which webhooks are not allowed. Set "
            "WEBHOOKS_TO_PRIVATE_HOSTS to allow it."
        )
    first = addresses[0]
    literal = f"[{first}]" if first.version == 6 else str(first)
    return parts._replace(netloc=f"{literal}:{port}").geturl(), host


def _outside(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    tunnelled = any(address in network for network in TUNNELS)
    return address.is_global and not address.is_multicast and not tunnelled

"""Sends webhooks: signed, retried and logged.

A delivery is a row that is saved in the transaction of its event. Messages follow
standardwebhooks.com, so receivers verify them with a library for their language.
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
# Wait after each failed attempt; a receiver may be unavailable for a night
RETRY_DELAYS_S = (5, 60, 5 * 60, 30 * 60, 2 * 3600, 8 * 3600)
DELIVERY_TTL = datetime.timedelta(days=30)  # After the last attempt
# IPv6 addresses that embed an IPv4 address, which may be private
TUNNEL_NETWORKS = [
    ipaddress.ip_network(each) for each in ("64:ff9b::/96", "2002::/16", "2001::/32")
]
URL_FORMAT = "The URL of a webhook must be like https://example.com/hook."
GONE = 410  # HTTP status with which a receiver unsubscribes

Event = Webhook.Event
State = WebhookDelivery.State


class InvalidWebhook(ProblemError):
    """Error for an address or a secret that cannot be used."""

    code = "invalid_webhook"


# ------------------------------------------------------------------------ events


def generation_ended(generation: Generation) -> None:
    """Announce that a generation has ended, in the transaction in which it ends."""
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
    """Announce an approval, in the transaction of the decision; ignore other decisions."""
    if decision.verdict != Decision.Verdict.APPROVED:
        return
    data = {
        **_asset(decision.asset),
        "by": decision.by.username if decision.by else None,
        "reason": decision.reason,
    }
    announce(Event.APPROVED, decision.asset.brand, data)


def rights_withdrawn(source: Asset, reason: str, quarantined: list[Asset]) -> None:
    """Announce a withdrawal to each brand with quarantined assets.

    A brand gets its own assets, and the source and the reason only if the source is its own.
    """
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
    """Save and return a delivery for each webhook of the brand that subscribes to the event.

    The deliveries and their jobs commit, or roll back, with the caller's transaction.
    """
    subscribed = Webhook.objects.filter(brand=brand, active=True, events__contains=[event])
    payload = {
        "type": event,
        "timestamp": timezone.now().isoformat(),
        "data": {"brand": brand.slug, **data},
    }
    return [send(hook, event, payload) for hook in subscribed]


@transaction.atomic
def send(webhook: Webhook, event: str, payload: dict[str, Any]) -> WebhookDelivery:
    """Save a delivery of an event to a webhook and queue its job."""
    delivery = WebhookDelivery.objects.create(webhook=webhook, event=event, payload=payload)
    _defer(delivery)
    return delivery


def send_test(webhook: Webhook) -> WebhookDelivery:
    """Send a test message: the first event that the webhook subscribes to, with id 0."""
    data = {"brand": webhook.brand.slug, "id": 0, "test": True}
    event = webhook.events[0]
    payload = {"type": event, "timestamp": timezone.now().isoformat(), "data": data}
    return send(webhook, event, payload)


@transaction.atomic
def resend(delivery: WebhookDelivery) -> None:
    """Send a delivery again on a user's request, whatever its state."""
    delivery.state, delivery.attempts, delivery.reason = State.WAITING, 0, ""
    delivery.save(update_fields=["state", "attempts", "reason"])
    _defer(delivery)


def requeue_orphans() -> None:
    """Queue a job for each waiting delivery that has none."""
    waiting = WebhookDelivery.objects.filter(state=State.WAITING)
    jobs.requeue_orphans(waiting, lock=_lock, defer=_defer)


def delete_old_deliveries() -> int:
    """Delete the deliveries that were sent, or failed, more than 30 days ago; return how many."""
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
    """Make one attempt to send a delivery, and queue the next attempt if it failed.

    A receiver may get a message twice; its `webhook-id` stays the same.
    """
    waiting = WebhookDelivery.objects.filter(pk=delivery_id, state=State.WAITING)
    delivery = waiting.select_related("webhook").first()
    if delivery is None:
        return
    delivery.attempts += 1
    delivery.tried_at = timezone.now()
    delivery.status, delivery.reason = _post(delivery)
    if not delivery.reason:
        delivery.state = State.DELIVERED
    elif delivery.attempts > len(RETRY_DELAYS_S) or delivery.status == GONE:
        delivery.state = State.FAILED
    with transaction.atomic():
        delivery.save()
        if delivery.status == GONE:
            Webhook.objects.filter(pk=delivery.webhook_id).update(active=False)
        if delivery.state == State.WAITING:
            _defer(delivery, RETRY_DELAYS_S[delivery.attempts - 1])
    if delivery.reason:
        logger.warning("%s to %s: %s", delivery.event, delivery.webhook.url, delivery.reason)


def _post(delivery: WebhookDelivery) -> tuple[int | None, str]:
    """Send the message, and return the HTTP status and the reason for a failure.

    The status is None without an answer; the reason is "" if the message was delivered.
    """
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
        address, host = _resolve(delivery.webhook.url)
        # No proxy of the environment and no redirects: both would bypass the check of the address
        with (
            httpx2.Client(timeout=TIMEOUT_S, trust_env=False) as client,
            client.stream(  # so that the body, which may be endless, is not read
                "POST",
                address,
                content=body.encode(),
                headers={**headers, "Host": urlsplit(delivery.webhook.url).netloc},
                extensions={"sni_hostname": host},
            ) as response,
        ):
            status, accepted = response.status_code, response.is_success
    except ProblemError as error:
        return None, error.message
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
        return None, f"{type(error).__name__}: {error}"[:500]
    return status, "" if accepted else f"The receiver responded with status {status}."


def validate_url(url: str) -> None:
    """Raise InvalidWebhook if no messages may be sent to this address."""
    _resolve(url)


def validate_secret(secret: str) -> None:
    """Raise InvalidWebhook if messages cannot be signed with this secret."""
    try:
        Signer(secret)
    except (ValueError, EmptyWebhookSecretError) as error:
        raise InvalidWebhook("A secret must be base64 after “whsec_”.") from error


def _resolve(url: str) -> tuple[str, str]:
    """Return the address with its host resolved to an IP address, and the host.

    The connection goes to the IP address that was checked: otherwise a user who can set an address
    could reach services that only this machine can reach. Raises InvalidWebhook.
    """
    private = settings.WEBHOOKS_TO_PRIVATE_HOSTS
    try:
        parts = urlsplit(url)
        host, explicit_port = parts.hostname or "", parts.port
    except ValueError as error:  # an invalid port, or unbalanced brackets
        raise InvalidWebhook(URL_FORMAT) from error
    if parts.scheme != "https" and not (private and parts.scheme == "http"):
        raise InvalidWebhook("The URL of a webhook must begin with https://.")
    if not host or parts.username is not None:
        raise InvalidWebhook(URL_FORMAT)
    port = explicit_port or (443 if parts.scheme == "https" else 80)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise InvalidWebhook(f"The host {host} does not exist.") from error
    addresses = [ipaddress.ip_address(str(each[4][0]).partition("%")[0]) for each in found]
    if not private and not all(map(_is_public, addresses)):
        raise InvalidWebhook(
            f"{host} is a private host, to which webhooks are not allowed. Set "
            "WEBHOOKS_TO_PRIVATE_HOSTS to allow it."
        )
    first = addresses[0]
    literal = f"[{first}]" if first.version == 6 else str(first)
    return parts._replace(netloc=f"{literal}:{port}").geturl(), host


def _is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    tunnelled = any(address in network for network in TUNNEL_NETWORKS)
    return address.is_global and not address.is_multicast and not tunnelled

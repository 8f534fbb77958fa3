"""Programs are told over real HTTP: signed, again after they were down, and never inside."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob
from pytest_django import Settings
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from assetbank.models import Asset, Decision
from generation import tasks, webhooks
from generation.models import Generation, Webhook, WebhookDelivery
from generation.pipeline import run_generation, submit
from tests.conftest import Cast
from tests.support.api import client_of

State = WebhookDelivery.State


class Receiver(ThreadingHTTPServer):
    """A program that is told: what came in, and what it answers to the next messages."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hook"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append(({name.lower(): v for name, v in self.headers.items()}, body))
        self.send_response(self.server.answers.pop(0) if self.server.answers else 204)
        self.send_header("Location", "http://127.0.0.1:1/elsewhere")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def receiver(settings: Settings) -> Iterator[Receiver]:
    settings.WEBHOOKS_TO_PRIVATE_HOSTS = True
    with Receiver() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def hook(cast: Cast, receiver: Receiver) -> Webhook:
    return Webhook.objects.create(brand=cast.acme, url=receiver.url, events=Webhook.Event.values)


def deliver_all() -> list[WebhookDelivery]:
    for waiting in WebhookDelivery.objects.filter(state=State.WAITING):
        webhooks.deliver(delivery_id=str(waiting.pk))
    return list(WebhookDelivery.objects.order_by("created_at"))


def said(receiver: Receiver, hook: Webhook, number: int = -1) -> Any:
    """A message that the receiver got, verified as a receiver does it."""
    headers, body = receiver.got[number]
    return Verifier(hook.secret).verify(body, headers)


def generate(cast: Cast, **fields: Any) -> Generation:
    asked = submit(
        person=cast.creator,
        brand=cast.acme,
        prompt="A red cape",
        model="sketch",
        aspect_ratio="1:1",
        **fields,
    )
    run_generation(generation_id=asked.pk)
    return Generation.objects.get(pk=asked.pk)


def test_a_finished_generation_is_told_with_its_pictures(
    cast: Cast, hook: Webhook, receiver: Receiver
) -> None:
    made = generate(cast)
    [delivery] = deliver_all()
    told = said(receiver, hook)
    assert (told["type"], delivery.state, delivery.status) == (
        "generation.finished",
        State.DELIVERED,
        204,
    )
    assert told["data"] | {"brand": "acme", "id": made.pk, "status": "succeeded"} == told["data"]
    assert told["data"]["outputs"] == [output.asset_id for output in made.outputs.all()]
    assert receiver.got[0][0]["webhook-id"] == str(delivery.pk)


def test_a_refused_one_is_another_event(cast: Cast, hook: Webhook, receiver: Receiver) -> None:
    refused = Generation(brand=cast.acme, state="refused", reason="No.", reason_code="safety")
    refused.save()
    webhooks.generation_ended(refused)
    deliver_all()
    told = said(receiver, hook)
    assert (told["type"], told["data"]["reason_code"]) == ("generation.refused", "safety")


def test_an_approval_is_told_and_a_rejection_is_not(
    cast: Cast, hook: Webhook, receiver: Receiver, make_asset: Any
) -> None:
    asset: Asset = make_asset()
    for verdict in ("rejected", "approved"):
        webhooks.asset_decided(
            Decision(asset=asset, verdict=verdict, by=cast.manager, reason="Fine.")
        )
    assert len(deliver_all()) == 1
    told = said(receiver, hook)
    assert told["type"] == "asset.approved"
    assert (told["data"]["id"], told["data"]["by"]) == (asset.pk, "manager")


def test_each_brand_hears_of_its_own_pictures_only(
    cast: Cast, hook: Webhook, receiver: Receiver, make_asset: Any
) -> None:
    theirs = Webhook.objects.create(brand=cast.other, url=receiver.url, events=["rights.withdrawn"])
    source, descendant = make_asset(), make_asset(brand=cast.other, title="A descendant")
    webhooks.rights_withdrawn(source, "The model asked for it.", [source, descendant])
    deliver_all()
    by_brand = {json.loads(body)["data"]["brand"]: n for n, (_, body) in enumerate(receiver.got)}
    told = said(receiver, theirs, by_brand["other"])["data"]
    assert (told["source"], told["reason"]) == (None, "")
    assert [each["id"] for each in told["quarantined"]] == [descendant.pk]
    assert said(receiver, hook, by_brand["acme"])["data"]["source"]["id"] == source.pk


def test_who_did_not_ask_for_an_event_or_is_switched_off_is_not_told(
    cast: Cast, hook: Webhook
) -> None:
    Webhook.objects.update(events=["asset.approved"])
    generate(cast)
    Webhook.objects.update(events=Webhook.Event.values, active=False)
    generate(cast)
    assert not WebhookDelivery.objects.exists()


def test_a_receiver_that_was_down_is_told_later_with_the_same_id(
    cast: Cast, hook: Webhook, receiver: Receiver
) -> None:
    receiver.answers = [500]
    generate(cast)
    [delivery] = deliver_all()
    assert (delivery.state, delivery.attempts, delivery.status) == (State.WAITING, 1, 500)
    assert delivery.reason == "The receiver answered with status 500."
    jobs = ProcrastinateJob.objects.filter(task_name="generation.tasks.deliver")
    assert jobs.filter(scheduled_at__isnull=False).count() == 1
    [delivery] = deliver_all()
    assert (delivery.state, delivery.reason) == (State.DELIVERED, "")
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1


def test_it_is_given_up_after_the_last_wait_and_can_be_sent_again_by_hand(
    cast: Cast, hook: Webhook, receiver: Receiver
) -> None:
    receiver.answers = [503] * (len(webhooks.WAITS) + 1)
    generate(cast)
    for _ in range(len(webhooks.WAITS) + 1):
        [delivery] = deliver_all()
    assert (delivery.state, delivery.attempts) == (State.FAILED, len(webhooks.WAITS) + 1)
    webhooks.resend(delivery)
    assert [each.state for each in deliver_all()] == [State.DELIVERED]


def test_a_delivery_without_a_job_is_taken_up(cast: Cast, hook: Webhook) -> None:
    lost, waiting, done = (webhooks.send_test(hook) for _ in range(3))
    WebhookDelivery.objects.filter(pk=done.pk).update(state=State.DELIVERED)
    for each in (lost, done):
        ProcrastinateJob.objects.filter(lock=f"webhook-{each.pk}").delete()
    webhooks.requeue_orphans()
    webhooks.requeue_orphans()
    queued = ProcrastinateJob.objects.filter(task_name="generation.tasks.deliver")
    assert sorted(queued.values_list("lock", flat=True)) == sorted(
        f"webhook-{each.pk}" for each in (lost, waiting)
    )


def test_a_redirect_is_not_followed_and_gone_switches_off(
    cast: Cast, hook: Webhook, receiver: Receiver
) -> None:
    receiver.answers = [302, 410]
    generate(cast)
    assert deliver_all()[0].status == 302
    assert deliver_all()[0].state == State.FAILED
    hook.refresh_from_db()
    assert not hook.active


def test_a_receiver_that_does_not_listen_leaves_a_reason(cast: Cast, hook: Webhook) -> None:
    Webhook.objects.update(url="http://127.0.0.1:9/")
    generate(cast)
    [delivery] = deliver_all()
    assert (delivery.state, delivery.status) == (State.WAITING, None)
    assert "ConnectError" in delivery.reason


def test_another_secret_does_not_verify(cast: Cast, hook: Webhook, receiver: Receiver) -> None:
    generate(cast)
    deliver_all()
    headers, body = receiver.got[0]
    with pytest.raises(WebhookVerificationError):
        Verifier(Webhook().secret).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Verifier(hook.secret).verify(body.replace(b"acme", b"evil"), headers)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "https://127.0.0.1/",
        "https://localhost/",
        "https://[::1]/",
        "https://10.0.0.1/",
        "https://169.254.169.254/latest/",
        "https://[::ffff:127.0.0.1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[2002:7f00:1::]/",
        "https://224.0.0.1/",
        "https://example.com:99999/",
        "https://user:secret@example.com/",
        "https://no-such-host.invalid/",
        "file:///etc/passwd",
    ],
)
def test_an_address_inside_or_without_tls_is_refused_when_made_and_when_sent(
    cast: Cast, url: str
) -> None:
    body = {"brand": "acme", "url": url, "events": ["asset.approved"]}
    assert client_of(cast, "manager").post("/api/v1/webhooks/", body).status_code == 400
    hook = Webhook.objects.create(brand=cast.acme, url=url, events=["generation.finished"])
    webhooks.send_test(hook)
    [delivery] = deliver_all()
    assert delivery.state == State.WAITING
    assert delivery.status is None


def test_managers_register_change_and_look_over_rest(
    cast: Cast, receiver: Receiver, hook: Webhook
) -> None:
    manager = client_of(cast, "manager")
    body = {"brand": "acme", "url": receiver.url, "events": ["asset.approved"]}
    made = manager.post("/api/v1/webhooks/", body)
    assert made.status_code == 201
    address = f"/api/v1/webhooks/{made.json()['id']}/"
    assert "secret" in made.json()
    assert "secret" not in manager.get(address).json()
    assert manager.patch(address, {"active": False}).json()["active"] is False
    assert manager.patch(address, {"active": True}).status_code == 200
    assert manager.post(f"{address}test/").status_code == 202
    deliver_all()
    [sent] = manager.get(f"{address}deliveries/").json()["results"]
    assert (sent["state"], sent["payload"]["data"]["test"]) == ("delivered", True)
    assert manager.delete(address).status_code == 204


@pytest.mark.parametrize(("name", "status"), [("creator", 403), ("viewer", 403), ("outsider", 400)])
def test_others_do_not(
    cast: Cast, receiver: Receiver, hook: Webhook, name: str, status: int
) -> None:
    client = client_of(cast, name)
    body = {"brand": "acme", "url": receiver.url, "events": ["asset.approved"]}
    assert client.post("/api/v1/webhooks/", body).status_code == status
    assert client.get(f"/api/v1/webhooks/{hook.pk}/").status_code == 404
    assert client.get("/api/v1/webhooks/").json()["results"] == []


def test_what_was_sent_is_forgotten_after_days_and_what_waits_is_not(
    cast: Cast, hook: Webhook, receiver: Receiver
) -> None:
    webhooks.send_test(hook)
    deliver_all()
    waiting = webhooks.send_test(hook)
    tasks.forget_deliveries(timestamp=0)
    assert WebhookDelivery.objects.count() == 2
    WebhookDelivery.objects.update(tried_at=timezone.now() - webhooks.DELIVERY_TTL)
    tasks.forget_deliveries(timestamp=0)
    assert list(WebhookDelivery.objects.all()) == [waiting]


def test_staff_see_the_log_and_send_again(
    cast: Cast, client: Client, hook: Webhook, receiver: Receiver
) -> None:
    cast.staff.is_superuser = True
    cast.staff.save()
    client.force_login(cast.staff)
    receiver.answers = [500]
    generate(cast)
    [delivery] = deliver_all()
    log = "/admin/generation/webhookdelivery/"
    assert "The receiver answered with status 500." in client.get(log).content.decode()
    client.post(log, {"action": "send_again", "_selected_action": [str(delivery.pk)]})
    assert deliver_all()[0].state == State.DELIVERED
    page = client.get(f"{log}{delivery.pk}/change/").content.decode()
    assert "generation.finished" in page
    made = {"brand": cast.acme.pk, "url": "https://127.0.0.1/", "secret": "whsec_!", "events": []}
    assert client.post("/admin/generation/webhook/add/", made).status_code == 200

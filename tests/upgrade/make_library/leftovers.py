"""What was going on when the server of the library was stopped: jobs in flight of every kind."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from generation.matrix import Matrix

from assetbank import approval, intake
from assetbank.models import Asset
from generation import batches, bulk
from generation.models import Generation, WebhookDelivery
from search.models import Embedding, VectorSpace
from tests.gemini_server import GeminiServer
from tests.upgrade.make_library.library import Made, copy, work
from tests.upgrade.make_library.studio import MODEL, ask
from tests.upgrade.receivers import HookReceiver

OLD_SOURCE = "/srv/assetbank-0.1.0/search/demo_clip/checkpoint"


def make(made: Made, gemini: GeminiServer, hooks: HookReceiver) -> dict[str, Any]:
    """Leave unfinished work in the library; return the bulk orders that the engine's stand-in must
    answer later."""
    _failed_hook(made, hooks)
    _killed(made, gemini)
    gemini.script("overloaded")
    ask(made, "Asked for while the engine was busy")
    work("generate")
    orders = _orders(made, gemini)
    bag, coat = made.free[3], made.free[4]
    ask(made, "Queued, a sketch", model="sketch", references=[bag])
    ask(made, "Queued, with references", references=[bag, coat], roles={bag.pk: "product"}, count=2)
    _mails(made)
    _waiting_for_the_index(made)
    VectorSpace.objects.filter(active=True).update(source=OLD_SOURCE)
    return orders


def _failed_hook(made: Made, hooks: HookReceiver) -> None:
    """A message that was tried once."""
    work("house")
    hooks.status = 503
    approval.decide(asset=copy(made.free[20], made.creative, 0.3), by=made.mona, verdict="approved")
    work("house")
    assert WebhookDelivery.objects.filter(state="waiting", attempts=1).exists()


def _killed(made: Made, gemini: GeminiServer) -> None:
    """A worker that is killed while the engine draws: nobody hears the answer."""
    gemini.script("hang")
    asked = ask(made, "Drawn when the worker was killed", count=2)
    heard = len(gemini.requests)
    command = [sys.executable, "manage.py", "procrastinate", "worker", "--queues", "generate"]
    worker = subprocess.Popen(command, env=os.environ)
    while len(gemini.requests) == heard:
        time.sleep(0.1)
    worker.kill()
    worker.wait()
    asked.refresh_from_db()
    assert asked.state == "running"
    assert asked.turns.count() == 1


def _orders(made: Made, gemini: GeminiServer) -> dict[str, Any]:
    """One that the engine has taken, and one that is not sent yet."""
    gemini.batches.outcome = "running"
    for title in ("Ordered in {season}", "To be ordered in {season}"):
        batch = batches.request(
            person=made.creative,
            brand=made.brand,
            matrix=Matrix(title, variable="season", values=["spring", "autumn"]),
            model=MODEL,
            aspect_ratio="1:1",
            in_bulk=True,
        )
        if title.startswith("Ordered"):
            (job,) = batch.jobs.all()
            bulk.follow(job_id=job.pk)
    job.refresh_from_db()
    order = gemini.batches.orders[job.name]
    return {
        job.name: {
            "model": order.model,
            "display_name": order.display_name,
            "requests": order.requests,
        }
    }


def _mails(made: Made) -> None:
    settings.EMAIL_HOST = "127.0.0.1"
    made.mona.email = "mona@example.com"
    made.mona.save()
    draft = copy(made.free[21], made.mona, 0.3)
    reason = "The strap is cut off"
    approval.decide(asset=draft, by=made.staff, verdict="rejected", reason=reason)


def _waiting_for_the_index(made: Made) -> None:
    client = made.client(made.creative)
    data = intake.original_bytes(made.free[22])
    for number in range(3):
        file = SimpleUploadedFile(f"upload-{number}.jpg", data + bytes([0] * number))
        answer = client.post(
            "/api/v1/assets/",
            {"brand": made.brand.slug, "file": file, "title": f"Uploaded {number}"},
            format="multipart",
        )
        assert answer.status_code in (200, 201), answer.content
    removed = Asset.objects.get(title=f"Copy of {made.free[20].title}")
    intake.remove(asset=removed)
    assert set(Embedding.objects.values_list("state", flat=True)) >= {"indexed", "pending"}
    assert Generation.objects.filter(state="queued").count() == 7

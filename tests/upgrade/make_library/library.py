"""The demo library, as `make run` loads it but drawn smaller, its people, and what they decided."""

from __future__ import annotations

import datetime
import io
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from django.conf import settings
from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command
from PIL import Image
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from assetbank import approval, collecting, demo_world, intake, merging, notices
from assetbank.demo import catalogue
from assetbank.models import Asset, Brand, Collection, Membership
from generation import presets, ruling, withdrawing
from generation.models import Preset, SpendingCap, Webhook
from search import duplicates as comparing
from search import verdicts
from search.indexing import index
from search.models import Embedding

HOST = "127.0.0.1"
SMALLER = 3  # times, each side


@dataclass
class Made:
    """Users and rows that the other parts of the script refer to."""

    brand: Brand
    other: Brand
    staff: User
    creative: User  # manager of `brand`, creator in `other`
    mona: User  # manager of both
    vera: User  # may look, and has some rights in the admin
    free: list[Asset]  # approved pictures of `brand` that may be used for anything
    folder: Collection

    def client(self, person: User) -> APIClient:
        client = APIClient(SERVER_NAME=HOST)
        client.credentials(HTTP_AUTHORIZATION=f"Token {Token.objects.get(user=person).key}")
        return client


def work(*queues: str) -> None:
    """Do what waits in these queues, as a worker does, and return."""
    call_command("procrastinate", "worker", "--one-shot", "--queues", ",".join(queues))


def make(hook: str) -> Made:
    settings.EMAIL_HOST = ""  # No e-mail is sent before `leftovers`
    drawn = catalogue.assets
    catalogue.assets = lambda today: [  # type: ignore[assignment]
        replace(each, size=(each.size[0] // SMALLER, each.size[1] // SMALLER))
        for each in drawn(today)
    ]
    for _ in demo_world.load():
        pass
    work("index", "house")
    _mark_a_vector()
    made = _people()
    _rules(made, hook)
    return made


def _mark_a_vector() -> None:
    """Save a vector that no encoder would compute, so that a second encoding would be noticed."""
    marked = Embedding.objects.filter(state="indexed").latest("asset_id")
    marked.vector = np.eye(1, marked.space.dimension, dtype="<f4")[0]
    marked.save()
    Embedding.objects.filter(pk=marked.pk).mark_pending()
    index()


def _people() -> Made:
    brand, other = (Brand.objects.get(slug=each.slug) for each in catalogue.brands())
    mona = User.objects.create_user("mona", password="a long way to sign in", first_name="Mona")
    vera = User.objects.create_user("vera", password="a long way to sign in", is_staff=True)
    otto = User.objects.create_user("otto", is_active=False)
    for each, role in ((mona, "manager"), (vera, "viewer"), (otto, "creator")):
        Membership.objects.create(brand=brand, user=each, role=role)
    Membership.objects.create(brand=other, user=mona, role="manager")
    vera.user_permissions.set(
        _permissions(
            "delete_picturequestion", "view_picturequestion", "view_asked", "change_savedsearch"
        )
    )
    curators = Group.objects.create(name="Curators")
    curators.permissions.set(
        _permissions(
            *("view_likeness", "delete_likeness", "delete_notthesame", "add_notthesame"),
            *("delete_asked", "view_generation", "change_brandrules", "view_decision"),
        )
    )
    vera.groups.add(curators)
    for user in User.objects.all():
        Token.objects.create(user=user)
    usable = {"expires_on": None, "derivatives_allowed": True, "territories": []}
    free = Asset.objects.filter(brand=brand, status="approved", **usable).order_by("pk")
    return Made(
        brand,
        other,
        User.objects.get(username="staff"),
        User.objects.get(username="creative"),
        mona,
        vera,
        list(free),
        Collection.objects.get(brand=brand, name="Shop packshots"),
    )


def _permissions(*codenames: str) -> list[Permission]:
    found = list(Permission.objects.filter(codename__in=codenames))
    assert len(found) == len(codenames), codenames
    return found


def _rules(made: Made, hook: str) -> None:
    ruling.change(
        person=made.mona,
        brand=made.brand,
        always=["One product is the subject, sharp and whole.", "Daylight"],
        approved_words=["Maison Orvelle", "Orvelle", "Paris", "Été"],
    )
    SpendingCap.objects.create(brand=made.brand, monthly_usd="500.00")
    SpendingCap.objects.create(person=made.creative, monthly_usd="250.00")
    own = Preset.objects.create(slug="own-plinth", name="On our plinth", brand=made.brand)
    for template in ("{product} on a plinth", "{product} on a plinth of {stone}, in {light} light"):
        blanks = [name for name in ("product", "stone", "light") if f"{{{name}}}" in template]
        presets.save(
            preset=own,
            by=made.mona,
            template=template,
            variables=[{"name": name, "label": name.title(), "default": "-"} for name in blanks],
            roles=[{"role": "product", "least": 1, "most": 3}],
            aspect_ratio="1:1",
        )
    events = Webhook.Event.values
    Webhook.objects.create(brand=made.brand, url=hook, events=events)
    Webhook.objects.create(
        brand=made.other, url="https://hooks.example.com/", events=events[:1], active=False
    )


# ------------------------------------------------------------------------ the same picture


def copy(asset: Asset, by: User, share: float = 0.6, **fields: Any) -> Asset:
    """A smaller one of the same picture, as people upload them."""
    with Image.open(io.BytesIO(intake.original_bytes(asset))) as picture:
        small = picture.convert("RGB").resize(
            (round(picture.width * share), round(picture.height * share))
        )
    file = io.BytesIO()
    small.save(file, "JPEG", quality=70)
    return intake.store(
        brand=asset.brand, file=file.getvalue(), filename=f"copy of {asset.filename}", by=by,
        title=f"Copy of {asset.title}", **fields,
    ).asset  # fmt: skip


def duplicates(made: Made) -> None:
    """Two pairs as they were found, one of which somebody said that they differ, one merged."""
    left, apart, merged = made.free[:3]
    for each in (left, left, apart):
        copy(each, made.creative, 0.5 if Asset.objects.filter(title__startswith="Copy") else 0.7)
    twin = copy(merged, made.mona, tags=["twin"])
    collecting.add(collection=made.folder, assets=[twin, made.free[5]])
    work("index", "house")
    comparing.find(wait=True)
    verdicts.tell_apart([apart, Asset.objects.get(title=f"Copy of {apart.title}")], by=made.mona)
    merging.merge(keep=merged, others=[twin], by=made.mona)


# ------------------------------------------------------------------------ what was decided


def decisions(made: Made) -> None:
    rejected, archived, source, lifted, deleted, gone = made.free[6:12]
    draft = copy(rejected, made.creative, 0.4)
    approval.decide(asset=draft, by=made.mona, verdict="rejected", reason="Too small for print")
    approval.decide(asset=archived, by=made.mona, verdict="archived", reason="Old season")
    approval.change_status(asset=archived, by=made.staff, status="approved", reason="And back")
    intake.update(asset=rejected, expires_on=datetime.date(2090, 12, 31), territories=["DE", "FR"])
    withdrawing.withdraw(person=made.mona, asset=source, reason="The photographer took it back")
    withdrawing.withdraw(person=made.mona, asset=lifted, reason="By mistake")
    withdrawing.reinstate(person=made.mona, asset=lifted)
    withdrawing.withdraw(person=made.mona, asset=deleted, reason="It must be deleted")
    _remove([deleted, gone])
    collection = collecting.create(
        brand=made.brand, name="Spring", by=made.mona, description="What goes out in March"
    )
    collecting.add(collection=collection, assets=made.free[12:18])
    collecting.move(collection=collection, asset=made.free[14], step=-2)
    notices.tell(made.vera, "Spring is there.", "/collections/")
    notices.tell(made.mona, "This one is read.")
    notices.mark_read(made.mona)
    work("index", "house")


def _remove(assets: Iterable[Asset]) -> None:
    for asset in assets:
        intake.remove(asset=asset)

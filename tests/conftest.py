"""Fixtures of all tests: users and brands, and real services: PostgreSQL, Milvus Lite, encoder."""

from __future__ import annotations

import importlib
import io
import os
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.db import connection
from PIL import Image
from pytest_django import DjangoDbBlocker, Settings

from assetbank.assets import ingest_asset, update_asset
from assetbank.models import Asset, Brand, Membership
from tests.support import database, dealing, tiers
from tests.support.processes import House


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    tiers.mark(items)
    yield  # Other plugins deselect by marker, and pytest-django sorts
    items.sort(key=tiers.rank)
    dealing.write_groups(tiers.groups(items))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> dealing.Dealing | None:
    return dealing.Dealing(config, log) if config.getvalue("dist") == "load" else None


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    House.allowed = item.get_closest_marker("processes") is not None


@dataclass
class Cast:
    """One user for each role in the brand `acme`; the outsider is a manager of `other`."""

    acme: Brand
    other: Brand
    staff: User
    manager: User
    creator: User
    viewer: User
    outsider: User


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment: None, django_db_blocker: DjangoDbBlocker) -> None:
    """Connect this worker to a database of its own, which is removed with the run's folder."""
    with django_db_blocker.unblock():
        database.connect_to_copy(f"test_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}")


@pytest.fixture
def shipped(db: None) -> None:
    """Restore the shipped rows and empty the job queue: a test with its own transactions leaves the
    tables empty, and jobs in the queue."""
    for model, migration in (
        ("EngineModel", "0004_engine_models"),
        ("Preset", "0007_shipped_presets"),
    ):
        if not apps.get_model("generation", model).objects.exists():
            importlib.import_module(f"generation.migrations.{migration}").forwards(apps, None)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")


@pytest.fixture
def cast(db: None, shipped: None) -> Cast:
    acme = Brand.objects.create(name="Acme", slug="acme", palette=["#c81c26"], style="Calm light.")
    other = Brand.objects.create(name="Other", slug="other")
    people = {
        name: User.objects.create_user(name, password="secret", is_staff=name == "staff")
        for name in ("staff", "manager", "creator", "viewer", "outsider")
    }
    for name in ("manager", "creator", "viewer"):
        Membership.objects.create(brand=acme, user=people[name], role=name)
    Membership.objects.create(brand=other, user=people["outsider"], role="manager")
    return Cast(acme, other, **people)


def picture_bytes(
    colour: Any = (200, 30, 40), size: tuple[int, int] = (80, 60), fmt: str = "PNG", **options: Any
) -> bytes:
    buffer = io.BytesIO()
    Image.new(options.pop("mode", "RGB"), size, colour).save(buffer, fmt, **options)
    return buffer.getvalue()


@pytest.fixture(autouse=True)
def media(settings: Settings, tmp_path: Path) -> Path:
    """Store the files of each test in a folder of its own, and return the folder."""
    folder = tmp_path / "media"
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(folder)},
        },
    }
    return folder


@pytest.fixture
def make_asset(cast: Cast) -> Callable[..., Asset]:
    """Return `make_asset(colour, title=…)`, which adds an asset to acme.

    Its image has one colour unless `file` is passed. It is approved, so that viewers see it, unless
    `status` is passed.
    """
    numbers = iter(range(1_000_000))

    def make(colour: Any = None, **fields: Any) -> Asset:
        number = next(numbers)
        colour = colour or (number % 256, number // 256 % 256, 77)
        given = {
            "brand": cast.acme,
            "file": picture_bytes(colour),
            "filename": f"picture-{number}.png",
            "by": cast.creator,
            **fields,
        }
        status = given.pop("status", "approved")
        asset = ingest_asset(**given).asset
        if status != asset.status:  # As a decision or a withdrawal does
            update_asset(asset=asset, status=status, deciding=True, withdrawing=True)
        return asset

    return make


@pytest.fixture
def index(settings: Settings, db: None) -> Iterator[Callable[[], int]]:
    """Return `index()`, which indexes all waiting assets in collections of this test, and returns
    their number."""
    from search.indexing import pipeline
    from search.vectorstore import connection as connection_module
    from search.vectorstore import store

    settings.MILVUS_PREFIX = f"t{uuid.uuid4().hex[:12]}"
    connection_module.reset()
    yield pipeline.index_pending
    connection_module.reset()
    store.drop_others(keep="")


@pytest.fixture
def milvus_down(settings: Settings) -> Iterator[None]:
    """Make Milvus unavailable: nothing listens at its address."""
    from search.vectorstore import connection as connection_module

    settings.MILVUS_URI = "http://127.0.0.1:1"
    connection_module.reset()
    yield
    settings.MILVUS_URI = ""
    connection_module.reset()

"""The demo library of the embedded profile: two brands, their assets, and two accounts."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from assetbank import hooks
from assetbank.assets import approval, ingest_asset, update_asset
from assetbank.demo.catalogue import assets as catalogue
from assetbank.demo.catalogue.capture import capture
from assetbank.models import Asset, Brand, Collection, Decision, Membership

PASSWORD = "assetbank-demo"  # noqa: S105 - printed at every start, for the embedded profile only
SIGN_INS = {"staff": "all brands and the admin", "creative": "library and studio"}
DOMAIN = "demo.assetbank.invalid"  # e-mail domain of the demo accounts: no real address has it


def refuse_in_production() -> None:
    """Raise ImproperlyConfigured in production if the database has demo accounts.

    Their password is public; a database copied from an embedded library contains them.
    """
    if not settings.EMBEDDED and demo_users().exists():
        raise ImproperlyConfigured(
            "This database contains the demo users, whose password is public. Delete the "
            f"users whose e-mail ends in {DOMAIN} before going live."
        )


def demo_users() -> QuerySet[User]:
    """Return the demo accounts."""
    return User.objects.filter(email__endswith=f"@{DOMAIN}")


def is_enabled() -> bool:
    """Return whether to load the demo: in the embedded profile, if it was never fully loaded.

    A library with assets of other brands gets no demo.
    """
    if not settings.EMBEDDED or _marker().exists():
        return False
    slugs = [brand.slug for brand in catalogue.brands()]
    return not Asset.all_objects.exclude(brand__slug__in=slugs).exists()


def load() -> Iterator[tuple[int, int]]:
    """Draw and ingest the missing assets; yield (done, total) after each.

    May be interrupted and run again. Raises ImproperlyConfigured in production.
    """
    if not settings.EMBEDDED:
        raise ImproperlyConfigured("The demo library is available in the embedded profile only.")
    brands = {brand.slug: brand for brand in map(_create_brand, catalogue.brands())}
    curator = _create_accounts(list(brands.values()))
    assets = catalogue.assets(timezone.localdate())
    existing = set(Asset.all_objects.values_list("brand__slug", "filename"))
    missing = [asset for asset in assets if (asset.brand_slug, asset.filename) not in existing]
    done = len(assets) - len(missing)
    for asset, data in catalogue.draw_all(missing):
        _ingest(asset, data, brands[asset.brand_slug], curator)
        done += 1
        yield done, len(assets)
    hooks.demo_loaded()
    _marker().touch()


def _marker() -> Path:
    return Path(settings.DATA_DIR) / "demo_loaded"


def _create_brand(brand: catalogue.DemoBrand) -> Brand:
    created, _ = Brand.objects.get_or_create(
        slug=brand.slug,
        defaults={"name": brand.name, "palette": list(brand.palette), "style": brand.style},
    )
    return created


def _create_accounts(brands: list[Brand]) -> User:
    for name in SIGN_INS:
        user, created = User.objects.get_or_create(
            username=name,
            defaults={
                "email": f"{name}@{DOMAIN}",
                "is_staff": name == "staff",
                "is_superuser": name == "staff",
            },
        )
        if created:
            user.set_password(PASSWORD)
            user.save()
    creative = User.objects.get(username="creative")
    roles = [Membership.Role.MANAGER, Membership.Role.CREATOR]
    for brand, role in zip(brands, roles, strict=True):
        Membership.objects.get_or_create(brand=brand, user=creative, defaults={"role": role})
    return creative


def _ingest(asset: catalogue.DemoAsset, data: bytes, brand: Brand, curator: User) -> None:
    collection = None
    if asset.collection:
        collection, _ = Collection.objects.get_or_create(brand=brand, name=asset.collection)
    day = datetime.datetime.combine(asset.created, datetime.time(12))
    with transaction.atomic():
        result = ingest_asset(
            brand=brand,
            file=data,
            filename=asset.filename,
            by=curator,
            origin=Asset.Origin.IMPORT,
            tags=asset.tags,
            collection=collection,
            created_at=timezone.make_aware(day),
            title=asset.title,
            description=asset.description,
            licence=asset.rights.licence,
            credit=asset.rights.credit,
            derivatives_allowed=asset.rights.derivatives_allowed,
            territories=list(asset.rights.territories),
            **capture(asset),
        )
        if result.created:
            staff = User.objects.get(username="staff")
            approved = Decision.Verdict.APPROVED
            approval.decide(asset=result.asset, by=staff, verdict=approved, notify=False)
            # after the approval, because an expired asset cannot be approved
            update_asset(asset=result.asset, expires_on=asset.rights.expires_on)

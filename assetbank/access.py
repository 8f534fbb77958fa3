"""What a person may see and do: decided here, once, by brand membership. Staff see and do all."""

from __future__ import annotations

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.db.models import QuerySet

from assetbank.errors import NotAllowed
from assetbank.models import Asset, AssetQuerySet, Brand, Collection, Membership

Person = AbstractBaseUser | AnonymousUser
CREATORS = (Membership.Role.CREATOR, Membership.Role.MANAGER)
MANAGERS = (Membership.Role.MANAGER,)


def sees_all(person: Person) -> bool:
    return bool(person.is_active and getattr(person, "is_staff", False))


def house() -> User:
    """Who works that nobody asked for: sees all, and cannot be signed in as."""
    return User(is_staff=True)


def brands(person: Person, *roles: str) -> QuerySet[Brand]:
    """The brands in which `person` has one of `roles` (any role, when none is named)."""
    if sees_all(person):
        return Brand.objects.all()
    if not person.is_active:
        return Brand.objects.none()
    memberships = Membership.objects.filter(user_id=person.pk)
    if roles:
        memberships = memberships.filter(role__in=roles)
    return Brand.objects.filter(pk__in=memberships.values("brand_id"))


def roles(person: Person) -> set[str]:
    """Those that `person` has in any brand; staff have all of them, once there is a brand."""
    if sees_all(person):
        return set(Membership.Role.values) if Brand.objects.exists() else set()
    if not person.is_active:
        return set()
    return set(Membership.objects.filter(user_id=person.pk).values_list("role", flat=True))


def assets(person: Person) -> AssetQuerySet:
    """The assets that `person` may see."""
    if sees_all(person):
        return Asset.objects.all()
    return Asset.objects.filter(brand__in=brands(person))


def copies_elsewhere(person: Person, asset: Asset) -> AssetQuerySet:
    """The same bytes in other brands, of those that `person` may see."""
    there = Asset.objects.filter(brand__in=brands(person), checksum=asset.checksum)
    return there.exclude(pk=asset.pk).select_related("brand").order_by("brand__name")


def assets_in(brands: frozenset[int] | None) -> AssetQuerySet:
    """The same, once it is known which brands `person` may see: their ids, None for all."""
    return Asset.objects.all() if brands is None else Asset.objects.filter(brand_id__in=brands)


def collections(person: Person) -> QuerySet[Collection]:
    if sees_all(person):
        return Collection.objects.all()
    return Collection.objects.filter(brand__in=brands(person))


def may_create(person: Person, brand: Brand) -> bool:
    """Upload, edit and generate in `brand`."""
    return brands(person, *CREATORS).filter(pk=brand.pk).exists()


def may_manage(person: Person, brand: Brand) -> bool:
    """Approve and delete in `brand`."""
    return brands(person, *MANAGERS).filter(pk=brand.pk).exists()


def require_creator(person: Person, brand: Brand) -> None:
    if not may_create(person, brand):
        raise NotAllowed(f"You may look at {brand}, but not add to it or change it.")


def require_manager(person: Person, brand: Brand) -> None:
    if not may_manage(person, brand):
        raise NotAllowed(f"Only a manager of {brand} may do this.")

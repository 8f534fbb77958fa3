"""What a person may see and do: decided here, once, by brand membership. Staff see and do all;
creators and managers see all of their brand, viewers what is approved.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.db.models import Q, QuerySet

from assetbank.errors import NotAllowed
from assetbank.models import Asset, AssetQuerySet, Brand, Collection, Membership

AnyUser = AbstractBaseUser | AnonymousUser
EDITORS = (Membership.Role.CREATOR, Membership.Role.MANAGER)
MANAGERS = (Membership.Role.MANAGER,)
VIEWERS = (Membership.Role.VIEWER,)  # who see what is approved, and nothing else


def has_full_access(person: AnyUser) -> bool:
    return bool(person.is_active and getattr(person, "is_staff", False))


def system_user() -> User:
    """Who works that nobody asked for: sees all, and cannot be signed in as."""
    return User(is_staff=True)


def brands(person: AnyUser, *roles: str) -> QuerySet[Brand]:
    """The brands in which `person` has one of `roles` (any role, when none is named)."""
    if has_full_access(person):
        return Brand.objects.all()
    if not person.is_active:
        return Brand.objects.none()
    memberships = Membership.objects.filter(user_id=person.pk)
    if roles:
        memberships = memberships.filter(role__in=roles)
    return Brand.objects.filter(pk__in=memberships.values("brand_id"))


def viewer_only_brands(person: AnyUser) -> QuerySet[Brand]:
    """Those of which `person` sees only what is approved."""
    return Brand.objects.none() if has_full_access(person) else brands(person, *VIEWERS)


def roles(person: AnyUser) -> set[str]:
    """Those that `person` has in any brand; staff have all of them, once there is a brand."""
    if has_full_access(person):
        return set(Membership.Role.values) if Brand.objects.exists() else set()
    if not person.is_active:
        return set()
    return set(Membership.objects.filter(user_id=person.pk).values_list("role", flat=True))


def assets(person: AnyUser) -> AssetQuerySet:
    """The assets that `person` may see."""
    if has_full_access(person):
        return Asset.objects.all()
    if not person.is_active:
        return Asset.objects.none()
    mine = Membership.objects.filter(user_id=person.pk)
    whole = Q(brand_id__in=mine.filter(role__in=EDITORS).values("brand_id"))
    seen = Asset.objects.filter(brand_id__in=mine.values("brand_id"))
    return seen.filter(whole | Q(status=Asset.Status.APPROVED))


@dataclass(frozen=True)
class AssetScope:
    """The same, once it is known: ids of the brands of which all may be seen, None for every
    brand, and of those of which the approved ones may."""

    whole: frozenset[int] | None
    approved: frozenset[int] = frozenset()

    def assets(self) -> AssetQuerySet:
        if self.whole is None:
            return Asset.objects.all()
        seen = Q(brand_id__in=self.whole)
        if self.approved:
            seen |= Q(brand_id__in=self.approved, status=Asset.Status.APPROVED)
        return Asset.objects.filter(seen)

    def sees(self, asset: Asset) -> bool:
        if self.whole is None or asset.brand_id in self.whole:
            return True
        return asset.brand_id in self.approved and asset.status == Asset.Status.APPROVED

    def within(self, brands: frozenset[int]) -> AssetScope:
        """Of these brands only."""
        whole = brands if self.whole is None else self.whole & brands
        return AssetScope(whole, self.approved & brands)

    def shared(self, other: AssetScope) -> AssetScope:
        """What both may see."""
        if self.whole is None:
            return other
        if other.whole is None:
            return self
        whole = self.whole & other.whole
        some = (self.whole | self.approved) & (other.whole | other.approved)
        return AssetScope(whole, some - whole)


def asset_scope(person: AnyUser) -> AssetScope:
    if has_full_access(person):
        return AssetScope(None)
    if not person.is_active:
        return AssetScope(frozenset())
    found = Membership.objects.filter(user_id=person.pk).values_list("brand_id", "role")
    whole = frozenset(brand for brand, role in found if role in EDITORS)
    return AssetScope(whole, frozenset(brand for brand, _ in found) - whole)


def copies_in_other_brands(person: AnyUser, asset: Asset) -> AssetQuerySet:
    """The same bytes in other brands, of those that `person` may see."""
    there = assets(person).filter(checksum=asset.checksum)
    return there.exclude(pk=asset.pk).select_related("brand").order_by("brand__name")


def collections(person: AnyUser) -> QuerySet[Collection]:
    if has_full_access(person):
        return Collection.objects.all()
    return Collection.objects.filter(brand__in=brands(person))


def can_edit(person: AnyUser, brand: Brand) -> bool:
    """Upload, edit and generate in `brand`."""
    return brands(person, *EDITORS).filter(pk=brand.pk).exists()


def can_manage(person: AnyUser, brand: Brand) -> bool:
    """Approve and delete in `brand`."""
    return brands(person, *MANAGERS).filter(pk=brand.pk).exists()


def require_editor(person: AnyUser, brand: Brand) -> None:
    if not can_edit(person, brand):
        raise NotAllowed(f"You may look at {brand}, but not add to it or change it.")


def require_manager(person: AnyUser, brand: Brand) -> None:
    if not can_manage(person, brand):
        raise NotAllowed(f"Only a manager of {brand} may do this.")

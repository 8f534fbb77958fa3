"""Permissions: what a user may see and do, by membership in brands.

Staff see and do everything. Creators and managers see all assets of their brands, viewers only
the approved ones.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.db.models import BooleanField, ExpressionWrapper, Q, QuerySet

from assetbank.errors import NotAllowed
from assetbank.models import Asset, AssetQuerySet, Brand, Collection, Membership

AnyUser = AbstractBaseUser | AnonymousUser
EDITORS = (Membership.Role.CREATOR, Membership.Role.MANAGER)
MANAGERS = (Membership.Role.MANAGER,)
VIEWERS = (Membership.Role.VIEWER,)  # see approved assets only


def has_full_access(user: AnyUser) -> bool:
    """Return whether the user is active staff."""
    return bool(user.is_active and getattr(user, "is_staff", False))


def system_user() -> User:
    """Return an unsaved user with full access, for background work; nobody can sign in as it."""
    return User(is_staff=True)


def brands(user: AnyUser, *roles: str) -> QuerySet[Brand]:
    """Return the brands in which the user has one of `roles`, or any role if none is given.

    Staff get all brands whatever `roles` are, inactive users none.
    """
    if has_full_access(user):
        return Brand.objects.all()
    if not user.is_active:
        return Brand.objects.none()
    memberships = Membership.objects.filter(user_id=user.pk)
    if roles:
        memberships = memberships.filter(role__in=roles)
    return Brand.objects.filter(pk__in=memberships.values("brand_id"))


def viewer_only_brands(user: AnyUser) -> QuerySet[Brand]:
    """Return the brands of which the user sees approved assets only; none for staff."""
    return Brand.objects.none() if has_full_access(user) else brands(user, *VIEWERS)


def managers_of(brand: Brand) -> QuerySet[User]:
    """Return the users who are members of the brand as managers, also those who are not active;
    without staff, who may manage every brand without being its member."""
    return User.objects.filter(memberships__brand=brand, memberships__role__in=MANAGERS)


def roles(user: AnyUser) -> set[str]:
    """Return the roles that the user has in any brand; staff have all, if there is a brand."""
    if has_full_access(user):
        return set(Membership.Role.values) if Brand.objects.exists() else set()
    if not user.is_active:
        return set()
    return set(Membership.objects.filter(user_id=user.pk).values_list("role", flat=True))


def assets(user: AnyUser) -> AssetQuerySet:
    """Return the assets that the user may see: staff all, inactive users none.

    Creators and managers see all assets of a brand, viewers its approved ones.
    """
    if has_full_access(user):
        return Asset.objects.all()
    if not user.is_active:
        return Asset.objects.none()
    return Asset.objects.filter(_visible(Membership.objects.filter(user_id=user.pk)))


def _visible(memberships: QuerySet[Membership]) -> Q:
    """Return the condition for the assets that a user with these memberships may see."""
    whole = Q(brand_id__in=memberships.filter(role__in=EDITORS).values("brand_id"))
    member = Q(brand_id__in=memberships.values("brand_id"))
    return member & (whole | Q(status=Asset.Status.APPROVED))


def trash(user: AnyUser) -> AssetQuerySet:
    """Return the assets in the trash that the user may restore and delete for good.

    Staff get those of all brands, managers those of their brands, others none.
    """
    trashed = Asset.all_objects.filter(deleted_at__isnull=False)
    return trashed if has_full_access(user) else trashed.filter(brand__in=_managed(user))


def assets_and_trash(user: AnyUser) -> AssetQuerySet:
    """Return the assets that the user may see, with those in the trash that they may restore."""
    if has_full_access(user):
        return Asset.all_objects.all()
    if not user.is_active:
        return Asset.all_objects.none()
    trashed = Q(deleted_at__isnull=False, brand__in=_managed(user))
    shown = Q(deleted_at=None) & _visible(Membership.objects.filter(user_id=user.pk))
    return Asset.all_objects.filter(shown | trashed)


def _managed(user: AnyUser) -> QuerySet[Brand]:
    return brands(user, *MANAGERS)


@dataclass(frozen=True)
class AssetScope:
    """A user's permission to see assets, as ids of brands.

    `all_in`: brands of which all assets may be seen; None: every brand. `approved_in`: brands of
    which only the approved ones may.
    """

    all_in: frozenset[int] | None
    approved_in: frozenset[int] = frozenset()

    def assets(self) -> AssetQuerySet:
        """Return the assets in this scope."""
        if self.all_in is None:
            return Asset.objects.all()
        visible = Q(brand_id__in=self.all_in)
        if self.approved_in:
            visible |= Q(brand_id__in=self.approved_in, status=Asset.Status.APPROVED)
        return Asset.objects.filter(visible)

    def sees(self, asset: Asset) -> bool:
        """Return whether the asset is in this scope; needs no query."""
        if asset.in_trash:
            return False
        if self.all_in is None or asset.brand_id in self.all_in:
            return True
        return asset.brand_id in self.approved_in and asset.status == Asset.Status.APPROVED

    def limit_to(self, brands: frozenset[int]) -> AssetScope:
        """Return this scope, limited to `brands` (ids)."""
        whole = brands if self.all_in is None else self.all_in & brands
        return AssetScope(whole, self.approved_in & brands)

    def intersect(self, other: AssetScope) -> AssetScope:
        """Return the scope of the assets that are in this scope and in `other`."""
        if self.all_in is None:
            return other
        if other.all_in is None:
            return self
        whole = self.all_in & other.all_in
        some = (self.all_in | self.approved_in) & (other.all_in | other.approved_in)
        return AssetScope(whole, some - whole)


def asset_scope(user: AnyUser) -> AssetScope:
    """Return the scope of the assets that the user may see."""
    if has_full_access(user):
        return AssetScope(None)
    if not user.is_active:
        return AssetScope(frozenset())
    memberships = Membership.objects.filter(user_id=user.pk).values_list("brand_id", "role")
    whole = frozenset(brand for brand, role in memberships if role in EDITORS)
    return AssetScope(whole, frozenset(brand for brand, _ in memberships) - whole)


def copies_in_other_brands(user: AnyUser, asset: Asset) -> AssetQuerySet:
    """Return assets with the same bytes in other brands, as far as the user may see them."""
    copies = assets(user).filter(checksum=asset.checksum)
    return copies.exclude(pk=asset.pk).select_related("brand").order_by("brand__name")


def collections(user: AnyUser) -> QuerySet[Collection]:
    """Return the collections that the user may see: staff all, others those of their brands."""
    if has_full_access(user):
        return Collection.objects.all()
    return Collection.objects.filter(brand__in=brands(user))


def can_edit(user: AnyUser, brand: Brand) -> bool:
    """Return whether the user may upload, edit and generate in the brand; staff may in every
    one."""
    return brands(user, *EDITORS).filter(pk=brand.pk).exists()


def location_brands(user: AnyUser) -> QuerySet[Brand]:
    """Return the brands of which the user sees where images were taken: those that keep it in all
    that leaves, and those in which the user edits."""
    policy = Q(gps_policy=Brand.GpsPolicy.KEEP)
    return brands(user).filter(policy | Q(pk__in=brands(user, *EDITORS).values("pk")))


def downloadable(user: AnyUser, *, with_trash: bool = False) -> AssetQuerySet:
    """Return the assets that the user may see, with their brands and for `keeps_location`.

    `with_trash` adds those in the trash that the user may restore.
    """
    policy = Brand.GpsPolicy
    edited = Q(brand__gps_policy=policy.STRIP_FOR_VIEWERS, brand__in=brands(user, *EDITORS))
    kept = Q(brand__gps_policy=policy.KEEP) | edited
    visible = assets_and_trash(user) if with_trash else assets(user)
    visible = visible.select_related("brand")
    return visible.annotate(annotated_location=ExpressionWrapper(kept, BooleanField()))


def keeps_location(asset: Asset) -> bool:
    """Return whether files of an asset keep their coordinates for the user of `downloadable`."""
    return bool(asset.__dict__["annotated_location"])


def can_manage(user: AnyUser, brand: Brand) -> bool:
    """Return whether the user may approve and delete in the brand; staff may in every one."""
    return brands(user, *MANAGERS).filter(pk=brand.pk).exists()


def require_editor(user: AnyUser, brand: Brand) -> None:
    """Raise NotAllowed if the user cannot edit in the brand."""
    if not can_edit(user, brand):
        raise NotAllowed(
            f"You have view access to {brand} only. Ask a manager of the brand for the creator "
            "role."
        )


def require_manager(user: AnyUser, brand: Brand) -> None:
    """Raise NotAllowed if the user does not manage the brand."""
    if not can_manage(user, brand):
        raise NotAllowed(f"Only managers of {brand} can do this.")

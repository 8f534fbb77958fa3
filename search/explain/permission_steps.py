"""Explanation steps about status, brand policy and permission."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.utils import timezone

from assetbank import permissions
from assetbank.errors import NotAllowed
from assetbank.models import Asset, Brand, Membership
from search.explain.types import Detail, State, Step, step
from search.indexing import entities
from search.query import HIDDEN_STATUSES, SearchQuery


def policy(asset: Asset, question: SearchQuery) -> Step:
    """Check that the asset's status and the brand's policy allow it in search."""
    details = [
        Detail("Status", asset.get_status_display()),
        Detail("Origin", asset.get_origin_display()),
        Detail("Generated images in search", asset.brand.get_search_generated_display()),
        Detail("Size", f"{asset.width} x {asset.height} px"),
    ]
    if asset.expires_on:
        ended = " (ended)" if asset.expires_on < timezone.localdate() else ""
        details.append(Detail("Usage rights expire", f"{asset.expires_on:%-d %B %Y}{ended}"))
    if asset.status in HIDDEN_STATUSES and asset.status not in question.filters.statuses:
        sentence = f"It is {asset.status}: shown only if a search filters by this status."
        return step("policy", State.BAD, sentence, details)
    if skip_reason := entities.skip_reason(asset):
        return step("policy", State.BAD, skip_reason, details)
    sentence = f"{asset.get_status_display()}; it is included in search."
    return step("policy", State.GOOD, sentence, details)


def permission(asset: Asset, person: permissions.AnyUser) -> Step:
    """Check that the user may see the asset."""
    name = full_name(person)
    brand = asset.brand
    if permissions.has_full_access(person):
        return step("permission", State.GOOD, f"{name} is a staff user and can access every brand.")
    if person.pk is None:
        sentence = (
            f"{name} is not a member of {brand}. Staff users have access without membership "
            "and can add members."
        )
        return step("permission", State.BAD, sentence)
    role = Membership.objects.filter(user_id=person.pk, brand=brand).values_list("role", flat=True)
    if not (found := role.first()):
        sentence = f"{name} is not a member of {brand}. A staff user can add them."
        return step("permission", State.BAD, sentence)
    if not person.is_active:
        return step("permission", State.BAD, f"{name} can no longer sign in.")
    details = [Detail("Role", Membership.Role(found).label)]
    if found not in permissions.EDITORS and asset.status != Asset.Status.APPROVED:
        status = asset.get_status_display().lower()
        sentence = (
            f"{name} is a viewer of {brand}: viewers see approved assets only, and this one is "
            f"{status}."
        )
        return step("permission", State.BAD, sentence, details)
    return step("permission", State.GOOD, f"{name} is a member of {brand}.", details)


def resolve_subject(asker: User, brand: Brand, username: str) -> User:
    """Return the user whose results are explained: the one named, or `asker` for "".

    Managers may name members of their brand, staff any user. An unknown name, and for a manager a
    user who is not a member, gives an unsaved user. Raises NotAllowed.
    """
    if not username or username == asker.username:
        return asker
    if not permissions.can_manage(asker, brand):
        raise NotAllowed(f"Only managers of {brand} can check the access of other users.")
    people = User.objects.all() if permissions.has_full_access(asker) else brand.members.all()
    username = username[:150].replace("\x00", "\ufffd")  # PostgreSQL takes no NUL
    found: User | None = people.filter(username=username).first()
    return found or User(username=username)


def full_name(person: permissions.AnyUser) -> str:
    full = person.get_full_name() if isinstance(person, User) else ""
    return full or person.get_username()

"""The tray: references selected for the studio, in the order in which a model receives them, each
with its role.

It holds ids in the user's session, so it has no table, and ends with the session. An asset may have
been deleted or hidden in the meantime: `assets` returns only those that the user may view now.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.models import Session
from django.db import transaction

from assetbank import permissions
from assetbank.models import Asset
from generation.models import Role

KEY = "tray"
ROLES = "tray_roles"  # roles by id; JSON makes the ids strings
FITTED = "tray_fitted"  # those of ROLES that a preset assigned, not the user
MAX_REFERENCES = 14  # the most that a model accepts


@contextmanager
def locked_session(session: SessionBase) -> Iterator[SessionBase]:
    """Yield the user's stored session, locked, and save it at the end, so that of several clicks at
    the same time none is lost."""
    with transaction.atomic():
        locked = Session.objects.select_for_update().filter(pk=session.session_key)
        if locked.first() is None:  # signed out in the meantime: nothing to save
            yield session
            return
        current = type(session)(session.session_key)
        yield current
        current.save()
        current.modified = False


def selected_ids(session: SessionBase) -> list[int]:
    """Return the asset ids of the tray in order, whether or not the assets still exist."""
    saved = session.get(KEY, [])
    return [pk for pk in saved if isinstance(pk, int)][:MAX_REFERENCES]


def roles(session: SessionBase) -> dict[int, str]:
    """Return the roles of the tray's references by asset id, of those that have one."""
    saved = session.get(ROLES, {})
    return {pk: role for pk in selected_ids(session) if (role := saved.get(str(pk))) in Role.values}


def chosen_roles(session: SessionBase) -> dict[int, str]:
    """Return the roles by asset id that the user chose, without those that a preset assigned."""
    fitted = session.get(FITTED, {})
    return {pk: role for pk, role in roles(session).items() if fitted.get(str(pk)) != role}


def apply_preset_roles(session: SessionBase, assigned: Mapping[int, str]) -> None:
    """Set the roles of the tray's references, by asset id, that a preset assigns; another preset
    may replace them."""
    chosen = chosen_roles(session)
    replace_references(session, selected_ids(session), assigned)
    session[FITTED] = {
        str(pk): role for pk, role in roles(session).items() if chosen.get(pk) != role
    }


def replace_references(
    session: SessionBase, pks: Sequence[int], new_roles: Mapping[int, str] | None = None
) -> None:
    """Replace the tray by the first MAX_REFERENCES of the asset ids `pks`, with `new_roles` by id;
    if these are None, references keep their roles."""
    new_roles = roles(session) if new_roles is None else new_roles
    pks = list(dict.fromkeys(pks))[:MAX_REFERENCES]
    session[KEY] = pks
    session[ROLES] = {str(pk): new_roles[pk] for pk in pks if new_roles.get(pk) in Role.values}


def add(session: SessionBase, pk: int, role: str = "") -> bool:
    """Add an asset at the end of the tray, unless it is there; return False if the tray is full."""
    pks = selected_ids(session)
    if pk in pks:
        return True
    if len(pks) >= MAX_REFERENCES:
        return False
    replace_references(session, [*pks, pk], {**roles(session), pk: role})
    return True


def set_role(session: SessionBase, pk: int, role: str) -> None:
    """Set the role of the asset `pk` in the tray; "" removes it."""
    replace_references(session, selected_ids(session), {**roles(session), pk: role})


def remove(session: SessionBase, pk: int) -> None:
    """Remove the asset `pk` from the tray."""
    replace_references(session, [other for other in selected_ids(session) if other != pk])


def move(session: SessionBase, pk: int, step: int) -> None:
    """Move the asset `pk` in the tray by `step` places, towards the front if negative, at most to
    the front or the end."""
    pks = selected_ids(session)
    if pk not in pks:
        return
    position = pks.index(pk)
    pks.insert(max(0, position + step), pks.pop(position))
    replace_references(session, pks)


def assets(person: permissions.AnyUser, session: SessionBase) -> list[Asset]:
    """Return the assets of the tray in order, without those that `person` may no longer view."""
    pks = selected_ids(session)
    visible = permissions.assets(person).select_related("brand").in_bulk(pks) if pks else {}
    return [visible[pk] for pk in pks if pk in visible]

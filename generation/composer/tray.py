"""The tray: references put aside for the studio, in the order in which a model will see them, each
with its role.

Ids in the session, so it costs no row and ends with it. What is there may have been deleted or
hidden meanwhile: `assets` shows only what the person may see now.
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
ROLES = "tray_roles"  # by id, as JSON keeps it: in text
FITTED = "tray_fitted"  # those of them that a preset gave, and not the person
MAX_REFERENCES = 14  # what the models take


@contextmanager
def locked_session(session: SessionBase) -> Iterator[SessionBase]:
    """The session as it is at this moment, saved at the end, and until then nobody else's: of two
    clicks at once none is lost."""
    with transaction.atomic():
        locked = Session.objects.select_for_update().filter(pk=session.session_key)
        if locked.first() is None:  # signed out meanwhile: there is nothing to keep it for
            yield session
            return
        now = type(session)(session.session_key)
        yield now
        now.save()
        now.modified = False


def ids(session: SessionBase) -> list[int]:
    kept = session.get(KEY, [])
    return [pk for pk in kept if isinstance(pk, int)][:MAX_REFERENCES]


def roles(session: SessionBase) -> dict[int, str]:
    """Of those that have one."""
    kept = session.get(ROLES, {})
    return {pk: role for pk in ids(session) if (role := kept.get(str(pk))) in Role.values}


def chosen_roles(session: SessionBase) -> dict[int, str]:
    """Without those that were only given to fit a preset."""
    fitted = session.get(FITTED, {})
    return {pk: role for pk, role in roles(session).items() if fitted.get(str(pk)) != role}


def apply_preset_roles(session: SessionBase, wanted: Mapping[int, str]) -> None:
    """What a preset makes of the references; another preset may make something else of them."""
    chosen = chosen_roles(session)
    replace_references(session, ids(session), wanted)
    session[FITTED] = {
        str(pk): role for pk, role in roles(session).items() if chosen.get(pk) != role
    }


def replace_references(
    session: SessionBase, wanted: Sequence[int], given: Mapping[int, str] | None = None
) -> None:
    """These and no others; `given`: their roles, else those that they have."""
    given = roles(session) if given is None else given
    kept = list(dict.fromkeys(wanted))[:MAX_REFERENCES]
    session[KEY] = kept
    session[ROLES] = {str(pk): given[pk] for pk in kept if given.get(pk) in Role.values}


def add(session: SessionBase, pk: int, role: str = "") -> bool:
    """False when the tray is full."""
    kept = ids(session)
    if pk in kept:
        return True
    if len(kept) >= MAX_REFERENCES:
        return False
    replace_references(session, [*kept, pk], {**roles(session), pk: role})
    return True


def set_role(session: SessionBase, pk: int, role: str) -> None:
    replace_references(session, ids(session), {**roles(session), pk: role})


def remove(session: SessionBase, pk: int) -> None:
    replace_references(session, [kept for kept in ids(session) if kept != pk])


def move(session: SessionBase, pk: int, step: int) -> None:
    """`step` places to the end, or to the front when negative; at the ends it stays."""
    kept = ids(session)
    if pk not in kept:
        return
    here = kept.index(pk)
    kept.insert(max(0, here + step), kept.pop(here))
    replace_references(session, kept)


def assets(person: permissions.AnyUser, session: SessionBase) -> list[Asset]:
    """In order; what the person may not see any more is not among them."""
    kept = ids(session)
    seen = permissions.assets(person).select_related("brand").in_bulk(kept) if kept else {}
    return [seen[pk] for pk in kept if pk in seen]

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import AnonymousUser

from assetbank import permissions
from assetbank.errors import NotAllowed
from assetbank.models import Asset
from tests.conftest import Cast


def test_what_each_person_sees(cast: Cast, make_asset: Callable[..., Asset]) -> None:
    ours, theirs = make_asset(), make_asset(brand=cast.other)
    seen = {
        name: set(permissions.assets(getattr(cast, name)))
        for name in ("staff", "manager", "creator", "viewer", "outsider")
    }
    assert seen["staff"] == {ours, theirs}
    assert seen["manager"] == seen["creator"] == seen["viewer"] == {ours}
    assert seen["outsider"] == {theirs}
    assert not permissions.assets(AnonymousUser())


def test_what_each_person_may_do(cast: Cast) -> None:
    def allowed(check: Callable[..., bool]) -> set[str]:
        people = ("staff", "manager", "creator", "viewer", "outsider")
        return {name for name in people if check(getattr(cast, name), cast.acme)}

    assert allowed(permissions.can_edit) == {"staff", "manager", "creator"}
    assert allowed(permissions.can_manage) == {"staff", "manager"}
    assert not permissions.can_edit(AnonymousUser(), cast.acme)
    with pytest.raises(NotAllowed):
        permissions.require_editor(cast.viewer, cast.acme)
    with pytest.raises(NotAllowed):
        permissions.require_manager(cast.creator, cast.acme)


def test_who_was_shut_out_sees_nothing(cast: Cast, make_asset: Callable[..., Asset]) -> None:
    make_asset()
    for person in (cast.viewer, cast.staff):
        person.is_active = False
        person.save()
        assert not permissions.assets(person)

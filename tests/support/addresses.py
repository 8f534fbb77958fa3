"""Checks of the tables of addresses: that each is complete, and that only its users get in.

The tables are in `test_addresses.py` of each app; the addresses that exist are read from the URL
configuration.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.http import HttpResponseRedirect
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, resolve

from assetbank.models import Membership
from tests.conftest import Cast
from tests.support.api import EVERYBODY, client_of

OURS = "zanzibar"  # in texts that only users of acme may read
DRAFTS = "quagga"  # in texts that only creators and managers of acme may read
MUST_NOT_READ = {"anonymous": (OURS, DRAFTS), "outsider": (OURS, DRAFTS), "viewer": (DRAFTS,)}
REFUSED = {400, 401, 403, 404}  # 400: the object does not exist for this user


@dataclass(frozen=True)
class Address:
    """An address to which `first` of EVERYBODY and all after have access, and nobody before."""

    method: str
    path: str
    first: str
    body: dict[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        path = re.sub(r"\{\w+_uuid\}", str(uuid.UUID(int=0)), self.path.partition("?")[0])
        name = str(resolve(re.sub(r"\{\w+\}", "1", path)).url_name)
        return f"{self.method} {name}" if path.startswith("/api/v1/") else name


def keys(app: str = "", *, others_than: Iterable[str] = ()) -> set[str]:
    """Return the keys that the table of an app must have: names of pages, and methods and names of
    the REST API."""
    found = set()
    for route, pattern in _routes(get_resolver().url_patterns):
        if route.startswith("/admin/"):
            continue
        view: Any = getattr(pattern.callback, "cls", pattern.callback)
        owner = str(view.__module__).partition(".")[0]
        if pattern.name is None or (owner != app if app else owner in others_than):
            continue
        if route.startswith("/api/v1/"):
            allowed = getattr(pattern.callback, "actions", None) or dir(view)
            methods = {each for each in view.http_method_names if each in allowed}
            methods -= {"head", "options"}
            found |= {f"{method} {pattern.name}" for method in methods}
        else:
            found.add(pattern.name)
    return found


def admin_addresses() -> list[str]:
    """Return an address for each page of the admin, including our own."""
    resolvers = (each for each in get_resolver().url_patterns if isinstance(each, URLResolver))
    (site,) = (each for each in resolvers if each.namespace == "admin")
    routes = (route for route, _ in _routes(site.url_patterns, "/admin/"))
    open_ones = ("/admin/login/", "/admin/logout/", "/admin/jsi18n/")
    return [re.sub(r"<[^>]+>", "1", route) for route in routes if route not in open_ones]


def _routes(patterns: Iterable[Any], before: str = "/") -> Iterator[tuple[str, URLPattern]]:
    for pattern in patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _routes(pattern.url_patterns, route)
        else:
            yield route, pattern


def wrong(cast: Cast, addresses: Iterable[Address], **ids: Any) -> list[str]:
    """Return sentences about users with too much or too little access, and about texts that they
    must not read. The changes of each request are rolled back.

    The outsider is only a viewer of the other brand here: pages for creators and managers of any
    brand are not for them.
    """
    Membership.objects.filter(user=cast.outsider).update(role="viewer")
    faults = []
    for address in addresses:
        first = EVERYBODY.index(address.first)
        for name in EVERYBODY:
            allowed = EVERYBODY.index(name) >= first
            if allowed and name not in (address.first, *MUST_NOT_READ):
                continue  # has all the access of those before
            with transaction.atomic():
                answer = ask(client_for(cast, name, address), address, ids)
                transaction.set_rollback(True)
            if not (_let_in(answer) if allowed else _refused(answer)):
                faults.append(f"{address.method} {address.path}: {name} gets {answer.status_code}")
            read = answer.getvalue().decode("latin-1")
            faults += [
                f"{address.method} {address.path}: {name} reads “{word}”"
                for word in MUST_NOT_READ.get(name, ())
                if word in read
            ]
    return faults


def client_for(cast: Cast, name: str, address: Address) -> Any:
    """Return a new client, signed in as `name`: signing out is an address, too."""
    if address.path.startswith("/api/"):
        return client_of(cast, name)
    client = Client(raise_request_exception=False)
    if name != "anonymous":
        client.force_login(getattr(cast, name))
    return client


def ask(client: Any, address: Address, ids: dict[str, Any]) -> Any:
    path = address.path.format(**ids)
    body = {name: _filled(value, ids) for name, value in address.body.items()}
    send = getattr(client, address.method)
    if address.path.startswith("/api/") and address.method != "get":
        files = any(hasattr(value, "read") for value in body.values())
        return send(path, body, format="multipart" if files else "json")
    return send(path, body)


def _to_sign_in(answer: Any) -> bool:
    return isinstance(answer, HttpResponseRedirect) and answer.url.startswith("/sign-in/?next=")


def _let_in(answer: Any) -> bool:
    return answer.status_code < 400 and not _to_sign_in(answer)


def _refused(answer: Any) -> bool:
    return answer.status_code in REFUSED or _to_sign_in(answer)


def _filled(value: Any, ids: dict[str, Any]) -> Any:
    """Return a value of a body: call it for a new file; "{name}" becomes an id, or several."""
    if callable(value):
        return value()
    if isinstance(value, str) and value.startswith("{") and value[1:-1] in ids:
        return ids[value[1:-1]]
    return value

"""How many database queries each page and endpoint takes, and that more rows take no more.

The counts are in `query_counts.txt`: where one changes, a line of the diff shows it.
"""

from __future__ import annotations

import difflib
import os
import re
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.contenttypes.models import ContentType
from django.core.cache import cache
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from assetbank.models import Asset
from search.query import ranking, retrieval
from tests.assetbank.test_addresses import ADDRESSES as LIBRARY
from tests.conftest import Cast
from tests.generation.test_addresses import ADDRESSES as STUDIO
from tests.query_library import Library
from tests.search.test_addresses import ADDRESSES as SEARCH
from tests.support.addresses import Address, ask, client_for
from tests.support.api import EVERYBODY

TABLE = Path(__file__).with_name("query_counts.txt")
UPDATE = "UPDATE_QUERY_COUNTS=1 pytest tests/test_query_counts.py"
HEADER = f"""\
# Database queries of each page and endpoint: count, method, path, role of the user (staff are
# superusers here), over the library of tests/query_library.py; "#" and the data tell requests apart
# that send other data to one path.
# "8+6": 8 queries, and 6 more where the library has twice as many rows; the line says why.
# tests/test_query_counts.py compares this file as a whole. After an intended change, write it with
#   {UPDATE}
"""
C, M, S = EVERYBODY[-3:]
Line = tuple[str, str, str]  # path, method, role
OURS = ("assetbank", "search", "generation")
MORE = [
    Address("get", "/?q=cape", C),
    Address("get", "/?q=cape&kind=product&tag=cape&status=approved", C),
    Address("get", "/?picture={picture_uuid}", C),
    Address("get", "/?collection={collection}", C),
    Address("get", "/facets/?q=cape", C),
    Address("get", "/assets/{shown}/why/?q=cape", C),
    Address("post", "/duplicates/merge/", M, {"keep": "{shown}", "asset": "{both}", "sure": 1}),
    Address("get", "/studio/?preset={preset}", C),
    Address("get", "/review/", M),
    Address("get", "/review/?show=sent-back", M),
    Address("get", "/assets/{draft}/", M),
    Address("post", "/review/decide/", M, {"asset": "{drafts}", "verdict": "approved"}),
    Address("post", "/batches/{batch}/kept/", C, {"to": "collection", "name": "Kept"}),
    Address("post", "/batches/{batch}/kept/", C, {"to": "approval"}),
    Address("get", "/api/v1/assets/?q=cape", C),
    Address("get", "/api/v1/assets/?collection={collection}", C),
    Address("get", "/api/v1/facets/?q=cape", C),
    Address("get", "/api/v1/health/", S),
    Address("get", "/admin/", S),
    Address("get", "/admin/auth/user/", S),
    Address("get", "/admin/auth/user/{creator}/change/", S),
    Address("get", "/admin/assetbank/asset/{shown}/change/", S),
    Address("get", "/admin/assetbank/asset/?in_trash=1", S),
    Address("get", "/assets/{trashed}/", M),
    Address("get", "/assets/{trashed}/original/", M),
    Address("post", "/trash/purge/", M, {"all": 1, "brand": "acme"}),
    Address("get", "/admin/assetbank/brand/{acme}/change/", S),
    Address("get", "/admin/assetbank/collection/{collection}/change/", S),
    Address("get", "/admin/generation/batch/{batch}/change/", S),
    Address("get", "/admin/generation/generation/{generation}/change/", S),
    Address("get", "/admin/generation/preset/{preset_pk}/change/", S),
    Address("get", "/admin/generation/webhook/{hook}/change/", S),
    Address("get", "/admin/generation/withdrawal/{withdrawal}/change/", S),
    Address("get", "/admin/search/goldenquestion/{golden}/change/", S),
    Address("get", "/admin/search/savedsearch/{saved}/change/", S),
]
WITHOUT_ROWS = ("/api/schema/", "/api/docs/")  # what they show is code
AUTOCOMPLETE = "Django's autocomplete field asks for the label of each row"
GROWS = {
    "get /saved/": "each saved search is run",
    "get /saved/news/": "each saved search is run",
    "post /golden/measure/": "each golden query is run, and its result stored",
    "post /assets/{shown}/withdraw/": "each asset made from it is quarantined and reindexed",
    "post /api/v1/assets/{shown}/withdraw/": "each asset made from it is quarantined and reindexed",
    "post /api/v1/assets/{draft}/decisions/": "a delivery for each webhook of the brand",
    "post /review/decide/": "a delivery for each asset and webhook of the brand",
    "get /admin/assetbank/brand/{acme}/change/": AUTOCOMPLETE,
    "get /admin/assetbank/collection/{collection}/change/": AUTOCOMPLETE,
    "get /admin/auth/user/{creator}/change/": AUTOCOMPLETE,
    "get /admin/generation/spendingcap/": "each cap sums up the ledger of its brand or user",
}


def addresses() -> list[Address]:
    """Every address of the three apps, further requests of theirs, and their lists in the admin."""
    models = [model._meta for model in admin.site._registry if model._meta.app_label in OURS]
    lists = [Address("get", f"/admin/{m.app_label}/{m.model_name}/", S) for m in models]
    found = [*LIBRARY, *SEARCH, *STUDIO, *MORE, *lists]
    return [each for each in found if each.path not in WITHOUT_ROWS]


def role(address: Address) -> str:
    """Return who asks: a creator, who sees more, where viewers and outsiders get in, too."""
    first = EVERYBODY.index(address.first)
    return address.first if first == 0 else EVERYBODY[max(first, EVERYBODY.index(C))]


def queries(library: Library, address: Address) -> list[str]:
    """Return the SQL of one request, whose changes are undone. Forget the results of the requests
    before it, and learn first what a process learns once."""
    for kept in (cache, ranking._cached_hits, retrieval._recent):
        kept.clear()
    ContentType.objects.get_for_models(*apps.get_models())
    with transaction.atomic():
        client = client_for(library.cast, role(address), address)
        if address.path.startswith(("/studio/", "/tray/")):
            session = client.session
            session["tray"] = library.ids["listed"]
            session.save()
        with CaptureQueriesContext(connection) as captured:
            answer = ask(client, address, library.ids)
            answer.getvalue()
        transaction.set_rollback(True)
    asked = f"{address.method} {address.path}"
    assert answer.status_code < 400, f"{asked}: {answer.status_code} {answer.getvalue()!r}"
    return [query["sql"] for query in captured.captured_queries]


def lines() -> dict[Line, Address]:
    """Return every request by its line of the table, sorted."""
    every = addresses()
    alike = Counter((each.path, each.method, role(each)) for each in every)
    found = {}
    for each in every:
        data = [name if callable(value) else f"{name}={value}" for name, value in each.body.items()]
        more = f"#{','.join(data)}" if alike[each.path, each.method, role(each)] > 1 else ""
        found[each.path + more, each.method, role(each)] = each
    assert len(found) == len(every), "The same request is made twice."
    return dict(sorted(found.items()))


def measure(library: Library) -> dict[Line, list[str]]:
    """Return the SQL of every request."""
    return {line: queries(library, address) for line, address in lines().items()}


def row_counts() -> dict[str, int]:
    models = [model for model in apps.get_models() if model._meta.app_label in OURS]
    return {model.__name__: model._default_manager.count() for model in models}


def repeated(few: list[str], many: list[str]) -> str:
    """Return the statements that `many` has more often than `few`, without their values."""
    more = _shapes(many) - _shapes(few)
    return "\n".join(f"    {count} more: {sql[:1_000]}" for sql, count in more.most_common())


def _shapes(statements: list[str]) -> Counter[str]:
    without = (
        re.sub(r"'(?:[^']|'')*'|\b\d+\b|s\d+_x\d+|_django_curs_\w+", "?", sql) for sql in statements
    )
    return Counter(re.sub(r"\?(?:, \?)+", "?", sql) for sql in without)


def table(counts: Mapping[Line, tuple[int, int]]) -> str:
    lines = []
    for (path, method, who), (few, many) in counts.items():
        count = f"{few}+{many - few}" if many > few else str(few)
        reason = f"  # {GROWS.get(f'{method} {path}', 'N+1')}" if many > few else ""
        lines.append(f"{count:>7} {method:<6} {path} {who}{reason}\n")
    return HEADER + "".join(lines)


@pytest.mark.timeout(600)  # 250 requests, each over two libraries
def test_queries_are_as_many_as_the_table_says_and_rows_add_none(
    cast: Cast, make_asset: Callable[..., Asset], index: Callable[[], int], settings: Settings
) -> None:
    settings.GEMINI_API_KEY = "a-key"  # its models are on offer; nothing is sent
    library = Library(cast, make_asset, index)
    library.grow()
    rows, few = row_counts(), measure(library)
    library.grow()
    alike = {name for name, count in row_counts().items() if count == rows[name]}
    assert alike == {"VectorSpace"}, "These have no more rows: let Library.grow add some."
    many = measure(library)

    counts = {key: (len(few[key]), len(many[key])) for key in few}
    now, before = table(counts), TABLE.read_text() if TABLE.exists() else ""
    if os.environ.get("UPDATE_QUERY_COUNTS"):
        TABLE.write_text(now)
        before = now
    changed = {f"{method} {path}" for (path, method, _), (a, b) in counts.items() if a != b}
    told = [
        f"N+1: {' '.join(key)}: {len(few[key])}, then {len(many[key])}\n"
        f"{repeated(few[key], many[key])}"
        for key in few
        if len(few[key]) != len(many[key]) and f"{key[1]} {key[0]}" not in GROWS
    ]
    told += [
        f"Grows no longer, take its reason out of GROWS: {key}" for key in GROWS.keys() - changed
    ]
    if before != now:
        diff = difflib.unified_diff(before.splitlines(), now.splitlines(), "recorded", "now", n=0)
        told.append("\n".join([*diff, f"If this is intended: {UPDATE}"]))
    assert not told, "\n".join(told)

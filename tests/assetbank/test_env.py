"""Settings: parsing of values, and the messages for invalid ones."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from assetbank.checks import settings_are_right
from assetbank.demo import library
from assetbank.env import Environment, Setting, email_from_url, storage_from_url
from tests.support.process_environment import process_environment
from tests.support.processes import ROOT, House

PRODUCTION = {
    "DATABASE_URL": "postgres://nobody@127.0.0.1:9/none",
    "MILVUS_URI": "http://127.0.0.1:9",
    "STORAGE_URL": "s3://bucket/prefix?region=eu-west-1",
    "SECRET_KEY": "0123456789" * 6,
    "ALLOWED_HOSTS": "example.com",
    "CLIP_MODEL": "openai/clip-vit-base-patch32",
}


@pytest.fixture
def house() -> Iterator[House]:
    with House() as house:
        yield house


# ------------------------------------------------------------------------ readers


def test_an_unset_an_empty_and_a_blank_value_mean_the_default() -> None:
    for values in ({}, {"X": ""}, {"X": "  "}):
        env = Environment(values)
        assert env.text("X", "d", help="") == "d"
        assert env.integer("X", 7, help="") == 7
        assert env.boolean("X", True, help="") is True
        assert env.words("X", ["a", "b"], help="") == ["a", "b"]
        assert env.one_of("X", "INFO", ["INFO"], help="") == "INFO"
        assert env.database("X", help="") is None
        assert env.problems == []


def test_watched_folders_have_a_brand_and_perhaps_a_collection() -> None:
    env = Environment({"W": "/nas/in=acme; /hot folder/=other-1:Spring: 1;"})
    assert env.watched_folders("W", help="") == {
        "/nas/in": ("acme", ""),
        "/hot folder": ("other-1", "Spring: 1"),
    }
    assert env.problems == []


@pytest.mark.parametrize("value", ["in=acme", "/in", "/in=", "/in=a b", "/in=acme:"])
def test_a_watched_folder_that_is_not_understood_is_a_sentence(value: str) -> None:
    env = Environment({"W": value})
    assert env.watched_folders("W", help="") == {}
    assert env.problems == [f"W: {value!r} is not like /folder=brand or /folder=brand:collection."]


def test_watched_folders_may_not_be_in_each_other() -> None:
    env = Environment({"W": "/in=a;/inbox=b;/in/deep=c"})
    env.watched_folders("W", help="")
    assert env.problems == ["W: /in/deep and /in are in each other."]


@pytest.mark.parametrize(
    "value", ["seven", "-1", "1.5", "1e3", "²", "٣", "0x10", "0", "70000", "9" * 5000]
)
def test_a_wrong_number_is_a_sentence_and_the_default_is_used(value: str) -> None:
    env = Environment({"PORT": value})
    assert env.integer("PORT", 8000, help="", minimum=1, maximum=65_535) == 8000
    (problem,) = env.problems
    assert problem.startswith("PORT is ")
    assert problem.endswith("it must be a whole number of at least 1 and at most 65535.")
    assert len(problem) < 200


def test_yes_and_no_are_understood_in_many_words_and_nothing_else() -> None:
    for word in ("1", "true", "YES", " on "):
        assert Environment({"X": word}).boolean("X", False, help="") is True
    for word in ("0", "False", "no", "OFF"):
        assert Environment({"X": word}).boolean("X", True, help="") is False
    env = Environment({"X": "perhaps"})
    assert env.boolean("X", True, help="") is True
    assert env.problems == ["X is 'perhaps': write yes or no."]


def test_lists_are_separated_by_commas_and_trimmed() -> None:
    assert Environment({"X": " a, b ,,c "}).words("X", help="") == ["a", "b", "c"]


def test_a_word_that_is_not_on_the_list_is_a_sentence() -> None:
    env = Environment({"LOG_LEVEL": "loud"})
    assert env.one_of("LOG_LEVEL", "INFO", ["DEBUG", "INFO"], help="") == "INFO"
    assert env.problems == ["LOG_LEVEL is 'loud': it must be one of DEBUG, INFO."]
    env = Environment({"TIME_ZONE": "Mars/Base"})
    assert env.one_of("TIME_ZONE", "UTC", [str(n) for n in range(99)], help="") == "UTC"
    assert env.problems == ["TIME_ZONE is 'Mars/Base': this value is unknown."]


def test_a_database_url_becomes_djangos_dictionary() -> None:
    env = Environment({"DATABASE_URL": "postgresql://ann:p%40ss@db:6543/bank?sslmode=require"})
    found = env.database("DATABASE_URL", help="")
    assert found
    assert found["ENGINE"] == "django.db.backends.postgresql"
    assert (found["HOST"], found["PORT"], found["NAME"]) == ("db", 6543, "bank")
    assert (found["USER"], found["PASSWORD"]) == ("ann", "p@ss")
    assert found["OPTIONS"] == {"sslmode": "require", "connect_timeout": 5}
    assert found["CONN_HEALTH_CHECKS"] is True
    assert env.problems == []


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("mysql://h/db", "DATABASE_URL must start with postgres://"),
        ("sqlite:///x", "DATABASE_URL must start with postgres://"),
        ("db.example.com", "DATABASE_URL must start with postgres://"),
        ("postgres://h:port/db", "DATABASE_URL cannot be read: "),
        ("postgres://[::1/db", "DATABASE_URL cannot be read: "),
    ],
)
def test_a_wrong_database_url_is_a_sentence(url: str, sentence: str) -> None:
    env = Environment({"DATABASE_URL": url})
    assert env.database("DATABASE_URL", help="") is None
    assert env.problems[0].startswith(sentence)


def test_each_storage_url_becomes_a_private_storage() -> None:
    s3 = storage_from_url("s3://b/a/b?region=eu-west-1&endpoint=http://h:9&access_key=k")
    assert s3["BACKEND"] == "storages.backends.s3.S3Storage"
    options = s3["OPTIONS"]
    assert (options["bucket_name"], options["location"]) == ("b", "a/b")
    assert (options["region_name"], options["endpoint_url"]) == ("eu-west-1", "http://h:9")
    assert options["access_key"] == "k"
    assert options["querystring_auth"] is True
    assert options["default_acl"] is None
    google = storage_from_url("gs://b/p")["OPTIONS"]
    assert (google["bucket_name"], google["querystring_auth"]) == ("b", True)
    azure = storage_from_url("azure://c/p?account_name=n")["OPTIONS"]
    assert (azure["azure_container"], azure["account_name"]) == ("c", "n")
    assert azure["expiration_secs"] == 300
    local = storage_from_url("file:///srv/my%20media")
    assert local["OPTIONS"] == {"location": "/srv/my media"}


@pytest.mark.parametrize("url", ["ftp://h/p", "s3:///prefix", "/just/a/path", "s3://[x", "gs://"])
def test_a_wrong_storage_url_is_a_sentence_and_files_stay_in_the_folder(url: str) -> None:
    env = Environment({"STORAGE_URL": url})
    assert env.storage("STORAGE_URL", Path("/d"), help="")["OPTIONS"] == {"location": "/d"}
    assert env.problems[0].startswith("STORAGE_URL cannot be used: ")
    assert env.problems[0].endswith(".")


def test_every_setting_that_was_read_is_declared_with_its_help() -> None:
    env = Environment({})
    env.integer("A", 1, help="first")
    env.storage("B", Path("/d"), help="second")
    assert [(s.name, s.default, s.help) for s in env.declared] == [
        ("A", "1", "first"),
        ("B", "", "second"),
    ]


def test_a_declaration_keeps_what_the_documents_say_of_it() -> None:
    env = Environment({"C": "/elsewhere"})
    env.part = "Files"
    env.integer("A", 1, help="", minimum=1, unit="bytes")
    env.boolean("B", True, help="", documented="no (production: yes)")
    env.text("C", "/root/var", help="", documented="var", kind="folder")
    assert env.declared == [
        Setting("A", "1", "", "integer, 1 or more", "bytes", "Files"),
        Setting("B", "no (production: yes)", "", "yes or no", "", "Files"),
        Setting("C", "var", "", "folder", "", "Files"),
    ]


# ------------------------------------------------------------------------ `manage.py check`


def test_check_prints_a_sentence_for_each_wrong_value_and_exits_1(house: House) -> None:
    done = house.manage(
        "check",
        PORT="eighty",
        DEBUG="maybe",
        DATABASE_URL="mysql://h/db",
        STORAGE_URL="ftp://h/p",
        LOG_LEVEL="loud",
        TIME_ZONE="Mars/Base",
        INDEX_LEASE_S="0",
    )
    assert done.code == 1
    assert "Traceback" not in done.output
    for sentence in (
        "PORT is 'eighty': it must be a whole number of at least 1",
        "DEBUG is 'maybe': write yes or no.",
        "DATABASE_URL must start with postgres://",
        "STORAGE_URL cannot be used: 'ftp' is not one of file, s3, gs, azure.",
        "LOG_LEVEL is 'loud': it must be one of",
        "TIME_ZONE is 'Mars/Base': this value is unknown.",
        "INDEX_LEASE_S is '0': it must be a whole number of at least 1.",
    ):
        assert sentence in done.output


def test_production_refuses_to_start_without_what_it_needs(house: House) -> None:
    done = house.manage("check", DATABASE_URL=PRODUCTION["DATABASE_URL"], CLIP_MODEL="")
    assert done.code == 1
    assert "Traceback" not in done.output
    for name in ("SECRET_KEY", "ALLOWED_HOSTS", "CLIP_MODEL", "MILVUS_URI"):
        assert f"{name} is empty: " in done.output
    done = house.manage("check", **{**PRODUCTION, "DEBUG": "yes"})
    assert done.code == 1
    assert "DEBUG is on in production: turn it off." in done.output


def test_with_services_of_ones_own_nothing_embedded_starts(house: House) -> None:
    house.folder.rmdir()
    done = house.manage("check", "--deploy", "--fail-level", "WARNING", **PRODUCTION)
    assert done.code == 0, done.output
    said = house.script(
        "from django.conf import settings; print(settings.EMBEDDED, settings.MILVUS_URI)",
        **PRODUCTION,
    )
    assert said.split() == ["False", PRODUCTION["MILVUS_URI"]]
    assert not house.folder.exists()
    assert house.processes() == []


def test_a_file_where_the_data_folder_should_be_is_a_sentence(house: House) -> None:
    house.folder.rmdir()
    house.folder.write_text("in the way")
    done = house.manage("check")
    assert done.code == 1
    assert f"DATA_DIR {house.folder} is not writable" in done.output
    assert "Traceback" not in done.output
    house.folder.unlink()


def test_the_secret_key_is_made_once_and_only_its_owner_reads_it(house: House) -> None:
    print_key = "from django.conf import settings; print(settings.SECRET_KEY)"
    first = house.script(print_key)
    assert len(first.strip()) >= 50
    assert house.script(print_key) == first
    assert (house.folder / "secret_key").stat().st_mode & 0o777 == 0o600


def test_dot_env_is_read_and_the_environment_wins_over_it(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "assetbank", tmp_path / "assetbank")
    (tmp_path / ".env").write_text(f"PORT=8123\nHOST=0.0.0.0\nDATA_DIR={tmp_path / 'data'}\n")
    given = {**process_environment(), "HOST": "127.0.0.2"}
    del given["PORT"], given["DATA_DIR"]
    done = subprocess.run(
        [sys.executable, "-c", "from assetbank import settings as s; print(s.PORT, s.HOST)"],
        cwd=tmp_path,
        env=given,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.split() == ["8123", "127.0.0.2"]
    assert (tmp_path / "data" / "secret_key").exists()


# ------------------------------------------------------------------------ demo accounts


@pytest.mark.django_db
def test_demo_sign_ins_are_refused_in_production(settings: Settings) -> None:
    User.objects.create_user("staff", email=f"staff@{library.DOMAIN}", password="public")
    library.refuse_in_production()  # allowed in the embedded profile
    settings.EMBEDDED = False
    with pytest.raises(ImproperlyConfigured, match="password is public"):
        library.refuse_in_production()
    with pytest.raises(ImproperlyConfigured, match="embedded profile only"):
        next(iter(library.load()))
    assert not library.is_enabled()
    User.objects.all().delete()
    library.refuse_in_production()


def test_a_storage_whose_client_is_not_installed_is_named(settings: Settings) -> None:
    found = storage_from_url("gs://bucket")
    settings.STORAGES = {**settings.STORAGES, "default": found}
    (message,) = settings_are_right(None)
    assert "pip install 'django-storages[google]'" in message.msg


def test_an_option_that_the_storage_does_not_know_is_named(settings: Settings) -> None:
    found = storage_from_url("s3://bucket?regio=eu-west-1")
    settings.STORAGES = {**settings.STORAGES, "default": found}
    (message,) = settings_are_right(None)
    assert "Invalid setting 'regio'" in message.msg


def test_a_mail_server_is_one_address() -> None:
    read = email_from_url("smtp://me%40example.com:p%3Aw@mail.example.com:587?tls=yes&from=a@b.c")
    assert read == {
        "host": "mail.example.com",
        "port": 587,
        "user": "me@example.com",
        "password": "p:w",
        "tls": True,
        "ssl": False,
        "from": "a@b.c",
    }
    assert (email_from_url("smtps://mail.example.com")["port"], email_from_url("")["host"]) == (
        465,
        "",
    )
    for wrong in ("mail.example.com", "http://mail.example.com", "smtp://"):
        with pytest.raises(ValueError, match="written like smtp://"):
            email_from_url(wrong)

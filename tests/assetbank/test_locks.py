"""Advisory locks, tested with a second connection."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from assetbank.locks import Key, lock_in_transaction, session_lock
from tests.support.processes import wait_until

KEYS = ["test.locks", (7_301, 12)]
# Keys as older versions of the library use them
SQL = {KEYS[0]: "hashtext('test.locks')", KEYS[1]: "7301, 12"}
WAITING = """count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database
WHERE datname = current_database() AND locktype = 'advisory' AND NOT granted"""

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.parametrize("key", KEYS)]


@pytest.fixture
def other() -> Iterator[BaseDatabaseWrapper]:
    """A second connection to the same database."""
    second = connection.copy()
    yield second
    second.close()


def answer(on: BaseDatabaseWrapper, sql: str) -> object:
    with on.cursor() as cursor:
        cursor.execute(f"SELECT {sql}")
        return cursor.fetchone()[0]


def is_free(key: Key, other: BaseDatabaseWrapper) -> bool:
    """Return whether another connection can take the lock."""
    free = answer(other, f"pg_try_advisory_lock({SQL[key]})")
    if free:
        answer(other, f"pg_advisory_unlock({SQL[key]})")
    return bool(free)


def test_a_lock_of_a_transaction_ends_with_it(key: Key, other: BaseDatabaseWrapper) -> None:
    with transaction.atomic():
        lock_in_transaction(key)
        assert not is_free(key, other)
    assert is_free(key, other)
    with transaction.atomic():
        lock_in_transaction(key)
        transaction.set_rollback(True)
    assert is_free(key, other)


def test_a_lock_of_a_transaction_needs_one(key: Key, other: BaseDatabaseWrapper) -> None:
    with pytest.raises(transaction.TransactionManagementError):
        lock_in_transaction(key)
    assert is_free(key, other)


def test_a_lock_of_a_session_outlives_its_transactions_and_ends_with_the_block(
    key: Key, other: BaseDatabaseWrapper
) -> None:
    for wait in (True, False):
        with session_lock(key, wait=wait) as held:
            assert held
            with transaction.atomic():
                answer(connection, "1")
            assert not is_free(key, other)
        assert is_free(key, other)


def test_a_lock_of_a_session_ends_when_the_block_raises(
    key: Key, other: BaseDatabaseWrapper
) -> None:
    with pytest.raises(ValueError, match="broke"), session_lock(key, wait=True):
        raise ValueError("broke")
    assert is_free(key, other)


def test_a_lock_that_another_holds_is_not_held_and_not_released(
    key: Key, other: BaseDatabaseWrapper
) -> None:
    answer(other, f"pg_advisory_lock({SQL[key]})")
    with session_lock(key, wait=False) as held:
        assert not held
    assert not is_free(key, connection)
    answer(other, f"pg_advisory_unlock({SQL[key]})")
    with session_lock(key, wait=False) as held:
        assert held


@pytest.mark.parametrize("within", ["session", "transaction"])
def test_who_waits_gets_the_lock_when_it_is_released(
    key: Key, other: BaseDatabaseWrapper, within: str
) -> None:
    got = threading.Event()

    def wait_for_it() -> None:
        if within == "session":
            with session_lock(key, wait=True) as held:
                assert held
                got.set()
        else:
            with transaction.atomic():
                lock_in_transaction(key)
                got.set()
        connection.close()  # of the thread

    answer(other, f"pg_advisory_lock({SQL[key]})")
    waiting = threading.Thread(target=wait_for_it)
    waiting.start()
    wait_until(lambda: answer(connection, WAITING) == 1, "it waits")
    assert not got.is_set()
    answer(other, f"pg_advisory_unlock({SQL[key]})")
    assert got.wait(10)
    waiting.join(10)


def test_a_connection_that_dies_gives_the_lock_back_and_the_next_one_works(
    key: Key, other: BaseDatabaseWrapper
) -> None:
    pid = answer(connection, "pg_backend_pid()")
    with session_lock(key, wait=True):
        answer(other, f"pg_terminate_backend({pid})")
    wait_until(lambda: is_free(key, other), "PostgreSQL released it")
    with session_lock(key, wait=False) as held:
        assert held
    assert is_free(key, other)


def test_a_lock_is_released_in_a_transaction_that_failed(
    key: Key, other: BaseDatabaseWrapper
) -> None:
    with pytest.raises(DatabaseError), transaction.atomic(), session_lock(key, wait=True):
        answer(connection, "1 / 0")
    wait_until(lambda: is_free(key, other), "the connection was closed")
    with session_lock(key, wait=False) as held:
        assert held

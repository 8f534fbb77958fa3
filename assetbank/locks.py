"""PostgreSQL's advisory locks: one process at a time, on whichever machine it runs.

A key is a name, which PostgreSQL hashes, or two numbers. Processes of an older version may hold
the same locks, so keys never change. PostgreSQL releases the locks of a connection that ends.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from typing import Any

from django.db import Error, connection
from django.db.transaction import TransactionManagementError

logger = logging.getLogger(__name__)

Key = str | tuple[int, int]


def lock_in_transaction(key: Key) -> None:
    """Wait for the lock and hold it until the transaction ends.

    Raises TransactionManagementError outside a transaction, where it would be released at once.
    """
    if not connection.in_atomic_block:
        raise TransactionManagementError("This lock needs a transaction: use atomic().")
    _call("pg_advisory_xact_lock", key)


@contextlib.contextmanager
def session_lock(key: Key, *, wait: bool) -> Iterator[bool]:
    """Hold the lock inside the `with` block, across transactions.

    Yields whether it is held: always with `wait`, otherwise only if it was free.
    """
    free = _call("pg_advisory_lock" if wait else "pg_try_advisory_lock", key)
    held = wait or bool(free)
    try:
        yield held
    finally:
        if held:
            _release(key)


def _release(key: Key) -> None:
    try:
        _call("pg_advisory_unlock", key)
    except Error as error:  # the connection is dead, or in a transaction that failed
        logger.warning("lock %s is released by closing the connection: %s", key, error)
        connection.close()


def _call(function: str, key: Key) -> Any:
    """Return the answer of one of PostgreSQL's lock functions, called with the key."""
    arguments, values = ("hashtext(%s)", [key]) if isinstance(key, str) else ("%s, %s", [*key])
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}({arguments})", values)
        (answer,) = cursor.fetchone()
    return answer

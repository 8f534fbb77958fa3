"""This process's connection to Milvus: every call has a deadline, and every failure becomes a
MilvusDown with a sentence."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from django.conf import settings

from assetbank.embedded import EmbeddedError
from assetbank.embedded import milvus as embedded

if TYPE_CHECKING:
    from pymilvus import MilvusClient

logger = logging.getLogger(__name__)
T = TypeVar("T")

CONNECT_SECONDS, READ_SECONDS, LOAD_SECONDS, WRITE_SECONDS = 3.0, 5.0, 10.0, 60.0
RETRY_SECONDS = 2.0  # how long to ask again while a collection is loaded or moved
BREAKER_SECONDS = 2.0  # after a failure, calls fail at once for this long instead of queueing up

# What servers answer to rows and filters that they will not have, each by its own version: Milvus
# Lite, Milvus since 2.3, and Milvus for whatever has no number of its own
REFUSALS = {6, *range(1100, 1200), 65_535}
RELEASED = {101, 103}  # not loaded, or not yet in full


class VectorStoreUnavailable(Exception):
    """Milvus cannot be reached or cannot serve now; the message is a sentence."""


class VectorStoreRejected(VectorStoreUnavailable):
    """It is there and will not have these rows, or this filter: asking again does not help."""


_lock = threading.Lock()
_client: tuple[int, str, MilvusClient] | None = None  # process id, address, client
_broken_until = 0.0


def alias() -> str:
    return str(settings.MILVUS_PREFIX)


def execute_on(collection: str, run: Callable[[MilvusClient, str], T]) -> T:
    """Run on a collection, or on the alias, which may have been released or moved meanwhile."""
    from pymilvus.exceptions import MilvusException

    name = collection or alias()

    def persist(client: MilvusClient) -> T:
        end = time.monotonic() + RETRY_SECONDS
        while True:
            try:
                return run(client, name)
            except MilvusException as error:
                unsettled = error.code in RELEASED or _is_moving(error)
                if not unsettled or time.monotonic() > end:
                    raise
                released = error.code in RELEASED
            if released:  # a server that was restarted does this to all
                client.load_collection(name, timeout=LOAD_SECONDS)
            else:
                time.sleep(0.05)

    return execute(persist)


def execute(run: Callable[[MilvusClient], T]) -> T:
    """Run with this process's client; every failure becomes MilvusDown with a sentence."""
    global _broken_until
    import grpc
    from pymilvus.exceptions import MilvusException

    if time.monotonic() < _broken_until:
        raise VectorStoreUnavailable("The vector index (Milvus) does not answer.")
    try:
        return run(_connected())
    except EmbeddedError as error:
        raise VectorStoreUnavailable(str(error)) from error
    except (MilvusException, grpc.RpcError, OSError) as error:
        text = (str(getattr(error, "message", "") or error).splitlines() or [""])[0][:200]
        if _is_down(error):
            _forget_client()
            _broken_until = time.monotonic() + BREAKER_SECONDS
            logger.warning("Milvus does not answer: %s", text)
            raise VectorStoreUnavailable("The vector index (Milvus) does not answer.") from error
        kind = VectorStoreRejected if _is_refusal(error) else VectorStoreUnavailable
        raise kind(f"The vector index (Milvus) refuses: {text}.") from error


def _is_moving(error: Exception) -> bool:
    """For a moment after an alias moved, the server does not know who holds its rows."""
    return "failed to get delegator" in str(error)


def _is_refusal(error: Exception) -> bool:
    """The server, or pymilvus in its place, understood and will not have it."""
    import grpc
    from pymilvus.exceptions import DataNotMatchException, MilvusException, ParamError

    if isinstance(error, MilvusException):
        never_sent = isinstance(error, DataNotMatchException | ParamError)
        return never_sent or (error.code in REFUSALS and not _is_moving(error))
    too_large = grpc.StatusCode.RESOURCE_EXHAUSTED
    return isinstance(error, grpc.RpcError) and error.code() == too_large


def _is_down(error: Exception) -> bool:
    """No answer, or one that says nothing but that it is unwell; a number from the server that
    means something is neither."""
    from pymilvus.exceptions import MilvusException

    says_nothing = {1, 2}  # unexpected error, failed to connect
    if _is_refusal(error):
        return False
    # gRPC's own codes are no numbers
    return not (
        isinstance(error, MilvusException)
        and isinstance(error.code, int)
        and error.code not in says_nothing
    )


def _connected() -> MilvusClient:
    """Made at first use and once per process: gRPC does not survive a fork."""
    global _client
    with _lock:
        if _client and _client[0] == os.getpid() and _client[1] == settings.MILVUS_URI:
            return _client[2]
        from pymilvus import MilvusClient

        # It prints a traceback for each failed call, which we say in a sentence; importing it has
        # set up its own logging over what the settings said
        logging.getLogger("pymilvus").handlers.clear()
        logging.getLogger("pymilvus").setLevel(logging.CRITICAL)
        uri = settings.MILVUS_URI or embedded.ensure_running(settings.DATA_DIR / "milvus")
        client = MilvusClient(
            uri,
            token=settings.MILVUS_TOKEN,
            timeout=CONNECT_SECONDS,
            dedicated=True,
            # without these, clients go on failing for seconds after the server is back
            grpc_options={
                "grpc.initial_reconnect_backoff_ms": 100,
                "grpc.min_reconnect_backoff_ms": 100,
                "grpc.max_reconnect_backoff_ms": 1000,
                # pymilvus pings every 10 s; servers take that for an attack and hang up
                "grpc.keepalive_time_ms": 600_000,
            },
        )
        _client = (os.getpid(), settings.MILVUS_URI, client)
        return client


def _forget_client() -> None:
    global _client
    with _lock:
        _client = None


def reset() -> None:
    """Forget connection and breaker, as a new process would."""
    global _broken_until
    _forget_client()
    _broken_until = 0.0

"""The Milvus connection of this process.

Every call has a deadline, and every failure becomes a VectorStoreUnavailable with a sentence.
"""

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
RETRY_SECONDS = 2.0  # maximum time of retries while a collection is loaded or its alias moves
BREAKER_SECONDS = 2.0  # after a failure, calls fail at once for this long instead of queueing up

# Error codes for rejected rows and filters: of Milvus Lite, of Milvus since 2.3, and of Milvus for
# errors without a code of their own
REFUSALS = {6, *range(1100, 1200), 65_535}
RELEASED = {101, 103}  # error codes: collection not loaded, or not fully


class VectorStoreUnavailable(Exception):
    """Milvus is unreachable or cannot serve now; the message is a sentence."""


class VectorStoreRejected(VectorStoreUnavailable):
    """Milvus is available but rejects these rows or this filter; a retry does not help."""


_lock = threading.Lock()
_client: tuple[int, str, MilvusClient] | None = None  # process id, address, client
_broken_until = 0.0


def alias() -> str:
    """Return the name of the alias that points to the active collection."""
    return str(settings.MILVUS_PREFIX)


def execute_on(collection: str, run: Callable[[MilvusClient, str], T]) -> T:
    """Return the result of a call on a collection, or on the alias if `collection` is "".

    Retries while the collection is released or the alias is being moved. Raises as `execute`.
    """
    from pymilvus.exceptions import MilvusException

    name = collection or alias()

    def with_retries(client: MilvusClient) -> T:
        end = time.monotonic() + RETRY_SECONDS
        while True:
            try:
                return run(client, name)
            except MilvusException as error:
                unsettled = error.code in RELEASED or _is_moving(error)
                if not unsettled or time.monotonic() > end:
                    raise
                released = error.code in RELEASED
            if released:  # after a restart of the server, all collections are
                client.load_collection(name, timeout=LOAD_SECONDS)
            else:
                time.sleep(0.05)

    return execute(with_retries)


def execute(run: Callable[[MilvusClient], T]) -> T:
    """Return the result of a call with this process's client.

    Raises VectorStoreRejected, and VectorStoreUnavailable for every other failure.
    """
    global _broken_until
    import grpc
    from pymilvus.exceptions import MilvusException

    if time.monotonic() < _broken_until:
        raise VectorStoreUnavailable("The vector index (Milvus) is not responding.")
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
            raise VectorStoreUnavailable("The vector index (Milvus) is not responding.") from error
        kind = VectorStoreRejected if _is_refusal(error) else VectorStoreUnavailable
        raise kind(f"The vector index (Milvus) rejected the request: {text}.") from error


def _is_moving(error: Exception) -> bool:
    """Return True if the alias has just moved, and the server cannot find its rows yet."""
    return "failed to get delegator" in str(error)


def _is_refusal(error: Exception) -> bool:
    """Return True if this very call was rejected, so that a retry cannot help.

    Either the server rejected its rows or its filter, or pymilvus did so before it sent anything,
    or it is larger than gRPC allows.
    """
    import grpc
    from pymilvus.exceptions import DataNotMatchException, MilvusException, ParamError

    if isinstance(error, MilvusException):
        never_sent = isinstance(error, DataNotMatchException | ParamError)
        return never_sent or (error.code in REFUSALS and not _is_moving(error))
    too_large = grpc.StatusCode.RESOURCE_EXHAUSTED
    return isinstance(error, grpc.RpcError) and error.code() == too_large


def _is_down(error: Exception) -> bool:
    """Return True if Milvus did not answer, or answered with an unspecific error only.

    Any specific error code means that the server is available.
    """
    from pymilvus.exceptions import MilvusException

    unspecific = {1, 2}  # unexpected error, failed to connect
    if _is_refusal(error):
        return False
    # gRPC's own codes are not integers
    return not (
        isinstance(error, MilvusException)
        and isinstance(error.code, int)
        and error.code not in unspecific
    )


def _connected() -> MilvusClient:
    """Return the client, created at first use in each process: gRPC does not survive a fork."""
    global _client
    with _lock:
        if _client and _client[0] == os.getpid() and _client[1] == settings.MILVUS_URI:
            return _client[2]
        from pymilvus import MilvusClient

        # pymilvus logs a traceback for each failed call, and its import overrides the logging
        # settings; errors are reported as sentences instead
        logging.getLogger("pymilvus").handlers.clear()
        logging.getLogger("pymilvus").setLevel(logging.CRITICAL)
        uri = settings.MILVUS_URI or embedded.ensure_running(settings.DATA_DIR / "milvus")
        client = MilvusClient(
            uri,
            token=settings.MILVUS_TOKEN,
            timeout=CONNECT_SECONDS,
            dedicated=True,
            # without these, calls fail for seconds after the server is available again
            grpc_options={
                "grpc.initial_reconnect_backoff_ms": 100,
                "grpc.min_reconnect_backoff_ms": 100,
                "grpc.max_reconnect_backoff_ms": 1000,
                # pymilvus pings every 10 s; servers treat that as an attack and disconnect
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
    """Discard the client and the circuit breaker's state, as in a new process."""
    global _broken_until
    _forget_client()
    _broken_until = 0.0

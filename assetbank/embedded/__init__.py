"""Embedded PostgreSQL and Milvus Lite, which start by themselves if no address is configured.

Any number of processes share one server: each holds a handle, and the last one to end stops the
server. A server whose processes were killed (kill -9) is reused by the next one. This package is
also a Django database engine (`base.py`), so PostgreSQL starts with the first connection and not
at import.
"""


class EmbeddedError(RuntimeError):
    """An embedded service could not start; the message says what to do."""

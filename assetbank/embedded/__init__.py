"""Real services that start by themselves when no address is configured: PostgreSQL, Milvus Lite.

Any number of processes share one server: each holds a handle, the last one to end stops it, and a
server left behind by a kill -9 is taken over by the next process. This package is also a Django
database engine (`base.py`), so PostgreSQL starts with the first connection and not at import.
"""


class EmbeddedError(RuntimeError):
    """An embedded service could not be started; the message says what to do."""

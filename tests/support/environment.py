"""Environment of a test run; pytest loads it before Django's settings (`-p` in its options).

All embedded services use a temporary folder of this run, so tests never touch the library in `var`,
and concurrent runs do not interfere. A watchdog removes the folder, however the run ends.
"""

from __future__ import annotations

import os
import signal
import tempfile
from pathlib import Path

from tests.support import watchdog

# Workers of one run share the servers of the run's folder.
RUN = os.environ.get("ASSETBANK_TEST_RUN")
if RUN is None:
    RUN = tempfile.mkdtemp(prefix=watchdog.PREFIX)
    os.chmod(RUN, 0o755)  # As root, PostgreSQL runs as a user of its own
    watchdog.watch(Path(RUN))
    os.environ["ASSETBANK_TEST_RUN"] = RUN
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # As in background jobs of a shell
    signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # Otherwise no child could be interrupted
for name in list(os.environ):
    if name.startswith(("GEMINI_", "GOOGLE_", "MILVUS_", "STORAGE_", "CLIP_")):
        del os.environ[name]
os.environ.update(DATA_DIR=RUN, CLIP_MODEL="demo", HF_HUB_OFFLINE="1", SECRET_KEY="test")

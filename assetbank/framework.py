"""Settings of Django and its packages that no deployment changes.

Apps, middleware, templates, sign-in, REST, admin, worker. Settings that are read from the
environment are in `settings.py`.
"""

import datetime
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent

INSTALLED_APPS = [
    "assetbank",
    "search",
    "generation",
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django_htmx",
    "django_filters",
    "taggit",
    "rest_framework",
    "rest_framework.authtoken",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "procrastinate.contrib.django",
    "axes",
    "pgtrigger",
    "pghistory",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "pghistory.middleware.HistoryMiddleware",  # who makes a change: see assetbank.models.history
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "assetbank.http.middleware.ProblemPagesMiddleware",
    "assetbank.http.idempotency.IdempotencyMiddleware",
    "axes.middleware.AxesMiddleware",
]
# Only scripts of this site may run, whatever gets into a page. Images may come from the storage's
# host. The pages of the admin and of the API documents come from packages that need more
CONTENT_SECURITY_POLICY = {
    "EXCLUDE_URL_PREFIXES": ["/admin/", "/api/docs/"],
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "img-src": ["*", "data:", "blob:"],
        "style-src": ["'self'", "'unsafe-inline'"],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
    },
}
ROOT_URLCONF = "assetbank.urls"
WSGI_APPLICATION = "assetbank.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "assetbank.http.context_processors.shell",
                "search.context_processors.encoder_notice",
            ],
        },
    },
]
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
# Maximum failed sign-ins within the cool-off time, on pages and in the admin, for one user name
# from one IP address. Behind a proxy all have the proxy's address, so it limits the user name
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = datetime.timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_CALLABLE = "assetbank.views.auth.locked_out"
AXES_VERBOSE = False
PGHISTORY_MIDDLEWARE_METHODS = ("POST", "PUT", "PATCH", "DELETE")
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
    )
]
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "library"
LOGOUT_REDIRECT_URL = "sign-in"
LANGUAGE_CODE = "en-gb"
# Brands share the table of tags: taking over another brand's spelling would reveal that it exists.
# Search ignores case anyway
TAGGIT_CASE_INSENSITIVE = False

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "assetbank.api.schema.Schema",
    "EXCEPTION_HANDLER": "assetbank.http.problems.handle",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "URL_FORMAT_OVERRIDE": None,  # `?format=` is the file format of a download
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Assetbank",
    "DESCRIPTION": "Brand assets: upload, find by words or by a picture, and make new ones.",
    "VERSION": "1",
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "ENUM_NAME_OVERRIDES": {
        "KindEnum": "assetbank.models.Asset.Kind",
        "CustomFieldKind": "assetbank.models.CustomField.Kind",
        "WebhookEvent": "generation.models.Webhook.Event",
    },
}

PROCRASTINATE_WORKER_DEFAULTS = {
    "delete_jobs": "successful",  # rows record the results, so finished jobs can go
    "fetch_job_polling_interval": 2,
    "shutdown_graceful_timeout": 3,
}

UNFOLD = {
    "SITE_TITLE": "Assetbank",
    "SITE_HEADER": "Assetbank",
    "SITE_URL": "/",
    "DASHBOARD_CALLBACK": "assetbank.health.dashboard",
}

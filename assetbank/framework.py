"""Settings of Django and its packages that no deployment changes: apps, middleware, templates,
sign-in, REST, admin, worker. Those that the environment may set are in `settings.py`.
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
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "assetbank.http.middleware.ProblemPagesMiddleware",
    "assetbank.http.idempotency.IdempotencyMiddleware",
    "axes.middleware.AxesMiddleware",
]
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
                "search.context_processors.encoder",
            ],
        },
    },
]
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
# Guessing passwords, on pages and in the admin: ten tries in a quarter of an hour, for one name
# from one address (which is the proxy's, behind one: then it is for one name)
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = datetime.timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_CALLABLE = "assetbank.views.auth.locked_out"
AXES_VERBOSE = False
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
# Brands share the table of tags: to be given another brand's spelling would tell that it exists.
# Search takes no notice of capitals anyway
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
    "URL_FORMAT_OVERRIDE": None,  # `?format=` is that of a picture
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Assetbank",
    "DESCRIPTION": "Brand assets: upload, find by words or by a picture, and make new ones.",
    "VERSION": "1",
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "ENUM_NAME_OVERRIDES": {"WebhookEvent": "generation.models.Webhook.Event"},
}

PROCRASTINATE_WORKER_DEFAULTS = {
    "delete_jobs": "successful",  # rows say what happened; finished jobs need not stay
    "fetch_job_polling_interval": 2,
    "shutdown_graceful_timeout": 3,
}

UNFOLD = {
    "SITE_TITLE": "Assetbank",
    "SITE_HEADER": "Assetbank",
    "SITE_URL": "/",
    "DASHBOARD_CALLBACK": "assetbank.health.dashboard",
}

"""Django's settings, from the environment; runs with nothing set."""

import hashlib
import os
import tempfile
from datetime import timedelta
from pathlib import Path

import dj_database_url
import django_stubs_ext
from csp.constants import NONE, SELF
from django.utils.translation import gettext_lazy as _

from panel import claims, environment, logs

django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent
ENVIRONMENT = environment.read()

# Where this installation keeps what is its own.

DATA_DIR = environment.data_folder((BASE_DIR / ENVIRONMENT.PANEL_DATA_DIR).resolve())

SECRET_KEY = ENVIRONMENT.PANEL_SECRET_KEY or claims.kept_secret(DATA_DIR / "secret_key")
ENCRYPTION_KEYS = ENVIRONMENT.PANEL_ENCRYPTION_KEYS or [
    claims.kept_secret(DATA_DIR / "encryption_key")
]
EXPORTS_DIR = Path(ENVIRONMENT.PANEL_EXPORTS_DIR or DATA_DIR / "exports")
DEBUG = False
PANEL_URL = ENVIRONMENT.PANEL_URL
OVER_TLS = PANEL_URL.startswith("https:")
ALLOWED_HOSTS = [
    environment.host_of(PANEL_URL),
    "localhost",
    "127.0.0.1",
    "[::1]",
    *ENVIRONMENT.PANEL_HOSTS,
]
PROXIES = ENVIRONMENT.PANEL_PROXIES

# The program.

INSTALLED_APPS = [
    "sms_accounts",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "crispy_forms",
    "crispy_bootstrap5",
    "csp",
    "django_htmx",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    # Adds random bytes to what it packs, so that its length tells nothing about what is in it.
    "django.middleware.gzip.GZipMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "panel.middleware.SignInRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "panel.middleware.PrivatePagesMiddleware",
    "panel.middleware.OriginMiddleware",
]
ROOT_URLCONF = "panel.urls"
WSGI_APPLICATION = "panel.wsgi.application"
# Those of each web process that answer pages, and calls that memory alone cannot judge.
# More than this, and they keep each other from running.
WEB_THREADS = min(2 * (os.cpu_count() or 1) + 1, 8)
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
                "sms_accounts.views.layout.page_layout",
            ],
        },
    }
]
CRISPY_ALLOWED_TEMPLATE_PACKS = "bootstrap5"
CRISPY_TEMPLATE_PACK = "bootstrap5"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
APPEND_SLASH = False
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 200

# Database. SQLite: one writer at a time, told so at BEGIN, so that nobody meets a locked
# database in mid-transaction; PostgreSQL: a pool per process.

DATABASES = {
    "default": (
        {
            **dj_database_url.parse(
                ENVIRONMENT.DATABASE_URL, engine="panel.postgresql", conn_max_age=0
            ),
            "CONN_HEALTH_CHECKS": True,
            "OPTIONS": {
                # What is asked for each call is planned once in a connection.
                "prepare_threshold": 5,
                "pool": {
                    "min_size": 1,
                    "max_size": 24,
                    # A call that finds no connection in that time is told to come back.
                    "timeout": 5,
                    # The pool waits twice as long after each try that failed, and lets nobody
                    # try meanwhile: a server that was away for a minute would be away for two.
                    # After this it gives up, and whoever comes next tries at once.
                    "reconnect_timeout": 2,
                },
            },
        }
        if ENVIRONMENT.DATABASE_URL
        else {
            "ENGINE": "panel.sqlite",
            "NAME": DATA_DIR / "panel.sqlite3",
            # Tests use threads, and a database in memory has one connection only.
            "TEST": {"NAME": DATA_DIR / "test.sqlite3"},
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 30,
                "init_command": "PRAGMA journal_mode=WAL;"
                "PRAGMA synchronous=FULL;"
                "PRAGMA foreign_keys=ON;"
                "PRAGMA cache_size=-20000;",
            },
        }
    )
}

# Broker and cache. Without REDIS_URL every process of this data folder finds the broker of
# `serve` at one place; it is short since the path of a socket may have 107 bytes only.

BROKER_SOCKET = (
    Path(tempfile.gettempdir())
    / f"sms-panel-{os.getuid()}-{hashlib.sha256(str(DATA_DIR).encode()).hexdigest()[:12]}"
    / "broker.sock"
)
REDIS_URL = ENVIRONMENT.REDIS_URL or f"unix://{BROKER_SOCKET}"
CACHES = {
    "default": {
        "BACKEND": "panel.cache.RedisCache",
        "LOCATION": REDIS_URL,
        # Another installation may use the same server: its counts are not ours.
        "KEY_PREFIX": hashlib.sha256(SECRET_KEY.encode()).hexdigest()[:12],
        "OPTIONS": {"socket_timeout": 2, "socket_connect_timeout": 2},
    }
}
CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://", 1)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# No retries: whoever rings holds a request, and a ring is never waited for. A worker that lost
# its broker has settings of its own for coming back.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_timeout": 2,
    "socket_connect_timeout": 2,
    "max_retries": 0,
    # A worker asks the broker every second, and looks this often whether it still answers.
    "health_check_interval": 3,
}
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# A ring that nobody heard is worth nothing a moment later: beat rings again.
CELERY_TASK_DEFAULT_QUEUE = "delivery"
CELERY_TASK_ROUTES = {
    "sms_accounts.tasks.record_dlrs": {"queue": "incoming"},
    "sms_accounts.tasks.read_received": {"queue": "incoming"},
    "sms_accounts.tasks.call_due": {"queue": "callbacks"},
    "sms_accounts.tasks.alert_due": {"queue": "alerts"},
    "sms_accounts.tasks.tell_of_callbacks": {"queue": "alerts"},
    "sms_accounts.tasks.tell_of_notices": {"queue": "alerts"},
    "sms_accounts.tasks.tell_of_senders": {"queue": "alerts"},
}
_RING = {"schedule": timedelta(seconds=2), "options": {"expires": 10}}
CELERY_BEAT_SCHEDULE = {
    name: {"task": f"sms_accounts.tasks.{name}", **_RING}
    for name in (
        "send_batches",
        "write_exports",
        "check_books",
        "cancel_many",
        "deliver_due",
        "record_dlrs",
        "read_received",
        "call_due",
        "alert_due",
        "alert_sms_due",
    )
} | {
    "watch_carriers": {
        "task": "sms_accounts.tasks.watch_carriers",
        "schedule": timedelta(seconds=5),
        "options": {"expires": 5},
    },
    "follow_up": {
        "task": "sms_accounts.tasks.follow_up",
        "schedule": timedelta(seconds=30),
        "options": {"expires": 20},
    },
    "count_figures": {
        "task": "sms_accounts.tasks.count_figures",
        "schedule": timedelta(seconds=10),
        "options": {"expires": 8},
    },
    "renew_quotas": {
        "task": "sms_accounts.tasks.renew_quotas",
        "schedule": timedelta(minutes=1),
        "options": {"expires": 50},
    },
    "purge": {"task": "sms_accounts.tasks.purge", "schedule": timedelta(minutes=10)},
    "end_overdue": {
        "task": "sms_accounts.tasks.end_overdue",
        "schedule": timedelta(minutes=1),
        "options": {"expires": 50},
    },
    "tell_of_callbacks": {
        "task": "sms_accounts.tasks.tell_of_callbacks",
        "schedule": timedelta(minutes=1),
        "options": {"expires": 50},
    },
    "tell_of_notices": {
        "task": "sms_accounts.tasks.tell_of_notices",
        "schedule": timedelta(minutes=1),
        "options": {"expires": 50},
    },
    "tell_of_senders": {
        "task": "sms_accounts.tasks.tell_of_senders",
        "schedule": timedelta(minutes=1),
        "options": {"expires": 50},
    },
    "remove_old": {
        "task": "sms_accounts.tasks.remove_old",
        "schedule": timedelta(minutes=1),
        "options": {"expires": 30},
    },
}
CELERY_BEAT_SCHEDULE_FILENAME = str(DATA_DIR / "beat-schedule")

# Who may sign in, and how.

AUTH_USER_MODEL = "sms_accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    "panel.hashers.ScriptPasswordHasher",
]
SCRIPT_PASSWORD_HASHER = "argon2_script"  # noqa: S105  # its name
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "accounts"
ACCOUNT_ADAPTER = "sms_accounts.views.sign_in.ClosedAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_PREVENT_ENUMERATION = True
# Otherwise anybody could have mails sent to addresses of others, and those offer to sign up.
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_REAUTHENTICATION_TIMEOUT = 30 * 60
ACCOUNT_SESSION_REMEMBER = None
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = OVER_TLS
CSRF_COOKIE_SECURE = OVER_TLS
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "django.views.csrf.csrf_failure"
if ENVIRONMENT.PANEL_PROXIES and OVER_TLS:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    CSRF_TRUSTED_ORIGINS = [PANEL_URL]
SECURE_HSTS_SECONDS = 31_536_000 if OVER_TLS else 0
SECURE_REFERRER_POLICY = "same-origin"
SILENCED_SYSTEM_CHECKS = [
    # Redirecting to https is the work of the proxy in front: a script that sends its
    # password over plain http must fail, not be led on.
    "security.W008",
    # Subdomains and preloading are decisions about a whole domain, not about one program on it.
    "security.W005",
    "security.W021",
]
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

# Languages, places, times.

LANGUAGE_CODE = ENVIRONMENT.PANEL_LANGUAGE
# Those that all texts are in: otherwise a page mixes ours with Django's translated ones.
LANGUAGES = [("en", _("English"))]
# Mails and SMS of an account are in a language of its own; see `sms_accounts/locale`.
FORMAT_MODULE_PATH = "panel.formats"
TIME_ZONE = ENVIRONMENT.PANEL_TIME_ZONE
USE_TZ = True
USE_THOUSAND_SEPARATOR = False

# Files that browsers load.

STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
STATIC_ROOT.mkdir(exist_ok=True)
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = True
WHITENOISE_MAX_AGE = 3600

# Mail. Embedded: written to a folder, shown on a page.

DEFAULT_FROM_EMAIL = SERVER_EMAIL = ENVIRONMENT.PANEL_EMAIL_FROM
MAIL_DIR = DATA_DIR / "mail"
EMAIL_TIMEOUT = 20
if ENVIRONMENT.PANEL_SMTP_URL:
    globals().update(environment.smtp_settings(ENVIRONMENT.PANEL_SMTP_URL))
else:
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    EMAIL_FILE_PATH = MAIL_DIR

# SMS.

CARRIER = ENVIRONMENT.PANEL_CARRIER
SIMULATOR_URL = ENVIRONMENT.PANEL_SIMULATOR_URL
SIMULATOR_SECRET = ENVIRONMENT.PANEL_SIMULATOR_SECRET
SIMULATOR_REPEATS = ENVIRONMENT.PANEL_SIMULATOR_REPEATS
CALLBACK_TRUSTED_NETWORKS = ENVIRONMENT.CALLBACK_TRUSTED_NETWORKS
ALERT_SENDER = ENVIRONMENT.PANEL_ALERT_SENDER
MAX_PARTS = ENVIRONMENT.PANEL_MAX_PARTS
VALIDITY = timedelta(hours=ENVIRONMENT.PANEL_VALIDITY)

LOGGING = logs.configuration(ENVIRONMENT.PANEL_LOG_LEVEL)

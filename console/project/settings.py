"""The console's settings. Everything an instance may differ in comes from :mod:`console.project.environment`."""

import secrets
from pathlib import Path

import dj_database_url
from csp.constants import NONE, SELF
from django.utils.translation import gettext_lazy as _

from console.project.celery_settings import CELERY_COMMON, queue_settings
from console.project.environment import Environment, read_key
from console.project.logging import LOGGING, configure_logging
from console.project.mail import read_mail_server
from console.project.oidc import read_providers

BASE_DIR = Path(__file__).resolve().parent.parent.parent
ENVIRONMENT = Environment.read()

# --- ours ------------------------------------------------------------------------------------------------------------
NARU_DATA = ENVIRONMENT.data
NARU_RUN = ENVIRONMENT.run
NARU_HOST_NAME = ENVIRONMENT.host_name
NARU_POLICY = "console.access.policy.GrantPolicy"
NARU_AUDIT_WITNESS = ENVIRONMENT.audit_witness
NARU_AUDIT_KEEP_DAYS = ENVIRONMENT.audit_keep_days
NARU_TOKEN_DAYS = ENVIRONMENT.token_days
NARU_TOKEN_MOST_DAYS = ENVIRONMENT.token_most_days
NARU_TIMELINE_DAYS = ENVIRONMENT.timeline_days
NARU_CRASH_DAYS = ENVIRONMENT.crash_days
NARU_BACKUP_MOST_BYTES = ENVIRONMENT.backup_most_mib * 2**20
NARU_BACKUP_DAYS = ENVIRONMENT.backup_days
NARU_CAPSULE_MOST_BYTES = ENVIRONMENT.capsule_most_mib * 2**20
NARU_OUTBOUND_ALLOW = ENVIRONMENT.outbound_allow
NARU_RECORDER = "console.audit.recorder.record"
NARU_NOTIFIER = "console.notifications.recording.record"
NARU_URL = ENVIRONMENT.url
NARU_CONFIRMATION = "console.accounts.confirm_views.ask"
NARU_OIDC = read_providers()
NARU_PUBLISHER = "console.live.doorbell.ring"
NARU_CELERY_APP = "console.project.celery.app"
REDIS_URL = ENVIRONMENT.redis_url

# --- Django ----------------------------------------------------------------------------------------------------------
# set-up commands run before the first start has made the key; with no key at all, Django refuses to start
SECRET_KEY = secrets.token_urlsafe(48) if ENVIRONMENT.is_setup else read_key(ENVIRONMENT.secret_key_path)
DEBUG = False
ALLOWED_HOSTS = ENVIRONMENT.names
ROOT_URLCONF = "console.project.urls"
ASGI_APPLICATION = "console.project.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "channels",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "csp",
    "django_htmx",
    "console.web",
    "console.live",
    "console.rest",
    "console.accounts",
    "console.audit",
    "console.workspaces",
    "console.tokens",
    "console.secrets",
    "console.hosts",
    "console.jobs",
    "console.hub",
    "console.images",
    "console.networks",
    "console.volumes",
    "console.containers",
    "console.timeline",
    "console.terminals",
    "console.prune",
    "console.stats",
    "console.files",
    "console.logs",
    "console.schedules",
    "console.shares",
    "console.stacks",
    "console.origins",
    "console.blueprints",
    "console.capsules",
    "console.access",
    "console.notifications",
    "console.metrics",
    "console.dashboard",
    "console.project",
]

MIDDLEWARE = [
    "console.metrics.requests.DurationMiddleware",
    "console.operations.middleware.CorrelationMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "console.accounts.middleware.SessionsMiddleware",
    "console.accounts.middleware.SettingsMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "console.operations.middleware.OneLookMiddleware",
    "console.operations.middleware.ErrorMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "console.web.context.page",
            ],
        },
    },
]

DATABASES = {"default": dj_database_url.parse(ENVIRONMENT.database_url)}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }

CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.core.RedisChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL], "prefix": "naru:layer"},
    }
}

# --- people ----------------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
LOGIN_URL = "/sign-in/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/sign-in/"
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 15}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

# of allauth we use factors and the OpenID protocol; signing in, sessions and limits are ours (docs/adr/0010)
ACCOUNT_ADAPTER = "allauth.account.adapter.DefaultAccountAdapter"
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
MFA_ADAPTER = "console.accounts.adapters.FactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_TOTP_ISSUER = "Naru"
MFA_TOTP_TOLERANCE = 1
MFA_RECOVERY_CODE_DIGITS = 10
MFA_WEBAUTHN_USER_VERIFICATION = "required"
SOCIALACCOUNT_ADAPTER = "console.accounts.adapters.ProviderAdapter"
SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"APPS": [provider.as_app() for provider in NARU_OIDC]}}

# --- browsers --------------------------------------------------------------------------------------------------------
_PREFIX = "__Host-" if ENVIRONMENT.https else ""
SESSION_COOKIE_NAME = f"{_PREFIX}naru-{ENVIRONMENT.instance}"
CSRF_COOKIE_NAME = f"{_PREFIX}naru-csrf-{ENVIRONMENT.instance}"
DEVICE_COOKIE_NAME = f"{_PREFIX}naru-device-{ENVIRONMENT.instance}"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = ENVIRONMENT.https
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "console.web.errors.csrf_failure"
CSRF_TRUSTED_ORIGINS = [f"https://{name}" for name in ENVIRONMENT.allowed_hosts] if ENVIRONMENT.https else []
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if ENVIRONMENT.https else None
SECURE_SSL_REDIRECT = ENVIRONMENT.https
SECURE_HSTS_SECONDS = 31_536_000 if ENVIRONMENT.https else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = ENVIRONMENT.https
SECURE_REFERRER_POLICY = "same-origin"
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
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
FILE_UPLOAD_TEMP_DIR = None

# --- mail ------------------------------------------------------------------------------------------------------------
MAIL = read_mail_server()
NARU_MAIL = MAIL is not None
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if MAIL else 'dummy'}.EmailBackend"
if MAIL:
    EMAIL_HOST, EMAIL_PORT, EMAIL_USE_SSL, EMAIL_USE_TLS = MAIL.host, MAIL.port, MAIL.ssl, MAIL.starttls
    EMAIL_HOST_USER, EMAIL_HOST_PASSWORD, DEFAULT_FROM_EMAIL = MAIL.user, MAIL.password, MAIL.sender
    EMAIL_TIMEOUT = 10

# --- languages and time ----------------------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [("ko", _("Korean")), ("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_TZ = True
TIME_ZONE = "UTC"

# --- static files ----------------------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "var" / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "console.web.storage.Storage"},
}

# --- logs and workers ------------------------------------------------------------------------------------------------
LOGGING_CONFIG = None
configure_logging(LOGGING)
CELERY = {**CELERY_COMMON, **queue_settings("console"), "broker_url": ENVIRONMENT.celery_broker_url}

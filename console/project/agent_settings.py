"""The host agent's settings: no database, no web, no secret of the console. Touching the database raises.

Started with ``DJANGO_SETTINGS_MODULE=console.project.agent_settings``; Django itself is there only for the apps'
registries and for translations.
"""

from console.project.celery_settings import CELERY_COMMON, queue_settings
from console.project.environment import Environment
from console.project.logging import LOGGING, configure_logging

ENVIRONMENT = Environment.read()

NARU_DATA = ENVIRONMENT.data
NARU_RUN = ENVIRONMENT.run
NARU_HOST_NAME = ENVIRONMENT.host_name
NARU_ENGINE = ENVIRONMENT.engine
NARU_HOST_KEY_FILE = ENVIRONMENT.host_key_path
NARU_CELERY_APP = "console.project.agent.app"
NARU_OUTBOUND_ALLOW = ENVIRONMENT.outbound_allow
REDIS_URL = ENVIRONMENT.redis_url

SECRET_KEY = ""
DEBUG = False
DATABASES = {"default": {"ENGINE": "django.db.backends.dummy"}}
AUTH_USER_MODEL = "accounts.User"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "console.accounts",
    "console.workspaces",
    "console.secrets",
    "console.hosts",
    "console.jobs",
    "console.images",
    "console.networks",
    "console.volumes",
    "console.containers",
    "console.prune",
    "console.files",
    "console.stacks",
    "console.capsules",
    "console.origins",
]
USE_TZ = True
TIME_ZONE = "UTC"
LOGGING_CONFIG = None
configure_logging(LOGGING)
CELERY = {
    **CELERY_COMMON,
    **queue_settings(f"host.{ENVIRONMENT.host_name}"),
    "broker_url": ENVIRONMENT.celery_broker_url,
}

from django.apps import AppConfig
from django.conf import settings
from django.utils.module_loading import autodiscover_modules


class JobsConfig(AppConfig):
    name = "console.jobs"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # a host's agent has no database and nothing to observe
        autodiscover_modules("jobs")
        if settings.NARU_CELERY_APP == "console.project.celery.app":
            autodiscover_modules("observations")

from django.apps import AppConfig
from django.conf import settings
from django.utils.module_loading import autodiscover_modules


class HostsConfig(AppConfig):
    name = "console.hosts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # what apps above say of a host that leaves; an agent has no rows to speak of
        if settings.NARU_CELERY_APP == "console.project.celery.app":
            autodiscover_modules("leaving")

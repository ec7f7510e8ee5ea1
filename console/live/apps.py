from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class LiveConfig(AppConfig):
    name = "console.live"

    def ready(self) -> None:
        autodiscover_modules("consumers")

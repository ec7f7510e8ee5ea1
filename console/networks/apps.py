from django.apps import AppConfig


class NetworksConfig(AppConfig):
    name = "console.networks"
    default_auto_field = "django.db.models.BigAutoField"

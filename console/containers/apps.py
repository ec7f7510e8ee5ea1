from django.apps import AppConfig


class ContainersConfig(AppConfig):
    name = "console.containers"
    default_auto_field = "django.db.models.BigAutoField"

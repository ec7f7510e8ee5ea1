from django.apps import AppConfig


class AccessConfig(AppConfig):
    name = "console.access"
    default_auto_field = "django.db.models.BigAutoField"

from django.apps import AppConfig


class SharesConfig(AppConfig):
    name = "console.shares"
    default_auto_field = "django.db.models.BigAutoField"

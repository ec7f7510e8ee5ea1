from django.apps import AppConfig


class SecretsConfig(AppConfig):
    name = "console.secrets"
    default_auto_field = "django.db.models.BigAutoField"

from django.apps import AppConfig


class TokensConfig(AppConfig):
    name = "console.tokens"
    default_auto_field = "django.db.models.BigAutoField"

from django.apps import AppConfig


class TerminalsConfig(AppConfig):
    name = "console.terminals"
    default_auto_field = "django.db.models.BigAutoField"

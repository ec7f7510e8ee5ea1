from django.apps import AppConfig


class BlueprintsConfig(AppConfig):
    name = "console.blueprints"
    default_auto_field = "django.db.models.BigAutoField"

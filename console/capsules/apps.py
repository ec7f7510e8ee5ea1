from django.apps import AppConfig


class CapsulesConfig(AppConfig):
    name = "console.capsules"
    default_auto_field = "django.db.models.BigAutoField"

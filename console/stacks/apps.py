from django.apps import AppConfig


class StacksConfig(AppConfig):
    name = "console.stacks"
    default_auto_field = "django.db.models.BigAutoField"

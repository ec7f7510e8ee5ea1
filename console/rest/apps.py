from django.apps import AppConfig


class RestConfig(AppConfig):
    name = "console.rest"
    default_auto_field = "django.db.models.BigAutoField"

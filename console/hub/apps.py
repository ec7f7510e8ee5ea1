from django.apps import AppConfig


class HubConfig(AppConfig):
    name = "console.hub"
    default_auto_field = "django.db.models.BigAutoField"

from django.apps import AppConfig


class PruneConfig(AppConfig):
    name = "console.prune"
    default_auto_field = "django.db.models.BigAutoField"

from django.apps import AppConfig


class FilesConfig(AppConfig):
    name = "console.files"
    default_auto_field = "django.db.models.BigAutoField"

from django.apps import AppConfig


class ImagesConfig(AppConfig):
    name = "console.images"
    default_auto_field = "django.db.models.BigAutoField"

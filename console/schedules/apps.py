from django.apps import AppConfig


class SchedulesConfig(AppConfig):
    name = "console.schedules"
    default_auto_field = "django.db.models.BigAutoField"

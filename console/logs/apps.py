from django.apps import AppConfig


class LogsConfig(AppConfig):
    name = "console.logs"

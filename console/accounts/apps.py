from typing import Any

from django.apps import AppConfig, apps
from django.db.models.signals import pre_delete, pre_save

# whose tables hold what lets people in; allauth has no idea of our operations
FENCED_APPS = ("allauth.account", "allauth.mfa", "allauth.socialaccount")


class AccountsConfig(AppConfig):
    name = "console.accounts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # agents have this app for its table's name alone, and no allauth
        fenced = [config for config in apps.get_app_configs() if config.name in FENCED_APPS]
        for config in fenced:
            for model in config.get_models():
                pre_save.connect(_require_writer, sender=model, dispatch_uid=f"fence-save-{model._meta.label}")
                pre_delete.connect(_require_writer, sender=model, dispatch_uid=f"fence-delete-{model._meta.label}")


def _require_writer(sender: type[Any], **_facts: Any) -> None:
    """Rows of allauth change inside operations only, as our own do."""
    from console.operations.governed import require_writer

    require_writer(sender.__name__)

"""The console without its neighbours: no Redis, no collected files, cheap passwords, data in a temporary folder."""

from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings


@pytest.fixture(autouse=True)
def alone(settings: Settings, tmp_path: Path) -> None:
    storages: dict[str, Any] = {**settings.STORAGES}
    storages["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = storages
    settings.SECRET_KEY = "tests-only-" + "k" * 40
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.NARU_DATA = tmp_path

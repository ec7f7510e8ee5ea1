"""The console without its neighbours: no Redis, no collected files, cheap passwords, data in a temporary folder.

``NARU_TEST_DATABASE=postgresql`` runs all of it on a PostgreSQL that is started for it, instead of SQLite.
"""

import os
import uuid
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dj_database_url
import psycopg
import pytest
from django.apps import apps
from django.db import connection, connections
from django.db.models.signals import post_migrate
from django.utils import translation
from pytest_django import DjangoDbBlocker, Settings

from console.audit.triggers import drop_triggers
from console.notifications.models import Rule
from console.operations.governed import writes_allowed
from tests import postgresql
from tests.database import Template
from tests.factories.console import make_workspace


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """Of a server that lives as long as the tests that want one."""
    if postgresql.programs() is None:
        pytest.skip("PostgreSQL is not installed")
    with postgresql.running() as url:
        yield url


@pytest.fixture(scope="session")
def migrated_database(django_db_modify_db_settings: None) -> Iterator[Template | None]:
    """Before tables are made: they are copied where that is possible."""
    if connections.settings["default"]["ENGINE"] != "django.db.backends.sqlite3":
        yield None
        return
    template = Template()
    template.copy()
    yield template
    template.close()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings: None,
    request: pytest.FixtureRequest,
    django_db_blocker: DjangoDbBlocker,
) -> None:
    if os.environ.get("NARU_TEST_DATABASE") == "postgresql":
        use_database(request.getfixturevalue("postgresql_url"), suffix=os.environ.get("PYTEST_XDIST_WORKER", ""))


@pytest.fixture(scope="session")
def django_db_keepdb(django_db_keepdb: bool) -> bool:
    """On PostgreSQL it goes with its server, whoever is still connected."""
    return django_db_keepdb or os.environ.get("NARU_TEST_DATABASE") == "postgresql"


def use_database(url: str, *, suffix: str) -> None:
    """What settings say is replaced before anything has connected."""
    chosen: dict[str, Any] = {**dj_database_url.parse(url), "TEST": {"NAME": f"test_naru{suffix}"}}
    connections.settings["default"] = connections.configure_settings({"default": chosen})["default"]
    del connections["default"]


@pytest.fixture(scope="session")
def django_db_setup(
    migrated_database: Template | None, django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> None:
    """Tables of transactional tests are emptied after them, which the audit log's triggers exist to prevent; what a
    migration put into one is put there again.
    """
    post_migrate.connect(_furnish, sender=apps.get_app_config("workspaces"))
    post_migrate.connect(_give_first_rule, sender=apps.get_app_config("notifications"))
    with django_db_blocker.unblock():
        if migrated_database is not None:
            migrated_database.keep()
        drop_triggers(connection)


def _furnish(**_: object) -> None:
    make_workspace()


def _give_first_rule(**_: object) -> None:
    if not Rule.objects.exists():
        first_rule = import_module("console.notifications.migrations.0002_first_rule")
        with writes_allowed("test"):
            storms = import_module("console.notifications.migrations.0003_storms")
            for migration in (first_rule.add_first, storms.add_to_rules_about_everything):
                migration(apps, SimpleNamespace(connection=connection))


@pytest.fixture(scope="session")
def nothing_static(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("static")


@pytest.fixture(autouse=True)
def alone(settings: Settings, tmp_path: Path, nothing_static: Path) -> None:
    storages: dict[str, Any] = {**settings.STORAGES}
    storages["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = storages
    settings.SECRET_KEY = "tests-only-" + "k" * 40
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.NARU_DATA = tmp_path
    # each client looks through all files there, which takes as long as its first page
    settings.STATIC_ROOT = nothing_static
    # a request leaves its language behind, which is not that of the next test
    translation.activate("en")


@pytest.fixture
def empty_postgresql(postgresql_url: str) -> Iterator[str]:
    """The URL of a database of the test's own."""
    name = f"naru_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgresql_url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        yield f"{postgresql_url.rpartition('/')[0]}/{name}"
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")

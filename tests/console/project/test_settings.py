"""Settings as processes find them: strict by https, apart from other instances, and of no use without a key."""

import pytest

from tests.console.project.conftest import Instance

SHOW_COOKIES = "from console.project import settings as s; print(s.SESSION_COOKIE_NAME, s.CSRF_COOKIE_NAME)"
HTTPS = {"NARU_HTTPS": "1", "NARU_ALLOWED_HOSTS": "naru.example.org"}


def test_behind_https_nothing_is_left_open(instance: Instance) -> None:
    checked = instance.run("-W", "error", "manage.py", "check", "--deploy", "--fail-level", "WARNING", **HTTPS)
    assert checked.returncode == 0, checked.stderr
    assert "no issues" in checked.stdout


def test_behind_https_cookies_are_bound_to_the_host(instance: Instance) -> None:
    assert all(name.startswith("__Host-") for name in instance.python(SHOW_COOKIES, **HTTPS).split())


def test_two_instances_do_not_share_cookies(instance: Instance) -> None:
    one = instance.python(SHOW_COOKIES).split()
    two = instance.python(SHOW_COOKIES, NARU_DATA=str(instance.folder / "other")).split()
    assert len({*one, *two}) == 4


@pytest.mark.parametrize("module", ["console.project.asgi", "console.project.celery"])
def test_without_a_key_nothing_is_served(bare: Instance, module: str) -> None:
    started = bare.run("-c", f"import {module}; from django.conf import settings; settings.SECRET_KEY")
    assert started.returncode != 0
    assert "ImproperlyConfigured" in started.stderr


def test_the_web_server_says_where_the_key_should_be(bare: Instance) -> None:
    started = bare.run("-c", "import console.project.asgi")
    assert str(bare.data / "secret.key") in started.stderr
    assert "manage.py up" in started.stderr


def test_the_agent_has_no_database_and_no_secret(bare: Instance) -> None:
    ask = (
        "import django; django.setup()\n"
        "from django.conf import settings\n"
        "from django.core.exceptions import ImproperlyConfigured\n"
        "from console.jobs.models import Job\n"
        "print('secret.key' in str(vars(settings._wrapped)))\n"
        "try: Job.objects.exists()\n"
        "except ImproperlyConfigured: print('no database')"
    )
    said = bare.python(ask, DJANGO_SETTINGS_MODULE="console.project.agent_settings")
    assert said.split("\n") == ["False", "no database"]


def test_models_and_migrations_agree(instance: Instance) -> None:
    made = instance.manage("makemigrations", "--check", "--dry-run")
    assert made.returncode == 0, made.stdout


def test_importing_settings_writes_nothing(bare: Instance) -> None:
    bare.python("import console.project.settings")
    assert list(bare.folder.iterdir()) == []


def test_setting_up_needs_no_key_and_leaves_nothing_behind(bare: Instance) -> None:
    checked = bare.manage("check", NARU_SETUP="1")
    assert checked.returncode == 0, checked.stderr
    assert list(bare.folder.iterdir()) == []


def test_an_invitation_is_the_last_word(migrated: Instance) -> None:
    invited = migrated.manage("invite", "--role", "operator")
    assert invited.returncode == 0, invited.stderr
    assert invited.stdout.split()[-1].startswith("http://127.0.0.1:8000/invitations/")
    assert "Traceback" not in invited.stderr


def test_an_unknown_role_is_not_invited(migrated: Instance) -> None:
    invited = migrated.manage("invite", "--role", "emperor")
    assert invited.returncode != 0
    assert "emperor" in invited.stderr

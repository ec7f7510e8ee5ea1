"""Secrets: who may do what with them, what is kept of them, and what refuses to be removed."""

from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection

from console.audit.models import AuditEntry
from console.containers.models import Container
from console.containers.operations import run_container
from console.images.operations import build_image
from console.jobs.operations import retry_job
from console.operations.actor import Actor
from console.operations.errors import Conflict, Denied, Invalid, Missing, Unavailable, Unconfirmed
from console.operations.governed import writes_allowed
from console.operations.permissions import Role
from console.secrets import operations
from console.secrets.keys import current_key, key_numbers
from console.secrets.models import Secret, SecretVersion
from console.secrets.operations import create_secret, remove_secret, reveal_secret, rotate_keys, set_secret
from console.secrets.uses import uses_of
from console.secrets.values import encrypt, resolve
from tests.factories.console import (
    actor_of,
    make_container,
    make_custom_role,
    make_grant,
    make_host,
    make_image,
    make_job,
    make_secret,
    make_user,
    make_workspace,
)

pytestmark = pytest.mark.django_db
VALUE = "canary-of-the-quay"


@pytest.fixture
def admin() -> Actor:
    return actor_of(make_user(Role.ADMIN))


def of_shop(role: Role) -> Actor:
    user = make_user(None)
    make_grant(user, role, workspace=make_workspace("shop"))
    return actor_of(user)


def stored() -> str:
    """All that the tables of secrets and audit hold."""
    with connection.cursor() as cursor:
        rows = []
        for table in ("secrets_secret", "secrets_secretversion", "audit_auditentry", "jobs_job"):
            cursor.execute(f"SELECT * FROM {table}")
            rows += cursor.fetchall()
    return repr([[bytes(cell) if isinstance(cell, memoryview) else cell for cell in row] for row in rows])


def test_a_secret_is_kept_encrypted_and_shown_to_who_may_and_proves_it(admin: Actor) -> None:
    create_secret(admin, "main", name="db-password", value=VALUE)
    assert VALUE not in stored()
    assert reveal_secret(admin, "main", "db-password") == VALUE
    with pytest.raises(Unconfirmed):
        reveal_secret(Actor(admin.kind, admin.name, admin.user_pk), "main", "db-password")
    entries = AuditEntry.objects.filter(action="secret.reveal").order_by("seq")
    assert [(entry.outcome, entry.target_name) for entry in entries] == [
        ("allowed", "db-password"),
        ("refused", "db-password"),
    ]
    assert entries[0].details == {"version": 1}
    assert VALUE not in stored()


def test_a_developer_sets_and_uses_and_cannot_read(admin: Actor) -> None:
    developer = of_shop(Role.DEVELOPER)
    create_secret(developer, "shop", name="token", value=VALUE)
    set_secret(developer, "shop", "token", value=VALUE * 2)
    with pytest.raises(Denied):
        reveal_secret(developer, "shop", "token")
    assert reveal_secret(admin, "shop", "token") == VALUE * 2
    assert reveal_secret(admin, "shop", "token", version=1) == VALUE


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR, Role.AUDITOR])
def test_others_do_not_know_that_there_is_one(role: Role) -> None:
    make_secret("token", workspace=make_workspace("shop"))
    with pytest.raises(Missing):
        reveal_secret(of_shop(role), "shop", "token")


@pytest.mark.parametrize("name", ["", "-x", "a b", "ü", "a/b", "a" * 64, "secret:x", "x.", "a\n"])
def test_a_name_that_cannot_be_written_in_a_reference_is_refused(admin: Actor, name: str) -> None:
    with pytest.raises(Invalid) as caught:
        create_secret(admin, "main", name=name, value=VALUE)
    assert caught.value.field == "name"


@pytest.mark.parametrize("value", ["", "abc", "a" * 32769, "null\0byte", "\ud800 half"])
def test_a_value_that_cannot_be_used_or_hidden_is_refused_unseen(admin: Actor, value: str) -> None:
    with pytest.raises(Invalid) as caught:
        create_secret(admin, "main", name="token", value=value)
    assert caught.value.field == "secret_value"
    assert len(value) < 4 or value not in str(caught.value)


def test_values_of_old_versions_are_destroyed_and_their_dates_stay(admin: Actor) -> None:
    make_secret("token", "version-1")
    for number in range(2, 13):
        set_secret(admin, "main", "token", value=f"version-{number}")
    assert SecretVersion.objects.count() == 12
    assert SecretVersion.objects.filter(sealed=None).count() == 2
    assert reveal_secret(admin, "main", "token", version=3) == "version-3"
    with pytest.raises(Missing, match="not kept any more"):
        reveal_secret(admin, "main", "token", version=2)


def test_a_value_moved_to_another_row_opens_nothing(admin: Actor) -> None:
    """Whoever can write to the database, but has no key, cannot have another workspace's secret handed out."""
    theirs, ours = make_secret("theirs", VALUE, workspace=make_workspace("depot")), make_secret("ours")
    with writes_allowed("thief"):
        SecretVersion.objects.filter(secret=ours).update(sealed=theirs.newest.sealed)
    with pytest.raises(Missing, match="damaged"):
        resolve(ours.workspace_id, ["ours"])


def test_without_its_key_a_secret_is_unavailable_and_no_new_key_takes_its_place(
    admin: Actor, settings: object, tmp_path: Path
) -> None:
    make_secret("token")
    (tmp_path / "secrets" / "keys" / "0001.key").unlink()
    with pytest.raises(Unavailable, match="put its file back"):
        reveal_secret(admin, "main", "token")


def test_rotation_encrypts_all_anew_and_removes_keys_nobody_needs(admin: Actor, tmp_path: Path) -> None:
    make_secret("one", VALUE)
    first = bytes(SecretVersion.objects.get().sealed or b"")
    call_command("secrets_rotate")
    assert bytes(SecretVersion.objects.get().sealed or b"") != first
    assert (SecretVersion.objects.get().key_number, key_numbers()) == (2, [1, 2])
    assert rotate_keys() == 1
    assert key_numbers() == [2, 3]
    assert current_key()[0] == 3
    assert reveal_secret(admin, "main", "one") == VALUE
    assert (tmp_path / "secrets" / "keys" / "0003.key").stat().st_mode & 0o777 == 0o600
    assert AuditEntry.objects.filter(action="secret.rotate", outcome="allowed").count() == 4


def test_a_rotation_cut_short_is_ended_by_the_next(admin: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        make_secret(f"token-{number}", f"{VALUE}-{number}")
    monkeypatch.setattr("console.secrets.operations._BATCH", 1)
    calls: list[object] = []

    def dies(version: SecretVersion, value: str) -> None:
        calls.append(version)
        if len(calls) == 2:
            raise KeyboardInterrupt
        encrypt(version, value)

    with monkeypatch.context() as patched:
        patched.setattr(operations, "encrypt", dies)
        with pytest.raises(KeyboardInterrupt):
            rotate_keys()
    assert rotate_keys() == 3
    for number in range(3):
        assert reveal_secret(admin, "main", f"token-{number}") == f"{VALUE}-{number}"


# --- references ---


def test_what_a_job_is_asked_for_is_the_reference(admin: Actor) -> None:
    make_secret("db-password", VALUE)
    make_image("a:1")
    job = run_container(admin, "local", image="a:1", env={"PASSWORD": "secret:db-password", "TZ": "Asia/Seoul"})
    assert job.args["env"] == {"PASSWORD": "secret:db-password", "TZ": "Asia/Seoul"}
    assert job.args["secrets"] == ["db-password"]
    assert AuditEntry.objects.latest("seq").details["secrets"] == ["db-password"]
    assert VALUE not in stored()


def test_a_secret_of_another_workspace_is_none(admin: Actor) -> None:
    make_secret("token", workspace=make_workspace("depot"))
    make_image("a:1")
    with pytest.raises(Invalid) as caught:
        run_container(admin, "local", image="a:1", env={"TOKEN": "secret:token"})
    assert caught.value.field == "env"


def test_who_may_run_but_not_use_secrets_is_refused_also_when_repeating() -> None:
    shop = make_workspace("shop")
    make_secret("token", workspace=shop)
    make_image("a:1", workspace=shop)
    role = make_custom_role("runner", "container.run", "container.view", "image.view", "job.view", "workspace.view")
    user = make_user(None)
    make_grant(user, role, workspace=shop)
    make_grant(user, make_custom_role("host-viewer", "host.view"), host=make_host("local"))
    runner, env = actor_of(user), {"TOKEN": "secret:token"}
    with pytest.raises(Denied, match=r"secret\.use"):
        run_container(runner, "local", workspace="shop", image="a:1", env=env)
    args = run_container(of_shop(Role.DEVELOPER), "local", workspace="shop", image="a:1", env=env).args
    failed = make_job("container.run", state="failed", workspace=shop, args=args)
    with pytest.raises(Denied, match=r"secret\.use"):
        retry_job(runner, failed.number)


def test_a_build_is_given_references_only(admin: Actor) -> None:
    make_secret("npm")
    make_secret("robot")
    make_host("local")
    given = {
        "secrets": {"npmrc": "secret:npm"},
        "registries": {"registry.example:5000": {"username": "robot", "password": "secret:robot"}},
    }
    job = build_image(admin, "local", tag="b:1", dockerfile="FROM scratch\n", **given)  # type: ignore[arg-type]
    assert job.args["secrets"] == ["npm", "robot"]
    assert job.args["build_secrets"] == given["secrets"]
    assert job.args["registries"] == given["registries"]


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("secrets", {"npmrc": VALUE}),
        ("secrets", {"no such id!": "secret:npm"}),
        ("secrets", {"npmrc": "secret:nothing"}),
        ("registries", {"registry.example": {"username": "robot", "password": VALUE}}),
        ("registries", {"registry.example": {"username": "ro:bot", "password": "secret:npm"}}),
        ("registries", {"https://registry.example/": {"username": "robot", "password": "secret:npm"}}),
    ],
)
def test_a_value_typed_where_a_reference_belongs_is_refused_and_not_repeated(
    admin: Actor, field: str, given: dict[str, object]
) -> None:
    make_secret("npm")
    make_host("local")
    with pytest.raises(Invalid) as caught:
        build_image(admin, "local", tag="b:1", dockerfile="FROM scratch\n", **{field: given})  # type: ignore[arg-type]
    assert caught.value.field == field
    assert VALUE not in str(caught.value)
    assert VALUE not in stored()


def test_what_is_used_is_not_removed_and_says_by_whom(admin: Actor) -> None:
    secret = make_secret("token")
    container = make_container("web-1")
    container.secrets.add(secret)
    job = make_job("image.build", state="queued", args={"secrets": ["token"]})
    assert uses_of(admin, secret) == [f"job #{job.number}", "web-1"]
    with pytest.raises(Conflict, match=f"job #{job.number}, web-1"):
        remove_secret(admin, "main", "token")
    with writes_allowed("test"):
        Container.objects.update(gone_at=container.created_at)
        job.finish(job.State.FAILED, at=container.created_at)
        job.save()
    remove_secret(admin, "main", "token")
    assert not Secret.objects.exists()


def test_a_use_that_one_cannot_see_is_counted_and_not_named() -> None:
    shop = make_workspace("shop")
    secret = make_secret("token", workspace=shop)
    make_container("elsewhere", workspace=make_workspace("depot")).secrets.add(secret)
    with pytest.raises(Conflict) as caught:
        remove_secret(of_shop(Role.DEVELOPER), "shop", "token")
    assert "1 more that you cannot see" in str(caught.value)
    assert "elsewhere" not in str(caught.value)

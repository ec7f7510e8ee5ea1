"""Volumes are made, copied, restored and removed by jobs; what ends data wants its name and a proof."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from console.audit.models import AuditEntry
from console.jobs.models import Job
from console.operations.actor import Actor
from console.operations.errors import Conflict, Denied, Invalid, Unconfirmed
from console.operations.permissions import Role
from console.volumes import operations
from console.volumes.files import files
from console.volumes.models import Backup
from console.volumes.retention import remove_due
from tests.factories.console import actor_of, make_container, make_custom_role, make_grant, make_user, make_workspace
from tests.factories.wires import make_backup, make_volume, user

pytestmark = pytest.mark.django_db


def member_of(workspace: str, role: Role = Role.DEVELOPER) -> Actor:
    person = make_user(None)
    make_grant(person, role, workspace=make_workspace(workspace))
    return actor_of(person)


def test_creating_one_makes_a_job(admin: Actor) -> None:
    job = operations.create_volume(admin, "local", name="main_data", labels={"team": "a"})
    assert (job.kind, job.args["name"], job.args["labels"]) == ("volume.create", "main_data", {"team": "a"})


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("name", {"name": "x"}),
        ("name", {"name": "a/b"}),
        ("driver", {"driver": " "}),
        ("labels", {"labels": {"naru.job": "7"}}),
    ],
)
def test_what_is_malformed_names_its_field(admin: Actor, field: str, given: dict[str, object]) -> None:
    with pytest.raises(Invalid) as refused:
        operations.create_volume(admin, "local", **{"name": "main_x", **given})  # type: ignore[arg-type]
    assert refused.value.field == field


@pytest.mark.parametrize(
    "given",
    [
        {"name": "depot_data"},
        {"options": {"type": "none", "o": "bind", "device": "/etc"}},
        {"options": {"o": "bind", "device": "/srv/shop/../../etc"}},
        {"options": {"o": "rw,rbind", "device": "//etc"}},
        {"options": {"type": "nfs", "o": "addr=10.0.0.1", "device": ":/export"}},
        {"options": {"type": "ext4", "device": "/dev/sda1"}},
        {"driver": "some/plugin"},
    ],
)
def test_the_rules_keep_the_hosts_files_to_itself(given: dict[str, object]) -> None:
    actor = member_of("shop")
    make_workspace("shop", bind_prefixes=["/srv/shop"])
    make_volume("other")
    with pytest.raises(Denied):
        operations.create_volume(actor, "local", **{"name": "shop_data", **given})  # type: ignore[arg-type]
    assert not Job.objects.exists()


def test_a_directory_that_the_rules_allow_and_memory_may_be_mounted() -> None:
    actor = member_of("shop")
    make_workspace("shop", bind_prefixes=["/srv/shop"])
    make_volume("other")
    bind = {"type": "none", "o": "bind", "device": "/srv/shop/data"}
    assert operations.create_volume(actor, "local", name="shop_bind", options=bind).args["options"] == bind
    operations.create_volume(actor, "local", name="shop_memory", options={"type": "tmpfs", "device": "tmpfs"})


def test_removing_wants_the_name_and_a_proof(admin: Actor) -> None:
    make_volume("main_data")
    with pytest.raises(Invalid) as refused:
        operations.remove_volume(admin, "local", "main_data", typed="main")
    assert refused.value.field == "typed"
    with pytest.raises(Unconfirmed):
        operations.remove_volume(replace(admin, confirmed_at=None), "local", "main_data", typed="main_data")
    assert operations.remove_volume(admin, "local", "main_data", typed="main_data").kind == "volume.remove"


def test_one_that_a_container_has_stays(admin: Actor) -> None:
    make_volume("main_data", users=[user(make_container("db", state="exited"))])
    with pytest.raises(Conflict):
        operations.remove_volume(admin, "local", "main_data", typed="main_data")


def test_a_prune_takes_what_was_shown_and_is_still_unused(admin: Actor) -> None:
    make_volume("main_a")
    make_volume("main_b", users=[user(make_container("db"))])
    make_volume("main_c")
    job = operations.prune_volumes(admin, "local", workspace="main", names=["main_a", "main_b"])
    assert job.args["names"] == ["main_a"]


def test_a_backup_has_a_row_with_the_day_it_goes(admin: Actor) -> None:
    db = make_container("db")
    make_volume("main_data", users=[user(db)], labels={"team": "a", "naru.job": "7"})
    backup = operations.back_up(admin, "local", "main_data", note="before", keep_days=7, stops=True)
    assert backup.job is not None
    assert (backup.state, backup.labels, backup.job.args["stops"]) == ("coming", {"team": "a"}, [db.engine_id])
    assert backup.expires_at is not None
    assert timedelta(days=6) < backup.expires_at - timezone.now() <= timedelta(days=7)
    with pytest.raises(Conflict):
        operations.back_up(admin, "local", "main_data")


def test_stopping_for_a_backup_wants_the_right_to_stop() -> None:
    person = make_user(None)
    shop = make_workspace("shop")
    make_grant(person, Role.VIEWER, workspace=shop)
    make_grant(person, make_custom_role("keeper", "volume.backup", "volume.view"), workspace=shop)
    make_volume("shop_data", workspace=shop, users=[user(make_container("db", workspace=shop))])
    with pytest.raises(Denied, match=r"container\.stop"):
        operations.back_up(actor_of(person), "local", "shop_data", stops=True)
    assert operations.back_up(actor_of(person), "local", "shop_data").state == Backup.State.COMING


def test_restoring_into_a_new_volume_keeps_to_the_rules() -> None:
    shop = make_workspace("shop")
    backup = make_backup("shop_data", workspace=shop)
    actor = member_of("shop")
    job = operations.restore_into_new(actor, backup.pk, "local", name="shop_again")
    assert (job.kind, job.args["over"], job.args["sha256"], job.workspace) == ("volume.restore", False, "5" * 64, shop)
    with pytest.raises(Denied):
        operations.restore_into_new(actor, backup.pk, "local", name="depot_again")
    make_volume("shop_there", workspace=shop)
    with pytest.raises(Conflict):
        operations.restore_into_new(actor, backup.pk, "local", name="shop_there")


def test_restoring_over_a_volume_wants_its_users_stopped_its_name_and_a_proof(admin: Actor) -> None:
    backup = make_backup("main_data")
    db = make_container("db")
    make_volume("main_data", users=[user(db)])
    over = ("local", "main_data")
    with pytest.raises(Conflict, match="run"):
        operations.restore_over(admin, backup.pk, *over, typed="main_data")
    with pytest.raises(Invalid):
        operations.restore_over(admin, backup.pk, *over, typed="data", stops=True)
    with pytest.raises(Unconfirmed):
        operations.restore_over(replace(admin, confirmed_at=None), backup.pk, *over, typed="main_data", stops=True)
    job = operations.restore_over(admin, backup.pk, *over, typed="main_data", stops=True)
    assert (job.args["over"], job.args["stops"]) == (True, [db.engine_id])


def test_a_backup_of_another_workspace_is_not_restored_over_ones_own(admin: Actor) -> None:
    backup = make_backup("x", workspace=make_workspace("depot"))
    make_volume("main_data")
    with pytest.raises(Conflict):
        operations.restore_over(admin, backup.pk, "local", "main_data", typed="main_data")


def test_a_clone_is_of_the_same_workspace_and_needs_reading() -> None:
    shop = make_workspace("shop")
    make_volume("shop_data", workspace=shop)
    job = operations.clone_volume(member_of("shop"), "local", "shop_data", to="shop_copy")
    assert (job.kind, job.args["source"], job.args["name"]) == ("volume.clone", "shop_data", "shop_copy")
    with pytest.raises(Denied):
        operations.clone_volume(member_of("shop", Role.OPERATOR), "local", "shop_data", to="shop_copy2")


def test_taking_a_backup_away_is_on_record(admin: Actor) -> None:
    backup = make_backup(content=b"four")
    operations.note_download(admin, backup.pk)
    entry = AuditEntry.objects.latest("seq")
    assert (entry.action, entry.details["downloaded"], entry.target_kind) == ("volume.backup", True, "backup")
    with pytest.raises(Conflict):
        operations.note_download(admin, make_backup(state="failed").pk)


@pytest.mark.django_db(transaction=True)
def test_backups_go_when_they_are_due_and_when_somebody_says(admin: Actor) -> None:
    now = timezone.now()
    due = make_backup(expires_at=now - timedelta(minutes=1))
    later = make_backup(expires_at=now + timedelta(days=1))
    for_good = make_backup(expires_at=None)
    assert remove_due() == 1
    assert not files.kept_path(due.pk).exists()
    assert files.kept_path(later.pk).exists()
    with pytest.raises(Unconfirmed):
        operations.remove_backup(replace(admin, confirmed_at=None), for_good.pk)
    operations.remove_backup(admin, for_good.pk)
    assert list(Backup.objects.values_list("pk", flat=True)) == [later.pk]
    assert AuditEntry.objects.filter(action="volume.remove", actor_name="retention").count() == 1

"""Who may take what along, what is in the way of restoring it, and what is on record."""

import io
from dataclasses import replace
from typing import Any

import pytest

from console.audit.models import AuditEntry
from console.capsules import observing, operations
from console.capsules.files import files
from console.capsules.models import EnvironmentLock, StackCapsule
from console.capsules.restoring import plan_restore
from console.capsules.retention import remove_due
from console.jobs.models import Job
from console.operations.actor import Actor
from console.operations.errors import Conflict, Denied, Invalid
from console.operations.governed import writes_allowed
from console.operations.permissions import Role
from console.stacks import looking
from console.stacks.models import Stack
from console.stacks.planning.world import SeenVolume, World
from tests.factories.capsules import environment_of, make_deployed_stack, make_stack_capsule
from tests.factories.console import actor_of, make_secret, make_user, make_workspace
from tests.factories.wires import make_volume
from tests.fakes.capsules import COMPOSE, FakeCapsule, fake_capsule

pytestmark = pytest.mark.django_db


class FakeHost:
    """What hosts have and run."""

    def __init__(self) -> None:
        self.world = World()
        self.environment = environment_of()


@pytest.fixture(autouse=True)
def host(monkeypatch: pytest.MonkeyPatch) -> FakeHost:
    host = FakeHost()
    monkeypatch.setattr(looking, "look_from_here", lambda *_given: host.world)
    monkeypatch.setattr(observing, "observe_from_here", lambda *_given, **_named: host.environment)
    return host


@pytest.fixture
def stack(admin: Actor) -> Stack:
    make_secret("db-password", workspace=make_workspace())
    return make_deployed_stack()


def restore(actor: Actor, capsule: StackCapsule, **wanted: Any) -> Stack:
    return operations.restore_capsule(actor, capsule.pk, "local", **{"name": "again", **wanted})


def test_a_fingerprint_is_kept_with_its_salt_and_put_on_record(admin: Actor, stack: Stack) -> None:
    before = stack.locks.get()
    found = operations.take_fingerprint(admin, stack.pk)
    assert (found.salt, found.fingerprint) == (before.salt, before.fingerprint)
    entry = AuditEntry.objects.order_by("-seq").first()
    assert entry is not None
    assert (entry.action, entry.details["fingerprint"]) == ("stack.take", found.fingerprint)


def test_what_was_found_is_put_on_record_and_beside_the_lock(admin: Actor, stack: Stack, host: FakeHost) -> None:
    assert operations.verify(admin, stack.pk).is_identical
    host.environment.services["web"][0]["command"] = ["other"]
    assert [one.field for one in operations.verify(admin, stack.pk).differences] == ["command"]
    lock = EnvironmentLock.objects.get()
    assert lock.checked_at is not None
    assert lock.verdict["is_identical"] is False
    entry = AuditEntry.objects.order_by("-seq").first()
    assert entry is not None
    assert (entry.details["identical"], entry.details["differences"]) == (False, 1)


def test_who_only_looks_takes_nothing(admin: Actor, stack: Stack) -> None:
    operator = actor_of(make_user(Role.OPERATOR))
    capsule = make_stack_capsule(stack=stack)
    for attempt in (
        lambda: operations.take_fingerprint(operator, stack.pk),
        lambda: operations.verify(operator, stack.pk),
        lambda: operations.note_lock_download(operator, stack.pk),
        lambda: operations.make_capsule(operator, stack.pk),
        lambda: operations.note_download(operator, capsule.pk),
        lambda: plan_restore(operator, capsule.pk, "local", name="again"),
        lambda: restore(operator, capsule),
        lambda: operations.upload_capsule(operator, fake_capsule().file()),
        lambda: operations.remove_capsule(operator, capsule.pk),
    ):
        with pytest.raises(Denied):
            attempt()


def test_a_capsule_is_made_by_a_job_that_has_all_it_needs(admin: Actor, stack: Stack, host: FakeHost) -> None:
    image = next(iter(environment_of().services["web"]))["image"].removeprefix("sha256:")
    host.world = World(images={"shop/web": image})
    capsule = operations.make_capsule(admin, stack.pk, volumes=["data"], keep_days=3)
    assert capsule.job is not None
    args = capsule.job.args
    assert args["images"] == {image: ["shop/web"]}
    assert args["volumes"] == {"data": f"{stack.project}_data"}
    assert args["facts"]["fingerprint"] == capsule.fingerprint
    assert set(args["env"]) == {"compose.yaml", "env.lock", "files/compose.yaml"}
    assert (capsule.state, capsule.volumes) == ("coming", ["data"])
    with pytest.raises(Conflict):
        operations.make_capsule(admin, stack.pk)
    with pytest.raises(Conflict, match="cancel the job"):
        operations.remove_capsule(admin, capsule.pk)


def test_what_cannot_be_taken_along_is_refused(admin: Actor, stack: Stack, host: FakeHost) -> None:
    with pytest.raises(Invalid, match="cannot be taken along"):
        operations.make_capsule(admin, stack.pk, volumes=["nothing"])
    make_volume(f"{stack.project}_data", workspace=make_workspace("depot"))
    with pytest.raises(Conflict, match="another workspace"):
        operations.make_capsule(admin, stack.pk, volumes=["data"])
    host.environment.services["web"] = (*host.environment.services["web"], {"image": "sha256:00"})  # type: ignore[index]
    with pytest.raises(Conflict, match="not alike"):
        operations.make_capsule(admin, stack.pk)
    assert not Job.objects.filter(kind="capsule.make").exists()


def test_an_upload_is_kept_whole_or_not_at_all(admin: Actor, settings: Any) -> None:
    made = operations.upload_capsule(admin, fake_capsule().file())
    assert (made.state, made.stack_name, made.volumes) == ("kept", "shop", ["data"])
    assert files.kept_path(made.pk).read_bytes() == fake_capsule().content()
    with pytest.raises(Invalid):
        operations.upload_capsule(admin, io.BytesIO(fake_capsule().content()[:-2000]))
    settings.NARU_CAPSULE_MOST_BYTES = 1 << 10
    with pytest.raises(Invalid, match="larger than"):
        operations.upload_capsule(admin, fake_capsule().file())
    assert StackCapsule.objects.count() == 1
    assert [path.name for path in files.kept_path(1).parent.iterdir()] == [f"{made.pk}.tar"]


def test_a_restored_stack_has_its_files_its_lock_and_a_job(admin: Actor, stack: Stack) -> None:
    capsule = make_stack_capsule(stack=stack)
    made = restore(admin, capsule)
    newest = made.newest
    assert newest is not None
    assert newest.job is not None
    assert (made.project, made.files) == ("main_again", {"compose.yaml": COMPOSE})
    assert (newest.job.kind, newest.job.args["secrets"]) == ("capsule.restore", ["db-password"])
    assert made.locks.get().fingerprint == capsule.fingerprint
    assert newest.job.args["images"][0]["names"] == ["shop/web:latest"]
    assert newest.job.args["volumes"][0]["name"] == "main_again_data"
    assert set(newest.job.args["parts"]) <= set(capsule.index["blobs"])
    with pytest.raises(Conflict):
        restore(admin, capsule)


def test_secrets_that_are_missing_are_asked_for_by_name(admin: Actor) -> None:
    capsule = make_stack_capsule()
    with pytest.raises(Invalid, match="db-password") as caught:
        restore(admin, capsule)
    assert caught.value.field == "secrets"
    made = restore(admin, capsule, secrets={"db-password": "long enough", "unasked": "long enough"})
    assert [one.name for one in make_workspace().secrets.all()] == ["db-password"]
    assert "long enough" not in str(made.newest.job.args)  # type: ignore[union-attr]


def test_a_volume_that_is_there_stays_unless_that_was_asked_for(admin: Actor, stack: Stack, host: FakeHost) -> None:
    capsule = make_stack_capsule(stack=stack)
    host.world = World(volumes={"main_again_data": SeenVolume("main_again_data", "local", {}, {})})
    with pytest.raises(Conflict, match="main_again_data") as caught:
        restore(admin, capsule)
    assert caught.value.field == "over"
    unproven = replace(actor_of(make_user(Role.ADMIN)), confirmed_at=None)
    with pytest.raises(Denied):
        restore(unproven, capsule, over=True)
    made = restore(admin, capsule, over=True)
    assert made.newest.job.args["volumes"][0]["over"] is True  # type: ignore[union-attr]


def test_another_workspaces_volume_is_never_written_over(admin: Actor, stack: Stack, host: FakeHost) -> None:
    make_volume("main_again_data", workspace=make_workspace("depot"))
    with pytest.raises(Conflict, match="another workspace"):
        restore(admin, make_stack_capsule(stack=stack), over=True)


def test_a_name_does_not_move_from_another_image_unless_that_was_asked_for(
    admin: Actor, stack: Stack, host: FakeHost
) -> None:
    capsule = make_stack_capsule(stack=stack)
    host.world = World(images={"shop/web": "0" * 64})
    with pytest.raises(Conflict, match="shop/web") as caught:
        restore(admin, capsule)
    assert caught.value.field == "moves_names"
    made = restore(admin, capsule, moves_names=True)
    assert made.newest.job.args["images"][0]["moves"] is True  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "compose",
    [
        "services: {other: {image: shop/web}}",
        "services: {web: {image: shop/web}, more: {image: other}}",
        "services: {web: {image: 'sha256:" + "0" * 64 + "'}}",
        "services: {web: {image: 'shop/web@sha256:" + "0" * 64 + "'}}",
        "services: {web: {image: 'Shop/../web'}}",
        "services: {web: {image: shop/web, build: ., pull_policy: build}}",
        "services: {web: {image: shop/web, comand: x}}",
        "services: {web: {image: shop/web, env_file: /etc/passwd}}",
    ],
)
def test_a_compose_file_that_does_not_go_with_the_rest_is_refused(admin: Actor, compose: str) -> None:
    def change(fake: FakeCapsule) -> None:
        fake.with_text("compose.yaml", compose.encode())

    capsule = make_stack_capsule(fake_capsule(change=change))
    with pytest.raises(Invalid):
        restore(admin, capsule)
    assert not Job.objects.exists()


def test_what_it_asks_of_the_host_is_judged_by_the_workspaces_rules(admin: Actor) -> None:
    def change(fake: FakeCapsule) -> None:
        fake.with_text("compose.yaml", b"services: {web: {image: shop/web, privileged: true}}")

    with pytest.raises(Denied):
        restore(admin, make_stack_capsule(fake_capsule(change=change)))
    assert not Stack.objects.exists()


def test_it_goes_when_its_time_is_over(admin: Actor, django_capture_on_commit_callbacks: Any) -> None:
    due, later = make_stack_capsule(), make_stack_capsule()
    with writes_allowed("test"):
        StackCapsule.objects.filter(pk=due.pk).update(expires_at=due.created_at)
    with django_capture_on_commit_callbacks(execute=True):
        assert remove_due() == 1
    assert not files.kept_path(due.pk).exists()
    assert files.kept_path(later.pk).exists()

"""The one way to change anything: with permission, all or nothing, and never without a trace."""

from typing import Any

import pytest
from django.db import transaction
from django.test import TestCase
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from console.audit.models import AuditEntry
from console.hosts.models import Host
from console.operations.actor import Actor
from console.operations.errors import Conflict, Denied
from console.operations.governed import WrittenOutside
from console.operations.permissions import Permission, Role
from console.operations.runner import Operation, Outcome, observation, operation, publish_on_commit
from tests.factories.console import actor_of, make_host, make_user

pytestmark = pytest.mark.django_db
rung: list[str] = []


@pytest.fixture
def admin() -> Actor:
    return actor_of(make_user(Role.ADMIN, username="ada"))


@pytest.fixture
def host() -> Host:
    return make_host("b1")


def rename(actor: Actor, host: Host, *, to: str, then: Exception | None = None) -> None:
    with operation(actor, Permission.IMAGE_BUILD, on=host, to=to):
        host.name = to
        host.save()
        if then is not None:
            raise then


def stored_name(host: Host) -> str:
    return Host.objects.get(pk=host.pk).name


def test_a_change_comes_with_its_audit_row(admin: Actor, host: Host) -> None:
    rename(admin, host, to="b2")
    entry = AuditEntry.objects.get()
    assert stored_name(host) == "b2"
    assert (entry.actor_name, entry.address, entry.action) == ("ada", "192.0.2.7", "image.build")
    assert (entry.outcome, entry.target_kind, entry.target_id) == ("allowed", "host", str(host.pk))
    assert entry.details == {"to": "b2"}


def test_a_refusal_changes_nothing_and_is_recorded(host: Host) -> None:
    viewer = actor_of(make_user(Role.VIEWER))
    with pytest.raises(Denied) as denied:
        rename(viewer, host, to="b2")
    assert denied.value.permission is Permission.IMAGE_BUILD
    assert stored_name(host) == "b1"
    entry = AuditEntry.objects.get()
    assert (entry.outcome, entry.actor_name) == ("refused", viewer.name)


def test_an_error_of_ours_undoes_the_change_and_is_recorded_as_refused(admin: Actor, host: Host) -> None:
    with pytest.raises(Conflict):
        rename(admin, host, to="b2", then=Conflict("already so"))
    assert stored_name(host) == "b1"
    entry = AuditEntry.objects.get()
    assert (entry.outcome, entry.reason) == ("refused", "already so")


def test_a_crash_undoes_the_change_and_is_recorded_as_failed(admin: Actor, host: Host) -> None:
    with pytest.raises(ZeroDivisionError):
        rename(admin, host, to="b2", then=ZeroDivisionError("by zero"))
    assert stored_name(host) == "b1"
    entry = AuditEntry.objects.get()
    assert (entry.outcome, entry.reason) == ("failed", "ZeroDivisionError: by zero")


def broken_recorder(_op: Operation, *, outcome: Outcome, reason: str) -> None:
    raise OSError(f"no room for {outcome} {reason}")


def test_without_its_audit_row_the_change_does_not_happen(admin: Actor, host: Host, settings: Settings) -> None:
    settings.NARU_RECORDER = f"{__name__}.broken_recorder"
    with pytest.raises(OSError, match="no room"):
        rename(admin, host, to="b2")
    assert stored_name(host) == "b1"


def test_a_refusal_is_a_refusal_even_if_it_cannot_be_recorded(host: Host, settings: Settings) -> None:
    settings.NARU_RECORDER = f"{__name__}.broken_recorder"
    with pytest.raises(Denied):
        rename(actor_of(make_user(Role.VIEWER)), host, to="b2")


@pytest.mark.parametrize(
    "write",
    [
        lambda host: host.save(),
        lambda host: host.delete(),
        lambda host: Host.objects.create(name="b9", address=""),
        lambda host: Host.objects.filter(pk=host.pk).update(name="b9"),
        lambda host: Host.objects.filter(pk=host.pk).delete(),
        lambda host: Host.objects.bulk_create([Host(name="b9", address="")]),
        lambda host: Host.objects.bulk_update([host], ["name"]),
        lambda host: Host.objects.update_or_create(name="b9", defaults={"address": ""}),
    ],
)
def test_writing_outside_raises(write: Any, host: Host) -> None:
    with pytest.raises(WrittenOutside), transaction.atomic():
        write(host)
    assert list(Host.objects.values_list("name", flat=True)) == ["b1"]


def test_writing_after_the_operation_raises(admin: Actor, host: Host) -> None:
    rename(admin, host, to="b2")
    with pytest.raises(WrittenOutside):
        host.save()


def test_an_operation_inside_another_raises(admin: Actor, host: Host) -> None:
    with pytest.raises((WrittenOutside, RuntimeError)), operation(admin, Permission.IMAGE_BUILD):
        rename(admin, host, to="b2")
    assert stored_name(host) == "b1"


def test_an_observation_writes_without_an_audit_row(host: Host) -> None:
    with observation(Actor.host("b1")):
        host.state = Host.State.UNREACHABLE
        host.save()
    assert Host.objects.get().state == "unreachable"
    assert not AuditEntry.objects.exists()


def hear(topic: str, _payload: dict[str, Any]) -> None:
    rung.append(topic)


def cannot_hear(topic: str, _payload: dict[str, Any]) -> None:
    raise ConnectionError(topic)


def test_the_doorbell_rings_after_commit_and_not_before(settings: Settings) -> None:
    settings.NARU_PUBLISHER = f"{__name__}.hear"
    rung.clear()
    with TestCase.captureOnCommitCallbacks() as callbacks, transaction.atomic():
        publish_on_commit("rows.hosts", {"name": "b1"})
    assert rung == []
    callbacks[0]()
    assert rung == ["rows.hosts"]


def test_a_deaf_doorbell_harms_no_change(
    admin: Actor,
    host: Host,
    settings: Settings,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    settings.NARU_PUBLISHER = f"{__name__}.cannot_hear"
    with django_capture_on_commit_callbacks(execute=True):
        rename(admin, host, to="b2")
    assert stored_name(host) == "b2"

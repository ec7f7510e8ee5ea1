"""Role × permission, written out: a change to either table of it must be meant."""

import pytest

from console.access.queries import held_by, role_of
from console.accounts.models import User
from console.accounts.operations import change_role
from console.audit.models import AuditEntry
from console.operations.actor import Actor
from console.operations.errors import Conflict, Denied, Missing
from console.operations.governed import writes_allowed
from console.operations.permissions import Permission, Role
from console.operations.policy import NOWHERE, may
from tests.factories.console import actor_of, make_job, make_user

pytestmark = pytest.mark.django_db

# a table reads best with narrow columns
V, O, D, U, A = "viewer", "operator", "developer", "auditor", "admin"  # noqa: E741
ALLOWED = {
    "container.view": {V, O, D, A},
    "container.logs": {V, O, D, A},
    "container.stats": {V, O, D, A},
    "container.files": {D, A},
    "container.start": {O, D, A},
    "container.stop": {O, D, A},
    "container.restart": {O, D, A},
    "container.scale": {O, D, A},
    "container.run": {D, A},
    "container.deploy": {D, A},
    "container.exec": {D, A},
    "container.secrets": {D, A},
    "container.remove": {D, A},
    # auditors read what was recorded; developers their own
    "terminal.view": {D, U, A},
    "terminal.replay": {U, A},
    "terminal.end": {A},
    "stack.view": {V, O, D, A},
    "stack.purge": {D, A},
    "stack.take": {D, A},
    "template.manage": {D, A},
    "image.view": {V, O, D, A},
    "image.build": {D, A},
    "image.remove": {D, A},
    "image.pull": {D, A},
    "image.push": {D, A},
    "image.tag": {D, A},
    "image.export": {D, A},
    "network.view": {V, O, D, A},
    "network.manage": {D, A},
    "volume.view": {V, O, D, A},
    "volume.manage": {D, A},
    "volume.backup": {D, A},
    "volume.remove": {D, A},
    "registry.view": {V, O, D, A},
    "registry.use": {D, A},
    "registry.manage": {A},
    "secret.view": {D, A},
    "secret.use": {D, A},
    "secret.manage": {D, A},
    "secret.reveal": {A},
    "secret.rotate": {A},
    "notification.view": {O, D, A},
    "notification.silence": {O, D, A},
    "notification.manage": {A},
    "job.view": {V, O, D, U, A},
    "job.cancel": {A},
    "job.cancel-own": {O, D, A},
    "job.pin": {O, D, A},
    "schedule.view": {V, O, D, A},
    "schedule.manage": {O, D, A},
    "job.remove": {A},
    "host.view": {V, O, D, A},
    "host.prune": {A},
    "host.manage": {A},
    "metrics.view": {A},
    "workspace.view": {V, O, D, A},
    "workspace.manage": {A},
    "policy.view": {D, A},
    "policy.manage": {A},
    "grant.view": {A},
    "grant.manage": {A},
    "role.view": {A},
    "role.manage": {A},
    "team.view": {A},
    "team.manage": {A},
    "audit.view": {U, A},
    "audit.seal": {A},
    "user.view": {A},
    "user.invite": {A},
    "user.manage": {A},
}


def test_every_permission_is_in_the_table() -> None:
    assert {permission.value for permission in Permission} == set(ALLOWED)


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("permission", Permission)
def test_the_matrix(role: Role, permission: Permission) -> None:
    actor = actor_of(make_user(role))
    assert may(actor, permission) == (role.value in ALLOWED[permission.value])


@pytest.mark.parametrize("permission", Permission)
def test_who_has_no_role_may_nothing(permission: Permission) -> None:
    assert not may(actor_of(make_user(None)), permission)
    assert not may(Actor.of_user(None), permission)
    assert not may(Actor.host("local"), permission)


def test_a_disabled_administrator_may_nothing() -> None:
    user = make_user(Role.ADMIN)
    with writes_allowed("test"):
        User.objects.filter(pk=user.pk).update(is_active=False)
    assert role_of(user.pk) is None
    assert held_by(actor_of(user)).over(NOWHERE) == frozenset()


def test_an_operator_may_cancel_own_jobs_and_no_others() -> None:
    operator, other = make_user(Role.OPERATOR), make_user(Role.OPERATOR)
    actor = actor_of(operator)
    assert may(actor, Permission.JOB_CANCEL, on=make_job(user=operator))
    assert not may(actor, Permission.JOB_CANCEL, on=make_job(user=other))
    assert not may(actor, Permission.JOB_CANCEL, on=make_job(user=None))


def test_a_viewer_may_not_even_cancel_what_was_once_their_own() -> None:
    viewer = make_user(Role.VIEWER)
    assert not may(actor_of(viewer), Permission.JOB_CANCEL, on=make_job(user=viewer))


def test_an_administrator_changes_a_role() -> None:
    admin, other = make_user(Role.ADMIN), make_user(Role.VIEWER)
    change_role(actor_of(admin), other.pk, Role.OPERATOR)
    assert role_of(other.pk) is Role.OPERATOR
    assert AuditEntry.objects.get().details == {"role": "operator"}


def test_the_last_administrator_stays_one() -> None:
    admin = make_user(Role.ADMIN)
    with pytest.raises(Conflict, match="last administrator"):
        change_role(actor_of(admin), admin.pk, Role.VIEWER)
    assert role_of(admin.pk) is Role.ADMIN
    assert AuditEntry.objects.get().outcome == "refused"


def test_one_of_two_administrators_may_step_down() -> None:
    make_user(Role.ADMIN)
    admin = make_user(Role.ADMIN)
    change_role(actor_of(admin), admin.pk, Role.VIEWER)
    assert role_of(admin.pk) is Role.VIEWER


def test_a_disabled_second_administrator_does_not_count() -> None:
    admin, disabled = make_user(Role.ADMIN), make_user(Role.ADMIN)
    with writes_allowed("test"):
        User.objects.filter(pk=disabled.pk).update(is_active=False)
    with pytest.raises(Conflict):
        change_role(actor_of(admin), admin.pk, Role.OPERATOR)


def test_nobody_promotes_themselves() -> None:
    operator = make_user(Role.OPERATOR)
    with pytest.raises(Denied):
        change_role(actor_of(operator), operator.pk, Role.ADMIN)
    assert role_of(operator.pk) is Role.OPERATOR


def test_who_may_not_see_people_does_not_learn_who_exists() -> None:
    operator, other = make_user(Role.OPERATOR), make_user(Role.VIEWER)
    for user_pk in (other.pk, 99999):
        with pytest.raises(Missing, match="There is no such person"):
            change_role(actor_of(operator), user_pk, Role.ADMIN)

"""Stacks as people change them: files kept, plans agreed to, releases made, rules kept."""

from dataclasses import replace
from typing import Any

import pytest
from django.utils import timezone

from console.audit.models import AuditEntry
from console.hosts.models import Host as HostRow
from console.jobs.models import Job
from console.jobs.telling import inputs_of
from console.operations.actor import Actor
from console.operations.errors import Conflict, Denied, Invalid, Missing, Unconfirmed
from console.operations.governed import writes_allowed
from console.operations.permissions import Role
from console.secrets.uses import uses_of
from console.stacks.compose.problems import ComposeInvalid
from console.stacks.models import Release, Stack
from console.stacks.operations import (
    change_stack,
    create_stack,
    deploy_stack,
    plan_scaling,
    plan_stack,
    remove_stack,
    roll_back,
    scale_stack,
)
from console.stacks.parcels import put_together, put_together_before
from console.stacks.queries import unmanaged_projects, visible_stacks
from tests.console.stacks.conftest import TEXT, succeed
from tests.factories.console import actor_of, make_container, make_grant, make_secret, make_user, make_workspace
from tests.fakes.compose_host import Host

pytestmark = pytest.mark.django_db
FILES = {"compose.yaml": TEXT}


def made(actor: Actor, text: str = TEXT, **more: Any) -> Stack:
    return create_stack(actor, "local", name="shop", files={"compose.yaml": text}, **more)


def deployed(actor: Actor, stack: Stack, host: Host) -> Release:
    """Agreed to, done, and ended well."""
    prepared = plan_stack(actor, stack.pk)
    job = deploy_stack(actor, stack.pk, plan_digest=prepared.plan.digest)
    host.apply(prepared.plan, prepared.project)
    succeed(job)
    return Release.objects.get(job=job)


def test_a_stack_keeps_its_files_and_is_called_after_its_workspace_on_the_host(admin):
    stack = made(admin)
    assert (stack.files, stack.project, stack.directory) == (FILES, "main_shop", "/srv/main_shop")
    assert visible_stacks(admin).get() == stack
    assert AuditEntry.objects.latest("seq").target_name == "shop"


def test_files_that_are_no_project_are_refused_with_their_places(admin):
    with pytest.raises(ComposeInvalid, match=r"compose\.yaml:1:16: services\.a: .*imag"):
        made(admin, "services: {a: {imag: x}}")
    stack = made(admin)
    with pytest.raises(ComposeInvalid):
        change_stack(admin, stack.pk, files={"other.yaml": TEXT})
    assert Stack.objects.get().files == FILES


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "", "a/../../b", "a\0"])
def test_files_lie_below_the_directory(admin, path):
    with pytest.raises(Invalid):
        create_stack(admin, "local", name="shop", files={path: "x", **FILES})


def test_no_file_of_the_console_is_read(admin):
    with pytest.raises(ComposeInvalid, match="no file"):
        made(admin, "services: {a: {image: x, env_file: /etc/passwd}}")


def test_a_plan_changes_nothing_and_what_it_says_becomes_a_job(admin, fake_host):
    stack = made(admin)
    prepared = plan_stack(admin, stack.pk)
    assert prepared.plan.counts == {"create": 2}
    assert not Release.objects.exists()
    job = deploy_stack(admin, stack.pk, plan_digest=prepared.plan.digest)
    release = Release.objects.get()
    assert (release.number, release.by_name, release.job) == (1, admin.name, job)
    assert (job.kind, job.on_kind, job.args["plan"]) == ("stack.deploy", "stack", prepared.plan.digest)
    assert put_together(job.args) == (prepared.project, {})


def test_nothing_is_deployed_once_host_or_files_are_others(admin, fake_host):
    stack = made(admin)
    digest = plan_stack(admin, stack.pk).plan.digest
    change_stack(admin, stack.pk, files={"compose.yaml": TEXT.replace("one", "two")})
    with pytest.raises(Conflict, match="Plan again"):
        deploy_stack(admin, stack.pk, plan_digest=digest)
    digest = plan_stack(admin, stack.pk).plan.digest
    fake_host.images["web"] = "f" * 64
    with pytest.raises(Conflict, match="Plan again"):
        deploy_stack(admin, stack.pk, plan_digest=digest)
    assert not Release.objects.exists()


def test_only_one_job_at_a_time_is_at_work_on_a_stack(admin, fake_host):
    stack = made(admin)
    digest = plan_stack(admin, stack.pk).plan.digest
    deploy_stack(admin, stack.pk, plan_digest=digest)
    with pytest.raises(Conflict, match="still at work"):
        deploy_stack(admin, stack.pk, plan_digest=digest)


def test_going_back_puts_the_earlier_release_there_as_a_new_one(admin, fake_host):
    stack = made(admin)
    first = deployed(admin, stack, fake_host)
    change_stack(admin, stack.pk, files={"compose.yaml": TEXT.replace("one", "two")})
    deployed(admin, stack, fake_host)
    back = plan_stack(admin, stack.pk, release=1)
    assert [str(change) for step in back.plan.steps for change in step.changes] == ["environment A changed"]
    roll_back(admin, stack.pk, release=1, plan_digest=back.plan.digest)
    third = Release.objects.get(number=3)
    assert (third.document, third.rolls_back_to) == (first.document, 1)
    with pytest.raises(Missing):
        plan_stack(admin, stack.pk, release=9)


def test_scaling_takes_what_runs_and_leaves_the_files(admin, fake_host):
    stack = made(admin)
    with pytest.raises(Conflict, match="not deployed"):
        scale_stack(admin, stack.pk, replicas={"web": 3})
    deployed(admin, stack, fake_host)
    job = scale_stack(admin, stack.pk, replicas={"web": 3})
    assert put_together(job.args)[0].services["web"].replicas == 3
    assert Release.objects.get(number=2).counts == {"keep": 2, "create": 2}
    succeed(job)
    for wrong in ({"no": 1}, {"web": -1}, {"web": 5000}):
        with pytest.raises(Invalid) as caught:
            scale_stack(admin, stack.pk, replicas=wrong)
        assert caught.value.field == "replicas"


ROLLED = """
services: {web: {image: web, environment: {A: secret}, deploy: {update_config: {failure_action: rollback}}}}
"""


def test_what_an_update_may_go_back_to_is_given_along(admin, fake_host):
    stack = made(admin, ROLLED)
    first = plan_stack(admin, stack.pk)
    assert ["no release to go back to" in warning for warning in first.warnings] == [True]
    release = deployed(admin, stack, fake_host)
    assert "before" not in Job.objects.get().args
    change_stack(admin, stack.pk, files={"compose.yaml": ROLLED.replace("secret", "other")})
    again = plan_stack(admin, stack.pk)
    assert again.warnings == ()
    job = deploy_stack(admin, stack.pk, plan_digest=again.plan.digest)
    before = job.args["before"]
    assert (before["release"], before["images"]) == (1, {"web": fake_host.images["web"]})
    assert put_together_before(job.args)[0] == release.project
    told = " ".join(one.value for one in inputs_of(actor_of(make_user(Role.VIEWER)), job))
    assert "secret" not in told.replace("secrets", "")


def test_a_release_has_the_images_again_that_it_ended_with(admin, fake_host):
    stack = made(admin)
    deployed(admin, stack, fake_host)
    old = fake_host.images["web"]
    with writes_allowed("test"):
        Job.objects.update(result={"running": {"web": old, "db": "no id"}})
    fake_host.images["web"] = "f" * 64
    fake_host.untagged.add(old)
    assert plan_stack(admin, stack.pk).plan.counts == {"replace": 1, "keep": 1}
    back = plan_stack(admin, stack.pk, release=1)
    assert back.plan.is_empty
    assert roll_back(admin, stack.pk, release=1, plan_digest=back.plan.digest).args["images"] == {"web": old}


def test_a_scaling_is_planned_before_it_is_asked_for(admin, fake_host):
    stack = made(admin)
    deployed(admin, stack, fake_host)
    prepared = plan_scaling(admin, stack.pk, replicas={"web": 3})
    assert prepared.plan.counts == {"keep": 2, "create": 2}
    with pytest.raises(Conflict, match="Plan again"):
        scale_stack(admin, stack.pk, replicas={"web": 2}, plan_digest=prepared.plan.digest)
    scale_stack(admin, stack.pk, replicas={"web": 3}, plan_digest=prepared.plan.digest)


def test_the_rules_of_the_workspace_hold_for_every_container(admin, fake_host):
    developer = actor_of(make_user(Role.DEVELOPER))
    text = """
services:
  a: {image: web, privileged: true, volumes: ["/etc:/host", "other:/o"]}
  b: {image: web, network_mode: host}
volumes: {other: {name: elsewhere}}
"""
    stack = made(developer, text)
    with pytest.raises(Denied) as caught:
        deploy_stack(developer, stack.pk, plan_digest=plan_stack(developer, stack.pk).plan.digest)
    for words in ("Privileged", "/etc", "elsewhere", "network"):
        assert words in str(caught.value)
    assert not Release.objects.exists()


def test_totals_of_the_workspace_count_all_containers_together(admin, fake_host):
    make_workspace(most_containers=2)
    stack = made(admin, "services: {a: {image: web, scale: 3}}")
    with pytest.raises(Denied, match="has its 2 containers"):
        deploy_stack(admin, stack.pk, plan_digest=plan_stack(admin, stack.pk).plan.digest)


def test_services_may_share_with_one_another_but_not_with_strangers(admin, fake_host):
    stack = made(admin, "services: {a: {image: web, network_mode: 'service:b'}, b: {image: web}}")
    deploy_stack(admin, stack.pk, plan_digest=plan_stack(admin, stack.pk).plan.digest)
    other = create_stack(
        admin, "local", name="other", files={"compose.yaml": "services: {a: {image: web, pid: 'container:x'}}"}
    )
    with pytest.raises(Denied, match="no container of this workspace"):
        deploy_stack(admin, other.pk, plan_digest=plan_stack(admin, other.pk).plan.digest)


SECRETIVE = """
services: {a: {image: web, secrets: [s, t], configs: [c], environment: {P: "secret:pw", Q: plain}}}
secrets: {s: {external: true, name: db-password}, t: {environment: T}}
configs: {c: {file: ./c.conf}}
"""


def test_secrets_are_references_and_what_may_be_one_is_not_shown(admin, fake_host):
    for name in ("pw", "db-password"):
        make_secret(name, workspace=make_workspace())
    stack = create_stack(
        admin,
        "local",
        name="shop",
        files={"compose.yaml": SECRETIVE, "c.conf": "x = 1"},
        variables={"T": "hunter2"},
    )
    job = deploy_stack(admin, stack.pk, plan_digest=plan_stack(admin, stack.pk).plan.digest)
    assert job.args["secrets"] == ["db-password", "pw"]
    contents = put_together(job.args)[1]
    assert contents == {"secrets/s": "secret:db-password", "secrets/t": "hunter2", "configs/c": "x = 1"}
    viewer = actor_of(make_user(Role.VIEWER))
    told = " ".join(f"{one.name} {one.value}" for one in inputs_of(viewer, job))
    assert "hunter2" not in told
    assert "plain" not in told
    secret = make_workspace().secrets.get(name="pw")
    assert "shop" in uses_of(admin, secret)


def test_a_new_version_of_a_secret_is_something_new_to_deploy(admin, fake_host):
    secret = make_secret("db-password", workspace=make_workspace())
    stack = made(admin, "services: {a: {image: web, secrets: [s]}}\nsecrets: {s: {external: true, name: db-password}}")
    deployed(admin, stack, fake_host)
    assert plan_stack(admin, stack.pk).plan.is_empty
    newest = secret.newest
    with writes_allowed("test"):
        newest.pk, newest.number = None, newest.number + 1
        newest.save()
    assert plan_stack(admin, stack.pk).plan.counts == {"replace": 1}


def test_contents_nobody_gave_and_secrets_nobody_has_are_refused(admin, fake_host):
    missing = made(admin, "services: {a: {image: web, secrets: [s]}}\nsecrets: {s: {environment: NO}}")
    with pytest.raises(Invalid, match=r"secrets\.s"):
        plan_stack(admin, missing.pk)
    change_stack(
        admin, missing.pk, files={"compose.yaml": "services: {a: {image: web, environment: {P: 'secret:no'}}}"}
    )
    with pytest.raises(Invalid, match="no secret"):
        deploy_stack(admin, missing.pk, plan_digest=plan_stack(admin, missing.pk).plan.digest)


def test_removal_leaves_volumes_or_asks_who_it_is(admin, fake_host):
    stack = made(admin)
    job = remove_stack(admin, stack.pk)
    assert (job.kind, job.args) == ("stack.remove", {"project": "main_shop", "volumes": False})
    succeed(job)
    assert not visible_stacks(admin).exists()
    again = made(admin)
    with pytest.raises(Unconfirmed):
        remove_stack(replace(admin, confirmed_at=None), again.pk, with_volumes=True)
    assert (
        remove_stack(replace(admin, confirmed_at=timezone.now()), again.pk, with_volumes=True).args["volumes"] is True
    )


PROJECT = {"com.docker.compose.project": "old", "com.docker.compose.service": "web"}


def test_a_project_of_docker_compose_becomes_a_stack_as_it_runs(admin, fake_host):
    make_container("old_web_1", labels=PROJECT, workspace=make_workspace())
    host = HostRow.objects.get()
    assert unmanaged_projects(admin, host) == {"old": 1}
    stack = made(admin, adopt="old", directory="/home/me/old")
    assert (stack.project, stack.directory) == ("old", "/home/me/old")
    assert unmanaged_projects(admin, host) == {}
    with pytest.raises(Conflict):
        made(admin, adopt="old")
    with pytest.raises(Invalid):
        made(admin, adopt="never")


def test_what_another_workspace_has_under_the_same_label_is_not_touched(admin, fake_host):
    stack = made(admin)
    digest = plan_stack(admin, stack.pk).plan.digest
    marks = {"com.docker.compose.project": "main_shop", "com.docker.compose.service": "web"}
    make_container("foreign", labels=marks, workspace=make_workspace("depot"))
    with pytest.raises(Conflict, match="another workspace"):
        deploy_stack(admin, stack.pk, plan_digest=digest)
    with pytest.raises(Conflict, match="another workspace"):
        remove_stack(admin, stack.pk)


def test_one_of_another_workspace_sees_and_does_nothing(admin, fake_host):
    stack = made(admin)
    stranger = make_user(None)
    make_grant(stranger, Role.ADMIN, workspace=make_workspace("depot"))
    other = actor_of(stranger)
    assert not visible_stacks(other).exists()
    for attempt in (plan_stack, remove_stack):
        with pytest.raises(Missing):
            attempt(other, stack.pk)
    viewer = actor_of(make_user(Role.VIEWER))
    assert visible_stacks(viewer).get() == stack
    with pytest.raises(Denied):
        plan_stack(viewer, stack.pk)
    with pytest.raises(Denied):
        deploy_stack(viewer, stack.pk, plan_digest="")

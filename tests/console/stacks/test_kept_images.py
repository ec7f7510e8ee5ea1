"""Images that going back to a release needs are not pruned."""

from typing import Any

import pytest

from console.hosts.models import Host
from console.jobs.models import Job
from console.operations.actor import Actor
from console.operations.governed import writes_allowed
from console.operations.permissions import Role
from console.prune.operations import prune_host
from console.stacks.models import Stack
from console.stacks.queries import KEPT_RELEASES, images_of_releases
from tests.console.stacks.conftest import make_release, make_stack
from tests.factories.console import actor_of, make_host, make_job, make_user

pytestmark = pytest.mark.django_db


def released(stack: Stack, number: int, image: str, *, state: str = "succeeded") -> None:
    job = make_job("stack.deploy", state=state, workspace=stack.workspace)
    with writes_allowed("test"):
        Job.objects.filter(pk=job.pk).update(result={"running": {"web": image}})
    job.refresh_from_db()
    make_release(stack, number, job=job)


def image(number: int) -> str:
    return f"{number:064x}"


def test_the_last_releases_that_came_up_keep_their_images() -> None:
    host = make_host("local")
    stack = make_stack("shop", host=host)
    for number in range(1, KEPT_RELEASES + 3):
        released(stack, number, image(number))
    released(stack, KEPT_RELEASES + 3, image(99), state="failed")
    assert images_of_releases(host) == {image(number) for number in range(3, KEPT_RELEASES + 3)}
    assert images_of_releases(make_host("other")) == set()


def test_a_stack_that_is_gone_keeps_nothing() -> None:
    host = make_host("local")
    stack = make_stack("shop", host=host)
    released(stack, 1, image(1))
    with writes_allowed("test"):
        Stack.objects.update(is_gone=True)
    assert images_of_releases(host) == set()


def test_the_host_is_told_of_them_when_room_is_made(broker: Any) -> None:
    host: Host = make_host("local")
    released(make_stack("shop", host=host), 1, image(1))
    admin: Actor = actor_of(make_user(Role.ADMIN))
    job = prune_host(admin, "local", items=["unused:abc"], older_than_days=30)
    assert job.args["released"] == [image(1)]

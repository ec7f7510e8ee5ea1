"""Stacks whose fingerprint was taken, and capsules of them."""

from typing import Any

from console.capsules.files import files
from console.capsules.locks.environment import Environment
from console.capsules.models import EnvironmentLock, StackCapsule
from console.capsules.operations import keep_reading
from console.capsules.reading import read_capsule
from console.operations.governed import writes_allowed
from console.stacks.models import Release, Stack
from console.stacks.preparing import source_of
from console.stacks.sources import given_with
from tests.console.stacks.conftest import make_stack
from tests.factories.console import make_job, make_workspace
from tests.fakes.capsules import COMPOSE, FakeCapsule, fake_capsule


def environment_of(capsule: FakeCapsule | None = None) -> Environment:
    """As the fake capsule's own lock has it."""
    document = (capsule or fake_capsule()).lock.environment
    services = {name: ({**facts, "replicas": None},) for name, facts in document["services"].items()}
    for found in services.values():
        found[0].pop("replicas")
    return Environment(services, document["networks"], document["volumes"], {})


def make_deployed_stack(name: str = "shop", **facts: Any) -> Stack:
    """With a release that is on its host, and a lock of it."""
    stack = make_stack(name, **{"files": {"compose.yaml": COMPOSE}, **facts})
    source = source_of(stack)
    project = source.load().project
    given = given_with(project, source)
    job = make_job("stack.deploy", host=stack.host, workspace=stack.workspace)
    with writes_allowed("factory"):
        Release.objects.create(
            stack=stack, number=1, document=project.document(), contents=given.contents, secrets=given.secrets, job=job
        )
        lock = fake_capsule().lock
        EnvironmentLock.objects.create(
            stack=stack,
            release=1,
            salt=lock.salt,
            environment=lock.environment,
            fingerprint=lock.fingerprint,
            by_name="kim",
        )
    return stack


def make_stack_capsule(fake: FakeCapsule | None = None, **facts: Any) -> StackCapsule:
    fake = fake or fake_capsule()
    content = fake.content()
    workspace = facts.pop("workspace", None) or make_workspace()
    with writes_allowed("factory"):
        capsule = StackCapsule(workspace=workspace, made_by_name="kim", **facts)
        keep_reading(capsule, read_capsule(fake.file()), size_bytes=len(content))
        files.write_piece(capsule.pk, 0, content)
        files.keep(capsule.pk)
    return capsule

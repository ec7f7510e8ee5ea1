"""The commands that do what a page shows. Pure."""

import shlex

from console.capsules.models import StackCapsule
from console.stacks.models import Stack


def environment_commands(stack: Stack) -> str:
    name = shlex.quote(f"{stack.host.name}/{stack.name}")
    return f"manage.py env_lock {name} > env.lock\nmanage.py env_verify env.lock {name}"


def take_commands(stack: Stack) -> str:
    name = shlex.quote(f"{stack.host.name}/{stack.name}")
    return f"manage.py capsule_make {name} --volumes --output {shlex.quote(stack.name)}.capsule.tar"


def restore_commands(capsule: StackCapsule) -> str:
    name, file = shlex.quote(capsule.stack_name), shlex.quote(capsule.file_name)
    return f"manage.py capsule_restore {file} --host HOST --name {name}\n# anywhere else\ndocker load -i {file}"

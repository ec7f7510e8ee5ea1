"""The docker commands that do what a stack's pages do. Pure."""

import shlex

from console.stacks.models import Stack

# for one that has no name yet
NEW = "docker compose --project-name NAME --file compose.yaml config\ndocker compose --project-name NAME up --detach"


def deploy_commands(stack: Stack) -> str:
    """Where its files are: what would be done, and doing it."""
    compose = _compose(stack)
    return f"{compose} up --dry-run\n{compose} up --detach --remove-orphans"


def stack_commands(stack: Stack) -> str:
    compose = _compose(stack)
    return f"{deploy_commands(stack)}\n{compose} ps\n{compose} logs --follow\n{compose} down"


def _compose(stack: Stack) -> str:
    words = ["docker", "compose", "--project-name", stack.project]
    for path in stack.paths:
        words += ["--file", path]
    for profile in stack.profiles:
        words += ["--profile", profile]
    return shlex.join(words)

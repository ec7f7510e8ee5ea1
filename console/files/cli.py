"""The docker commands that do what a page shows. Pure."""

import shlex

from console.containers.models import Container
from console.hosts.files import shown


def directory_commands(container: Container, path: str) -> str:
    name = container.name
    place = f"{name}:{shown(path)}"
    copies = [["docker", "cp", place, "."], ["docker", "cp", "FILE", place]]
    listing = ["docker", "exec", name, "ls", "-la", shown(path)]
    return "\n".join(shlex.join(words) for words in (listing, *copies))


def file_commands(container: Container, path: str) -> str:
    return shlex.join(["docker", "cp", f"{container.name}:{shown(path)}", "."])


def changes_commands(container: Container) -> str:
    return shlex.join(["docker", "diff", container.name])


def reset_commands(container: Container) -> str:
    name = shlex.quote(container.name)
    return f"docker rm -f {name}\ndocker run -d --name {name} … {shlex.quote(container.image)}"


def freeze_commands(container: Container) -> str:
    return f"docker commit -m MESSAGE -a AUTHOR {shlex.quote(container.name)} NAME:TAG"

"""The docker commands that do what a page shows. Pure."""

import shlex

from console.containers.models import Container


def run_command(container: Container) -> str:
    words = ["docker", "run", "-d", "--name", container.name]
    for port in container.ports:
        words += ["-p", f"{port['host_address']}:{port['host_port']}:{port['container_port']}/{port['protocol']}"]
    if container.memory_bytes:
        words += ["--memory", str(container.memory_bytes)]
    if container.cpus:
        words += ["--cpus", f"{container.cpus:g}"]
    return shlex.join([*words, container.image])


def container_commands(container: Container) -> str:
    name = shlex.quote(container.name)
    return f"{run_command(container)}\ndocker logs -f {name}\ndocker stop {name}\ndocker rm {name}"

"""The docker commands that do what a page shows. Pure. What made a container is told where it is edited."""

import shlex

from console.containers.models import Container


def container_commands(container: Container) -> str:
    name = shlex.quote(container.name)
    return f"docker inspect {name}\ndocker logs -f {name}\ndocker restart {name}\ndocker stop {name}\ndocker rm {name}"

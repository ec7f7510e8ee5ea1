"""The docker commands that do what a page shows. Pure."""

import shlex
from collections.abc import Sequence

from console.volumes.models import Volume

OWN_LABELS = "naru."
# for one that has no name yet
NEW = "docker volume create --label KEY=VALUE NAME"


def volume_commands(volume: Volume) -> str:
    words = ["docker", "volume", "create"]
    if volume.driver != "local":
        words += ["--driver", volume.driver]
    for name, value in volume.options.items():
        words += ["--opt", f"{name}={value}"]
    for name, value in volume.labels.items():
        words += ["--label", f"{name}={value}"] if not name.startswith(OWN_LABELS) else []
    name = shlex.quote(volume.name)
    copy = f"docker run --rm -v {name}:/from busybox tar -C /from -c . > {name}.tar"
    return f"{shlex.join([*words, volume.name])}\ndocker volume inspect {name}\n{copy}\ndocker volume rm {name}"


def remove_command(volumes: Sequence[Volume]) -> str:
    return shlex.join(["docker", "volume", "rm", *(volume.name for volume in volumes)])


def restore_command(name: str) -> str:
    name = shlex.quote(name)
    return f"docker run --rm -i -v {name}:/to busybox tar -C /to -x < {name}.tar"

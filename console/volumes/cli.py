"""The docker commands that do what a page shows. Pure."""

import shlex

from console.volumes.models import Volume

OWN_LABELS = "naru."


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

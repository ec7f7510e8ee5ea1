"""What a terminal would do in place of a stack that comes from a repository. Pure."""

import shlex

from console.origins.models import Origin


def fetch_commands(origin: Origin) -> str:
    branch = f"--branch {shlex.quote(origin.ref)} " if origin.ref else ""
    folder = origin.stack.name
    clone = f"git clone --depth 1 {branch}{shlex.quote(origin.url)} {folder}"
    words = ["docker", "compose", "--project-name", origin.stack.project]
    for path in origin.paths:
        words += ["--file", f"{folder}/{path}"]
    return f"{clone}\n{shlex.join(words)} up --detach --remove-orphans"


# for one that has no name yet
NEW = "git clone --depth 1 URL NAME\ndocker compose --project-name NAME --file NAME/compose.yaml up --detach"

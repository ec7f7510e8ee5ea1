"""A project on its way to a host: what may be secret in it goes apart, as ``env``, whose values are not shown to all.

Keys of ``env`` are "SERVICE NAME" for variables of services, and "secrets/KEY" and "configs/KEY" for contents. Those of
the release that may be gone back to begin with "before:", which no service's name does.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from console.stacks.compose.model import Project

BEFORE = "before:"


def hidden(project: Project, contents: Mapping[str, str], *, mark: str = "") -> dict[str, Any]:
    """``project`` and ``env``, as they go into a job's arguments; each key of ``env`` begins with ``mark``."""
    document = msgspec.json.decode(msgspec.json.encode(project.document()))
    env = dict(contents)
    for name, service in document["services"].items():
        env |= {f"{name} {key}": value for key, value in service["environment"].items()}
        service["environment"] = {}
    return {"project": document, "env": {f"{mark}{key}": value for key, value in env.items()}}


def put_together(args: Mapping[str, Any]) -> tuple[Project, dict[str, str]]:
    """The project as it was, and its contents."""
    env = {key: value for key, value in args["env"].items() if not key.startswith(BEFORE)}
    return _with(args["project"], env)


def put_together_before(args: Mapping[str, Any]) -> tuple[Project, dict[str, str]]:
    """The same of the release before, which is in ``args["before"]``."""
    env = {key.removeprefix(BEFORE): value for key, value in args["env"].items() if key.startswith(BEFORE)}
    return _with(args["before"]["project"], env)


def _with(project: Mapping[str, Any], env: Mapping[str, str]) -> tuple[Project, dict[str, str]]:
    document = dict(project)
    document["services"] = {name: {**service, "environment": {}} for name, service in document["services"].items()}
    contents = {}
    for key, value in env.items():
        service, space, name = key.partition(" ")
        if space:
            document["services"][service]["environment"][name] = value
        else:
            contents[key] = value
    return Project.from_document(document), contents

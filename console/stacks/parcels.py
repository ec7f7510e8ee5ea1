"""A project on its way to a host: what may be secret in it goes apart, as ``env``, whose values are not shown to all.

Keys of ``env`` are "SERVICE NAME" for variables of services, and "secrets/KEY" and "configs/KEY" for contents.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from console.stacks.compose.model import Project


def hidden(project: Project, contents: Mapping[str, str]) -> dict[str, Any]:
    """``project`` and ``env``, as they go into a job's arguments."""
    document = msgspec.json.decode(msgspec.json.encode(project.document()))
    env = dict(contents)
    for name, service in document["services"].items():
        env |= {f"{name} {key}": value for key, value in service["environment"].items()}
        service["environment"] = {}
    return {"project": document, "env": env}


def put_together(args: Mapping[str, Any]) -> tuple[Project, dict[str, str]]:
    """The project as it was, and its contents."""
    document = dict(args["project"])
    document["services"] = {name: {**service, "environment": {}} for name, service in document["services"].items()}
    contents = {}
    for key, value in args["env"].items():
        service, space, name = key.partition(" ")
        if space:
            document["services"][service]["environment"][name] = value
        else:
            contents[key] = value
    return Project.from_document(document), contents

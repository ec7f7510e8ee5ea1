from typing import Any

from console.blueprints.models import Blueprint
from console.operations.governed import writes_allowed
from console.workspaces.models import Workspace

COMPOSE = """\
services: {web: {image: "${IMAGE}", environment: {PASSWORD: "${PASSWORD}"}}}
"""
VARIABLES: list[dict[str, Any]] = [
    {"name": "IMAGE", "label": "Image", "default": "web:1", "pattern": "[a-z0-9:.]{1,40}", "is_secret": False},
    {"name": "PASSWORD", "label": "", "default": "secret:pw", "pattern": ".*", "is_secret": True},
]


def make_blueprint(title: str, *, workspace: Workspace, **facts: Any) -> Blueprint:
    given = {"compose": COMPOSE, "variables": VARIABLES, "by_name": "kim", **facts}
    with writes_allowed("factory"):
        return Blueprint.objects.create(title=title, workspace=workspace, **given)

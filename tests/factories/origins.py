from typing import Any

from console.hosts.models import Host
from console.operations.governed import writes_allowed
from console.origins.models import Origin
from console.stacks.commits import Commit
from console.stacks.models import Stack
from console.workspaces.models import Workspace

URL = "https://git.example/shop/deploy.git"
COMMIT = "4f2c1a9be0d35b7788c1c9a0b1f1f6f7d8e9a0b1"


def make_origin(name: str, *, host: Host, workspace: Workspace, subject: str = "First light", **facts: Any) -> Origin:
    """Of a stack that has come from there."""
    commit = Commit(COMMIT, subject, "kim", "2026-11-26T09:00:00+00:00", URL)
    with writes_allowed("factory"):
        stack = Stack.objects.create(
            name=name,
            host=host,
            workspace=workspace,
            project=f"{workspace.slug}_{name}",
            directory=f"/srv/{name}",
            files={"compose.yaml": "services: {web: {image: web}}\n"},
            paths=["compose.yaml"],
            repository=URL,
            commit=commit.as_json(),
        )
        return Origin.objects.create(stack=stack, url=URL, paths=["compose.yaml"], owner_name="kim", **facts)

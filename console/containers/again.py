"""The inputs of an earlier job that ran a container, as the form has them."""

from typing import Any

from console.containers.specs.inputs import inputs_of
from console.containers.specs.spec import ContainerSpec
from console.jobs.models import Job


def run_again(job: Job | None, *, with_env: bool) -> dict[str, Any]:
    """Empty for what ran no container. ``with_env``: the person may see the values of its environment."""
    if job is None or job.kind != "container.run":
        return {}
    again = inputs_of(ContainerSpec.from_json(job.args))
    again |= {"host": job.host.name, "name": job.args["name"]} | ({} if with_env else {"env": ""})
    return again | ({"workspace": job.workspace.slug} if job.workspace else {})

"""What stacks fetch, build and make belongs to their workspaces; what of them is not well is replaced."""

from console.containers.observations import makes_containers
from console.images.observations import makes_images
from console.jobs.facts import Fact, observes
from console.stacks.reconciling.operations import restore_due

for _kind in ("stack.deploy", "stack.restore"):
    makes_images(_kind)
    makes_containers(_kind)


@observes("host.inventory")
def restore_what_is_not_well(host_name: str, fact: Fact) -> None:  # noqa: ARG001 - an observer's signature
    """After the rows of its containers are as the host has told: apps that are lower have registered before."""
    restore_due(host_name)

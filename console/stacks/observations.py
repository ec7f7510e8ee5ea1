"""What stacks fetch, build and make belongs to their workspaces."""

from console.containers.observations import makes_containers
from console.images.observations import makes_images

makes_images("stack.deploy")
makes_containers("stack.deploy")

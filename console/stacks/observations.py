"""What stacks fetch and build belongs to their workspaces."""

from console.images.observations import makes_images

makes_images("stack.deploy")

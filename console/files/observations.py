"""An image that was made of a container belongs to the container's workspace."""

from console.files.operations import FREEZE
from console.images.observations import makes_images

makes_images(FREEZE)

"""The bell of the list of registries."""

from console.live.topics import register_rows
from console.operations.permissions import Permission

register_rows("rows.registries", Permission.REGISTRY_VIEW)

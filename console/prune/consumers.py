"""The bell of what is in quarantine."""

from console.live.topics import register_rows
from console.operations.permissions import Permission

register_rows("rows.quarantined", Permission.HOST_PRUNE)

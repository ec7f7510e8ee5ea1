from console.live.topics import register_rows
from console.operations.permissions import Permission

register_rows("rows.capsules", Permission.STACK_VIEW)

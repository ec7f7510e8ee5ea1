"""Role → permissions. The one table of it."""

from collections.abc import Mapping

from console.operations.permissions import Permission, Role

VIEWER = frozenset(
    {
        Permission.CONTAINER_VIEW,
        Permission.CONTAINER_LOGS,
        Permission.IMAGE_VIEW,
        Permission.JOB_VIEW,
        Permission.HOST_VIEW,
    }
)
OPERATOR = VIEWER | {Permission.CONTAINER_START, Permission.CONTAINER_STOP}

PERMISSIONS: Mapping[Role, frozenset[Permission]] = {
    Role.VIEWER: VIEWER,
    Role.OPERATOR: OPERATOR,
    Role.ADMIN: frozenset(Permission),
}

# held over one's own things only
OWN_PERMISSIONS: Mapping[Role, frozenset[Permission]] = {
    Role.VIEWER: frozenset(),
    Role.OPERATOR: frozenset({Permission.JOB_CANCEL}),
    Role.ADMIN: frozenset(),
}

"""Built-in role → permissions. The one table of it."""

from collections.abc import Mapping

from console.operations.permissions import Permission, Role

VIEWER = frozenset(
    {
        Permission.CONTAINER_VIEW,
        Permission.CONTAINER_LOGS,
        Permission.CONTAINER_STATS,
        Permission.STACK_VIEW,
        Permission.IMAGE_VIEW,
        Permission.REGISTRY_VIEW,
        Permission.NETWORK_VIEW,
        Permission.VOLUME_VIEW,
        Permission.JOB_VIEW,
        Permission.SCHEDULE_VIEW,
        Permission.HOST_VIEW,
        Permission.WORKSPACE_VIEW,
    }
)
# start, stop and look: never create, enter, or read what is secret
OPERATOR = VIEWER | {
    Permission.CONTAINER_START,
    Permission.CONTAINER_STOP,
    Permission.CONTAINER_RESTART,
    Permission.CONTAINER_SCALE,
    Permission.JOB_CANCEL_OWN,
    Permission.NOTIFICATION_VIEW,
    Permission.NOTIFICATION_SILENCE,
    Permission.JOB_PIN,
    # of what one may do by hand
    Permission.SCHEDULE_MANAGE,
}
DEVELOPER = OPERATOR | {
    Permission.CONTAINER_RUN,
    Permission.CONTAINER_DEPLOY,
    Permission.CONTAINER_EXEC,
    # who is in which container, and their own recordings
    Permission.TERMINAL_VIEW,
    # files may hold what is secret: not for those who only watch
    Permission.CONTAINER_FILES,
    Permission.CONTAINER_SECRETS,
    Permission.CONTAINER_REMOVE,
    Permission.STACK_PURGE,
    Permission.STACK_TAKE,
    Permission.TEMPLATE_MANAGE,
    Permission.IMAGE_BUILD,
    Permission.IMAGE_REMOVE,
    Permission.IMAGE_PULL,
    Permission.IMAGE_PUSH,
    Permission.IMAGE_TAG,
    Permission.IMAGE_EXPORT,
    # with passwords that they cannot read
    Permission.REGISTRY_USE,
    Permission.NETWORK_MANAGE,
    Permission.VOLUME_MANAGE,
    Permission.VOLUME_BACKUP,
    Permission.VOLUME_REMOVE,
    # to set and to use, not to read
    Permission.SECRET_VIEW,
    Permission.SECRET_USE,
    Permission.SECRET_MANAGE,
    Permission.POLICY_VIEW,
}

PERMISSIONS: Mapping[Role, frozenset[Permission]] = {
    Role.VIEWER: VIEWER,
    Role.OPERATOR: OPERATOR,
    Role.DEVELOPER: DEVELOPER,
    Role.AUDITOR: frozenset(
        {Permission.AUDIT_VIEW, Permission.JOB_VIEW, Permission.TERMINAL_VIEW, Permission.TERMINAL_REPLAY}
    ),
    Role.ADMIN: frozenset(Permission),
}

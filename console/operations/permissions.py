"""What can be permitted, and the names of the built-in roles. What each of them holds is in console.access.roles.

A permission is held in the scope of a grant: everything, a workspace, a host, or what carries a label. Those in
``EVERYWHERE_ONLY`` are about the console itself and count only where the scope is everything.
"""

from collections.abc import Mapping
from enum import StrEnum


class Permission(StrEnum):
    CONTAINER_VIEW = "container.view"
    CONTAINER_LOGS = "container.logs"
    CONTAINER_STATS = "container.stats"
    CONTAINER_FILES = "container.files"
    CONTAINER_START = "container.start"
    CONTAINER_STOP = "container.stop"
    CONTAINER_RESTART = "container.restart"
    CONTAINER_SCALE = "container.scale"
    CONTAINER_RUN = "container.run"
    CONTAINER_DEPLOY = "container.deploy"
    CONTAINER_EXEC = "container.exec"
    CONTAINER_SECRETS = "container.secrets"
    CONTAINER_REMOVE = "container.remove"
    TERMINAL_VIEW = "terminal.view"
    TERMINAL_REPLAY = "terminal.replay"
    TERMINAL_END = "terminal.end"
    STACK_VIEW = "stack.view"
    # to take it along: its files and images, and by hash what its variables are
    STACK_TAKE = "stack.take"
    # with its volumes: what is in them is gone
    STACK_PURGE = "stack.purge"
    # a workspace's own templates of stacks; to use one takes container.deploy
    TEMPLATE_MANAGE = "template.manage"
    IMAGE_VIEW = "image.view"
    IMAGE_BUILD = "image.build"
    IMAGE_REMOVE = "image.remove"
    IMAGE_PULL = "image.pull"
    IMAGE_PUSH = "image.push"
    IMAGE_TAG = "image.tag"
    IMAGE_EXPORT = "image.export"
    REGISTRY_VIEW = "registry.view"
    REGISTRY_USE = "registry.use"
    REGISTRY_MANAGE = "registry.manage"
    NETWORK_VIEW = "network.view"
    NETWORK_MANAGE = "network.manage"
    VOLUME_VIEW = "volume.view"
    VOLUME_MANAGE = "volume.manage"
    # to read what is in it: to list its files, to keep a copy, to take that away
    VOLUME_BACKUP = "volume.backup"
    # to end what is in it: to remove it, to restore over it, to throw a backup away
    VOLUME_REMOVE = "volume.remove"
    SECRET_VIEW = "secret.view"  # noqa: S105 - a name
    SECRET_USE = "secret.use"  # noqa: S105 - a name
    SECRET_MANAGE = "secret.manage"  # noqa: S105 - a name
    SECRET_REVEAL = "secret.reveal"  # noqa: S105 - a name
    SECRET_ROTATE = "secret.rotate"  # noqa: S105 - a name
    NOTIFICATION_VIEW = "notification.view"
    NOTIFICATION_SILENCE = "notification.silence"
    NOTIFICATION_MANAGE = "notification.manage"
    JOB_VIEW = "job.view"
    JOB_CANCEL = "job.cancel"
    JOB_CANCEL_OWN = "job.cancel-own"
    JOB_PIN = "job.pin"
    JOB_REMOVE = "job.remove"
    SCHEDULE_VIEW = "schedule.view"
    SCHEDULE_MANAGE = "schedule.manage"
    HOST_VIEW = "host.view"
    HOST_PRUNE = "host.prune"
    HOST_MANAGE = "host.manage"
    METRICS_VIEW = "metrics.view"
    WORKSPACE_VIEW = "workspace.view"
    WORKSPACE_MANAGE = "workspace.manage"
    POLICY_VIEW = "policy.view"
    POLICY_MANAGE = "policy.manage"
    GRANT_VIEW = "grant.view"
    GRANT_MANAGE = "grant.manage"
    ROLE_VIEW = "role.view"
    ROLE_MANAGE = "role.manage"
    TEAM_VIEW = "team.view"
    TEAM_MANAGE = "team.manage"
    AUDIT_VIEW = "audit.view"
    AUDIT_SEAL = "audit.seal"
    USER_VIEW = "user.view"
    USER_INVITE = "user.invite"
    USER_MANAGE = "user.manage"


EVERYWHERE_ONLY = frozenset(
    {
        Permission.HOST_MANAGE,
        Permission.WORKSPACE_MANAGE,
        Permission.POLICY_MANAGE,
        Permission.ROLE_MANAGE,
        Permission.TEAM_MANAGE,
        Permission.AUDIT_SEAL,
        Permission.METRICS_VIEW,
        Permission.SECRET_ROTATE,
        Permission.USER_VIEW,
        Permission.USER_INVITE,
        Permission.USER_MANAGE,
    }
)

# what changes nothing: all that a token for reading can be of use for
READ_ONLY = frozenset(
    {
        Permission.CONTAINER_VIEW,
        Permission.CONTAINER_LOGS,
        Permission.CONTAINER_STATS,
        Permission.TERMINAL_VIEW,
        Permission.TERMINAL_REPLAY,
        Permission.CONTAINER_FILES,
        Permission.STACK_VIEW,
        Permission.IMAGE_VIEW,
        Permission.IMAGE_EXPORT,
        Permission.REGISTRY_VIEW,
        Permission.NETWORK_VIEW,
        Permission.VOLUME_VIEW,
        # names, never values: secret.reveal is no reading
        Permission.SECRET_VIEW,
        Permission.NOTIFICATION_VIEW,
        Permission.JOB_VIEW,
        Permission.SCHEDULE_VIEW,
        Permission.HOST_VIEW,
        # all that is measured, of everybody: for a Prometheus
        Permission.METRICS_VIEW,
        Permission.WORKSPACE_VIEW,
        Permission.POLICY_VIEW,
        Permission.GRANT_VIEW,
        Permission.ROLE_VIEW,
        Permission.TEAM_VIEW,
        Permission.AUDIT_VIEW,
        Permission.USER_VIEW,
    }
)

# what no token can be made for: who has an account here, and how they get in
NEVER_BY_TOKEN = frozenset({Permission.USER_INVITE, Permission.USER_MANAGE})

# what one may do to one's own things with the weaker permission
OWN: Mapping[Permission, Permission] = {
    Permission.JOB_CANCEL: Permission.JOB_CANCEL_OWN,
    Permission.TERMINAL_END: Permission.CONTAINER_EXEC,
    Permission.TERMINAL_REPLAY: Permission.CONTAINER_EXEC,
}


class OpenAction(StrEnum):
    """What anyone may try, because trying is how one becomes someone. The operation itself decides, and is audited."""

    SIGN_IN = "sign-in"
    FIRST_FACTOR = "sign-in.first-factor"
    SIGN_OUT = "sign-out"
    ACCEPT_INVITATION = "invitation.accept"
    PASSWORD_RESET = "password.reset"  # noqa: S105 - a name
    CONFIRM = "confirm"
    # one's own account: the operation looks that somebody is signed in
    PASSWORD_CHANGE = "password.change"  # noqa: S105 - a name
    PASSWORD_SET = "password.set"  # noqa: S105 - a name
    FACTOR_ADD = "factor.add"
    FACTOR_REMOVE = "factor.remove"
    RECOVERY_CODES_MAKE = "recovery-codes.make"
    IDENTITY_ADD = "identity.add"
    IDENTITY_REMOVE = "identity.remove"
    SESSION_REVOKE = "session.revoke"
    SETTINGS_CHANGE = "settings.change"
    # a link for others: the operation looks that the person may read what it shows
    SHARE_MAKE = "share.make"
    SHARE_REVOKE = "share.revoke"
    # by whoever has the link: knowing its token is the permission
    SHARE_OPEN = "share.open"
    # by whoever signs with a hook's secret: the same
    HOOK_RING = "hook.ring"
    TOKEN_MAKE = "token.make"  # noqa: S105 - a name
    TOKEN_REVOKE = "token.revoke"  # noqa: S105 - a name
    TOKEN_USE = "token.use"  # noqa: S105 - a name
    # by a host's agent: knowing its key is the permission
    HOST_CALL = "host.call"


# the one thing of these that is done by a token: being used is put on record
BY_TOKEN = frozenset({OpenAction.TOKEN_USE})


class Role(StrEnum):
    VIEWER = "viewer"
    OPERATOR = "operator"
    DEVELOPER = "developer"
    AUDITOR = "auditor"
    ADMIN = "admin"

"""What can be permitted, and the names of the roles. Which role may do what is decided in console.access.roles."""

from enum import StrEnum


class Permission(StrEnum):
    CONTAINER_VIEW = "container.view"
    CONTAINER_LOGS = "container.logs"
    CONTAINER_START = "container.start"
    CONTAINER_STOP = "container.stop"
    CONTAINER_RUN = "container.run"
    CONTAINER_REMOVE = "container.remove"
    IMAGE_VIEW = "image.view"
    IMAGE_BUILD = "image.build"
    IMAGE_REMOVE = "image.remove"
    JOB_VIEW = "job.view"
    JOB_CANCEL = "job.cancel"
    AUDIT_VIEW = "audit.view"
    AUDIT_SEAL = "audit.seal"
    HOST_VIEW = "host.view"
    USER_VIEW = "user.view"
    USER_INVITE = "user.invite"
    USER_MANAGE = "user.manage"


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


class Role(StrEnum):
    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

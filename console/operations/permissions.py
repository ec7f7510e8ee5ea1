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
    SIGN_OUT = "sign-out"
    ACCEPT_INVITATION = "invitation.accept"


class Role(StrEnum):
    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

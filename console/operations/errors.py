"""One error hierarchy. A class says what the caller should do; the message says what is wrong and what would help.

Each door maps it once: :mod:`console.operations.middleware` for HTTP, the websocket consumer for its close codes.
"""

from typing import ClassVar

from console.operations.permissions import Permission


class ConsoleError(Exception):
    """What every error of ours is. ``str(error)`` is fit to be shown to the person who asked."""

    status: ClassVar[int] = 500
    word: ClassVar[str] = "error"
    # an operation has written the refusal into the audit log
    on_record: bool = False


class Denied(ConsoleError):
    """The actor may not. ``permission`` is what is missing, where one permission would have been enough."""

    status = 403
    word = "denied"

    def __init__(self, message: str, *, permission: Permission | None = None) -> None:
        super().__init__(message)
        self.permission = permission


class Unconfirmed(Denied):
    """The actor may, but has to prove first that it is still the same person (console.operations.confirmation)."""

    word = "unconfirmed"


class Missing(ConsoleError):
    """It does not exist, or the actor may not know that it does: the same answer."""

    status = 404
    word = "missing"


class Invalid(ConsoleError):
    """What was given is malformed. ``field`` names the input, as the operation's parameter is named."""

    status = 400
    word = "invalid"

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class Conflict(ConsoleError):
    """What is asked does not fit how things are now. ``field`` as for Invalid, where one input is the cause."""

    status = 409
    word = "conflict"

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class Unavailable(ConsoleError):
    """A part we depend on does not answer; asking again after ``retry_after_s`` is sensible."""

    status = 503
    word = "unavailable"

    def __init__(self, message: str, *, retry_after_s: int = 5) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s

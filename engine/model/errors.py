"""What can go wrong, classed by what the caller should do about it.

Raise the class; put into the message what was wanted, what is so, and what would help.
``engine/api/errors.py`` is the one place that turns a class into an HTTP status.
"""


class EngineError(Exception):
    """Base of all errors the engine raises on purpose; its text is shown to the client."""


class Missing(EngineError):
    """The named thing does not exist: check the name."""


class Conflict(EngineError):
    """The thing is in a state, or has a name, that forbids this: change that first."""


class Invalid(EngineError):
    """The request is malformed: correct the named field."""


class Denied(EngineError):
    """The request is well formed and refused by policy."""


class Unauthenticated(EngineError):
    """A registry does not know who asks, or the password is wrong: sign in."""


class NotModified(EngineError):
    """What was asked for is already so. Not a failure; Docker answers 304."""


class TooLarge(EngineError):
    """A body, archive or value exceeds a limit that the message names."""


class Unsupported(EngineError):
    """Docker can do this and this engine cannot, yet; the message names the field."""


class Unavailable(EngineError):
    """Something the engine depends on (runtime, registry, kernel feature, disk) did not do its part."""

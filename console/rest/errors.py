"""Errors that only this door knows, beside those of console.operations.errors."""

from console.operations.errors import ConsoleError, Invalid


class Unauthorised(ConsoleError):
    """It is not known who asks. ``is_bad_token``: there was a token, and it is none or none any more."""

    status = 401
    word = "unauthorised"

    def __init__(self, message: str, *, is_bad_token: bool = False) -> None:
        super().__init__(message)
        self.is_bad_token = is_bad_token


class ForeignRequest(ConsoleError):
    """A browser's request that may come from another site: without the CSRF token, or from a foreign origin."""

    status = 403
    word = "csrf"


class TooMany(ConsoleError):
    status = 429
    word = "too-many"

    def __init__(self, message: str, *, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class TooLarge(Invalid):
    status = 413
    word = "too-large"


class OtherRequest(Invalid):
    """An Idempotency-Key came back with another request."""

    status = 422
    word = "other-request"


class UnsupportedMedia(Invalid):
    status = 415
    word = "media-type"


class NotAllowed(ConsoleError):
    """There is something at that address, but not this to be done to it."""

    status = 405
    word = "method"

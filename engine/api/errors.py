"""Which HTTP status an error is. The one place that knows; see ``engine/model/errors.py`` for the classes."""

import errno
import logging
import secrets
import sys
from typing import Final

from engine.model.errors import (
    Conflict,
    Denied,
    EngineError,
    Invalid,
    Missing,
    NotModified,
    TooLarge,
    Unauthenticated,
    Unavailable,
    Unsupported,
)

_log = logging.getLogger(__name__)
_STATUS: Final[tuple[tuple[type[EngineError], int], ...]] = (
    (NotModified, 304),
    (Invalid, 400),
    (Unauthenticated, 401),
    (Denied, 403),
    (Missing, 404),
    (Conflict, 409),
    (TooLarge, 413),
    (Unsupported, 501),
    (Unavailable, 503),
)
_OF_THE_DISK: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO})


def status_of(error: EngineError) -> int:
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def report_unexpected(what: str) -> str:
    """Log the exception being handled under a fresh number, and give the text for the client: no detail but that.

    Except that the disk is full or failing, which is the operator's to mend and not a fault of the engine.
    """
    error = sys.exception()
    if isinstance(error, OSError) and error.errno in _OF_THE_DISK:
        _log.error("%s: %s", what, error)
        return f"{(error.strerror or '').lower()}{f': {error.filename}' if error.filename else ''}"
    number = secrets.token_hex(4)
    _log.exception("unexpected error %s in %s", number, what)
    return f"unexpected error in the engine; its log has the details under {number}"

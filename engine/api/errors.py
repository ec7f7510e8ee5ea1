"""Which HTTP status an error is. The one place that knows; see ``engine/model/errors.py`` for the classes."""

import logging
import secrets
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


def status_of(error: EngineError) -> int:
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def report_unexpected(what: str) -> str:
    """Log the exception being handled under a fresh number, and give the text for the client: no detail but that."""
    number = secrets.token_hex(4)
    _log.exception("unexpected error %s in %s", number, what)
    return f"unexpected error in the engine; its log has the details under {number}"

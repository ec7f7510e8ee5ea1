"""What a build tells its client while it runs, and how it ends when a step fails."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from engine.model.digest import Digest
from engine.model.errors import EngineError
from engine.model.transfer import Telling


@dataclass(frozen=True, slots=True)
class Stream:
    """Text for the terminal: ``{"stream": text}`` on the wire."""

    text: str


@dataclass(frozen=True, slots=True)
class BuiltImage:
    """The image a build came to: ``{"aux": {"ID": "sha256:…"}}`` on the wire."""

    image_id: Digest


@dataclass(frozen=True, slots=True)
class Pulling:
    """How the pull of a base image goes; on the wire as in ``POST /images/create``."""

    telling: Telling


Message = Stream | BuiltImage | Pulling
Emit = Callable[[Message], Awaitable[None]]


class StepFailed(EngineError):
    """A RUN ended with ``code``, which is not zero: ``{"errorDetail": {"code": …, "message": …}}`` on the wire."""

    def __init__(self, message: str, *, code: int) -> None:
        super().__init__(message)
        self.code = code

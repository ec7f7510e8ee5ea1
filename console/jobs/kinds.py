"""The kinds of jobs there are. Each app registers its handlers in its ``jobs.py``; worker and console load them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from console.operations.errors import Conflict
from console.operations.permissions import Permission

if TYPE_CHECKING:
    from console.jobs.agent.run import JobRun

Args = dict[str, Any]
Handle = Callable[["JobRun", Args], Awaitable[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Kind:
    """``permission`` is what asking for it takes, again for a retry by hand, which only ``repeatable`` work has."""

    name: str
    handle: Handle
    permission: Permission
    max_attempts: int
    repeatable: bool = True
    takes_back: bool = False


class PartlyDone(Conflict):
    """Some of the work came to nothing. ``result`` tells of all of it, as that of a job that succeeds does."""

    def __init__(self, message: str, *, result: dict[str, Any]) -> None:
        super().__init__(message)
        self.result = result


_kinds: dict[str, Kind] = {}


def handler(
    name: str, *, permission: Permission, retryable: bool = False, repeatable: bool = True, takes_back: bool = False
) -> Callable[[Handle], Handle]:
    """Register ``async def handle(run, args) -> result`` for jobs of this kind.

    It runs on the host's agent without a database. It must be idempotent: a retry adopts what an earlier attempt made
    (label ``naru.job``). ``retryable`` allows two more attempts after a worker was lost; an error the handler raises
    is an answer and is never retried. ``repeatable``: a person may have it done again as it was. It returns only after
    it has verified that what it promises is so. ``takes_back``: what it leaves half-done hurts, so an attempt that was
    lost while somebody wanted it cancelled is followed by another, which is cancelled and takes it back.
    """

    def register(handle: Handle) -> Handle:
        if name in _kinds:
            raise RuntimeError(f"two handlers for {name}")
        _kinds[name] = Kind(name, handle, permission, 3 if retryable else 1, repeatable, takes_back)
        return handle

    return register


def get_kind(name: str) -> Kind:
    """KeyError for a kind nobody registered."""
    return _kinds[name]


def takes_back(name: str) -> bool:
    return name in _kinds and _kinds[name].takes_back


def kind_names() -> list[str]:
    return sorted(_kinds)

"""The kinds of jobs there are. Each app registers its handlers in its ``jobs.py``; worker and console load them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

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


_kinds: dict[str, Kind] = {}


def handler(
    name: str, *, permission: Permission, retryable: bool = False, repeatable: bool = True
) -> Callable[[Handle], Handle]:
    """Register ``async def handle(run, args) -> result`` for jobs of this kind.

    It runs on the host's agent without a database. It must be idempotent: a retry adopts what an earlier attempt made
    (label ``naru.job``). ``retryable`` allows two more attempts after a worker was lost; an error the handler raises
    is an answer and is never retried. ``repeatable``: a person may have it done again as it was. It returns only after
    it has verified that what it promises is so.
    """

    def register(handle: Handle) -> Handle:
        if name in _kinds:
            raise RuntimeError(f"two handlers for {name}")
        _kinds[name] = Kind(name, handle, permission, 3 if retryable else 1, repeatable)
        return handle

    return register


def get_kind(name: str) -> Kind:
    """KeyError for a kind nobody registered."""
    return _kinds[name]


def kind_names() -> list[str]:
    return sorted(_kinds)

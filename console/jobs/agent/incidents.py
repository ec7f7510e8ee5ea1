"""Which of an engine's events mean that something went wrong, and how many of those are worth keeping. Pure."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from console.hosts.events import EngineEvent

NS_PER_S = 10**9
HOUR_NS = 3600 * NS_PER_S
PER_CONTAINER = 5
PER_HOST = 60
# who is asked to end by one of these may take its time, and may end with any code
ASKED_BY = frozenset({"2", "3", "15", "28", "SIGINT", "SIGQUIT", "SIGTERM", "SIGWINCH"})
ASKED_NS = 600 * NS_PER_S
# a process that is killed for want of memory is told of before its container ends
OOM_NS = 10 * NS_PER_S
REMEMBERED = 2000


class What(StrEnum):
    EXIT = "exit"
    OOM = "oom"
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True, slots=True)
class Incident:
    what: What
    engine_id: str
    name: str
    at_ns: int
    exit_code: int | None = None


class Finder:
    """Reads events in their order."""

    def __init__(self) -> None:
        self._asked: dict[str, int] = {}
        self._starved: dict[str, int] = {}

    def found(self, event: EngineEvent) -> Iterator[Incident]:
        if event.kind != "container":
            return
        match event.action:
            case "kill" if event.words.get("signal", "") in ASKED_BY:
                _remember(self._asked, event)
            case "oom":
                _remember(self._starved, event)
                yield Incident(What.OOM, event.subject, event.name, event.at_ns)
            case "health_status" if event.words.get("status") == "unhealthy":
                yield Incident(What.UNHEALTHY, event.subject, event.name, event.at_ns)
            case "die":
                yield from self._ended(event)

    def _ended(self, event: EngineEvent) -> Iterator[Incident]:
        was_asked = event.at_ns - self._asked.pop(event.subject, -ASKED_NS) < ASKED_NS
        is_told = event.at_ns - self._starved.pop(event.subject, -OOM_NS) < OOM_NS
        code = _number(event.words.get("exit_code", ""))
        if code and not was_asked and not is_told:
            yield Incident(What.EXIT, event.subject, event.name, event.at_ns, code)


class Allowance:
    """So many in an hour, of a container and of the host: a storm is counted, not kept."""

    def __init__(self, *, per_container: int = PER_CONTAINER, per_host: int = PER_HOST) -> None:
        self._per_container = per_container
        self._per_host = per_host
        self._taken: deque[tuple[int, str]] = deque()

    def take(self, engine_id: str, *, now_ns: int) -> bool:
        while self._taken and now_ns - self._taken[0][0] >= HOUR_NS:
            self._taken.popleft()
        of_it = sum(1 for _at, taken in self._taken if taken == engine_id)
        if of_it >= self._per_container or len(self._taken) >= self._per_host:
            return False
        self._taken.append((now_ns, engine_id))
        return True


def _remember(memory: dict[str, int], event: EngineEvent) -> None:
    memory[event.subject] = event.at_ns
    while len(memory) > REMEMBERED:
        del memory[next(iter(memory))]


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 10 else 0

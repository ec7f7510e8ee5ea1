"""What of a stack is not as its release says, and what is to be done about it now. Pure.

A container is never mended: it is replaced by a fresh one. What keeps failing is replaced less and less often, and
when much fails at once something else is wrong, so that most of it is left alone until somebody has looked.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from console.stacks.planning.world import ALIVE

# what an engine restarts by itself is given so long to be there again
ENGINE_RESTARTS = timedelta(seconds=5)
# an end of which the host has told nothing may have been asked for; after so long nobody will tell
TELLS = timedelta(seconds=60)
# restarts by the engine from which on a container that has just been started again is one that keeps ending
LOOPS = 5
JUST = timedelta(seconds=15)
# after its first replacement a place waits for so long, then twice that, and so on
BACK_OFF = timedelta(seconds=10)
LONGEST = timedelta(minutes=10)
REMEMBERED = timedelta(hours=1)
# on one host within this time, at least so many and never more than half of what is there
STORM = timedelta(minutes=5)
LEAST_IN_STORM = 10


class Why(StrEnum):
    MISSING = "missing"
    DEAD = "dead"
    UNHEALTHY = "unhealthy"
    DRIFTED = "drifted"


# what a stack asks for: a container that is missing is a dead one
CHOICES = (Why.DEAD, Why.UNHEALTHY, Why.DRIFTED)


class End(StrEnum):
    """How a container has come to its end, as far as its host has told."""

    UNKNOWN = "unknown"
    ASKED = "asked"
    OWN = "own"


class Restart(StrEnum):
    NEVER = "never"
    ON_FAILURE = "on failure"
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Of a service. ``by_engine``: its engine starts again what has ended."""

    replicas: int
    restart: Restart
    by_engine: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """A container of the stack. ``is_right``: it was made as the release says."""

    service: str
    number: int
    engine_id: str
    name: str
    state: str
    health: str = ""
    exit_code: int | None = None
    end: End = End.UNKNOWN
    started_at: datetime | None = None
    ended_at: datetime | None = None
    restarts: int = 0
    is_right: bool = True


@dataclass(frozen=True, slots=True)
class Trouble:
    """``engine_id`` and ``name`` are empty where nothing is there."""

    service: str
    number: int
    why: Why
    engine_id: str = ""
    name: str = ""
    exit_code: int | None = None

    @property
    def spot(self) -> tuple[str, int]:
        return self.service, self.number


@dataclass(frozen=True, slots=True)
class Found:
    """``stopped`` are those that somebody has stopped: what people want is respected."""

    troubles: tuple[Trouble, ...] = ()
    stopped: tuple[Seen, ...] = ()


def find(wanted: Mapping[str, Wanted], seen: Iterable[Seen], *, now: datetime) -> Found:
    """By service as ``wanted`` has them, and number. Nothing where no container is there at all: somebody has taken
    the stack down.
    """
    there: dict[tuple[str, int], Seen] = {}
    for one in sorted(seen, key=lambda one: (not is_up(one), one.engine_id)):
        there.setdefault((one.service, one.number), one)
    if not there:
        return Found()
    troubles: list[Trouble] = []
    stopped: list[Seen] = []
    for service, want in wanted.items():
        for number in range(1, want.replicas + 1):
            found = there.get((service, number))
            if found is None:
                troubles += [Trouble(service, number, Why.MISSING)] if want.restart is Restart.ALWAYS else []
            elif not is_up(found) and found.end is End.ASKED:
                stopped.append(found)
            elif why := _flaw(want, found, now):
                troubles.append(Trouble(service, number, why, found.engine_id, found.name, found.exit_code))
    return Found(tuple(troubles), tuple(stopped))


def is_up(one: Seen) -> bool:
    return one.state in ALIVE


def _flaw(want: Wanted, one: Seen, now: datetime) -> Why | None:
    if one.state in ("exited", "dead"):
        return Why.DEAD if _is_dead(want, one, now) else None
    if one.state == "restarting" or one.state == "running":
        is_new = one.started_at is None or now - one.started_at < JUST
        if one.restarts >= LOOPS and (one.state == "restarting" or is_new):
            return Why.DEAD
    if one.state == "running" and one.health == "unhealthy":
        return Why.UNHEALTHY
    return Why.DRIFTED if is_up(one) and not one.is_right else None


def _is_dead(want: Wanted, one: Seen, now: datetime) -> bool:
    if want.restart is Restart.NEVER or (want.restart is Restart.ON_FAILURE and one.exit_code == 0):
        return False
    ago = now - one.ended_at if one.ended_at is not None else TELLS
    if one.end is End.UNKNOWN and ago < TELLS:
        return False
    return not want.by_engine or ago >= ENGINE_RESTARTS


class Verdict(StrEnum):
    NOW = "now"
    LATER = "later"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class Past:
    """A replacement that was asked for."""

    service: str
    number: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Decision:
    """``until`` is the time before which nothing is done; ``tries`` how often it was replaced lately."""

    trouble: Trouble
    verdict: Verdict
    until: datetime | None = None
    tries: int = 0


def decide(
    troubles: Sequence[Trouble], past: Iterable[Past], *, now: datetime, room: int, policy: Iterable[Why] = CHOICES
) -> list[Decision]:
    """Of those that ``policy`` speaks of. ``room``: how many more may be replaced on the host now."""
    asked = set(policy)
    times: dict[tuple[str, int], list[datetime]] = {}
    for one in past:
        if now - one.at < REMEMBERED:
            times.setdefault((one.service, one.number), []).append(one.at)
    found = []
    for trouble in troubles:
        if (Why.DEAD if trouble.why is Why.MISSING else trouble.why) not in asked:
            continue
        tries = len(times.get(trouble.spot, ()))
        until = max(times[trouble.spot]) + pause_after(tries) if tries else now
        if until > now:
            found.append(Decision(trouble, Verdict.LATER, until, tries))
        elif room > 0:
            room -= 1
            found.append(Decision(trouble, Verdict.NOW, None, tries))
        else:
            found.append(Decision(trouble, Verdict.HELD, None, tries))
    return found


def pause_after(tries: int) -> timedelta:
    doubled: int = 1 << min(tries, 20) - 1
    return min(BACK_OFF * doubled, LONGEST)


def room_on(*, containers: int, replaced: int) -> int:
    """How many more may be replaced on a host that has so many containers of stacks, ``replaced`` of them lately."""
    return max(0, max(LEAST_IN_STORM, containers // 2) - replaced)

"""Places where the engine can be told to fail, wait or die: how its promises about crashes are tested.

The environment variable NARU_FAILPOINTS, read once at start, arms them::

    NAME=TERM->TERM->…;NAME=…      TERM is [COUNT*]ACTION, in force COUNT times or, without one, from then on
    off           nothing happens
    error(TEXT)   Unavailable is raised with TEXT; OSError where TEXT is the name of an errno (ENOSPC, EIO)
    exit          the engine is dead at once, as by SIGKILL
    delay(MS)     whoever comes here waits, and with it all else in its thread

``blob.rename=2*off->1*exit`` lets two blobs be renamed and dies before the third. Each point is reached just before
the step that it is named for. When nothing is armed, ``reach`` is one look into an empty dictionary.
"""

import errno
import os
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from engine.model.errors import Invalid, Unavailable

VARIABLE: Final = "NARU_FAILPOINTS"
KILLED: Final = 137
POINTS: Final = frozenset(
    {
        "blob.write",
        "blob.sync",
        "blob.rename",
        "layer.extract",
        "layer.sync",
        "layer.rename",
        "layer.row",
        "commit.pack",
        "image.config",
        "image.row",
        "tag.row",
        "image.unrow",
        "container.directories",
        "container.row",
        "overlay.mount",
        "conmon.spawn",
        "network.connect",
        "runtime.start",
        "started.row",
        "exit.record",
        "container.removing",
        "container.erase",
        "container.unrow",
        "log.keep",
        "build.step",
        "sweep",
    }
)
_TERM = re.compile(r"(?:(?P<count>[1-9][0-9]{0,8})\*)?(?P<action>off|exit|error|delay)(?:\((?P<argument>[^()]*)\))?")


@dataclass(slots=True)
class _Term:
    """``left`` None: for ever."""

    left: int | None
    action: str
    argument: str


class _Point:
    def __init__(self, name: str, terms: list[_Term]) -> None:
        self._name = name
        self._terms = terms
        self._lock = threading.Lock()

    def act(self) -> None:
        term = self._next()
        if term is None or term.action == "off":
            return
        if term.action == "exit":
            os._exit(KILLED)
        if term.action == "delay":
            time.sleep(int(term.argument) / 1000)
        elif (number := getattr(errno, term.argument, None)) is not None:
            raise OSError(number, f"{os.strerror(number)} (failpoint {self._name})")
        else:
            raise Unavailable(f"failpoint {self._name}: {term.argument}")

    def _next(self) -> _Term | None:
        with self._lock:
            for term in self._terms:
                if term.left is None:
                    return term
                if term.left:
                    term.left -= 1
                    return term
        return None


def parse(text: str) -> dict[str, _Point]:
    """Raises Invalid naming the part that is wrong."""
    points = {}
    for part in filter(None, (part.strip() for part in text.split(";"))):
        name, _, terms = part.partition("=")
        if name not in POINTS:
            raise Invalid(f"{VARIABLE}: {name!r} is none of {', '.join(sorted(POINTS))}")
        points[name] = _Point(name, [_term(term) for term in terms.split("->")])
    return points


def _term(text: str) -> _Term:
    match = _TERM.fullmatch(text.strip())
    if match is None:
        raise Invalid(f"{VARIABLE}: {text!r} is not [COUNT*]off, error(TEXT), exit or delay(MS)")
    action, argument = match["action"], match["argument"] or ""
    if action == "delay" and not argument.isdecimal():
        raise Invalid(f"{VARIABLE}: {text!r}: delay(MS) wants milliseconds")
    return _Term(int(match["count"]) if match["count"] else None, action, argument)


_armed: dict[str, _Point] = {}


def arm(environment: Mapping[str, str]) -> None:
    """Once, at start. Raises Invalid."""
    _armed.update(parse(environment.get(VARIABLE, "")))


def reach(name: str) -> None:
    """A step that must be whole or not at all begins. Any thread; raises what is armed for ``name``."""
    if name in _armed:
        _armed[name].act()

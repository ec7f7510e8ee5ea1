"""How far a job is: a small record that is written over, never a list that grows. Pure.

``{"step": 2, "steps": 5, "what": "RUN make", "layers": [["a1b2c3", "Downloading", 1048576, 4194304], …], "done": 3}``

``"times": [[1, "FROM debian", 120, 1], …]`` are the steps so far, each with its number, milliseconds, and 1 where it
came from a cache. ``step`` is under way; ``layers`` are those at work, each with its id, the engine's word for what is
done to it, and bytes (0 of 0: not told); ``done`` have ended. What is not told is not there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MOST_LAYERS = 12
LONGEST_WHAT = 200
LONGEST_WORD = 40
MOST_TIMES = 200
LONGEST_TIMED = 100
LARGEST = 2**53
# what engines say of a layer that needs no more work
ENDED = frozenset({"Pull complete", "Already exists", "Pushed", "Layer already exists", "Mounted from"})

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Bar:
    """``total`` 0: nobody knows how much there is."""

    name: str
    word: str
    current: int
    total: int


@dataclass(frozen=True, slots=True)
class LayerNews:
    """What an engine says of one layer."""

    layer: str
    word: str
    current: int = 0
    total: int = 0


@dataclass(slots=True)
class StepTime:
    """A step that began at ``begun_s``, by some clock, and took ``took_ms`` so far."""

    number: int
    what: str
    begun_s: float
    took_ms: int = 0
    is_cached: bool = False

    def as_json(self) -> list[Any]:
        return [self.number, _text(self.what, LONGEST_TIMED), self.took_ms, int(self.is_cached)]


class Board:
    """Puts the record together from an engine's messages. ``now_s`` is any clock that only goes on."""

    def __init__(self) -> None:
        self._step: Record = {}
        self._times: list[StepTime] = []
        self._layers: dict[str, LayerNews] = {}
        self._done: set[str] = set()

    def step(self, number: int, *, of: int, what: str, now_s: float | None = None) -> None:
        """A step begins; the layers of the one before are of no interest any more. Timed if ``now_s`` is told."""
        self._step = {"step": number, "steps": of, "what": what}
        if now_s is not None:
            self.tick(now_s)
            self._times.append(StepTime(number, what, now_s))
        self._layers.clear()
        self._done.clear()

    def tick(self, now_s: float) -> None:
        """The step under way has taken until now."""
        if self._times:
            self._times[-1].took_ms = round((now_s - self._times[-1].begun_s) * 1000)

    def cached(self) -> None:
        """The step under way came from a cache."""
        if self._times:
            self._times[-1].is_cached = True

    def layer(self, news: LayerNews) -> None:
        if news.word in ENDED:
            self._layers.pop(news.layer, None)
            self._done.add(news.layer)
        else:
            self._layers[news.layer] = news

    def record(self) -> Record:
        at_work = [[one.layer, one.word, one.current, one.total] for one in self._layers.values()]
        layers: Record = {"layers": at_work, "done": len(self._done)} if at_work or self._done else {}
        times: Record = {"times": [one.as_json() for one in self._times]} if self._times else {}
        return bounded({**self._step, **layers, **times})


def bounded(said: object) -> Record:
    """What of ``said`` is a record, cut to size: an agent's word is not believed, and a row stays small."""
    given = said if isinstance(said, Mapping) else {}
    record: Record = {name: _number(given[name]) for name in ("step", "steps", "done") if name in given}
    if given.get("what"):
        record["what"] = _text(given["what"], LONGEST_WHAT)
    layers = given.get("layers")
    if isinstance(layers, list):
        record["layers"] = [_layer(one) for one in layers[:MOST_LAYERS] if isinstance(one, list) and len(one) == 4]
        # what was cut off by whoever made it smaller before counts too
        more = len(layers) - len(record["layers"]) + _number(given.get("more", 0))
        if more:
            record["more"] = more
    times = given.get("times")
    if isinstance(times, list):
        found = [one for one in times[:MOST_TIMES] if isinstance(one, list) and len(one) == 4]
        record["times"] = [
            [_number(one[0]), _text(one[1], LONGEST_TIMED), _number(one[2]), min(_number(one[3]), 1)] for one in found
        ]
    return record


@dataclass(frozen=True, slots=True)
class Timed:
    """A step as it is drawn: ``took_ms`` of the ``longest_ms`` that any step took."""

    number: int
    what: str
    took_ms: int
    is_cached: bool
    longest_ms: int

    @property
    def seconds(self) -> float:
        return self.took_ms / 1000


def timed_steps(record: Mapping[str, Any]) -> list[Timed]:
    times = record.get("times", [])
    longest = max([1, *(took for _number, _what, took, _cached in times)])
    return [Timed(number, what, took, bool(cached), longest) for number, what, took, cached in times]


def bars(record: Mapping[str, Any]) -> list[Bar]:
    """To be drawn: the steps as a whole, then each layer at work."""
    found = []
    if record.get("steps"):
        # the step under way is not done yet
        found.append(Bar("", str(record.get("what", "")), max(0, record.get("step", 0) - 1), record["steps"]))
    return found + [Bar(*layer) for layer in record.get("layers", [])]


def _layer(one: list[object]) -> list[Any]:
    total = _number(one[3])
    return [_text(one[0], 12), _text(one[1], LONGEST_WORD), min(_number(one[2]), total or LARGEST), total]


def _number(value: object) -> int:
    return min(max(0, int(value)), LARGEST) if isinstance(value, int | float) and value == value else 0


def _text(value: object, longest: int) -> str:
    return str(value).encode(errors="replace").decode().replace("\0", "")[:longest]

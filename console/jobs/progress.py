"""How far a job is: a small record that is written over, never a list that grows. Pure.

``{"step": 2, "steps": 5, "what": "RUN make", "layers": [["a1b2c3", "Downloading", 1048576, 4194304], …], "done": 3}``

``step`` is under way; ``layers`` are those at work, each with its id, the engine's word for what is done to it, and
bytes (0 of 0: not told); ``done`` have ended. What is not told is not there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MOST_LAYERS = 12
LONGEST_WHAT = 200
LONGEST_WORD = 40
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


class Board:
    """Puts the record together from an engine's messages."""

    def __init__(self) -> None:
        self._step: Record = {}
        self._layers: dict[str, LayerNews] = {}
        self._done: set[str] = set()

    def step(self, number: int, *, of: int, what: str) -> None:
        """A step begins; the layers of the one before are of no interest any more."""
        self._step = {"step": number, "steps": of, "what": what}
        self._layers.clear()
        self._done.clear()

    def layer(self, news: LayerNews) -> None:
        if news.word in ENDED:
            self._layers.pop(news.layer, None)
            self._done.add(news.layer)
        else:
            self._layers[news.layer] = news

    def record(self) -> Record:
        at_work = [[one.layer, one.word, one.current, one.total] for one in self._layers.values()]
        layers: Record = {"layers": at_work, "done": len(self._done)} if at_work or self._done else {}
        return bounded({**self._step, **layers})


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
    return record


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

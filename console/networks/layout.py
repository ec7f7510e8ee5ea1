"""Where things stand in the drawing of a host's networks. Pure: lists in, coordinates out.

Networks are lanes that go down from their names; containers are boxes one below the other, each with a line to the
right that has a dot on every lane it is on, and one to the left for the ports that the host publishes for it.
Nothing ever crosses a box, and what a line crosses without a dot it has nothing to do with, so
it reads with sixty as with three.

      host │ 8080 → 80  ┌──────┐   front   back
           ├────────────┤ web  ├─────●───────●──
           │            └──────┘     │       │
           │            ┌──────┐     │       │
           │            │ db   ├─────┼───────●──
"""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

HOST_X = 20
BOX_X, BOX_WIDTH, BOX_HEIGHT = 190, 210, 38
LANES_X, LANE_WIDTH = BOX_X + BOX_WIDTH + 70, 124
HEAD_Y, HEAD_HEIGHT = 8, 42
ROWS_Y, ROW_HEIGHT = 78, 52
MARGIN = 20
LANE_COLOURS = 6
# how many narrow letters fit
LONGEST_NAME, LONGEST_IMAGE, LONGEST_LANE, LONGEST_PORTS = 23, 29, 15, 22


@dataclass(frozen=True, slots=True)
class Wire:
    """A network to draw. ``url`` empty: there is no page of it for this person."""

    key: str
    name: str
    subnet: str = ""
    url: str = ""
    is_internal: bool = False


@dataclass(frozen=True, slots=True)
class Boat:
    """A container to draw, on the networks with these keys. ``ports``: as "8080 → 80"."""

    key: str
    name: str
    url: str
    is_alive: bool
    image: str = ""
    ports: tuple[str, ...] = ()
    wires: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True)
class Lane:
    wire: Wire
    colour: int
    x: int
    y2: int
    label: str
    under: str

    @property
    def head_x(self) -> int:
        return self.x - LANE_WIDTH // 2 + 4


@dataclass(frozen=True, slots=True)
class Dot:
    x: int
    y: int
    colour: int
    title: str


@dataclass(frozen=True, slots=True)
class Box:
    boat: Boat
    y: int
    label: str
    under: str
    ports_label: str
    # where its line to the right ends; 0: it is on no network
    line_x2: int
    dots: tuple[Dot, ...]

    @property
    def middle(self) -> int:
        return self.y + BOX_HEIGHT // 2

    @property
    def ports_title(self) -> str:
        return ", ".join(self.boat.ports)


@dataclass(frozen=True, slots=True)
class Drawing:
    width: int
    height: int
    lanes: tuple[Lane, ...]
    boxes: tuple[Box, ...]
    # the host's own lane, from the first published port to the last; 0, 0: nothing is published
    host_y1: int
    host_y2: int


def draw(wires: Sequence[Wire], boats: Sequence[Boat]) -> Drawing:
    """Busy networks stand left; containers that share networks stand together. The same input, the same drawing."""
    used = {wire.key: sum(wire.key in boat.wires for boat in boats) for wire in wires}
    ordered = sorted(wires, key=lambda wire: (-used[wire.key], wire.name, wire.key))
    places = {wire.key: number for number, wire in enumerate(ordered)}
    rows = sorted(boats, key=lambda boat: (_pattern(boat, places), not boat.is_alive, boat.name, boat.key))
    names = {wire.key: wire.name for wire in ordered}
    boxes = tuple(_box(boat, row, places, names) for row, boat in enumerate(rows))
    lanes = tuple(_lane(wire, number, boxes) for number, wire in enumerate(ordered))
    published = [box.middle for box in boxes if box.boat.ports]
    return Drawing(
        width=max(_lane_x(len(ordered)) - LANE_WIDTH // 2, BOX_X + BOX_WIDTH) + MARGIN,
        height=ROWS_Y + max(len(boxes), 1) * ROW_HEIGHT + MARGIN // 2,
        lanes=lanes,
        boxes=boxes,
        host_y1=HEAD_Y + HEAD_HEIGHT if published else 0,
        host_y2=published[-1] if published else 0,
    )


def cut(text: str, most: int) -> str:
    """At most ``most`` narrow letters wide; Korean and its neighbours count twice."""
    width = 0
    for at, letter in enumerate(text):
        width += 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        if width > most:
            return text[: max(at - 1, 0)] + "…"
    return text


def _pattern(boat: Boat, places: Mapping[str, int]) -> tuple[bool, list[int]]:
    """Those on no network come last."""
    own = sorted(places[key] for key in boat.wires if key in places)
    return not own, own


def _lane_x(number: int) -> int:
    return LANES_X + number * LANE_WIDTH


def _box(boat: Boat, row: int, places: Mapping[str, int], names: Mapping[str, str]) -> Box:
    y = ROWS_Y + row * ROW_HEIGHT
    own = sorted((places[key], names[key]) for key in boat.wires if key in places)
    dots = tuple(
        Dot(_lane_x(number), y + BOX_HEIGHT // 2, number % LANE_COLOURS, f"{boat.name} – {name}")
        for number, name in own
    )
    return Box(
        boat=boat,
        y=y,
        label=cut(boat.name, LONGEST_NAME),
        under=cut(boat.image, LONGEST_IMAGE),
        ports_label=_ports_label(boat.ports),
        line_x2=dots[-1].x if dots else 0,
        dots=dots,
    )


def _lane(wire: Wire, number: int, boxes: Sequence[Box]) -> Lane:
    x = _lane_x(number)
    ends = [dot.y for box in boxes for dot in box.dots if dot.x == x]
    label, under = cut(wire.name, LONGEST_LANE), cut(wire.subnet, LONGEST_LANE + 3)
    return Lane(wire, number % LANE_COLOURS, x, max(ends, default=HEAD_Y + HEAD_HEIGHT), label, under)


def _ports_label(ports: Sequence[str]) -> str:
    if len(ports) > 1:
        more = f" +{len(ports) - 1}"
        return cut(ports[0], LONGEST_PORTS - len(more)) + more
    return cut(ports[0], LONGEST_PORTS) if ports else ""

"""A container between its networks and its published ports, as boxes and lines with their places. Pure.

Units are those of the SVG's view box. The template draws what is here and computes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

WIDTH = 720
BOX_WIDTH = 200
BOX_HEIGHT = 46
GAP = 14
MARGIN = 8
MOST_BOXES = 8
LONGEST = 26


@dataclass(frozen=True, slots=True)
class Box:
    x: int
    y: int
    title: str
    note: str
    kind: str

    @property
    def text_x(self) -> int:
        return self.x + 12

    @property
    def title_y(self) -> int:
        return self.y + 20

    @property
    def note_y(self) -> int:
        return self.y + 36


@dataclass(frozen=True, slots=True)
class Line:
    x1: int
    y1: int
    x2: int
    y2: int


@dataclass(frozen=True, slots=True)
class Drawing:
    height: int
    boxes: Sequence[Box]
    lines: Sequence[Line]
    width: int = WIDTH
    box_width: int = BOX_WIDTH
    box_height: int = BOX_HEIGHT


def drawing_of(name: str, networks: Sequence[dict[str, Any]], ports: Sequence[dict[str, Any]]) -> Drawing:
    """Networks to the left, ports of the host to the right; what is more than fits is counted."""
    left = [(one["name"], one["address"] or one["address6"]) for one in networks]
    right = [
        (f"{port['host_address']}:{port['host_port'] or '…'}", f"→ {port['container_port']}/{port['protocol']}")
        for port in ports
    ]
    rows = max(1, min(len(left), MOST_BOXES), min(len(right), MOST_BOXES))
    height = 2 * MARGIN + rows * BOX_HEIGHT + (rows - 1) * GAP
    middle = Box((WIDTH - BOX_WIDTH) // 2, (height - BOX_HEIGHT) // 2, _cut(name), "", "container")
    sides = [*_column(left, MARGIN, height, "network"), *_column(right, WIDTH - MARGIN - BOX_WIDTH, height, "port")]
    return Drawing(height, [*sides, middle], [_line(middle, box) for box in sides])


def _column(entries: Sequence[tuple[str, str]], x: int, height: int, kind: str) -> list[Box]:
    shown = list(entries[:MOST_BOXES])
    if len(entries) > MOST_BOXES:
        shown[-1] = (f"+ {len(entries) - MOST_BOXES + 1}", "")
    taken = len(shown) * BOX_HEIGHT + max(len(shown) - 1, 0) * GAP
    top = (height - taken) // 2
    return [
        Box(x, top + index * (BOX_HEIGHT + GAP), _cut(title), _cut(note), kind)
        for index, (title, note) in enumerate(shown)
    ]


def _line(middle: Box, box: Box) -> Line:
    middle_y, y = middle.y + BOX_HEIGHT // 2, box.y + BOX_HEIGHT // 2
    if box.x < middle.x:
        return Line(box.x + BOX_WIDTH, y, middle.x, middle_y)
    return Line(middle.x + BOX_WIDTH, middle_y, box.x, y)


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"

"""Small curves drawn by the server: a path for SVG, in a box of 120 × 28."""

import math
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 120.0, 28.0
MOST_POINTS = 72
SPAN_S = 6 * 3600


@dataclass(frozen=True, slots=True)
class Spark:
    """``line`` and ``area`` are SVG path data, empty where there is nothing to draw. ``last`` and ``most``: percent."""

    line: str
    area: str
    last: float | None
    most: float | None


def spark(samples: Iterable[tuple[int, float]], *, until_s: float | None = None, span_s: int = SPAN_S) -> Spark:
    """Of percents by time, NaN where it is not known. The right edge is now.

    Several samples that fall on one point are drawn as their most; a gap is left open.
    """
    until_s = time.time() if until_s is None else until_s
    known = [(at, value) for at, value in samples if not math.isnan(value)]
    runs = list(_runs(_points(known, until_s, span_s)))
    line = " ".join(_path(run) for run in runs)
    area = " ".join(f"{_path(run)} L{_x(run[-1][0])} {HEIGHT:g} L{_x(run[0][0])} {HEIGHT:g} Z" for run in runs)
    values = [value for _at, value in known]
    return Spark(line, area, values[-1] if values else None, max(values, default=None))


def _points(known: Sequence[tuple[int, float]], until_s: float, span_s: int) -> dict[int, float]:
    """Percent by place, 0 for the left edge to MOST_POINTS for now."""
    points: dict[int, float] = {}
    for at, value in known:
        place = round(MOST_POINTS * (1 - (until_s - at) / span_s))
        if 0 <= place <= MOST_POINTS:
            points[place] = max(points.get(place, 0.0), min(value, 100.0))
    return points


def _runs(points: dict[int, float]) -> Iterator[list[tuple[int, float]]]:
    run: list[tuple[int, float]] = []
    for place in sorted(points):
        # a point may be left out by rounding
        if run and place - run[-1][0] > 2:
            yield run
            run = []
        run.append((place, points[place]))
    if run:
        yield run


def _path(run: Sequence[tuple[int, float]]) -> str:
    steps = [f"{_x(place)} {HEIGHT - 1 - (HEIGHT - 2) * value / 100:.1f}" for place, value in run]
    if len(steps) == 1:
        # a line of no length is still seen, by its round ends
        steps.append(steps[0])
    return "M" + " L".join(steps)


def _x(place: int) -> str:
    return f"{WIDTH * place / MOST_POINTS:g}"

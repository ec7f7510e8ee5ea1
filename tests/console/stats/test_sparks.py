"""Small curves: what is drawn where, and what is left open."""

import math

from console.stats.sparks import spark


def test_the_right_edge_is_now_and_full_is_the_top() -> None:
    drawn = spark([(0, 0.0), (3600, 100.0)], until_s=3600, span_s=3600)
    assert (drawn.last, drawn.most) == (100.0, 100.0)
    assert "120 1.0" in drawn.line
    assert "M0 27.0" in drawn.line


def test_neighbours_are_joined_and_gaps_left_open() -> None:
    samples = [(at, 50.0) for at in (*range(0, 1800, 50), *range(2700, 3600, 50))]
    drawn = spark(samples, until_s=3600, span_s=3600)
    assert drawn.line.count("M") == drawn.area.count("Z") == 2


def test_of_several_on_one_point_the_most_is_drawn() -> None:
    drawn = spark([(at, 90.0 if at == 1 else 10.0) for at in range(10)], until_s=9, span_s=36_000)
    assert drawn.line.startswith("M120 ")
    assert drawn.line == "M120 3.6 L120 3.6"


def test_what_is_not_known_draws_nothing() -> None:
    drawn = spark([(1, math.nan)], until_s=9)
    assert (drawn.line, drawn.area, drawn.last, drawn.most) == ("", "", None, None)


def test_more_than_all_is_drawn_as_all() -> None:
    assert spark([(9, 250.0)], until_s=9).line == "M120 1.0 L120 1.0"

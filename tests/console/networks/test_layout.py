"""The drawing of networks: nothing overlaps, everything is inside, and what is connected has a dot."""

from itertools import combinations, pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from console.networks.layout import BOX_HEIGHT, BOX_WIDTH, BOX_X, LANE_WIDTH, Boat, Wire, cut, draw

names = st.text(min_size=1, max_size=40)


@st.composite
def fleets(draw_: st.DrawFn) -> tuple[list[Wire], list[Boat]]:
    wires = [Wire(f"w{n}", draw_(names), "10.0.0.0/8") for n in range(draw_(st.integers(0, 9)))]
    keys = st.frozensets(st.sampled_from([wire.key for wire in wires])) if wires else st.just(frozenset[str]())
    ports = st.tuples() | st.tuples(st.just("8080 → 80"), st.just("8443 → 443"))
    boats = [
        Boat(f"b{n}", draw_(names), f"/c/{n}/", draw_(st.booleans()), "web:1", draw_(ports), draw_(keys))
        for n in range(draw_(st.integers(0, 60)))
    ]
    return wires, boats


@settings(max_examples=25, deadline=None)
@given(fleets())
def test_nothing_overlaps_and_everything_is_inside(fleet: tuple[list[Wire], list[Boat]]) -> None:
    wires, boats = fleet
    drawing = draw(wires, boats)
    assert len(drawing.boxes) == len(boats)
    assert len(drawing.lanes) == len(wires)
    assert all(upper.y + BOX_HEIGHT < lower.y for upper, lower in pairwise(drawing.boxes))
    assert all(right.x - left.x >= LANE_WIDTH for left, right in pairwise(drawing.lanes))
    assert all(lane.head_x > BOX_X + BOX_WIDTH for lane in drawing.lanes)
    assert all(box.y + BOX_HEIGHT <= drawing.height for box in drawing.boxes)
    assert all(lane.x + LANE_WIDTH // 2 <= drawing.width for lane in drawing.lanes)


@settings(max_examples=25, deadline=None)
@given(fleets())
def test_a_dot_is_where_a_container_is_on_a_network_and_nowhere_else(fleet: tuple[list[Wire], list[Boat]]) -> None:
    drawing = draw(*fleet)
    at = {lane.x: lane for lane in drawing.lanes}
    for box in drawing.boxes:
        assert {at[dot.x].wire.key for dot in box.dots} == box.boat.wires
        assert all(dot.x <= box.line_x2 and dot.y == box.middle <= at[dot.x].y2 for dot in box.dots)


def test_containers_that_share_networks_stand_together() -> None:
    wires = [Wire("front", "front"), Wire("back", "back")]
    of = {"a": ["front"], "b": ["back"], "c": ["front"], "d": ["front", "back"], "e": [], "f": ["back"]}
    boats = [Boat(name, name, "", is_alive=True, wires=frozenset(own)) for name, own in of.items()]
    order = [box.boat.key for box in draw(wires, boats).boxes]
    groups = [of[key] for key in order]
    # each pattern is one unbroken run
    runs = [group for group, after in zip(groups, [*groups[1:], None], strict=True) if group != after]
    assert all(one != other for one, other in combinations(runs, 2))
    assert order[-1] == "e"


def test_the_same_input_gives_the_same_drawing() -> None:
    wires = [Wire("x", "x"), Wire("y", "y")]
    boats = [Boat(str(n), "same", "", is_alive=True, wires=frozenset({"x"})) for n in range(5)]
    assert draw(wires, boats) == draw(wires[::-1], boats[::-1])


def test_long_names_are_cut_by_their_width() -> None:
    assert cut("short", 10) == "short"
    assert cut("a-very-long-name", 8) == "a-very-…"
    # each of these is as wide as two
    assert cut("나루터나루터", 8) == "나루터…"

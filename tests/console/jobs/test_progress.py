"""How far a job is, from an engine's messages to bars on a page."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.hosts.gateway import _build_line
from console.jobs.progress import MOST_LAYERS, Bar, Board, LayerNews, bars, bounded

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=20) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
records = st.dictionaries(st.sampled_from(["step", "steps", "what", "layers", "done", "more", "else"]), anything)


def test_steps_and_layers_become_bars() -> None:
    board = Board()
    board.step(2, of=5, what="FROM debian")
    board.layer(LayerNews("a1b2", "Downloading", 10, 40))
    board.layer(LayerNews("c3d4", "Waiting"))
    board.layer(LayerNews("e5f6", "Pull complete"))
    record = board.record()
    assert bars(record) == [
        Bar("", "FROM debian", 1, 5),
        Bar("a1b2", "Downloading", 10, 40),
        Bar("c3d4", "Waiting", 0, 0),
    ]
    assert record["done"] == 1


def test_the_layers_of_an_earlier_step_are_forgotten() -> None:
    board = Board()
    board.step(1, of=2, what="FROM debian")
    board.layer(LayerNews("a1b2", "Downloading", 10, 40))
    board.step(2, of=2, what="RUN make")
    assert board.record() == {"step": 2, "steps": 2, "what": "RUN make"}


def test_a_record_stays_small_however_many_layers_there_are() -> None:
    board = Board()
    for number in range(500):
        board.layer(LayerNews(f"{number:064}", "x" * 1000, number, 1000))
    record = board.record()
    assert len(record["layers"]) == MOST_LAYERS
    assert record["more"] == 500 - MOST_LAYERS
    # the console does not believe the agent, and changes nothing that was right
    assert bounded(record) == record


@settings(max_examples=40)
@given(anything | records)
def test_whatever_an_agent_says_is_a_small_record(said: Any) -> None:
    record = bounded(said)
    assert len(json.dumps(record)) < 4096
    assert bounded(record) == record
    for bar in bars(record):
        assert bar.current >= 0
        assert bar.total >= 0


@pytest.mark.parametrize(
    ("message", "layer", "text"),
    [
        (
            {"status": "Downloading", "progressDetail": {"current": 5, "total": 9}, "id": "a1"},
            ("a1", "Downloading", 5, 9),
            "",
        ),
        ({"status": "Waiting", "progressDetail": {}, "id": "a1"}, ("a1", "Waiting", 0, 0), ""),
        ({"status": "Pulling from library/debian", "id": "12"}, None, "Pulling from library/debian\n"),
        ({"status": "Status: Image is up to date"}, None, "Status: Image is up to date\n"),
        ({"stream": "Step 1/2 : FROM debian\n"}, None, "Step 1/2 : FROM debian\n"),
        ({"aux": {"ID": "sha256:ab"}}, None, ""),
    ],
)
def test_news_of_a_layer_are_no_lines_of_output(
    message: dict[str, Any], layer: tuple[str, str, int, int] | None, text: str
) -> None:
    line = _build_line(message)
    assert (line.layer, line.text) == (layer, text)

"""A container's log read by cursor: in pieces of any size, left and taken up anywhere, every line comes once."""

import itertools
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.hosts.logs import LINE_LIMIT_BYTES, LogCursor, LogReader
from console.operations.errors import Invalid

START_S = 1_767_323_040
STDOUT, STDERR = 1, 2


@dataclass(frozen=True)
class Record:
    """One entry of an engine's log, ``at`` nanoseconds after START_S."""

    at: int
    text: str
    stream: int = STDOUT

    @property
    def at_ns(self) -> int:
        return START_S * 10**9 + self.at

    def timed(self) -> bytes:
        whole = datetime.fromtimestamp(START_S, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return f"{whole}.{self.at:09d}Z {self.text}".encode()

    def framed(self) -> bytes:
        body = self.timed()
        return bytes([self.stream, 0, 0, 0]) + len(body).to_bytes(4, "big") + body


def answer(log: list[Record], cursor: str | None, *, has_tty: bool = False) -> bytes:
    """What an engine sends that is asked from the cursor's time on, inclusive."""
    since = LogCursor.parse(cursor).at_ns
    wanted = (record for record in log if record.at_ns >= since)
    return b"".join(record.timed() if has_tty else record.framed() for record in wanted)


def new_reader(cursor: str | None = None, *, has_tty: bool = False) -> LogReader:
    return LogReader(LogCursor.parse(cursor), has_tty=has_tty)


def lines_of(log: list[Record], *, has_tty: bool = False) -> list[str]:
    reader = new_reader(has_tty=has_tty)
    return [
        line.text for batch in (reader.feed(answer(log, None, has_tty=has_tty)), reader.close()) for line in batch.lines
    ]


def whole_lines(steps: list[tuple[int, int]]) -> list[Record]:
    """Lines told apart by their number; time stands still where a step is 0."""
    times = itertools.accumulate(step for step, _stream in steps)
    return [Record(at, f"line {n}\n", stream) for n, (at, (_step, stream)) in enumerate(zip(times, steps, strict=True))]


steps = st.lists(st.tuples(st.integers(0, 2), st.sampled_from([STDOUT, STDERR])), max_size=30)


@given(steps=steps, cuts=st.lists(st.integers(0, 3000), max_size=12))
def test_frames_may_be_cut_at_any_byte(steps: list[tuple[int, int]], cuts: list[int]) -> None:
    log = whole_lines(steps)
    data = answer(log, None)
    reader, got = new_reader(), []
    for start, end in itertools.pairwise([0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]):
        got += reader.feed(data[start:end]).lines
    assert [(line.text, line.stream, line.at_ns) for line in got] == [
        (record.text.rstrip("\n"), record.stream, record.at_ns) for record in log
    ]


@given(steps=steps, stays=st.lists(st.integers(1, 400), max_size=12), has_tty=st.booleans())
def test_a_reader_that_leaves_anywhere_and_comes_back_misses_nothing_and_gets_nothing_twice(
    steps: list[tuple[int, int]], stays: list[int], has_tty: bool
) -> None:
    """``stays`` are the bytes after which each connection breaks."""
    log = whole_lines(steps)
    cursor: str | None = None
    got: list[str] = []
    for stay in [*stays, 10**6]:
        batch = new_reader(cursor, has_tty=has_tty).feed(answer(log, cursor, has_tty=has_tty)[:stay])
        got += [line.text for line in batch.lines]
        cursor = batch.cursor
    assert got == [record.text.rstrip("\n") for record in log]


def test_lines_of_the_same_time_are_told_apart_by_their_count() -> None:
    log = [Record(5, f"{n}\n") for n in range(4)]
    reader = new_reader()
    first = reader.feed(b"".join(record.framed() for record in log[:2]))
    rest = new_reader(first.cursor).feed(answer(log, first.cursor))
    assert [line.text for line in rest.lines] == ["2", "3"]


def test_a_long_line_in_pieces_is_one_line_and_keeps_its_first_time() -> None:
    log = [Record(1, "a" * 16384), Record(2, "b" * 16384), Record(3, "c\n"), Record(4, "next\n")]
    batch = new_reader().feed(answer(log, None))
    assert [len(line.text) for line in batch.lines] == [32769, 4]
    assert batch.lines[0].at_ns == log[0].at_ns


def test_the_cursor_waits_for_the_end_of_the_line() -> None:
    log = [Record(1, "one\n"), Record(2, "two, ")]
    batch = new_reader().feed(answer(log, None))
    assert LogCursor.parse(batch.cursor).stdout == 1


def test_half_a_line_at_the_end_of_the_log_is_given_out() -> None:
    assert lines_of([Record(1, "one\n"), Record(2, "no end")]) == ["one", "no end"]
    assert lines_of([Record(1, "one\n"), Record(2, "no end")], has_tty=True) == ["one", "no end"]


def test_half_a_line_given_out_at_the_end_is_not_given_again() -> None:
    log = [Record(1, "one\n"), Record(2, "no end")]
    reader = new_reader()
    reader.feed(answer(log, None))
    cursor = reader.close().cursor
    again = new_reader(cursor)
    assert [*again.feed(answer(log, cursor)).lines, *again.close().lines] == []


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("plain\n", "plain"),
        ("from windows\r\n", "from windows"),
        ("\n", ""),
        ("  spaces \n", "  spaces "),
        ("10%\r20%\n", "10%\r20%"),
        # a carriage return ends no line, and what follows it is no new record
        ("10%\r2026-01-02T03:04:05Z 20%\n", "10%\r2026-01-02T03:04:05Z 20%"),
        ("\x0b\x0c\x1c\x85\u2028\n", "\x0b\x0c\x1c\x85\u2028"),
        ("2026-01-02T03:04:05Z its own time\n", "2026-01-02T03:04:05Z its own time"),
    ],
)
@pytest.mark.parametrize("has_tty", [False, True])
def test_a_line_is_shown_as_it_was_written(written: str, shown: str, has_tty: bool) -> None:
    assert lines_of([Record(1, written)], has_tty=has_tty) == [shown]


def test_bytes_that_are_no_text_are_replaced() -> None:
    body = Record(1, "").timed() + b"caf\xe9\n"
    frame = bytes([STDERR, 0, 0, 0]) + len(body).to_bytes(4, "big") + body
    [line] = new_reader().feed(frame).lines
    assert (line.text, line.stream) == ("caf\ufffd", STDERR)


@pytest.mark.parametrize("has_tty", [False, True])
def test_a_line_without_end_does_not_fill_memory(has_tty: bool) -> None:
    reader, got = new_reader(has_tty=has_tty), 0
    for n in range(200):
        body = Record(n, "x" * 16384)
        got += sum(len(line.text) for line in reader.feed(body.timed() if has_tty else body.framed()).lines)
    assert got >= 200 * 16384 - LINE_LIMIT_BYTES - 16384


@pytest.mark.parametrize(
    "text", ["x", "1", "1.1.", ".1.1", "1.1", "1.1.1.1", "-1.1.1", "１.１.１", "1.1.1\n", "9" * 30 + ".1.1"]
)
def test_a_malformed_cursor_is_invalid(text: str) -> None:
    with pytest.raises(Invalid) as invalid:
        LogCursor.parse(text)
    assert invalid.value.field == "since"


@given(at_ns=st.integers(0, 10**19), stdout=st.integers(0, 10**8), stderr=st.integers(0, 10**8))
def test_a_cursor_reads_back_as_it_was_written(at_ns: int, stdout: int, stderr: int) -> None:
    assert LogCursor.parse(str(LogCursor(at_ns, stdout, stderr))) == LogCursor(at_ns, stdout, stderr)

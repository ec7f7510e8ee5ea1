"""The log file's format, cut in all the ways conmon cuts it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.containers.log_file import (
    LogRecord,
    Selection,
    offset_of_time,
    parse_lines,
    place_of_last,
    raw_output,
    read_lines,
    time_text,
)


def line(payload: bytes, *, second: int = 0, stream: str = "stdout", tag: str = "F") -> bytes:
    at = f"2026-11-23T{second // 3600 % 24:02}:{second // 60 % 60:02}:{second % 60:02}.123456789+00:00"
    return f"{at} {stream} {tag} ".encode() + payload + b"\n"


@pytest.fixture
def log(tmp_path: Path) -> Iterator[int]:
    fd = os.open(tmp_path / "log", os.O_RDWR | os.O_CREAT)
    yield fd
    os.close(fd)


def test_a_partial_record_is_followed_by_one_that_starts_no_line() -> None:
    data = line(b"ab", tag="P") + line(b"err", stream="stderr") + line(b"c") + line(b"d")
    at = b"2026-11-23T00:00:00.123456789Z"
    assert parse_lines(data, within_line=set()) == [
        LogRecord(1, at, b"ab", starts_line=True),
        LogRecord(2, at, b"err\n", starts_line=True),
        LogRecord(1, at, b"c\n", starts_line=False),
        LogRecord(1, at, b"d\n", starts_line=True),
    ]


def test_a_line_cut_between_two_batches_still_starts_once() -> None:
    within_line: set[int] = set()
    parse_lines(line(b"ab", tag="P"), within_line=within_line)
    (record,) = parse_lines(line(b"c"), within_line=within_line)
    assert not record.starts_line


writes = st.lists(
    st.tuples(
        st.sampled_from(["stdout", "stderr"]),
        st.binary(max_size=30).map(lambda b: b.replace(b"\n", b"")),
        st.booleans(),
    ),
    max_size=20,
)


@given(writes)
def test_raw_output_is_what_was_written_on_each_stream(parts: list[tuple[str, bytes, bool]]) -> None:
    data = b"".join(line(payload, stream=stream, tag="F" if full else "P") for stream, payload, full in parts)
    for number, name in ((1, "stdout"), (2, "stderr")):
        wanted = b"".join(payload + b"\n" * full for stream, payload, full in parts if stream == name)
        assert b"".join(output for stream, output in raw_output(data) if stream == number) == wanted


def test_an_unfinished_line_is_not_read_yet(log: int) -> None:
    os.write(log, line(b"whole") + line(b"torn")[:-3])
    assert read_lines(log, 0) == line(b"whole")


@pytest.mark.parametrize("count", [0, 1, 3, 4999, 5000, 6000])
def test_the_tail_of_a_file_of_many_blocks(log: int, count: int) -> None:
    lines = [line(b"%d " % number + b"x" * 300) for number in range(5000)]
    os.write(log, b"".join(lines))
    index, start = place_of_last([log], count)
    assert index == 0
    assert start == len(b"".join(lines[: max(0, 5000 - count)]))


def test_the_tail_counts_a_split_line_once(log: int) -> None:
    os.write(log, line(b"first") + line(b"sec", tag="P") + line(b"ond") + line(b"thi", tag="P"))
    _, start = place_of_last([log], 2)
    assert os.pread(log, 1000, start) == line(b"sec", tag="P") + line(b"ond") + line(b"thi", tag="P")


@pytest.mark.parametrize("count", range(9))
def test_the_tail_of_several_files_is_that_of_one(tmp_path: Path, count: int) -> None:
    parts = [[line(b"1"), line(b"2"), line(b"3", tag="P")], [line(b"3")], [], [line(b"4"), line(b"5"), line(b"6")]]
    fds = []
    for number, lines in enumerate(parts):
        (tmp_path / str(number)).write_bytes(b"".join(lines))
        fds.append(os.open(tmp_path / str(number), os.O_RDONLY))
    index, offset = place_of_last(fds, count)
    tail = os.pread(fds[index], 1000, offset) + b"".join(os.pread(fd, 1000, 0) for fd in fds[index + 1 :])
    for fd in fds:
        os.close(fd)
    whole = b"".join(output for _, output in raw_output(b"".join(b"".join(lines) for lines in parts)))
    assert b"".join(output for _, output in raw_output(tail)) == b"".join(
        whole.splitlines(keepends=True)[max(0, 6 - count) :]
    )


@given(writes, st.integers(0, 20), st.integers(0, 20), st.sampled_from([{1}, {2}, {1, 2}]))
def test_what_is_selected_is_the_same_with_and_without_records(
    parts: list[tuple[str, bytes, bool]], since: int, until: int, streams: set[int]
) -> None:
    lines = [
        line(payload, second=second, stream=stream, tag="F" if full else "P")
        for second, (stream, payload, full) in enumerate(parts)
    ]
    selection = Selection(frozenset(streams), line(b"", second=since)[:29], line(b"", second=until)[:29])
    data = b"".join(lines)
    records = selection.records(data, within_line=set())
    for stream in (1, 2):
        one = b"".join(record.payload for record in records if record.stream == stream)
        assert b"".join(output for number, output in selection.output(data) if number == stream) == one
    assert {record.stream for record in records} <= streams
    assert selection.ends_in(data) == (len(lines) > until + 1)


def test_since_skips_older_lines_and_no_other(log: int) -> None:
    lines = [line(b"x" * 100, second=second) for second in range(20_000)]
    os.write(log, b"".join(lines))
    wanted = lines[15_000][:29]
    start = offset_of_time(log, wanted)
    left = os.pread(log, 10 << 20, start)
    assert left.startswith(b"2026-11-23T")
    assert left.endswith(b"".join(lines[15_000:]))
    assert len(left) < len(b"".join(lines[15_000:])) + (512 << 10)


def test_times_compare_as_text() -> None:
    assert time_text(1_795_477_600_000_000_007) == b"2026-11-23T23:46:40.000000007"

"""A log read by cursor: each line once and whole, wherever the reader left, however the engine orders its records."""

from collections.abc import Sequence

from hypothesis import example, given, settings
from hypothesis import strategies as st

from console.hosts.facts import log_since
from console.hosts.logs import LAG_NS, LINE_LIMIT_BYTES, LogCursor, LogLine, LogReader

OUT, ERR = 1, 2
# 2026-01-02T03:04:00Z
BASE_NS = 1_767_323_040 * 10**9
LATER_NS = BASE_NS + 3600 * 10**9
# time after BASE_NS, stream, text
Record = tuple[int, int, str]


def framed(record: Record) -> bytes:
    after_ns, stream, text = record
    seconds, nanoseconds = divmod(after_ns, 10**9)
    body = f"2026-01-02T03:{4 + seconds // 60:02d}:{seconds % 60:02d}.{nanoseconds:09d}Z {text}".encode()
    return bytes([stream, 0, 0, 0]) + len(body).to_bytes(4, "big") + body


def answered(log: Sequence[Record], cursor: str | None) -> bytes:
    """What Docker sends for the cursor's ``since``: the records that are not older, in the order they were written."""
    at_ns = LogCursor.parse(cursor).at_ns
    return b"".join(framed(record) for record in log if BASE_NS + record[0] >= at_ns)


def read(log: Sequence[Record], cursor: str | None = None) -> tuple[str, list[LogLine]]:
    """Connect, take what comes in one piece, and lose the connection."""
    batch = LogReader(LogCursor.parse(cursor), has_tty=False).feed(answered(log, cursor))
    return (batch.cursor if batch.lines else cursor or ""), batch.lines


def read_to_end(log: Sequence[Record], cursor: str | None = None, *, is_final: bool = True) -> tuple[str, list[str]]:
    reader = LogReader(LogCursor.parse(cursor), has_tty=False)
    lines = reader.feed(answered(log, cursor)).lines
    last = reader.close(is_final=is_final, now_ns=LATER_NS)
    return last.cursor, [line.text for line in lines + last.lines]


def texts(lines: Sequence[LogLine]) -> list[str]:
    return [line.text for line in lines]


def test_lines_of_the_same_nanosecond_are_not_sent_again() -> None:
    log = [(5, OUT, "one\n"), (5, OUT, "two\n")]
    cursor, _lines = read(log)
    assert texts(read([*log, (5, OUT, "three\n")], cursor)[1]) == ["three"]


def test_a_record_written_late_with_an_earlier_time_is_not_lost() -> None:
    log = [(5_000_000, OUT, "one\n")]
    cursor, _lines = read(log)
    assert texts(read([*log, (1_000_000, ERR, "overtaken\n")], cursor)[1]) == ["overtaken"]


def test_lines_beside_an_open_half_line_are_not_sent_again() -> None:
    log = [(1, OUT, "password: "), (2, ERR, "warning one\n")]
    cursor, lines = read(log)
    assert texts(lines) == ["warning one"]
    assert texts(read([*log, (3, ERR, "warning two\n"), (4, OUT, "***\n")], cursor)[1]) == [
        "warning two",
        "password: ***",
    ]


def test_a_line_without_end_is_given_in_pieces() -> None:
    piece = "a" * 16384
    _cursor, lines = read([(number, OUT, piece) for number in range(LINE_LIMIT_BYTES // 16384 + 1)])
    assert len(lines) == 1
    assert len(lines[0].text) > LINE_LIMIT_BYTES


def test_a_running_container_may_still_end_its_half_line() -> None:
    cursor, lines = read_to_end([(1, OUT, "one\n"), (2, OUT, "tw")], is_final=False)
    assert lines == ["one"]
    assert read_to_end([(1, OUT, "one\n"), (2, OUT, "tw"), (3, OUT, "o\n")], cursor)[1] == ["two"]


def test_a_cursor_at_the_end_of_an_old_log_asks_for_next_to_nothing() -> None:
    log = [(number, OUT, f"{number}\n") for number in range(1000)]
    cursor, _lines = read_to_end(log, is_final=False)
    assert answered(log, cursor) == framed(log[-1])


def test_a_long_log_is_not_read_again_from_its_start() -> None:
    log = [(number * LAG_NS // 10, OUT, f"{number}\n") for number in range(100)]
    cursor, _lines = read(log)
    assert LogCursor.parse(cursor).at_ns > BASE_NS + log[-1][0] - 4 * LAG_NS


def test_a_terminal_has_no_frames() -> None:
    reader = LogReader(LogCursor(), has_tty=True)
    batch = reader.feed(b"2026-01-02T03:04:00.000000001Z one\r\n2026-01-02T03:04:00.000000001Z two\r\n2026-")
    assert texts(batch.lines) == ["one", "two"]
    again = LogReader(LogCursor.parse(batch.cursor), has_tty=True)
    again.feed(b"2026-01-02T03:04:00.000000001Z one\r\n2026-01-02T03:04:00.000000001Z two\r\n")
    assert texts(again.feed(b"2026-01-02T03:04:00.000000001Z three\r\n").lines) == ["three"]


def test_since_keeps_every_nanosecond() -> None:
    assert log_since(BASE_NS + 7) == {"since": "1767323040.000000007"}


steps = st.sampled_from([0, 1, 5_000_000, -5_000_000, LAG_NS // 3, 2 * LAG_NS])
written = st.lists(st.tuples(steps, st.sampled_from([OUT, ERR]), st.booleans()), max_size=40)


@settings(max_examples=300)
# a piece of the half line lies before its beginning
@example(written=[(0, 1, True), (1, 1, False), (-5_000_000, 1, False), (2_000_000_000, 1, False)], cuts=[4])
@given(written=written, cuts=st.lists(st.integers(0, 40), max_size=5))
def test_reconnecting_anywhere_gives_every_text_once(written: list[tuple[int, int, bool]], cuts: list[int]) -> None:
    """Times stand still, go on and go back a little, lines end or do not; the reader leaves after any record."""
    log: list[Record] = []
    now = 10**9
    for number, (step, stream, ends) in enumerate(written):
        # overtaken records lie a little back; the clock itself only goes on
        log.append((now + step, stream, f"<{number}>" + ("\n" if ends else "")))
        now += max(step, 0)
    expected = {stream: "".join(text for _at, s, text in log if s == stream).rstrip("\n") for stream in (OUT, ERR)}
    got: list[LogLine] = []
    cursor = ""
    for cut in sorted(cuts):
        cursor, lines = read(log[:cut], cursor)
        got += lines
    reader = LogReader(LogCursor.parse(cursor), has_tty=False)
    got += reader.feed(answered(log, cursor)).lines
    got += reader.close(is_final=True, now_ns=LATER_NS).lines
    for stream in (OUT, ERR):
        assert "\n".join(line.text for line in got if line.stream == stream) == expected[stream]

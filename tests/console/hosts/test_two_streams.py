"""The log cursor while one stream holds half a line and the other goes on."""

from hypothesis import given
from hypothesis import strategies as st

from console.hosts.logs import LogCursor, LogReader

STDOUT, STDERR = 1, 2


def record(at_ns: int, stream: int, text: str) -> bytes:
    body = f"2026-01-02T03:04:{at_ns // 10**9:02d}.{at_ns % 10**9:09d}Z {text}".encode()
    return bytes([stream, 0, 0, 0]) + len(body).to_bytes(4, "big") + body


def read(records: list[tuple[int, int, str]], cursor: str | None) -> tuple[str, list[str]]:
    """What an engine sends that was asked from the cursor's time on, read to its end in one go."""
    position = LogCursor.parse(cursor)
    reader = LogReader(position, has_tty=False)
    base = LogCursor.parse(cursor).at_ns and position.at_ns - BASE_NS
    batch = reader.feed(b"".join(record(*one) for one in records if one[0] >= base))
    return batch.cursor, [line.text for line in batch.lines]


# 2026-01-02T03:04:00Z
BASE_NS = 1_767_323_040 * 10**9


def test_lines_beside_an_open_half_line_are_not_sent_again() -> None:
    log = [(1, STDOUT, "password: "), (2, STDERR, "warning one\n"), (3, STDERR, "warning two\n")]
    cursor, first = read(log, None)
    assert sorted(first) == ["password: ", "warning one", "warning two"]
    _cursor, second = read([*log, (4, STDERR, "warning three\n")], cursor)
    assert second == ["warning three"]


def test_a_half_line_alone_waits_for_its_end() -> None:
    log = [(1, STDOUT, "one\n"), (2, STDOUT, "two, ")]
    cursor, first = read(log, None)
    assert first == ["one"]
    _cursor, second = read([*log, (3, STDOUT, "and its end\n")], cursor)
    assert second == ["two, and its end"]


@given(
    texts=st.lists(st.tuples(st.integers(0, 3), st.sampled_from([STDOUT, STDERR]), st.booleans()), max_size=25),
    cuts=st.lists(st.integers(0, 25), max_size=4),
)
def test_reconnecting_anywhere_gives_every_text_once(texts: list[tuple[int, int, bool]], cuts: list[int]) -> None:
    """Times stand still or go on, lines end or do not, and the reader leaves after any number of records."""
    log, now = [], 1
    for number, (step, stream, ends) in enumerate(texts):
        now += step
        log.append((now, stream, f"<{number}>" + ("\n" if ends else "")))
    got, cursor = "", None
    for cut in [*sorted(cuts), len(log)]:
        cursor, lines = read(log[:cut], cursor)
        got += "".join(lines)
    final = LogReader(LogCursor.parse(cursor), has_tty=False)
    since = LogCursor.parse(cursor).at_ns - BASE_NS if cursor != "0.0" else 0
    final.feed(b"".join(record(*one) for one in log if one[0] >= since))
    got += "".join(line.text for line in final.close().lines)
    for number in range(len(log)):
        assert got.count(f"<{number}>") == 1

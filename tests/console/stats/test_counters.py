"""Docker's counters: what docker's own client makes of them, on both versions of control groups."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.hosts.stats import Counters, counters, use_between
from console.operations.errors import Invalid


def document(second: int = 0, *, cpu_ns: int = 0, v2: bool = False, **more: Any) -> dict[str, Any]:
    """As an engine answers; a machine of two processors on which time passes."""
    details = {"inactive_file": 30} if v2 else {"total_inactive_file": 30, "inactive_file": 5}
    word = str.lower if v2 else str
    return {
        "read": f"2026-11-26T04:00:{second:02d}.123456789Z",
        "cpu_stats": {
            "cpu_usage": {"total_usage": cpu_ns},
            "system_cpu_usage": (1000 + 2 * second) * 10**9,
            "online_cpus": 2,
        },
        "memory_stats": {"usage": 100, "limit": 1000, "stats": details},
        "networks": {"eth0": {"rx_bytes": 10 * second, "tx_bytes": 1}, "eth1": {"rx_bytes": 5 * second, "tx_bytes": 2}},
        "blkio_stats": {
            "io_service_bytes_recursive": [
                {"op": word("Read"), "value": 7 * second},
                {"op": word("Write"), "value": second},
                {"op": "Total", "value": 8 * second},
            ]
        },
        "pids_stats": {"current": 3},
        **more,
    }


def taken(*given: Any, **named: Any) -> Counters:
    found = counters(document(*given, **named))
    assert found is not None
    return found


@pytest.mark.parametrize("v2", [False, True])
def test_use_is_what_docker_stats_prints(v2: bool) -> None:
    use = use_between(taken(0, v2=v2), taken(10, cpu_ns=5 * 10**9, v2=v2))
    # half of a processor for ten seconds
    assert use.as_list() == [50.0, 70, 1000, 15.0, 0.0, 7.0, 1.0, 3]


def test_the_first_sample_knows_no_rates() -> None:
    assert use_between(None, taken(1)).as_list() == [None, 70, 1000, None, None, None, None, 3]


def test_a_container_that_was_started_anew_has_no_negative_use() -> None:
    use = use_between(taken(5, cpu_ns=10**9), taken(6, cpu_ns=5))
    assert (use.cpu_percent, use.rx, use.memory_bytes) == (None, None, 70)


def test_one_that_does_not_run_is_not_counted() -> None:
    assert counters({**document(), "read": "0001-01-01T00:00:00Z"}) is None
    assert counters({"id": "x", "memory_stats": {}}) is None


def test_a_container_of_the_hosts_network_has_no_network_of_its_own() -> None:
    found = document(1)
    del found["networks"]
    made = counters(found)
    assert made is not None
    assert made.rx_bytes == 0


@given(st.lists(st.integers(0, 2**63 - 1), min_size=7, max_size=7))
def test_a_cursor_keeps_what_rates_need_and_fits_a_frame(numbers: list[int]) -> None:
    at_ms, cpu, system, rx, tx, read, write = numbers
    made = Counters(at_ms % 2**43, cpu, system, 2, 5, 6, rx, tx, read, write, 9)
    assert len(made.cursor) <= 128
    kept = Counters.parse(made.cursor)
    assert (kept.at_ms, kept.cpu_ns, kept.rx_bytes, kept.write_bytes) == (at_ms % 2**43, cpu, rx, write)


@pytest.mark.parametrize("text", ["x", "1.2.3", "1.2.3.4.5.6.-7", "1.2.3.4.5.6.7.8", "0x1.2.3.4.5.6.7", "1" * 500])
def test_a_cursor_nobody_was_given_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        Counters.parse(text)

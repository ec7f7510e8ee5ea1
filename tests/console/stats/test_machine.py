"""What ``/proc`` says of a machine."""

import dataclasses
from pathlib import Path

import pytest

from console.hosts.machine import busy_percent, per_second, read_disk, read_machine

STAT = "cpu  {user} 0 100 {idle} 50 0 0 0 77 0\ncpu0 1 1 1 1\ncpu1 1 1 1 1\nintr 5\n"
MEMORY = "MemTotal:        1000 kB\nMemFree:  100 kB\nMemAvailable:  400 kB\n"
NETWORK = (
    "Inter-|   Receive\n face |bytes\n    lo: 99 1 0 0 0 0 0 0 99 1 0 0 0 0 0 0\n"
    "  eth0: 10 1 0 0 0 0 0 0 20 1 0 0 0 0 0 0\n veth1: 7 1 0 0 0 0 0 0 7 1 0 0 0 0 0 0\n"
)


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    (tmp_path / "net").mkdir()
    for name, text in {"meminfo": MEMORY, "loadavg": "0.42 0.3 0.2 1/2 3\n", "net/dev": NETWORK}.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "stat").write_text(STAT.format(user=100, idle=250))
    return tmp_path


def test_a_machine_is_read(proc: Path, tmp_path: Path) -> None:
    (tmp_path / "class/net/eth0/device").mkdir(parents=True)
    found = read_machine(proc, tmp_path)
    assert (found.ticks, found.idle_ticks, found.cpus) == (500, 300, 2)
    assert (found.memory_bytes, found.memory_available_bytes, found.load) == (1_024_000, 409_600, 0.42)
    # a real device, and not the bridge's end of a container's link
    assert (found.rx_bytes, found.tx_bytes) == (10, 20)


def test_without_real_devices_all_but_the_loopback_count(proc: Path, tmp_path: Path) -> None:
    assert read_machine(proc, tmp_path / "nothing").rx_bytes == 17


def test_busy_is_what_does_not_idle(proc: Path, tmp_path: Path) -> None:
    before = read_machine(proc, tmp_path)
    (proc / "stat").write_text(STAT.format(user=160, idle=290))
    now = read_machine(proc, tmp_path)
    assert busy_percent(before, now) == 60.0
    assert busy_percent(None, now) is None
    assert busy_percent(now, now) is None


def test_a_counter_that_began_anew_has_no_rate(proc: Path, tmp_path: Path) -> None:
    found = dataclasses.replace(read_machine(proc, tmp_path), at_s=10.0)
    assert per_second(found.at_s, 20.0, 0, 50) == 5.0
    assert per_second(found.at_s, 20.0, 50, 0) is None
    assert per_second(10.0, 10.0, 0, 50) is None


def test_this_machine_and_its_disk_are_read(tmp_path: Path) -> None:
    found, disk = read_machine(), read_disk(tmp_path)
    assert found.ticks > 0
    assert found.cpus > 0
    assert disk is not None
    assert 0 < disk.used_bytes <= disk.total_bytes
    assert read_disk(tmp_path / "nowhere") is None

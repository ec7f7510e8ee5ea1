"""Rings: what they keep, how they fold, and what a crash or a torn write costs."""

import math
import os
from pathlib import Path
from typing import Any

import pytest

from console.stats.rings import FINE, HEADER_BYTES, TIERS, Layout, Ring

LAYOUT = Layout(("cpu", "memory"), peaks=("cpu",))
# the beginning of a step of all tiers
T0 = 1_800_000_000 - 1_800_000_000 % 300


@pytest.fixture
def ring(tmp_path: Path) -> Ring:
    return Ring(tmp_path / "host" / "a.ring", LAYOUT)


def values(ring: Ring, tier: int, since_s: int, until_s: int) -> list[tuple[int, Any]]:
    return [(sample.at_s - T0, sample.values) for sample in ring.read(tier, since_s, until_s)]


def test_what_was_added_is_read_again(ring: Ring) -> None:
    for step in range(5):
        ring.add(T0 + 10 * step, [step, 100 * step])
    assert values(ring, 0, T0, T0 + 30) == [(10, (1, 100, 1)), (20, (2, 200, 2)), (30, (3, 300, 3))]


def test_a_ring_that_is_not_there_is_empty(ring: Ring) -> None:
    assert ring.read(0, 0, T0) == []


def test_coarse_steps_are_means_and_the_most_of_peaks(ring: Ring) -> None:
    for step in range(60):
        ring.add(T0 + 10 * step, [step % 6, step])
    minutes, fives = values(ring, 1, T0 - 1, T0 + 599), values(ring, 2, T0 - 1, T0 + 599)
    assert minutes[0] == (0, (2.5, 2.5, 5))
    assert [at for at, _ in minutes] == [60 * n for n in range(10)]
    assert fives == [(0, (2.5, 14.5, 5)), (300, (2.5, 44.5, 5))]


def test_what_is_not_known_does_not_weigh(ring: Ring) -> None:
    ring.add(T0, [math.nan, 10])
    ring.add(T0 + 10, [8, 20])
    assert values(ring, 1, T0 - 1, T0) == [(0, (8, 15, 8))]
    ring.add(T0 + 60, [math.nan, 1])
    (_, found), *_ = values(ring, 1, T0 + 59, T0 + 60)
    assert math.isnan(found[0])
    assert math.isnan(found[2])


def test_the_file_does_not_grow_and_old_samples_are_overwritten(ring: Ring) -> None:
    for step in range(2 * FINE.slots):
        ring.add(T0 + 10 * step, [step, 0])
    end = T0 + 10 * (2 * FINE.slots - 1)
    found = ring.read(0, 0, end)
    assert len(found) == FINE.slots
    assert (found[0].values[0], found[-1].values[0]) == (FINE.slots, 2 * FINE.slots - 1)
    assert ring.path.stat().st_size <= HEADER_BYTES + LAYOUT.slot_bytes * sum(tier.slots for tier in TIERS)


def test_after_a_pause_nothing_old_is_taken_for_new(ring: Ring) -> None:
    ring.add(T0, [1, 1])
    later = T0 + 2 * TIERS[2].span_s
    ring.add(later, [2, 2])
    for tier in range(3):
        assert [sample.values[0] for sample in ring.read(tier, T0 - 1, later)] == [2]


def test_a_sample_written_twice_is_one(ring: Ring) -> None:
    for _ in range(3):
        ring.add(T0, [4, 4])
        ring.add(T0 + 10, [6, 6])
    assert values(ring, 1, T0 - 1, T0) == [(0, (5, 5, 6))]


@pytest.mark.parametrize("kept_bytes", range(0, LAYOUT.slot_bytes, 5))
def test_a_torn_write_costs_the_last_sample_alone(ring: Ring, kept_bytes: int) -> None:
    """The fine slot of the last sample of a minute and the coarse slot it went to are both torn at the same time."""
    for step in range(6):
        ring.add(T0 + 10 * step, [step, step])
    for tier, at_s in ((0, T0 + 50), (1, T0), (2, T0)):
        tear(ring, tier, at_s, kept_bytes)
    assert [at for at, _ in values(ring, 0, T0 - 1, T0 + 50)] == [0, 10, 20, 30, 40]
    ring.add(T0 + 60, [7, 7])
    assert values(ring, 1, T0 - 1, T0 + 60) == [(0, (2, 2, 4)), (60, (7, 7, 7))]
    assert [at for at, _ in values(ring, 2, T0 - 1, T0)] == [0]


def test_a_coarse_step_torn_before_a_pause_is_mended_after_it(ring: Ring) -> None:
    for step in range(6):
        ring.add(T0 + 10 * step, [step, step])
    tear(ring, 1, T0, 3)
    assert values(ring, 1, T0 - 1, T0) == []
    ring.add(T0 + 1200, [1, 1])
    assert values(ring, 1, T0 - 1, T0 + 60) == [(0, (2.5, 2.5, 5))]


@pytest.mark.parametrize("size", [0, 5, HEADER_BYTES - 1])
def test_a_file_whose_beginning_was_torn_begins_anew(ring: Ring, size: int) -> None:
    ring.add(T0, [1, 1])
    os.truncate(ring.path, size)
    assert ring.read(0, 0, T0) == []
    ring.add(T0 + 10, [2, 2])
    assert [sample.values[0] for sample in ring.read(0, 0, T0 + 10)] == [2]


def test_a_ring_of_another_layout_is_not_misread(ring: Ring) -> None:
    ring.add(T0, [1, 1])
    other = Ring(ring.path, Layout(("cpu", "memory", "load")))
    assert other.read(0, 0, T0) == []
    other.add(T0, [1, 2, 3])
    assert other.read(0, 0, T0)[0].values == (1, 2, 3)
    assert ring.read(0, 0, T0) == []


def tear(ring: Ring, tier: int, at_s: int, kept_bytes: int) -> None:
    """As if the power had gone while the slot was written over an older one: its beginning is new, the rest is not."""
    with ring.path.open("r+b") as file:
        file.seek(ring._offset(tier, at_s) + kept_bytes)
        file.write(b"\xa5" * (LAYOUT.slot_bytes - kept_bytes))

"""What of a stack is not as it should be, and what is done about it when."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from console.stacks.reconciling.deciding import (
    BACK_OFF,
    CHOICES,
    LEAST_IN_STORM,
    LONGEST,
    LOOPS,
    Decision,
    End,
    Past,
    Restart,
    Seen,
    Trouble,
    Verdict,
    Wanted,
    Why,
    decide,
    find,
    pause_after,
    room_on,
)

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
AGO = NOW - timedelta(minutes=5)
WEB = {"web": Wanted(1, Restart.ALWAYS)}
UP = Seen("web", 1, "a", "web-1", "running", started_at=AGO)
ENDED = replace(UP, state="exited", exit_code=1, end=End.OWN, ended_at=NOW - timedelta(seconds=1))


def whys(*seen: Seen, wanted: dict[str, Wanted] = WEB) -> list[Why]:
    return [one.why for one in find(wanted, seen, now=NOW).troubles]


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (UP, []),
        (replace(UP, health="healthy"), []),
        (replace(UP, health="starting"), []),
        (replace(UP, health="unhealthy"), [Why.UNHEALTHY]),
        (replace(UP, state="paused", health="unhealthy"), []),
        (replace(UP, is_right=False), [Why.DRIFTED]),
        (replace(UP, is_right=False, health="unhealthy"), [Why.UNHEALTHY]),
        (ENDED, [Why.DEAD]),
        (replace(ENDED, exit_code=0), [Why.DEAD]),
        (replace(ENDED, state="dead"), [Why.DEAD]),
        (replace(ENDED, end=End.ASKED), []),
        (replace(ENDED, end=End.UNKNOWN), []),
        (replace(ENDED, end=End.UNKNOWN, ended_at=NOW - timedelta(minutes=2)), [Why.DEAD]),
        (replace(UP, state="created"), []),
        (replace(UP, state="restarting", restarts=LOOPS), [Why.DEAD]),
        (replace(UP, state="restarting", restarts=LOOPS - 1), []),
        (replace(UP, restarts=LOOPS, started_at=NOW - timedelta(seconds=2)), [Why.DEAD]),
        (replace(UP, restarts=LOOPS), []),
    ],
)
def test_what_is_wrong_with_a_container(seen: Seen, expected: list[Why]) -> None:
    assert whys(seen) == expected


@pytest.mark.parametrize(
    ("want", "code", "expected"),
    [
        (Wanted(1, Restart.NEVER), 1, []),
        (Wanted(1, Restart.ON_FAILURE), 0, []),
        (Wanted(1, Restart.ON_FAILURE), 1, [Why.DEAD]),
        # its engine has had no time to restart it
        (Wanted(1, Restart.ALWAYS, by_engine=True), 1, []),
    ],
)
def test_an_end_counts_as_the_service_says(want: Wanted, code: int, expected: list[Why]) -> None:
    assert whys(replace(ENDED, exit_code=code), wanted={"web": want}) == expected


def test_what_its_engine_does_not_restart_is_dead_all_the_same() -> None:
    old = replace(ENDED, ended_at=NOW - timedelta(seconds=6))
    assert whys(old, wanted={"web": Wanted(1, Restart.ALWAYS, by_engine=True)}) == [Why.DEAD]


def test_those_that_are_not_there_are_missed_while_others_are() -> None:
    wanted = {"web": Wanted(3, Restart.ALWAYS), "job": Wanted(1, Restart.NEVER)}
    found = find(wanted, [replace(UP, number=2, name="web-2")], now=NOW)
    assert [(one.service, one.number, one.why) for one in found.troubles] == [
        ("web", 1, Why.MISSING),
        ("web", 3, Why.MISSING),
    ]
    assert find(wanted, [], now=NOW).troubles == ()


def test_what_somebody_has_stopped_is_told_and_left() -> None:
    stopped = replace(ENDED, end=End.ASKED)
    assert find(WEB, [stopped], now=NOW).stopped == (stopped,)


def test_of_two_with_one_number_the_one_that_runs_counts() -> None:
    """As it is while one of them is being replaced."""
    assert whys(ENDED, replace(UP, engine_id="b")) == []


def test_more_than_are_wanted_are_nobodys_trouble() -> None:
    assert whys(UP, replace(ENDED, number=2)) == []


DEAD = Trouble("web", 1, Why.DEAD, "a", "web-1", 1)


def decided(*past: Past, room: int = 10, trouble: Trouble = DEAD) -> Decision:
    return decide([trouble], past, now=NOW, room=room)[0]


def test_the_first_time_nothing_is_waited_for() -> None:
    assert decided() == Decision(DEAD, Verdict.NOW)
    # what happened to its neighbour does not count
    assert decided(Past("web", 2, NOW)).verdict is Verdict.NOW


def test_what_fails_again_waits_longer_each_time() -> None:
    pauses = [pause_after(tries) for tries in range(1, 40)]
    assert pauses[:3] == [BACK_OFF, BACK_OFF * 2, BACK_OFF * 4]
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST
    last = NOW - timedelta(seconds=15)
    assert decided(Past("web", 1, last)).verdict is Verdict.NOW
    again = decided(Past("web", 1, AGO), Past("web", 1, last))
    assert again == Decision(DEAD, Verdict.LATER, last + BACK_OFF * 2, 2)


def test_what_has_failed_long_ago_is_forgotten() -> None:
    long_ago = [Past("web", 1, NOW - timedelta(hours=2)) for _ in range(9)]
    assert decided(*long_ago, Past("web", 1, AGO)).tries == 1


def test_when_much_fails_at_once_the_rest_is_held() -> None:
    many = [replace(DEAD, number=number) for number in range(1, 6)]
    verdicts = [one.verdict for one in decide(many, [], now=NOW, room=3)]
    assert verdicts == [Verdict.NOW] * 3 + [Verdict.HELD] * 2
    # one that waits anyway takes no place
    waits = decide(many[:2], [Past("web", 1, NOW)], now=NOW, room=1)
    assert [one.verdict for one in waits] == [Verdict.LATER, Verdict.NOW]


def test_room_is_half_of_what_a_host_has_and_never_less_than_a_few() -> None:
    assert room_on(containers=100, replaced=0) == 50
    assert room_on(containers=3, replaced=4) == LEAST_IN_STORM - 4
    assert room_on(containers=100, replaced=60) == 0


@pytest.mark.parametrize(
    ("why", "needs"),
    [(Why.DEAD, "dead"), (Why.MISSING, "dead"), (Why.UNHEALTHY, "unhealthy"), (Why.DRIFTED, "drifted")],
)
def test_only_what_the_policy_speaks_of_is_decided(why: Why, needs: str) -> None:
    trouble = replace(DEAD, why=why)
    for choice in CHOICES:
        found = decide([trouble], [], now=NOW, room=9, policy=[choice])
        assert bool(found) == (choice == needs), choice

"""When a cron expression comes, in its own time zone, over the hours that clocks leave out and repeat."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.operations.errors import Invalid
from console.schedules.times import Times

BERLIN, SEOUL = "Europe/Berlin", "Asia/Seoul"


def local(zone: str, *numbers: int) -> datetime:
    return datetime(*numbers, tzinfo=ZoneInfo(zone))  # type: ignore[misc, arg-type]


def after(expression: str, zone: str, moment: datetime, count: int) -> list[str]:
    return [time.strftime("%m-%d %H:%M %Z") for time in Times.parse(expression, zone).after(moment, count=count)]


def test_times_are_those_of_the_zone() -> None:
    moment = datetime(2026, 11, 26, 0, 0, tzinfo=UTC)
    assert after("30 2 * * *", SEOUL, moment, 2) == ["11-27 02:30 KST", "11-28 02:30 KST"]
    assert after("@daily", SEOUL, moment, 1) == ["11-27 00:00 KST"]
    assert after("0 9 * * mon-fri", SEOUL, moment, 3) == ["11-27 09:00 KST", "11-30 09:00 KST", "12-01 09:00 KST"]


def test_what_falls_into_an_hour_left_out_comes_right_after_it() -> None:
    assert after("30 2 * * *", BERLIN, local(BERLIN, 2026, 3, 28, 12), 2) == ["03-29 03:00 CEST", "03-30 02:30 CEST"]


def test_what_falls_into_an_hour_that_comes_twice_comes_once() -> None:
    assert after("30 2 * * *", BERLIN, local(BERLIN, 2026, 10, 24, 12), 2) == ["10-25 02:30 CEST", "10-26 02:30 CET"]


def test_what_comes_every_hour_comes_in_both_of_them() -> None:
    # 00:30 UTC is 02:30 CEST, the first of the two
    assert after("30 * * * *", BERLIN, datetime(2026, 10, 25, 0, 0, tzinfo=UTC), 3) == [
        "10-25 02:30 CEST",
        "10-25 02:30 CET",
        "10-25 03:30 CET",
    ]


@pytest.mark.parametrize(
    ("expression", "zone", "field"),
    [
        ("", SEOUL, "cron"),
        ("* * * *", SEOUL, "cron"),
        ("* * * * * *", SEOUL, "cron"),
        ("61 * * * *", SEOUL, "cron"),
        ("x * * * *", SEOUL, "cron"),
        ("0 0 30 2 *", SEOUL, "cron"),
        ("@reboot", SEOUL, "cron"),
        ("1" * 1000 + " * * * *", SEOUL, "cron"),
        ("* * * * *", "Atlantis/Center", "time_zone"),
        ("* * * * *", "../../etc/passwd", "time_zone"),
        ("* * * * *", "", "time_zone"),
    ],
)
def test_what_cannot_be_read_or_never_comes_is_refused_by_name(expression: str, zone: str, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        Times.parse(expression, zone)
    assert refused.value.field == field


@given(st.text(max_size=60))
def test_whatever_is_written_is_read_or_refused(expression: str) -> None:
    try:
        Times.parse(expression, SEOUL)
    except Invalid:
        pass


@given(
    st.integers(1_767_225_600, 1_830_297_600).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
    st.sampled_from(["* * * * *", "30 2 * * *", "*/7 1-3 * * *", "0 0 1 * *"]),
    st.sampled_from([BERLIN, SEOUL, "UTC", "Australia/Lord_Howe"]),
)
def test_the_latest_time_is_not_after_the_moment_and_the_next_one_is(
    moment: datetime, expression: str, zone: str
) -> None:
    times = Times.parse(expression, zone)
    latest, [coming] = times.latest(moment), times.after(moment)
    assert latest <= moment < coming


def test_a_time_that_is_just_now_is_the_latest() -> None:
    moment = datetime(2026, 11, 26, 0, 30, tzinfo=UTC)
    assert Times.parse("30 * * * *", "UTC").latest(moment) == moment


def test_times_that_came_are_counted() -> None:
    times = Times.parse("*/10 * * * *", "UTC")
    first, last = datetime(2026, 11, 26, 0, 10, tzinfo=UTC), datetime(2026, 11, 26, 1, 0, tzinfo=UTC)
    assert times.count(first, last, most=100) == 6
    assert times.count(first, last, most=4) == 4
    assert times.count(last, last, most=4) == 1

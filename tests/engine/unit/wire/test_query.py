"""Query parameters, filters, times and versions."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engine.model.container import Status
from engine.model.digest import Digest
from engine.model.errors import Invalid, TooLarge, Unsupported
from engine.model.events import Event
from engine.model.health import Health, HealthStatus
from engine.model.reference import Reference
from engine.wire.build import decode_build
from engine.wire.container_filters import KNOWN, container_condition
from engine.wire.event import FILTERS, encode_event, is_wanted
from engine.wire.image import matches_reference, reference_patterns
from engine.wire.query import Filters, Query
from engine.wire.times import human_duration, moment_ns, timestamp
from engine.wire.version import ApiVersion
from tests.engine.unit.wire.images import IMAGE_ID, MADE_AT, container


@pytest.mark.parametrize(
    ("text", "is_true"),
    [
        ("1", True),
        ("true", True),
        ("True", True),
        ("yes", True),
        ("0", False),
        ("false", False),
        ("", False),
        ("no", False),
    ],
)
def test_flags_read_as_in_docker(text: str, is_true: bool) -> None:
    assert Query({"all": text}).flag("all") is is_true


def test_an_absent_flag_has_its_default() -> None:
    assert Query({}).flag("rm", default=True)
    assert not Query({}).flag("rm")


@pytest.mark.parametrize("text", ["x", "1.5", "1e3", "-5", "99999999999999999999", "٣", " 1"])
def test_what_is_no_number_in_range_is_refused_by_name(text: str) -> None:
    with pytest.raises(Invalid, match="limit"):
        Query({"limit": text}).number("limit")


@pytest.mark.parametrize(
    "text", ["x", "[]", "{", '{"label": "a"}', '{"label": [1]}', '{"unknown": ["a"]}', '{"label": ["a\\u0000"]}']
)
def test_bad_filters_are_invalid(text: str) -> None:
    with pytest.raises(Invalid, match="filter"):
        Query({"filters": text}).filters(known=("label",))


def test_filters_come_in_both_forms() -> None:
    assert Filters.parse('{"label": ["a", "b"]}', known=("label",)).get("label") == ("a", "b")
    assert Filters.parse('{"label": {"a": true, "b": false}}', known=("label",)).get("label") == ("a",)


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("0", 0),
        ("1700000000", 1_700_000_000 * 10**9),
        ("1700000000.5", 1_700_000_000_500_000_000),
        ("1700000000.000000001", 1_700_000_000_000_000_001),
        ("2026-01-02T03:04:05Z", 1_767_323_045 * 10**9),
        ("2026-01-02T03:04:05", 1_767_323_045 * 10**9),
    ],
)
def test_moments(text: str, nanoseconds: int) -> None:
    assert moment_ns("since", text) == nanoseconds


@pytest.mark.parametrize("text", ["yesterday", "1e9", "nan", "--1", "1700000000." + "x"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="since"):
        moment_ns("since", text)


def test_timestamps_drop_trailing_zeros() -> None:
    assert timestamp(datetime(2026, 1, 2, 3, 4, 5, 120000, tzinfo=UTC)) == "2026-01-02T03:04:05.12Z"
    assert timestamp(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)) == "2026-01-02T03:04:05Z"
    assert timestamp(None) == "0001-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("hours", "text"),
    [(30, "30 hours"), (49, "2 days"), (24 * 20, "2 weeks"), (24 * 90, "3 months"), (24 * 800, "2 years")],
)
def test_long_durations(hours: int, text: str) -> None:
    assert human_duration(timedelta(hours=hours)) == text


@pytest.mark.parametrize(
    ("text", "words"), [("1.20", "too old"), ("1.48", "too new"), ("2.0", "too new"), ("1", "not a"), ("1.x", "not a")]
)
def test_versions_outside_are_refused_in_dockers_words(text: str, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        ApiVersion.parse(text)


def test_versions_compare_as_numbers() -> None:
    assert ApiVersion.parse("1.21") < ApiVersion.parse("1.40") <= ApiVersion.parse("1.47")


class _Lookup:
    def created_at(self, container: str) -> datetime:
        return MADE_AT

    def descendants(self, image: str) -> tuple[Digest, ...]:
        return (IMAGE_ID,) if image == "busybox" else ()

    def network_name(self, name: str) -> str:
        return "bridge" if name == "n" * 64 else name


@pytest.mark.parametrize(
    ("filters", "is_shown"),
    [
        ("{}", True),
        ('{"name": ["whale"]}', True),
        ('{"name": ["^/quiet_whale$"]}', True),
        ('{"name": ["^quiet_whale$"]}', True),
        ('{"name": ["^whale"]}', False),
        ('{"id": ["ccc"]}', True),
        ('{"id": ["d"]}', False),
        ('{"label": ["a"]}', True),
        ('{"label": ["a=1"]}', True),
        ('{"label": ["a=1", "b"]}', False),
        ('{"status": ["exited"]}', True),
        ('{"status": ["running", "exited"]}', True),
        ('{"status": ["running"]}', False),
        ('{"exited": ["3"]}', True),
        ('{"exited": ["0"]}', False),
        ('{"ancestor": ["busybox"]}', True),
        ('{"ancestor": ["other"]}', False),
        ('{"network": ["bridge"]}', True),
        ('{"network": ["nope"]}', False),
        ('{"volume": ["x"]}', False),
        ('{"health": ["none"]}', True),
        ('{"health": ["healthy"]}', False),
        ('{"is-task": ["true"]}', False),
        ('{"before": ["x"]}', False),
        ('{"since": ["x"]}', False),
        ('{"expose": ["80"]}', False),
        ('{"publish": ["1-65535"]}', False),
    ],
)
def test_container_filters(filters: str, is_shown: bool) -> None:
    one = container({"labels": {"a": "1"}}, status=Status.EXITED, exit_code=3)
    assert container_condition(Filters.parse(filters, known=KNOWN), _Lookup())(one) is is_shown


@pytest.mark.parametrize("status", list(HealthStatus))
def test_containers_are_found_by_their_health(status: HealthStatus) -> None:
    one = container(status=Status.RUNNING, health=Health(status))
    wanted = [
        container_condition(Filters.parse(json.dumps({"health": [text]}), known=KNOWN), _Lookup())(one)
        for text in ("starting", "healthy", "unhealthy", "none")
    ]
    assert wanted == [*(status is each for each in HealthStatus), False]


@pytest.mark.parametrize(
    "filters",
    [
        '{"status": ["sleeping"]}',
        '{"exited": ["x"]}',
        '{"health": ["x"]}',
        '{"name": ["(a+)+$"]}',
        '{"name": [".*.*.*.*x"]}',
        '{"name": ["("]}',
        '{"publish": ["x"]}',
        '{"is-task": ["maybe"]}',
    ],
)
def test_bad_values_of_container_filters_are_invalid(filters: str) -> None:
    with pytest.raises(Invalid, match="invalid filter"):
        container_condition(Filters.parse(filters, known=KNOWN), _Lookup())


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ("busybox", True),
        ("busybox:1", True),
        ("busybox:2", False),
        ("busy*", True),
        ("b?sybox:*", True),
        ("b[uv]sybox", True),
        ("*/busybox", False),
    ],
)
def test_reference_patterns(pattern: str, matches: bool) -> None:
    filters = Filters({"reference": (pattern,)})
    assert matches_reference(Reference.parse("busybox:1"), reference_patterns(filters)) is matches


EVENT = Event(
    "container", "die", "c" * 64, 1_700_000_000_123_456_789, {"name": "web", "image": "busybox:1", "exitCode": "0"}
)


def test_events_have_the_fields_older_clients_read() -> None:
    shown = encode_event(EVENT)
    assert (shown["status"], shown["id"], shown["from"]) == ("die", "c" * 64, "busybox:1")
    assert (shown["time"], shown["timeNano"]) == (1_700_000_000, 1_700_000_000_123_456_789)
    assert shown["Actor"]["Attributes"]["exitCode"] == "0"


@pytest.mark.parametrize(
    ("filters", "wanted"),
    [
        ('{"type": ["container"]}', True),
        ('{"type": ["image"]}', False),
        ('{"event": ["die", "start"]}', True),
        ('{"event": ["start"]}', False),
        ('{"container": ["web"]}', True),
        ('{"container": ["cccc"]}', True),
        ('{"container": ["db"]}', False),
        ('{"image": ["busybox"]}', True),
        ('{"image": ["busybox:1"]}', True),
        ('{"image": ["alpine"]}', False),
        ('{"label": ["exitCode=0"]}', True),
        ('{"network": ["bridge"]}', False),
    ],
)
def test_event_filters(filters: str, wanted: bool) -> None:
    assert is_wanted(EVENT, Filters.parse(filters, known=FILTERS)) is wanted


def test_every_build_parameter_is_read() -> None:
    values: dict[str, Any] = {
        "dockerfile": "D", "target": "t", "buildargs": '{"A": "1", "B": null}', "labels": '{"l": "v"}', "nocache": "1",
        "rm": "0", "forcerm": "1", "q": "1", "cachefrom": '["x"]', "networkmode": "none", "shmsize": "5",
        "memory": "7000000", "platform": "linux/amd64", "version": "1",
    }  # fmt: skip
    build = decode_build(Query(values), tags=["a", "b:1"], extra_hosts=["a:1.2.3.4"])
    assert build.build_args == {"A": "1", "B": None}
    assert (build.dockerfile, build.target, build.labels, build.cache_from) == ("D", "t", {"l": "v"}, ("x",))
    assert (build.no_cache, build.remove_intermediate, build.force_remove, build.quiet) == (True, False, True, True)
    assert (build.network_mode, build.extra_hosts, build.shm_size_bytes) == ("none", ("a:1.2.3.4",), 5)
    assert build.resources.memory_bytes == 7_000_000


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"version": "2"}, "DOCKER_BUILDKIT=0"),
        ({"session": "x"}, "DOCKER_BUILDKIT=0"),
        ({"outputs": '[{"Type":"local"}]'}, "outputs"),
        ({"securityopt": '["x"]'}, "securityopt"),
        ({"cgroupparent": "x"}, "cgroupparent"),
        ({"isolation": "hyperv"}, "isolation"),
    ],
)
def test_build_parameters_that_cannot_be_done_are_refused_by_name(values: dict[str, str], words: str) -> None:
    with pytest.raises(Unsupported, match=words):
        decode_build(Query(values), tags=[])


@pytest.mark.parametrize(
    "values",
    [
        {"buildargs": "x"},
        {"buildargs": '{"A": 1}'},
        {"labels": "[]"},
        {"cachefrom": "{}"},
        {"memory": "x"},
        {"version": "3"},
    ],
)
def test_malformed_build_parameters_are_invalid(values: dict[str, str]) -> None:
    with pytest.raises(Invalid):
        decode_build(Query(values), tags=[])


def test_a_parameter_has_a_limit() -> None:
    with pytest.raises(TooLarge, match="target"):
        Query({"target": "x" * 5000}).text("target")

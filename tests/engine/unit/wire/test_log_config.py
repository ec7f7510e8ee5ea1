"""Log options: what is taken, what it means, and what is refused in which words."""

import pytest

from engine.model.container import LogConfig
from engine.model.errors import Invalid
from engine.wire.log_config import UNLIMITED, LogLimits, decode_log_config, log_limits, log_warnings, parse_log_size
from engine.wire.log_details import check_tag

DEFAULT = LogLimits(1000, 7)


@pytest.mark.parametrize(
    ("driver", "options", "size", "files"),
    [
        ("", {}, 1000, 7),
        ("json-file", {"max-file": "2"}, 1000, 2),
        ("json-file", {"max-size": "10m"}, 10_000_000, 1),
        ("json-file", {"max-size": "1.5k", "max-file": "3"}, 1500, 3),
        ("json-file", {"max-size": "-1"}, UNLIMITED, 1),
        ("local", {}, 20_000_000, 5),
        ("local", {"max-size": "1g"}, 1_000_000_000, 5),
        ("none", {}, 1_000_000, 2),
    ],
)
def test_limits_are_those_asked_for(driver: str, options: dict[str, str], size: int, files: int) -> None:
    log = decode_log_config(driver, options)
    assert log == LogConfig(driver or "json-file", options)
    assert log_limits(log, default=DEFAULT) == LogLimits(size, files)


@pytest.mark.parametrize(
    ("text", "size"), [("1", 1), ("10K", 10_000), ("10kb", 10_000), ("2 MiB", 2_000_000), ("1g", 10**9)]
)
def test_sizes_are_read_as_docker_reads_them(text: str, size: int) -> None:
    assert parse_log_size(text) == size


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"imagine": "1"}, "unknown log opt 'imagine' for json-file log driver"),
        ({"max-size": "0"}, "max-size must be a positive number"),
        ({"max-size": "-5"}, "max-size must be a positive number"),
        ({"max-size": "much"}, "max-size: invalid size: 'much'"),
        ({"max-size": "9999999999p"}, "max-size must be"),
        ({"max-size": ""}, "max-size: invalid size"),
        ({"max-file": "0"}, "max-file cannot be less than 1"),
        ({"max-file": "-1"}, "max-file cannot be less than 1"),
        ({"max-file": "x"}, "max-file: 'x' is not a whole number"),
        ({"max-file": "100000"}, "max-file cannot be more than 1000"),
        ({"compress": "perhaps"}, "compress: 'perhaps'"),
        ({"compress": "true"}, "compress cannot be true"),
        ({"compress": "true", "max-size": "1m"}, "compress cannot be true"),
        ({"mode": "x"}, "logging mode not supported: x"),
        ({"max-buffer-size": "1m"}, "max-buffer-size option is only supported with 'mode=non-blocking'"),
        ({"tag": "{{.Nothing}}"}, "tag: template parsing error"),
        ({"tag": "{{if}}"}, "tag: template parsing error"),
        ({"tag": "\x1b"}, "HostConfig.LogConfig.Config: control character"),
    ],
)
def test_what_is_wrong_is_named(options: dict[str, str], words: str) -> None:
    with pytest.raises(Invalid, match=words.replace("{", "[{]")):
        decode_log_config("json-file", options)


@pytest.mark.parametrize("driver", ["syslog", "journald", "fluentd", "awslogs", "imagined"])
def test_other_drivers_are_refused_by_name(driver: str) -> None:
    with pytest.raises(Invalid, match=f"^logger: no log driver named '{driver}' is registered$"):
        decode_log_config(driver, {})


def test_none_takes_no_options() -> None:
    with pytest.raises(Invalid, match="unknown log opt 'max-size' for log driver none"):
        decode_log_config("none", {"max-size": "1m"})


def test_only_options_without_effect_are_warned_of() -> None:
    options = {"max-size": "1m", "max-file": "2", "compress": "true", "mode": "blocking", "env-regex": "(", "env": "A"}
    warnings = log_warnings(decode_log_config("json-file", options))
    assert [warning.split()[1] for warning in warnings] == ["compress", "env-regex"]


def test_a_tag_may_have_what_we_can_fill_in() -> None:
    check_tag("x {{.Name}}/{{ .ImageName }} {{.ID}}")

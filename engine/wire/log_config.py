"""``HostConfig.LogConfig``: which drivers and options there are, what they mean, and what is said about the rest.

Docker: daemon/logger/jsonfilelog, daemon/logger/local, docker/go-units ``FromHumanSize``.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from engine.model.container import LogConfig
from engine.model.errors import Invalid
from engine.wire.log_details import check_tag
from engine.wire.text import check_mapping, shown

UNLIMITED: Final = -1
_SIZE: Final = re.compile(r"(-?\d{1,12}(?:\.\d{1,6})?) ?([kmgtp]?)(?:i?b)?", re.IGNORECASE)
_UNITS: Final = {"": 1, "k": 1000, "m": 1000**2, "g": 1000**3, "t": 1000**4, "p": 1000**5}
_LARGEST_SIZE: Final = 2**62
_MOST_FILES: Final = 1000  # as many files are open while the log is read
_TRUE: Final = ("1", "t", "T", "TRUE", "true", "True")  # Go, strconv.ParseBool
_FALSE: Final = ("0", "f", "F", "FALSE", "false", "False")

_ANY_DRIVER: Final = ("mode", "max-buffer-size")
_JSON_FILE: Final = ("max-size", "max-file", "compress", "labels", "labels-regex", "env", "env-regex", "tag")
_OPTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "json-file": (*_ANY_DRIVER, *_JSON_FILE),
    "local": (*_ANY_DRIVER, "max-size", "max-file", "compress"),
    "none": (),
}
READABLE_DRIVERS: Final = tuple(driver for driver in _OPTIONS if driver != "none")
_WITHOUT_EFFECT: Final[Mapping[str, str]] = {
    "compress": "files that were rotated away are not compressed",
    "max-buffer-size": "output never goes through a buffer that can overflow",
    "mode": "a container's output never waits for a slow log reader",
    "labels-regex": "clients' regular expressions are not run",
    "env-regex": "clients' regular expressions are not run",
}


@dataclass(frozen=True, slots=True)
class LogLimits:
    """At most ``files`` files of about ``size_bytes`` (UNLIMITED: one file that grows)."""

    size_bytes: int = 64 << 20
    files: int = 3


# Of a driver that does not say so: what attached clients have not read yet is kept in this.
_BUFFER: Final = LogLimits(1_000_000, 2)
_LOCAL: Final = LogLimits(20_000_000, 5)


def decode_log_config(driver: str, options: Mapping[str, str]) -> LogConfig:
    """Raises Invalid or Unsupported in Docker's words."""
    driver = driver or "json-file"
    if driver not in _OPTIONS:
        raise Invalid(f"logger: no log driver named {shown(driver)} is registered")
    check_mapping("HostConfig.LogConfig.Config", options)
    for name in options:
        if name not in _OPTIONS[driver]:
            for_driver = f"{driver} log driver" if driver == "json-file" else f"log driver {driver}"
            raise Invalid(f"unknown log opt {shown(name)} for {for_driver}")
    _check_values(driver, options)
    return LogConfig(driver, dict(options))


def log_warnings(log: LogConfig) -> list[str]:
    """About options that are kept and change nothing."""
    asks = {"mode": ("non-blocking",), "compress": _TRUE}
    return [
        f"log-opt {name} has no effect on this engine: {why}"
        for name, why in _WITHOUT_EFFECT.items()
        if name in log.options and log.options[name] in asks.get(name, (log.options[name],))
    ]


def log_limits(log: LogConfig, *, default: LogLimits) -> LogLimits:
    """``default`` counts where the client said nothing. A size of its own comes with one file, as Docker has it."""
    if log.driver == "none":
        return _BUFFER
    fallback = _LOCAL if log.driver == "local" else default
    files = log.options.get("max-file")
    size = log.options.get("max-size")
    if size is None:
        return LogLimits(fallback.size_bytes, int(files) if files else fallback.files)
    return LogLimits(parse_log_size(size), int(files) if files else _files_of_own(log.driver))


def can_be_read(log: LogConfig) -> bool:
    return log.driver != "none"


def parse_log_size(text: str) -> int:
    """Bytes: a number with k, m, g (powers of 1000) or nothing behind it; -1 for no limit. Raises Invalid."""
    if text.strip() == "-1":
        return UNLIMITED
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise Invalid(f"max-size: invalid size: {shown(text)}: expected a number followed by k, m or g, or -1")
    size = int(float(match.group(1)) * _UNITS[match.group(2).lower()])
    if not 0 < size < _LARGEST_SIZE:
        raise Invalid("max-size must be a positive number")
    return size


def parse_log_files(text: str) -> int:
    if not (text.isascii() and text.removeprefix("-").isdigit() and len(text) < 12):
        raise Invalid(f"max-file: {shown(text)} is not a whole number")
    if int(text) < 1:
        raise Invalid("max-file cannot be less than 1")
    if int(text) > _MOST_FILES:
        raise Invalid(f"max-file cannot be more than {_MOST_FILES}")
    return int(text)


def _files_of_own(driver: str) -> int:
    return _LOCAL.files if driver == "local" else 1


def _check_values(driver: str, options: Mapping[str, str]) -> None:
    size = parse_log_size(options["max-size"]) if "max-size" in options else UNLIMITED
    if "max-file" in options:
        parse_log_files(options["max-file"])
    compress = options.get("compress", "false")
    if compress not in (*_TRUE, *_FALSE):
        raise Invalid(f"compress: {shown(compress)} is neither true nor false")
    if options.get("mode", "") not in ("", "blocking", "non-blocking"):
        raise Invalid(f"logger: logging mode not supported: {options['mode'][:80]}")
    if "max-buffer-size" in options:
        if options.get("mode") != "non-blocking":
            raise Invalid("logger: max-buffer-size option is only supported with 'mode=non-blocking'")
        parse_log_size(options["max-buffer-size"])
    check_tag(options.get("tag", ""))
    if driver == "json-file" and compress in _TRUE and (size == UNLIMITED or options.get("max-file", "1") == "1"):
        raise Invalid("compress cannot be true when max-file is less than 2 or max-size is not set")

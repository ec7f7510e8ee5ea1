"""Whether a specification can be asked for at all. Pure; what is taken or allowed is judged elsewhere."""

import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from django.utils.translation import gettext as _

from console.containers.ports import PublishedPort
from console.containers.specs.spec import ContainerSpec, Mount, MountKind
from console.containers.specs.texts import PROPAGATIONS, read_size
from console.operations.errors import Invalid

ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
WORD = r"[A-Za-z0-9][A-Za-z0-9_.-]*"
# least and most; Docker refuses less memory
LEAST_MEMORY_BYTES = 6 * 1024 * 1024
RANGES: Mapping[str, tuple[int, int]] = {
    "memory_reservation_bytes": (LEAST_MEMORY_BYTES, 2**53),
    "memory_swap_bytes": (-1, 2**53),
    "memory_swappiness": (0, 100),
    "cpu_shares": (2, 262_144),
    "cpu_period_us": (1000, 1_000_000),
    "cpu_quota_us": (1000, 2**31),
    "pids_limit": (1, 4_194_304),
    "shm_bytes": (1, 2**53),
    "blkio_weight": (10, 1000),
    "oom_score_adj": (-1000, 1000),
    "stop_timeout_s": (-1, 3600),
    "health_interval_ms": (1, 86_400_000),
    "health_timeout_ms": (1, 86_400_000),
    "health_start_period_ms": (1, 86_400_000),
    "health_retries": (1, 1000),
}
NAMESPACE = re.compile(rf"host|private|shareable|none|container:{WORD}")
PATTERNS: Mapping[str, re.Pattern[str]] = {
    "workdir": re.compile(r"/[^\0]*"),
    "user": re.compile(r"[^\0:\s]+(:[^\0:\s]+)?"),
    "hostname": re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,62})"),
    "domainname": re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,252}"),
    "stop_signal": re.compile(r"(SIG)?[A-Z][A-Z0-9+-]{1,14}|[1-9][0-9]?"),
    "platform": re.compile(r"[a-z0-9_]+(/[a-z0-9_]+){0,2}"),
    "mac_address": re.compile(r"([0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}"),
    "cpuset_cpus": re.compile(r"\d+(-\d+)?(,\d+(-\d+)?)*"),
    "cpuset_mems": re.compile(r"\d+(-\d+)?(,\d+(-\d+)?)*"),
    "restart": re.compile(r"no|always|unless-stopped|on-failure(:\d{1,9})?"),
    "userns": NAMESPACE,
    "pid_mode": NAMESPACE,
    "ipc_mode": NAMESPACE,
    "uts_mode": NAMESPACE,
    "cgroupns": NAMESPACE,
    "log_driver": re.compile(r"[a-z][a-z0-9_-]{0,62}"),
}
ENTRIES: Mapping[str, re.Pattern[str]] = {
    "expose": re.compile(r"[1-9]\d{0,4}(/(tcp|udp|sctp))?"),
    "volumes_from": re.compile(rf"{WORD}(:(ro|rw))?"),
    "dns_search": re.compile(r"\.|[A-Za-z0-9_.-]{1,253}"),
    "dns_options": re.compile(r"[a-z0-9:-]{1,60}"),
    "links": re.compile(rf"{WORD}(:{WORD})?"),
    "ulimits": re.compile(r"[a-z]{2,12}=-?\d{1,18}(:-?\d{1,18})?"),
    "cap_add": re.compile(r"[A-Z][A-Z_]{2,39}"),
    "cap_drop": re.compile(r"[A-Z][A-Z_]{2,39}"),
    "security_opt": re.compile(r"[a-z-]+([:=][^\0\n]{1,4096})?"),
    "group_add": re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}"),
    "devices": re.compile(r"/[^\0:]+(:/[^\0:]+)?(:[rwm]{1,3})?"),
}
KEYS: Mapping[str, re.Pattern[str]] = {
    "env": ENV_NAME,
    "labels": re.compile(r"[^\0=\s]{1,512}"),
    "sysctls": re.compile(r"[a-z0-9_]+([./][a-zA-Z0-9_-]+)+"),
    "log_options": re.compile(r"[a-z][a-zA-Z0-9_.-]{0,62}"),
}
MOST_ENTRIES = 1000
MOUNT_WORD = re.compile(r"[a-z]+(=[A-Za-z0-9%]+)?")
NETWORK = re.compile(rf"{WORD}|container:{WORD}")


def checked(spec: ContainerSpec) -> ContainerSpec:
    """The same, spelled in the one way it is kept in. Invalid names the field."""
    spec = _spelled(spec)
    for name, pattern in PATTERNS.items():
        _require(name, [getattr(spec, name)], pattern)
    for name, pattern in ENTRIES.items():
        _require(name, getattr(spec, name), pattern)
    for name, (least, most) in RANGES.items():
        value = getattr(spec, name)
        if value and not least <= value <= most:
            raise Invalid(_("A number from %(least)d to %(most)d.") % {"least": least, "most": most}, field=name)
    for name, pattern in KEYS.items():
        _check_pairs(name, getattr(spec, name), pattern)
    for words in (spec.command, [spec.entrypoint or ""], [spec.health_command], [spec.image]):
        _check_text("command", words)
    _check_numbers(spec)
    _check_hosts(spec)
    _check_mounts(spec)
    _check_networks(spec)
    _check_together(spec)
    return spec


def _spelled(spec: ContainerSpec) -> ContainerSpec:
    """Docker takes capabilities in either case and with a prefix, addresses in several spellings."""
    caps: dict[str, Any] = {
        name: tuple(cap.strip().upper().removeprefix("CAP_") for cap in getattr(spec, name))
        for name in ("cap_add", "cap_drop")
    }
    restart = "" if spec.restart == "no" else spec.restart.removesuffix(":0")
    expose = tuple(port if "/" in port else f"{port}/tcp" for port in spec.expose)
    return replace(spec, **caps, restart=restart, expose=expose, stop_signal=spec.stop_signal.upper())


def _require(name: str, values: Iterable[str], pattern: re.Pattern[str]) -> None:
    for value in values:
        if value and not pattern.fullmatch(value):
            raise Invalid(_("“%(text)s” does not fit here.") % {"text": value[:200]}, field=name)


def _check_pairs(field: str, pairs: Mapping[str, str], pattern: re.Pattern[str]) -> None:
    if len(pairs) > MOST_ENTRIES:
        raise Invalid(_("At most %(most)d entries.") % {"most": MOST_ENTRIES}, field=field)
    for name, value in pairs.items():
        if not pattern.fullmatch(name):
            said = _("“%(name)s” is no variable name.") if field == "env" else _("“%(name)s” does not fit here.")
            raise Invalid(said % {"name": name[:200]}, field=field)
        if "\0" in value:
            raise Invalid(_("The value of %(name)s holds a zero byte.") % {"name": name}, field=field)
        if field == "labels" and name.startswith("naru."):
            raise Invalid(_("Labels that begin with naru. are the console’s own."), field=field)


def _check_text(field: str, words: Iterable[str]) -> None:
    if any("\0" in word for word in words):
        raise Invalid(_("The value of %(name)s holds a zero byte.") % {"name": field}, field=field)


def _check_numbers(spec: ContainerSpec) -> None:
    if spec.memory_bytes and not LEAST_MEMORY_BYTES <= spec.memory_bytes <= 2**53:
        raise Invalid(_("A container needs at least 6 MiB of memory."), field="memory_bytes")
    if spec.cpus and not 0.01 <= spec.cpus <= 1024:
        raise Invalid(_("CPUs: a number from 0.01 on, such as 0.5 or 2."), field="cpus")
    if spec.cpus and spec.cpu_quota_us:
        raise Invalid(_("Either a number of CPUs or a quota."), field="cpu_quota_us")
    if spec.memory_swap_bytes > 0 and not 0 < spec.memory_bytes <= spec.memory_swap_bytes:
        raise Invalid(_("Memory and swap together: give a memory limit that is not larger."), field="memory_swap_bytes")
    if spec.memory_reservation_bytes > (spec.memory_bytes or 2**53):
        raise Invalid(_("The reservation is larger than the limit."), field="memory_reservation_bytes")


def _address(text: str, field: str) -> None:
    try:
        ipaddress.ip_address(text)
    except ValueError as error:
        raise Invalid(_("“%(address)s” is no IP address.") % {"address": text[:80]}, field=field) from error


def _check_hosts(spec: ContainerSpec) -> None:
    for text in spec.dns:
        _address(text, "dns")
    for text in spec.extra_hosts:
        name, _colon, address = text.partition(":")
        if not re.fullmatch(r"[A-Za-z0-9_.-]+", name) or not address:
            raise Invalid(_("“%(text)s”: write name:address.") % {"text": text[:200]}, field="extra_hosts")
        if address != "host-gateway":
            _address(address.strip("[]"), "extra_hosts")


def _check_mounts(spec: ContainerSpec) -> None:
    targets = [mount.target.rstrip("/") or "/" for mount in spec.mounts]
    for mount, target in zip(spec.mounts, targets, strict=True):
        for why, is_wrong in _faults(mount).items():
            if is_wrong:
                raise Invalid(why % {"text": f"{mount.source}:{mount.target}"[:200]}, field="mounts")
        if targets.count(target) > 1:
            raise Invalid(_("“%(text)s” is there twice.") % {"text": target[:200]}, field="mounts")


def _faults(mount: Mount) -> dict[str, bool]:
    parts = (mount.source, mount.target, mount.options)
    colon = not mount.strict and any(":" in part for part in parts[:2])
    unclean = any(char in part for part in parts for char in "\0\n\r")
    wants = {MountKind.BIND: bool(re.match(r"/", mount.source)), MountKind.TMPFS: not mount.source}
    volume = not mount.source or bool(re.fullmatch(WORD, mount.source))
    return {
        _("“%(text)s”: where in the container? An absolute path."): not mount.target.startswith("/")
        or mount.target.rstrip("/") == "",
        _("“%(text)s”: a path with a colon only fits a strict mount."): colon,
        _("“%(text)s” holds what no path can."): unclean,
        _("“%(text)s”: a path of the host is absolute; a volume is a name of letters, digits, “_”, “.” and “-”."): (
            not wants.get(mount.kind, volume)
        ),
        _("“%(text)s”: a volume without a name is not read-only."): not mount.strict
        and mount.kind is MountKind.VOLUME
        and not mount.source
        and (mount.read_only or bool(mount.options)),
        _("“%(text)s” has an option that is not known."): not all(map(_knows(mount), _options(mount))),
    }


def _options(mount: Mount) -> list[str]:
    return mount.options.split(",") if mount.options else []


def _knows(mount: Mount) -> Callable[[str], bool]:
    if not mount.strict:
        return lambda word: bool(MOUNT_WORD.fullmatch(word)) and word not in ("ro", "rw")
    if mount.kind is MountKind.TMPFS:
        return _is_tmpfs_word
    return lambda word: word == "nocopy" if mount.kind is MountKind.VOLUME else word in PROPAGATIONS


def _is_tmpfs_word(word: str) -> bool:
    name, _equals, value = word.partition("=")
    if name == "mode":
        return bool(re.fullmatch(r"[0-7]{3,4}", value))
    return name == "size" and read_size(value, field="mounts") > 0


def _check_networks(spec: ContainerSpec) -> None:
    names = [join.name for join in spec.networks]
    _require("networks", names, NETWORK)
    if "" in names or len(set(names)) < len(names):
        raise Invalid(_("A network is there twice, or has no name."), field="networks")
    for join in spec.networks:
        alone = join.name in ("host", "none") or join.name.startswith("container:")
        if alone and (len(names) > 1 or join.aliases or join.ipv4 or join.ipv6):
            raise Invalid(_("With “%(name)s” there is no other network.") % {"name": join.name}, field="networks")
        _require("networks", join.aliases, re.compile(WORD))
        for address in filter(None, (join.ipv4, join.ipv6)):
            _address(address, "networks")
    if spec.ports and names and (names[0] == "host" or names[0].startswith("container:")):
        raise Invalid(_("With “%(name)s” no ports are published.") % {"name": names[0]}, field="ports")


def _check_together(spec: ContainerSpec) -> None:
    PublishedPort.parse_all([port.text for port in spec.ports])
    if spec.auto_remove and spec.restart:
        raise Invalid(_("What is removed when it ends is not restarted."), field="restart")
    if spec.no_healthcheck and any(_health(spec)):
        raise Invalid(_("Either a health check or none."), field="health_command")


def _health(spec: ContainerSpec) -> Iterator[Any]:
    names = ("command", "interval_ms", "timeout_ms", "start_period_ms", "retries")
    return (getattr(spec, f"health_{name}") for name in names)

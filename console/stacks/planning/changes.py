"""How what is there differs from what should be, each difference by its name and with both values."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from console.stacks.planning import labels
from console.stacks.planning.world import SeenContainer, SeenNetwork

MOST_SHOWN = 80
# fields that are compared as they are: those of Config and of HostConfig, with the words that Compose has for them
CONFIG = {
    "Cmd": "command",
    "Entrypoint": "entrypoint",
    "Hostname": "hostname",
    "User": "user",
    "WorkingDir": "working_dir",
    "StopSignal": "stop_signal",
    "StopTimeout": "stop_grace_period",
    "Tty": "tty",
    "OpenStdin": "stdin_open",
    "Healthcheck": "healthcheck",
}
HOST = {
    "NetworkMode": "network_mode",
    "Privileged": "privileged",
    "ReadonlyRootfs": "read_only",
    "CapAdd": "cap_add",
    "CapDrop": "cap_drop",
    "SecurityOpt": "security_opt",
    "Sysctls": "sysctls",
    "IpcMode": "ipc",
    "PidMode": "pid",
    "UTSMode": "uts",
    "UsernsMode": "userns_mode",
    "Init": "init",
    "GroupAdd": "group_add",
    "Devices": "devices",
    "Memory": "mem_limit",
    "MemoryReservation": "mem_reservation",
    "NanoCpus": "cpus",
    "PidsLimit": "pids_limit",
    "CpuShares": "cpu_shares",
    "ShmSize": "shm_size",
    "Ulimits": "ulimits",
    "Dns": "dns",
    "DnsSearch": "dns_search",
    "DnsOptions": "dns_opt",
    "ExtraHosts": "extra_hosts",
    "LogConfig": "logging",
    "Tmpfs": "tmpfs",
}


@dataclass(frozen=True, slots=True)
class Change:
    """``what``: "image", "port", "environment", … or a field. Empty ``before``: added; empty ``after``: removed."""

    what: str
    name: str = ""
    before: str = ""
    after: str = ""

    def __str__(self) -> str:
        subject = f"{self.what} {self.name}".strip()
        words = {"what": subject, "before": self.before[:MOST_SHOWN], "after": self.after[:MOST_SHOWN]}
        if self.before and self.after:
            return _("%(what)s %(before)s → %(after)s") % words
        if self.before or self.after:
            return _("%(what)s added: %(after)s") % words if self.after else _("%(what)s removed: %(before)s") % words
        return _("%(what)s changed") % words


def container_changes(wanted: Mapping[str, Any], seen: SeenContainer) -> list[Change]:
    """What of the body ``wanted`` is not so in the container. What the body does not speak of may be as it is."""
    config, host = seen.made.get("Config") or {}, seen.made.get("HostConfig") or {}
    wanted_host = wanted.get("HostConfig") or {}
    return [
        *_environment(wanted.get("Env") or [], config.get("Env") or []),
        *_ports(wanted_host.get("PortBindings") or {}, host.get("PortBindings") or {}),
        *_mounts(wanted_host, host),
        *_labels(wanted.get("Labels") or {}, config.get("Labels") or {}),
        *_fields(CONFIG, wanted, config),
        *_fields(HOST, wanted_host, host),
        *_restart(wanted_host, host),
    ]


def network_changes(wanted: Mapping[str, Any], seen: SeenNetwork) -> list[Change]:
    found = []
    if (wanted.get("Driver") or "bridge") != seen.driver:
        found.append(Change("driver", before=seen.driver, after=str(wanted["Driver"])))
    if bool(wanted.get("Internal")) != seen.internal:
        found.append(Change("internal", before=_word(seen.internal), after=_word(wanted.get("Internal"))))
    subnets = sorted(str(one["Subnet"]) for one in (wanted.get("IPAM") or {}).get("Config") or [] if "Subnet" in one)
    if subnets and not set(subnets) <= set(seen.subnets):
        found.append(Change("subnet", before=", ".join(seen.subnets), after=", ".join(subnets)))
    if wanted.get("EnableIPv6") is not None and bool(wanted["EnableIPv6"]) != seen.has_ipv6:
        found.append(Change("enable_ipv6", before=_word(seen.has_ipv6), after=_word(wanted["EnableIPv6"])))
    return found


def _environment(wanted: Iterable[str], seen: Iterable[str]) -> Iterator[Change]:
    """Names alone: values are often secret, and a plan is read by many. Of those that are not wanted an image's own
    cannot be told from a file's, so they are no change.
    """
    before = dict(text.partition("=")[::2] for text in seen)
    for text in wanted:
        name, _sign, value = text.partition("=")
        if before.get(name) != value:
            yield Change("environment", name)


def _ports(wanted: Mapping[str, Any], seen: Mapping[str, Any]) -> Iterator[Change]:
    before, after = _published(seen), _published(wanted)
    yield from (Change("port", before=port) for port in sorted(before - after))
    yield from (Change("port", after=port) for port in sorted(after - before))


def _published(bindings: Mapping[str, Any]) -> set[str]:
    """``[address:]host port:port/protocol``, addresses that mean all of them left out."""
    found = set()
    for key, entries in bindings.items():
        for entry in entries or []:
            address = str(entry.get("HostIp") or "")
            shown = f"{address}:" if address not in ("", "0.0.0.0", "::") else ""  # noqa: S104 - compared, not bound
            port = str(entry.get("HostPort") or "")
            found.add(f"{shown}{port if port != '0' else ''}:{key}")
    return found


def _mounts(wanted: Mapping[str, Any], seen: Mapping[str, Any]) -> Iterator[Change]:
    before, after = _mounted(seen), _mounted(wanted)
    for target in sorted({*before, *after}):
        if before.get(target) != after.get(target):
            yield Change("volume", target, before.get(target, ""), after.get(target, ""))


def _mounted(host: Mapping[str, Any]) -> dict[str, str]:
    """Where to → what, "ro" behind it where it cannot be written."""
    found = {}
    for line in host.get("Binds") or []:
        source, target, *options = str(line).split(":")
        found[target] = source + (" ro" if options and "ro" in options[0].split(",") else "")
    for mount in host.get("Mounts") or []:
        source = str(mount.get("Source") or mount.get("Type") or "")
        found[str(mount.get("Target", ""))] = source + (" ro" if mount.get("ReadOnly") else "")
    return found


def _labels(wanted: Mapping[str, str], seen: Mapping[str, str]) -> Iterator[Change]:
    for name in sorted(wanted):
        if not labels.is_own(name) and seen.get(name) != wanted[name]:
            yield Change("label", name, seen.get(name, ""), wanted[name])


def _fields(names: Mapping[str, str], wanted: Mapping[str, Any], seen: Mapping[str, Any]) -> Iterator[Change]:
    for field, word in names.items():
        if field in wanted and not _same(wanted[field], seen.get(field)):
            yield Change(word, before=_word(seen.get(field)), after=_word(wanted[field]))


def _restart(wanted: Mapping[str, Any], seen: Mapping[str, Any]) -> Iterator[Change]:
    before = str((seen.get("RestartPolicy") or {}).get("Name") or "no")
    after = str((wanted.get("RestartPolicy") or {}).get("Name") or "no")
    if before != after:
        yield Change("restart", before=before, after=after)


def _same(wanted: Any, seen: Any) -> bool:
    """Engines add fields to what they were given; what was given has to be there."""
    if isinstance(wanted, Mapping):
        return isinstance(seen, Mapping) and all(_same(value, seen.get(key)) for key, value in wanted.items())
    if isinstance(wanted, list | tuple):
        found = seen or []
        return len(wanted) == len(found) and all(_same(*pair) for pair in zip(wanted, found, strict=True))
    return wanted == seen or (not wanted and not seen)


def _word(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return " ".join(_word(one) for one in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={_word(one)}" for key, one in value.items())
    return str(value)

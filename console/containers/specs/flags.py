"""The flags of ``docker run`` that are a field each. What takes more than a field is in ``command_line``."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Takes(StrEnum):
    NOTHING = "nothing"
    WORD = "word"
    WHOLE = "whole"
    CPUS = "cpus"
    SIZE = "size"
    DURATION = "duration"
    WORDS = "words"
    PAIRS = "pairs"


@dataclass(frozen=True, slots=True)
class Flag:
    """``short`` is one letter; ``alias`` an older spelling."""

    long: str
    field: str
    takes: Takes = Takes.WORD
    short: str = ""
    alias: str = ""


# in the order in which they are written
FLAGS = (
    Flag("env", "env", Takes.PAIRS, "e"),
    Flag("hostname", "hostname", Takes.WORD, "h"),
    Flag("domainname", "domainname"),
    Flag("user", "user", Takes.WORD, "u"),
    Flag("workdir", "workdir", Takes.WORD, "w"),
    Flag("entrypoint", "entrypoint"),
    Flag("label", "labels", Takes.PAIRS, "l"),
    Flag("tty", "tty", Takes.NOTHING, "t"),
    Flag("interactive", "stdin", Takes.NOTHING, "i"),
    Flag("restart", "restart"),
    Flag("rm", "auto_remove", Takes.NOTHING),
    Flag("stop-signal", "stop_signal"),
    Flag("stop-timeout", "stop_timeout_s", Takes.WHOLE),
    Flag("platform", "platform"),
    Flag("expose", "expose", Takes.WORDS),
    Flag("publish-all", "publish_all", Takes.NOTHING, "P"),
    Flag("volumes-from", "volumes_from", Takes.WORDS),
    Flag("mac-address", "mac_address"),
    Flag("dns", "dns", Takes.WORDS),
    Flag("dns-search", "dns_search", Takes.WORDS),
    Flag("dns-option", "dns_options", Takes.WORDS, alias="dns-opt"),
    Flag("add-host", "extra_hosts", Takes.WORDS),
    Flag("link", "links", Takes.WORDS),
    Flag("memory", "memory_bytes", Takes.SIZE, "m"),
    Flag("memory-reservation", "memory_reservation_bytes", Takes.SIZE),
    Flag("memory-swap", "memory_swap_bytes", Takes.SIZE),
    Flag("memory-swappiness", "memory_swappiness", Takes.WHOLE),
    Flag("cpus", "cpus", Takes.CPUS),
    Flag("cpuset-cpus", "cpuset_cpus"),
    Flag("cpuset-mems", "cpuset_mems"),
    Flag("cpu-shares", "cpu_shares", Takes.WHOLE, "c"),
    Flag("cpu-period", "cpu_period_us", Takes.WHOLE),
    Flag("cpu-quota", "cpu_quota_us", Takes.WHOLE),
    Flag("pids-limit", "pids_limit", Takes.WHOLE),
    Flag("shm-size", "shm_bytes", Takes.SIZE),
    Flag("blkio-weight", "blkio_weight", Takes.WHOLE),
    Flag("ulimit", "ulimits", Takes.WORDS),
    Flag("oom-kill-disable", "oom_kill_disable", Takes.NOTHING),
    Flag("oom-score-adj", "oom_score_adj", Takes.WHOLE),
    Flag("health-cmd", "health_command"),
    Flag("health-interval", "health_interval_ms", Takes.DURATION),
    Flag("health-timeout", "health_timeout_ms", Takes.DURATION),
    Flag("health-start-period", "health_start_period_ms", Takes.DURATION),
    Flag("health-retries", "health_retries", Takes.WHOLE),
    Flag("no-healthcheck", "no_healthcheck", Takes.NOTHING),
    Flag("privileged", "privileged", Takes.NOTHING),
    Flag("cap-add", "cap_add", Takes.WORDS),
    Flag("cap-drop", "cap_drop", Takes.WORDS),
    Flag("security-opt", "security_opt", Takes.WORDS),
    Flag("read-only", "read_only", Takes.NOTHING),
    Flag("init", "init", Takes.NOTHING),
    Flag("group-add", "group_add", Takes.WORDS),
    Flag("device", "devices", Takes.WORDS),
    Flag("sysctl", "sysctls", Takes.PAIRS),
    Flag("userns", "userns"),
    Flag("pid", "pid_mode"),
    Flag("ipc", "ipc_mode"),
    Flag("uts", "uts_mode"),
    Flag("cgroupns", "cgroupns"),
    Flag("log-driver", "log_driver"),
    Flag("log-opt", "log_options", Takes.PAIRS),
)
BY_NAME: Mapping[str, Flag] = {
    **{f"--{flag.long}": flag for flag in FLAGS},
    **{f"--{flag.alias}": flag for flag in FLAGS if flag.alias},
    **{f"-{flag.short}": flag for flag in FLAGS if flag.short},
}
# about the client that runs the line, not about the container; those of CLIENT_WORD take a word
CLIENT_NOTHING = frozenset({"--detach", "-d", "--sig-proxy", "--quiet", "-q", "--disable-content-trust"})
CLIENT_WORD = frozenset({"--detach-keys", "--attach", "-a", "--cidfile", "--pull"})
# of more than a field
LARGER = frozenset(
    {
        *("--name", "--publish", "-p", "--volume", "-v", "--mount", "--tmpfs", "--network", "--net", "--ip", "--ip6"),
        *("--network-alias", "--net-alias"),
    }
)

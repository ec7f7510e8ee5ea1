"""What a container was made to be, as tables of few rows with a title: what its pages show and copy. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from console.containers.environment import Variable
from console.hosts.shape import Shape
from console.web.templatetags.naru import size

Word = str | Promise


@dataclass(frozen=True, slots=True)
class Row:
    name: Word
    value: str
    is_hidden: bool = False
    is_secret: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """``key`` names it in the page. ``nothing`` is said where there are no rows; ``is_code``: names are not words."""

    key: str
    title: Word
    icon: str
    rows: Sequence[Row]
    nothing: Word = ""
    is_code: bool = False

    @property
    def text(self) -> str:
        """What is copied."""
        sign = "=" if self.is_code else ": "
        return "\n".join(f"{row.name}{sign}{row.value}" for row in self.rows)


def config_groups(shape: Shape, variables: Sequence[Variable], labels: Mapping[str, str]) -> list[Group]:
    env = [Row(one.name, one.text, one.value is None, one.is_secret) for one in variables]
    named = [Row(name, value) for name, value in sorted(labels.items())]
    nothing = _("None.")
    return [
        Group("command", _("Command"), icon="terminal", rows=_rows(_command(shape))),
        Group("env", _("Environment"), icon="variable", rows=env, nothing=nothing, is_code=True),
        Group("limits", _("Limits"), icon="gauge", rows=_rows(_limits(shape)), nothing=_("Without limits.")),
        Group("security", _("Security"), icon="shield-check", rows=_rows(_security(shape)), nothing=_("Engine’s own.")),
        Group("labels", _("Labels"), icon="tag", rows=named, nothing=nothing, is_code=True),
    ]


def _rows(found: Mapping[Word, Any]) -> list[Row]:
    """Without those that say nothing."""
    shown = {name: _written(value) for name, value in found.items() if value not in ("", None, [], {}, False, 0)}
    return [Row(name, text) for name, text in shown.items()]


def _written(value: object) -> str:
    if value is True:
        return gettext("yes")
    if isinstance(value, list | tuple):
        return "\n".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _command(shape: Shape) -> dict[Word, Any]:
    return {
        _("Entrypoint"): _joined(shape.get("entrypoint")),
        _("Command"): _joined(shape.get("command")),
        _("User"): shape.get("user"),
        _("Working directory"): shape.get("working_dir"),
        _("Hostname"): shape.get("hostname"),
        _("Restart policy"): shape.get("restart"),
        _("Stop signal"): shape.get("stop_signal"),
        _("Time to stop"): _seconds(shape.get("stop_timeout_s")),
        _("Init process"): shape.get("init"),
        _("Removed when it ends"): shape.get("auto_remove"),
        _("Log driver"): shape.get("log_driver"),
        _("Runtime"): shape.get("runtime"),
    }


def _limits(shape: Shape) -> dict[Word, Any]:
    limits: Mapping[str, Any] = shape.get("limits", {})
    swap = limits.get("memory_swap", 0)
    return {
        _("Memory"): _size(limits.get("memory")),
        _("Memory and swap"): gettext("unlimited") if swap < 0 else _size(swap),
        _("Memory kept for it"): _size(limits.get("memory_reservation")),
        _("CPUs"): limits.get("cpus"),
        _("CPU shares"): limits.get("cpu_shares"),
        _("CPU quota"): limits.get("cpu_quota"),
        _("CPUs it may use"): limits.get("cpuset"),
        _("Processes"): limits.get("pids"),
        _("Ulimits"): limits.get("ulimits"),
    }


def _security(shape: Shape) -> dict[Word, Any]:
    found: Mapping[str, Any] = shape.get("security", {})
    return {
        _("Privileged"): found.get("privileged"),
        _("Root file system read-only"): found.get("read_only"),
        _("Capabilities added"): found.get("cap_add"),
        _("Capabilities taken"): found.get("cap_drop"),
        _("Security options"): found.get("security_opt"),
        _("Devices"): found.get("devices"),
        _("Groups"): found.get("groups"),
        _("User namespace"): found.get("userns"),
        _("Process namespace"): found.get("pid"),
        _("IPC namespace"): found.get("ipc"),
        _("UTS namespace"): found.get("uts"),
    }


def names_group(shape: Shape) -> Group:
    """Where it looks for the addresses of others."""
    found: dict[Word, Any] = {
        _("Hostname"): shape.get("hostname"),
        _("DNS servers"): shape.get("dns"),
        _("Search domains"): shape.get("dns_search"),
        _("DNS options"): shape.get("dns_options"),
        _("Hosts added"): shape.get("extra_hosts"),
    }
    return Group("names", _("Names"), icon="address-book", rows=_rows(found), nothing=_("Engine’s own."))


def check_group(shape: Shape) -> Group:
    check: Mapping[str, Any] = shape.get("check", {})
    found: dict[Word, Any] = {
        _("Command"): _joined(_plain_test(check.get("test", ()))),
        _("Every"): _seconds(check.get("interval_s") or 30),
        _("Waits at most"): _seconds(check.get("timeout_s") or 30),
        _("Time to start"): _seconds(check.get("start_period_s")),
        _("Failures until unhealthy"): check.get("retries") or 3,
    }
    return Group("check", _("Check"), icon="stethoscope", rows=_rows(found) if check else ())


def _plain_test(test: Iterable[str]) -> list[str]:
    """Without Docker's word for how it is run."""
    words = list(test)
    return words[1:] if words[:1] in (["CMD"], ["CMD-SHELL"]) else words


def _joined(words: object) -> str:
    return " ".join(words) if isinstance(words, list) else ""


def _seconds(number: object) -> str:
    return gettext("%(seconds)s s") % {"seconds": f"{number:g}"} if isinstance(number, int | float) and number else ""


def _size(size_bytes: object) -> str:
    return size(size_bytes) if isinstance(size_bytes, int) and size_bytes else ""

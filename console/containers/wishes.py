"""The groups of a container's form below what most people need: a field for each thing that ``docker run`` can say."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from console.containers.specs.flags import FLAGS, Takes

MONO = {"class": "mono", "spellcheck": "false", "autocapitalize": "none", "autocomplete": "off"}
CHECK = {"class": "form-check-input"}
TAKES = {flag.field: flag.takes for flag in FLAGS}
SPELLED = {flag.field: f"--{flag.long}" for flag in FLAGS}
RESTARTS = [
    ("", _("never")),
    ("unless-stopped", _("always, unless it was stopped")),
    ("always", _("always, also after it was stopped and its host restarted")),
    ("on-failure", _("after a failure")),
    ("on-failure:3", _("after a failure, 3 times at most")),
    ("on-failure:10", _("after a failure, 10 times at most")),
]
LONGEST = 65_536


@dataclass(frozen=True, slots=True)
class Wish:
    """A field of ContainerSpec, as it is asked for. ``example`` stands in it while it is empty; ``label`` and ``hint``
    are translated when they are shown.
    """

    name: str
    label: Any
    example: str = ""
    hint: Any = ""

    @property
    def takes(self) -> Takes | None:
        """None for mounts and networks, which are no single flag's."""
        return TAKES.get(self.name)


@dataclass(frozen=True, slots=True)
class Group:
    title: str | Promise
    wishes: Sequence[Wish]


def field_of(wish: Wish) -> forms.Field:
    """Without a hint of its own a field is explained by its flag."""
    hint = wish.hint or SPELLED.get(wish.name, "")
    if wish.takes is Takes.NOTHING:
        box = forms.CheckboxInput(attrs=CHECK)
        return forms.BooleanField(label=wish.label, required=False, widget=box, help_text=hint)
    if wish.name == "restart":
        return forms.ChoiceField(label=wish.label, required=False, choices=RESTARTS, help_text=hint)
    attrs: dict[str, Any] = {**MONO, "placeholder": wish.example}
    if wish.takes is Takes.WHOLE:
        number = forms.TextInput(attrs={**attrs, "inputmode": "numeric"})
        return forms.IntegerField(label=wish.label, required=False, widget=number, help_text=hint)
    widget: forms.Widget = forms.TextInput(attrs=attrs)
    if wish.takes in (Takes.WORDS, Takes.PAIRS, None):
        kind = "pairs" if wish.takes is Takes.PAIRS else "words"
        widget = forms.Textarea(attrs={**attrs, "rows": 3, "data-lines": kind})
    return forms.CharField(label=wish.label, required=False, max_length=LONGEST, widget=widget, help_text=hint)


GROUPS = (
    Group(
        _("Files"),
        (
            Wish(
                "mounts",
                _("Mounts"),
                "data:/var/lib/data\n/srv/site:/site:ro\ntmpfs:/run:size=64m",
                _(
                    "One on each line: a volume’s name or a path of the host, colon, a path inside; tmpfs: for memory. "
                    "Also as --mount takes it: type=bind,source=/srv,target=/srv,readonly."
                ),
            ),
            Wish("volumes_from", _("Volumes of other containers"), "db:ro"),
            Wish("read_only", _("Files of the image are read-only")),
        ),
    ),
    Group(
        _("Networks"),
        (
            Wish(
                "networks",
                _("Networks"),
                "front\nname=back,alias=api,ip=10.5.0.7",
                _("One on each line. Or one of host, none and container:web alone."),
            ),
            Wish("hostname", _("Hostname"), "web"),
            Wish("domainname", _("Domain"), "example.org"),
            Wish("extra_hosts", _("Further hosts"), "db:10.0.0.5\nhost.docker.internal:host-gateway"),
            Wish("dns", _("DNS servers"), "10.0.0.2"),
            Wish("dns_search", _("DNS search domains"), "example.org"),
            Wish("dns_options", _("DNS options"), "ndots:2"),
            Wish("links", _("Links"), "db:storage"),
            Wish("expose", _("Exposed, not published"), "9000/tcp"),
            Wish("mac_address", _("MAC address"), "02:42:ac:11:00:05"),
            Wish("publish_all", _("Publish all that the image exposes")),
        ),
    ),
    Group(
        _("Restarts and health"),
        (
            Wish("restart", _("Restart policy")),
            Wish("health_command", _("Health check"), "curl -f http://localhost/ || exit 1"),
            Wish("health_interval_ms", _("Checked every"), "30s"),
            Wish("health_timeout_ms", _("Check fails after"), "5s"),
            Wish("health_start_period_ms", _("Failures do not count for"), "10s"),
            Wish("health_retries", _("Failures in a row"), "3"),
            Wish("no_healthcheck", _("Without the image’s own check")),
            Wish("auto_remove", _("Removed when it ends")),
            Wish("stop_signal", _("Stop signal"), "SIGTERM"),
            Wish("stop_timeout_s", _("Killed after so many seconds"), "10"),
        ),
    ),
    Group(
        _("More limits"),
        (
            Wish("memory_reservation_bytes", _("Reserved for it"), "256m"),
            Wish("memory_swap_bytes", _("With swap"), "1g", _("Memory and swap together; -1 for any amount.")),
            Wish("memory_swappiness", _("Swappiness"), "60"),
            Wish("shm_bytes", _("Shared (/dev/shm)"), "64m"),
            Wish("cpuset_cpus", _("Only on processors"), "0-1,3"),
            Wish("cpuset_mems", _("Only on nodes"), "0"),
            Wish("cpu_shares", _("CPU shares"), "1024"),
            Wish("cpu_period_us", _("CPU period"), "100000"),
            Wish("cpu_quota_us", _("CPU quota"), "50000"),
            Wish("pids_limit", _("Processes at most"), "200"),
            Wish("blkio_weight", _("Weight of disk access"), "500"),
            Wish("oom_score_adj", _("OOM score"), "500"),
            Wish("ulimits", _("Ulimits"), "nofile=1024:2048"),
            Wish("oom_kill_disable", _("Never killed for lack of memory")),
        ),
    ),
    Group(
        _("Program"),
        (
            Wish("entrypoint", _("Entrypoint"), "/bin/sh", _("Replaces the image’s own; “none” takes it away.")),
            Wish("workdir", _("Working directory"), "/app"),
            Wish("user", _("User"), "1000:1000"),
            Wish("group_add", _("Further groups"), "audio"),
            Wish("tty", _("A terminal (tty)")),
            Wish("stdin", _("Keep standard input open")),
            Wish("init", _("An init that reaps processes")),
        ),
    ),
    Group(
        _("Security"),
        (
            Wish("cap_add", _("Capabilities to add"), "NET_ADMIN"),
            Wish("cap_drop", _("Capabilities to drop"), "ALL"),
            Wish("security_opt", _("Security options"), "no-new-privileges"),
            Wish("devices", _("Devices"), "/dev/fuse\n/dev/snd:/dev/snd:rw"),
            Wish("sysctls", _("Sysctls"), "net.core.somaxconn=1024"),
            Wish("userns", _("User namespace"), "host"),
            Wish("pid_mode", _("PID namespace"), "container:web"),
            Wish("ipc_mode", _("IPC namespace"), "private"),
            Wish("uts_mode", _("UTS namespace"), "host"),
            Wish("cgroupns", _("Cgroup namespace"), "private"),
            Wish("privileged", _("Privileged: no walls at all")),
        ),
    ),
    Group(
        _("Labels, logging, platform"),
        (
            Wish("labels", _("Labels"), "team=blue"),
            Wish("log_driver", _("Log driver"), "json-file"),
            Wish("log_options", _("Log options"), "max-size=10m\nmax-file=3"),
            Wish("platform", _("Platform"), "linux/amd64"),
        ),
    ),
)

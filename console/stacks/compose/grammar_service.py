"""What a service may say: the table of its fields."""

import re
from collections.abc import Hashable

from django.utils.translation import gettext as _

from console.stacks.compose.grammar_deploy import DEPLOY, DEVICE_REQUESTS
from console.stacks.compose.grammar_mounts import DEVICES, FILE_REFERENCES, MOUNTS
from console.stacks.compose.grammar_ports import PORTS
from console.stacks.compose.nodes import Mapping, Node, Scalar, Sequence, grown, is_null, plain, wiped
from console.stacks.compose.shapes import At, Field, Ignored, Listed, Named, Shape, Table, Value, Whole, Wrong, fields
from console.stacks.compose.values import (
    COMMAND,
    DURATION,
    LABELS,
    NUMBER,
    OPTIONS,
    PATH,
    SIZE,
    TEXT,
    TEXT_OR_TEXTS,
    TEXTS,
    TRUTH,
    VARIABLES,
    WORD,
    WORDS,
    choice,
    integer,
    is_name,
    matching,
    ns,
    scalar,
    size,
    size_of,
    spelled,
    text_of,
    word_of,
)

CONTAINER_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")
PULL_POLICY = re.compile(r"always|never|build|if_not_present|missing|refresh|daily|weekly|every_([0-9]+[wdhms])+")
REMOTE = re.compile(r"[a-z][a-z0-9+.-]*://.*|git@.*|github\.com/.*|docker-image:.*|service:.*|oci-layout:.*", re.DOTALL)


# --- builds ---


def _source(node: Node, at: At) -> str:
    """A directory, or something that is fetched from elsewhere."""
    text = text_of(node, at)
    return text if REMOTE.fullmatch(text) else at.reading.absolute(text)


def _ssh(node: Node, at: At) -> Node:
    if isinstance(node, Sequence):
        pairs = [text_of(item).partition("=") for item in node.items]
        return grown({name: value for name, _sign, value in pairs}, node.mark)
    return grown({text_of(node, at): ""}, node.mark)


def _truth_or_word(node: Node, _at: At) -> str:
    return spelled(scalar(node))


def _extra_hosts(node: Node, at: At) -> dict[str, list[str]]:
    """``name=address`` and ``name:address``, or a mapping whose values may be lists."""
    found: dict[str, list[str]] = {}
    if isinstance(node, Mapping):
        for name, value in node:
            found[name] = [text_of(one) for one in (value.items if isinstance(value, Sequence) else (value,))]
    elif isinstance(node, Sequence):
        for item in node.items:
            text = text_of(item, at)
            cut = text.find("=") if "=" in text else text.find(":")
            if cut <= 0 or cut == len(text) - 1:
                raise Wrong(_("This is name=address."), mark=item.mark)
            found.setdefault(text[:cut], []).append(text[cut + 1 :])
    else:
        raise Wrong(_("This is a mapping, or a list of “NAME=value”."))
    return {name: [one.removeprefix("[").removesuffix("]") for one in addresses] for name, addresses in found.items()}


class _ExtraHosts(Shape):
    def read(self, node: Node, at: At) -> Node | None:
        return None if is_null(node) else grown(_extra_hosts(node, at), node.mark)

    def merge(self, base: Node, over: Node) -> Node:
        """Addresses of one name are added to those before."""
        found = plain(base)
        for name, addresses in plain(over).items():
            found[name] = list(dict.fromkeys([*found.get(name, []), *addresses]))
        return grown(found, over.mark)


def _short_ulimit(node: Node, _at: At) -> Node:
    value = scalar(node)
    return grown({"soft": value, "hard": value}, node.mark)


LIMIT = integer(-1)
ULIMITS = Named(
    Table(fields(soft=LIMIT, hard=LIMIT), short=_short_ulimit, required=("soft", "hard"), is_whole=True),
    is_name=lambda name: bool(re.fullmatch("[a-z]+", name)),
)
EXTRA_HOSTS = _ExtraHosts()
BUILD = Table(
    fields(
        context=Value(_source),
        dockerfile=TEXT,
        dockerfile_inline=TEXT,
        args=VARIABLES,
        labels=LABELS,
        target=TEXT,
        network=TEXT,
        shm_size=Field(SIZE, "shm_size_bytes"),
        cache_from=TEXTS,
        cache_to=TEXTS,
        no_cache=TRUTH,
        pull=TRUTH,
        privileged=TRUTH,
        isolation=TEXT,
        ssh=Named(WORD, short=_ssh),
        additional_contexts=Named(Value(_source), short=LABELS.short),
        extra_hosts=EXTRA_HOSTS,
        secrets=FILE_REFERENCES,
        tags=TEXTS,
        ulimits=ULIMITS,
        platforms=TEXTS,
        entitlements=TEXTS,
        provenance=Value(_truth_or_word),
        sbom=Value(_truth_or_word),
    ),
    short=lambda node, at: grown({"context": text_of(node, at)}, node.mark),
)

# --- health ---


def _test(node: Node, at: At) -> list[str]:
    if not isinstance(node, Sequence):
        return ["CMD-SHELL", text_of(node, at)]
    words = [word_of(item) for item in node.items]
    if not words or words[0] not in ("NONE", "CMD", "CMD-SHELL"):
        raise Wrong(_("The list begins with NONE, CMD or CMD-SHELL."))
    if words[0] == "CMD-SHELL" and len(words) != 2:
        raise Wrong(_("After CMD-SHELL comes one text, the whole command."))
    return words


HEALTHCHECK = Table(
    {
        **fields(test=Whole(Value(_test)), retries=integer(0), disable=TRUTH),
        **ns("interval"),
        **ns("timeout"),
        **ns("start_period"),
        **ns("start_interval"),
    }
)

# --- what it stands beside ---


def _list_of_names(node: Node, value: object) -> Node:
    if not isinstance(node, Sequence):
        raise Wrong(_("This is a list of names, or a mapping."))
    return Mapping({text_of(item): grown(value, item.mark) for item in node.items}, node.mark)


DEPENDENCY = Table(
    fields(
        condition=choice("service_started", "service_healthy", "service_completed_successfully"),
        required=TRUTH,
        restart=TRUTH,
    ),
    required=("condition",),
)
DEPENDS_ON = Named(
    DEPENDENCY, short=lambda node, _at: _list_of_names(node, {"condition": "service_started"}), is_name=is_name
)
ATTACHMENT = Table(
    fields(
        aliases=TEXTS,
        ipv4_address=TEXT,
        ipv6_address=TEXT,
        link_local_ips=TEXTS,
        mac_address=TEXT,
        interface_name=TEXT,
        driver_opts=OPTIONS,
        priority=integer(-(2**31), 2**31),
        gw_priority=integer(-(2**31), 2**31),
    )
)
NETWORKS = Named(ATTACHMENT, short=lambda node, _at: _list_of_names(node, {}), is_name=is_name)
MODELS = Named(
    Table(fields(endpoint_var=TEXT, model_var=TEXT)), short=lambda node, _at: _list_of_names(node, {}), is_name=is_name
)


def _env_file(node: Node, at: At) -> list[Node]:
    if isinstance(node, Mapping):
        return [node]
    return [grown({"path": text_of(node, at)}, node.mark)]


ENV_FILES = Listed(
    Table(fields(path=PATH, required=TRUTH, format=choice("raw")), required=("path",)),
    expand=_env_file,
    key=lambda node: str(plain(node).get("path")),
    one=True,
)


class _Logging(Table):
    """Options belong to their driver: another driver begins without any."""

    def merge(self, base: Node, over: Node) -> Node:
        before, after = plain(base), plain(over)
        if "driver" in after and before.get("driver", after["driver"]) != after["driver"]:
            return wiped(over)
        return super().merge(base, over)


HOOK = Table(
    fields(command=COMMAND, user=TEXT, privileged=TRUTH, working_dir=TEXT, environment=VARIABLES),
    required=("command",),
)
RATES = Listed(
    Table(fields(path=TEXT, rate=Value(lambda node, _at: size_of(node))), required=("path", "rate")),
    key=lambda node: str(plain(node).get("path")),
)
WEIGHTS = Listed(
    Table(fields(path=TEXT, weight=integer(0, 1000)), required=("path", "weight")),
    key=lambda node: str(plain(node).get("path")),
)
BLOCK_IO = Table(
    fields(
        weight=integer(0, 1000),
        weight_device=WEIGHTS,
        device_read_bps=RATES,
        device_read_iops=RATES,
        device_write_bps=RATES,
        device_write_iops=RATES,
    )
)
WATCH = Table(
    fields(
        path=TEXT,
        action=choice("rebuild", "sync", "restart", "sync+restart", "sync+exec"),
        target=TEXT,
        ignore=TEXT_OR_TEXTS,
        include=TEXT_OR_TEXTS,
        exec=HOOK,
        initial_sync=TRUTH,
    ),
    required=("path", "action"),
)


def _expose(node: Node, _at: At) -> str:
    text = str(scalar(node))
    if not re.fullmatch(r"\d{1,5}(-\d{1,5})?(/[a-z]+)?", text):
        raise Wrong(_("This is a port of the container, or a range of them."))
    return text


def _extends(node: Node, at: At) -> Node:
    return grown({"service": text_of(node, at)}, node.mark)


def _restart(node: Node, at: At) -> str:
    word = node.value if isinstance(node, Scalar) else ""
    # YAML of old read a bare "no" as false
    text = "no" if word is False else text_of(node, at)
    if not re.fullmatch(r"no|always|unless-stopped|on-failure(:\d{1,9})?", text):
        raise Wrong(_("This is one of: %(words)s.") % {"words": "no, always, on-failure[:N], unless-stopped"})
    return text


def _signed_size(node: Node, _at: At) -> int:
    return size_of(node, unlimited=True)


def _provider_option(node: Node, _at: At) -> list[str]:
    return [word_of(item) for item in (node.items if isinstance(node, Sequence) else (node,))]


CAPABILITIES: Shape = Listed(TEXT, key=lambda node: str(plain(node)).upper().removeprefix("CAP_"))
NAMED_CONTAINER = matching(
    CONTAINER_NAME, lambda: _("This is a container's name: letters, digits, “_”, “.” and “-”, at least two.")
)


def _hashable(node: Node) -> Hashable:
    return str(plain(node))


def _microseconds(node: Node, at: At) -> int:
    """A number of them, or a time with a unit."""
    value = scalar(node)
    if isinstance(value, str) and not value.isdecimal():
        found = DURATION.parse(node, at)
        return int(found) // 1000
    return int(integer(0).parse(node, at))


SERVICE = Table(
    {
        **fields(
            image=TEXT,
            build=BUILD,
            command=COMMAND,
            entrypoint=COMMAND,
            environment=VARIABLES,
            env_file=ENV_FILES,
            label_file=Listed(PATH, one=True),
            ports=PORTS,
            expose=Listed(Value(_expose), key=_hashable),
            volumes=MOUNTS,
            volumes_from=TEXTS,
            tmpfs=TEXT_OR_TEXTS,
            networks=NETWORKS,
            network_mode=TEXT,
            depends_on=DEPENDS_ON,
            links=TEXTS,
            external_links=TEXTS,
            secrets=FILE_REFERENCES,
            configs=FILE_REFERENCES,
            healthcheck=HEALTHCHECK,
            deploy=DEPLOY,
            scale=integer(0, 10_000),
            profiles=TEXTS,
            labels=LABELS,
            annotations=LABELS,
            extends=Table(fields(service=TEXT, file=TEXT), short=_extends, required=("service",), is_whole=True),
            develop=Ignored(Table(fields(watch=Listed(WATCH)))),
        ),
        **fields(
            container_name=NAMED_CONTAINER,
            hostname=TEXT,
            domainname=TEXT,
            user=TEXT,
            group_add=WORDS,
            working_dir=TEXT,
            restart=Value(_restart),
            stop_signal=TEXT,
            stop_grace_period=Field(DURATION, "stop_grace_period_ns"),
            init=TRUTH,
            tty=TRUTH,
            stdin_open=TRUTH,
            read_only=TRUTH,
            privileged=TRUTH,
            attach=TRUTH,
            runtime=TEXT,
            platform=TEXT,
            isolation=TEXT,
            logging=_Logging(fields(driver=TEXT, options=OPTIONS)),
            storage_opt=OPTIONS,
            credential_spec=Table(fields(config=TEXT, file=TEXT, registry=TEXT)),
            pull_policy=matching(PULL_POLICY, lambda: _("This is no pull policy, such as always, missing or never.")),
            pull_refresh_after=TEXT,
            post_start=Listed(HOOK),
            pre_stop=Listed(HOOK),
            provider=Table(fields(type=TEXT, options=Named(Value(_provider_option))), required=("type",)),
            models=MODELS,
            use_api_socket=TRUTH,
        ),
        **fields(
            cap_add=CAPABILITIES,
            cap_drop=CAPABILITIES,
            security_opt=TEXTS,
            sysctls=LABELS,
            ulimits=ULIMITS,
            devices=DEVICES,
            device_cgroup_rules=TEXTS,
            gpus=DEVICE_REQUESTS,
            dns=TEXT_OR_TEXTS,
            dns_opt=TEXTS,
            dns_search=TEXT_OR_TEXTS,
            extra_hosts=EXTRA_HOSTS,
            mac_address=TEXT,
            ipc=TEXT,
            pid=TEXT,
            uts=TEXT,
            cgroup=choice("host", "private"),
            cgroup_parent=TEXT,
            userns_mode=TEXT,
        ),
        **fields(
            mem_swappiness=integer(0, 100),
            memswap_limit=Field(Value(_signed_size), "memswap_limit_bytes"),
            oom_kill_disable=TRUTH,
            oom_score_adj=integer(-1000, 1000),
            pids_limit=integer(-1),
            cpus=NUMBER,
            cpu_count=integer(0),
            cpu_percent=NUMBER,
            cpu_shares=integer(0),
            cpu_quota=Field(integer(-1), "cpu_quota_us"),
            cpu_period=Field(Value(_microseconds), "cpu_period_us"),
            cpu_rt_runtime=Field(Value(_microseconds), "cpu_rt_runtime_us"),
            cpu_rt_period=Field(Value(_microseconds), "cpu_rt_period_us"),
            cpuset=TEXT,
            blkio_config=BLOCK_IO,
        ),
        **size("shm_size"),
        **size("mem_limit"),
        **size("mem_reservation"),
    }
)

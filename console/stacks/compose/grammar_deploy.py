"""``deploy`` of a service, and requests for devices such as GPUs."""

from django.utils.translation import gettext as _

from console.stacks.compose.nodes import Node, Sequence, grown, plain
from console.stacks.compose.shapes import At, Field, Listed, Table, Value, Whole, Wrong, fields
from console.stacks.compose.values import (
    DURATION,
    LABELS,
    NUMBER,
    SIZE,
    TEXT,
    TEXTS,
    choice,
    integer,
    number_of,
    scalar,
    text_of,
)


def _count(node: Node, _at: At) -> int:
    return -1 if scalar(node) == "all" else number_of(node)


class _DeviceRequests(Listed):
    """``all`` stands for every GPU."""

    def read(self, node: Node, at: At) -> Node | None:
        if not isinstance(node, Sequence):
            if text_of(node, at) != "all":
                raise Wrong(_("This is “all”, or a list of devices."))
            return grown([{"capabilities": ["gpu"], "count": -1}], node.mark)
        return super().read(node, at)


DEVICE_REQUEST = Table(fields(capabilities=TEXTS, count=Value(_count), device_ids=TEXTS, driver=TEXT, options=LABELS))
DEVICE_REQUESTS = _DeviceRequests(DEVICE_REQUEST)
RESERVED_DEVICES = Listed(
    Table(DEVICE_REQUEST.fields, required=("capabilities",)),
)


class _GenericResources(Listed):
    def read(self, node: Node, at: At) -> Node | None:
        found = super().read(node, at)
        if found is None:
            return None
        inner = [one["discrete_resource_spec"] for one in plain(found) if "discrete_resource_spec" in one]
        return grown(inner, node.mark)


GENERIC = Table(fields(discrete_resource_spec=Table(fields(kind=TEXT, value=integer(0)), required=("kind", "value"))))
UPDATE = Table(
    fields(
        parallelism=integer(0, 10_000),
        delay=Field(DURATION, "delay_ns"),
        failure_action=choice("continue", "rollback", "pause"),
        monitor=Field(DURATION, "monitor_ns"),
        max_failure_ratio=NUMBER,
        order=choice("start-first", "stop-first"),
    )
)
RESOURCES = Table(
    fields(
        limits=Table(fields(cpus=NUMBER, memory=Field(SIZE, "memory_bytes"), pids=integer(-1))),
        reservations=Table(
            fields(
                cpus=NUMBER,
                memory=Field(SIZE, "memory_bytes"),
                devices=RESERVED_DEVICES,
                generic_resources=Whole(_GenericResources(GENERIC)),
            )
        ),
    )
)
DEPLOY = Table(
    fields(
        mode=choice("replicated", "global", "replicated-job", "global-job"),
        endpoint_mode=choice("vip", "dnsrr"),
        replicas=integer(0, 10_000),
        labels=LABELS,
        resources=RESOURCES,
        update_config=UPDATE,
        rollback_config=UPDATE,
        restart_policy=Table(
            fields(
                condition=choice("none", "on-failure", "any", "unless-stopped"),
                delay=Field(DURATION, "delay_ns"),
                max_attempts=integer(0, 2**31),
                window=Field(DURATION, "window_ns"),
            )
        ),
        placement=Table(
            fields(
                constraints=TEXTS,
                preferences=Listed(Table(fields(spread=TEXT), required=("spread",))),
                max_replicas_per_node=integer(0, 10_000),
            )
        ),
    )
)

"""``ports``: ``[address:][host port or range:]port or range[/protocol]``, or a mapping."""

import ipaddress
import re
from collections.abc import Hashable

from django.utils.translation import gettext as _

from console.stacks.compose.nodes import Mapping, Node, Scalar
from console.stacks.compose.problems import refusal
from console.stacks.compose.shapes import At, Listed, Table, Value, Wrong, fields
from console.stacks.compose.values import TEXT, choice, integer, scalar

RANGE = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")
PROTOCOLS = ("tcp", "udp", "sctp")
LAST_PORT = 65535
LONGEST = 100


def _range(text: str) -> range:
    found = RANGE.fullmatch(text)
    first, last = (int(found[1]), int(found[2] or found[1])) if found else (-1, -1)
    if not 0 <= first <= last <= LAST_PORT:
        raise Wrong(_("“%(text)s” is no port, nor a range of ports, between 0 and 65535.") % {"text": text[:40]})
    return range(first, last + 1)


def _address(text: str) -> str:
    if not text:
        return ""
    try:
        return str(ipaddress.ip_address(text[1:-1] if text[0] + text[-1] == "[]" else text))
    except ValueError as error:
        raise Wrong(_("“%(text)s” is no IP address.") % {"text": text[:60]}) from error


def _expanded(node: Node, at: At) -> list[Node]:
    """A short form as one mapping for each port of the container; a long form as it is."""
    if isinstance(node, Mapping):
        return [node]
    text = str(scalar(node)).strip()
    rest, _slash, protocol = text.partition("/")
    # an IPv6 address has colons of its own; brackets around it are for people
    *host, target = rest.rsplit(":", 2)
    address, published = ("", *host)[-2:] if host else ("", "")
    if len(text) > LONGEST or not RANGE.fullmatch(target) or (published and not RANGE.fullmatch(published)):
        message = _("“%(text)s” is no port: [address:][host port:]container port[/protocol], such as 8080:80.")
        raise Wrong(message % {"text": text[:60]})
    targets = _range(target)
    if 0 in targets:
        raise Wrong(_("A container has no port 0."))
    _count(len(targets), node, at)
    if (protocol or "tcp") not in PROTOCOLS:
        raise Wrong(_("This is one of: %(words)s.") % {"words": ", ".join(PROTOCOLS)})
    same: dict[str, Node] = {"protocol": Scalar(protocol or "tcp", node.mark)}
    if address:
        same["host_ip"] = Scalar(_address(address), node.mark)
    return [
        Mapping({"target": Scalar(one, node.mark), "published": Scalar(on, node.mark), **same}, node.mark)
        for one, on in zip(targets, _published(published, targets), strict=True)
    ]


def _count(more: int, node: Node, at: At) -> None:
    """A range is short to write and long to keep, so what is too much ends the reading."""
    counted, most = at.reading.counted, at.reading.limits.ports
    counted["ports"] = counted.get("ports", 0) + more
    if counted["ports"] > most:
        raise refusal(node.mark, at.path, _("These are more than %(most)d ports.") % {"most": most})


def _published(text: str, targets: range) -> list[str]:
    if not text:
        return [""] * len(targets)
    ports = _range(text)
    if len(ports) == len(targets):
        return [str(port) for port in ports]
    if len(targets) == 1:
        return [text]
    message = _("There are %(host)d ports of the host for %(container)d of the container.")
    raise Wrong(message % {"host": len(ports), "container": len(targets)})


def _published_of(node: Node, _at: At) -> str:
    value = scalar(node)
    if isinstance(value, bool | float) or value is None:
        raise Wrong(_("This is a port of the host, or a range of them."))
    text = str(value).strip()
    return text if not text else "-".join(str(port) for port in dict.fromkeys(_ends(text)))


def _ends(text: str) -> tuple[int, int]:
    found = _range(text)
    return found[0], found[-1]


def _key(node: Node) -> Hashable:
    """A published range is not the same as its first port."""
    assert isinstance(node, Mapping)
    values = (node.get(name) for name in ("host_ip", "target", "published", "protocol"))
    ip, target, published, protocol = (value.value if isinstance(value, Scalar) else "" for value in values)
    return ip, target, published, protocol or "tcp"


PORT = Table(
    fields(
        target=integer(1, LAST_PORT),
        published=Value(_published_of),
        host_ip=Value(lambda node, _at: _address(str(scalar(node) or ""))),
        protocol=choice(*PROTOCOLS),
        mode=choice("ingress", "host"),
        name=TEXT,
        app_protocol=TEXT,
    ),
    required=("target",),
)
PORTS = Listed(PORT, expand=_expanded, key=_key, expands_whole=True)

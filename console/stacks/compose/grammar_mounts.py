"""``volumes`` of a service, ``devices``, ``secrets`` and ``configs``: short forms with colons, or mappings."""

from collections.abc import Hashable

from django.utils.translation import gettext as _

from console.stacks.compose.nodes import Mapping, Node, grown, plain
from console.stacks.compose.shapes import At, Field, Listed, Table, Value, Wrong, fields
from console.stacks.compose.values import LABELS, SIZE, TEXT, TRUTH, WORD, choice, is_name, number_of, scalar, text_of

PROPAGATIONS = frozenset({"shared", "rshared", "slave", "rslave", "private", "rprivate"})
CONSISTENCIES = frozenset({"consistent", "cached", "delegated"})
TYPES = ("bind", "volume", "tmpfs", "image", "cluster", "npipe")


def _short_mount(node: Node, at: At) -> list[Node]:
    if isinstance(node, Mapping):
        return [node]
    text = text_of(node, at)
    parts = text.split(":")
    if len(parts) > 3 or not all(parts):
        raise Wrong(_("“%(text)s” is no volume: [source:]path[:options].") % {"text": text[:80]})
    if len(parts) == 1:
        return [grown({"type": "volume", "target": text}, node.mark)]
    source, target, *rest = parts
    is_bind = source.startswith((".", "/", "~"))
    mount: dict[str, object] = {"type": "bind" if is_bind else "volume", "source": source, "target": target}
    for option in rest[0].split(",") if rest else ():
        _with_option(mount, option, is_bind=is_bind)
    return [grown(mount, node.mark)]


def _with_option(mount: dict[str, object], option: str, *, is_bind: bool) -> None:
    more: dict[str, object] = {}
    if option in ("ro", "rw"):
        mount["read_only"] = option == "ro"
    elif option in CONSISTENCIES:
        mount["consistency"] = option
    elif option in PROPAGATIONS and is_bind:
        more = {"bind": {"propagation": option}}
    elif option in ("z", "Z"):
        more = {"bind": {"selinux": option}} if is_bind else {}
    elif option == "nocopy" and not is_bind:
        more = {"volume": {"nocopy": True}}
    else:
        raise Wrong(_("The option “%(option)s” does not fit this volume.") % {"option": option[:40]})
    for name, value in more.items():
        mount[name] = {**(mount.get(name) or {}), **value}  # type: ignore[dict-item]  # mappings both


class _Mount(Table):
    """A bind's source becomes absolute; the parts fit the type."""

    def read(self, node: Node, at: At) -> Node | None:
        found = super().read(node, at)
        if not isinstance(found, Mapping):
            return found
        mount = plain(found)
        kind, source, target = mount.get("type"), mount.get("source", ""), mount.get("target", "")
        if kind != "cluster" and not target.startswith("/"):
            raise Wrong(_("“%(path)s” is no absolute path in the container.") % {"path": target[:80]})
        if kind == "bind":
            return self._with_source(found, source, at)
        if kind == "image" and not source:
            raise Wrong(_("“%(name)s” is missing here.") % {"name": "source"})
        if kind == "tmpfs" and source:
            raise Wrong(_("A tmpfs has no source."))
        if kind == "volume" and source and not is_name(source):
            raise Wrong(_("“%(name)s” is no name of a volume.") % {"name": source[:80]})
        return found

    def _with_source(self, found: Mapping, source: str, at: At) -> Node:
        if not source:
            raise Wrong(_("“%(name)s” is missing here.") % {"name": "source"})
        return found.with_entries({**found.entries, "source": grown(at.reading.absolute(source), found.mark)})


def _plain_target(node: Node, at: At) -> str:
    text = text_of(node, at)
    return text.rstrip("/") or "/" if text else text


def _mode(node: Node, _at: At) -> int:
    """A number as YAML has it (0444 is octal there), or the digits in quotes, octal as well."""
    value = scalar(node)
    if isinstance(value, str):
        digits = value.removeprefix("0o")
        if not digits or len(digits) > 6 or set(digits) - set("01234567"):
            raise Wrong(_("This is a mode such as 0440."))
        return int(digits, 8)
    number = number_of(node)
    if not 0 <= number <= 0o7777:
        raise Wrong(_("This is a mode such as 0440."))
    return number


def _by_target(node: Node) -> Hashable:
    return str(plain(node).get("target", ""))


MODE = Value(_mode)
MOUNT = _Mount(
    fields(
        type=choice(*TYPES),
        source=TEXT,
        target=Value(_plain_target),
        read_only=TRUTH,
        consistency=TEXT,
        bind=Table(
            fields(
                propagation=choice(*sorted(PROPAGATIONS)),
                create_host_path=TRUTH,
                recursive=choice("enabled", "disabled", "writable", "readonly"),
                selinux=choice("z", "Z"),
            )
        ),
        volume=Table(fields(labels=LABELS, nocopy=TRUTH, subpath=TEXT)),
        tmpfs=Table(fields(size=Field(SIZE, "size_bytes"), mode=MODE)),
        image=Table(fields(subpath=TEXT)),
    ),
    required=("type", "target"),
)
MOUNTS = Listed(MOUNT, expand=_short_mount, key=_by_target)


def _short_file(node: Node, at: At) -> list[Node]:
    if isinstance(node, Mapping):
        return [node]
    return [grown({"source": text_of(node, at)}, node.mark)]


def _by_place(node: Node) -> Hashable:
    reference = plain(node)
    return str(reference.get("target") or reference.get("source"))


FILE_REFERENCES = Listed(
    Table(fields(source=TEXT, target=TEXT, uid=WORD, gid=WORD, mode=MODE), required=("source",)),
    expand=_short_file,
    key=_by_place,
)


def _short_device(node: Node, at: At) -> list[Node]:
    if isinstance(node, Mapping):
        return [node]
    text = text_of(node, at)
    source, *rest = text.split(":")
    # a device by what it is called where devices are described (CDI): vendor.com/class=name
    is_described = "=" in source and not source.startswith("/")
    if len(rest) > 2 or not source or (is_described and rest):
        raise Wrong(_("“%(text)s” is no device: source[:target[:rwm]].") % {"text": text[:80]})
    if len(rest) == 1 and rest[0] and set(rest[0]) <= set("rwm"):
        rest = ["", rest[0]]
    target, permissions = [*rest, "", ""][:2]
    device = {"source": source, "target": target or ("" if is_described else source)}
    return [grown({**device, "permissions": permissions or "rwm"}, node.mark)]


class _Device(Table):
    def read(self, node: Node, at: At) -> Node | None:
        found = super().read(node, at)
        if isinstance(found, Mapping) and "target" not in found.entries and "=" not in plain(found)["source"]:
            return found.with_entries({**found.entries, "target": found.entries["source"]})
        return found


DEVICES = Listed(
    _Device(fields(source=TEXT, target=TEXT, permissions=TEXT), required=("source",)),
    expand=_short_device,
    key=lambda node: str(plain(node).get("target") or plain(node).get("source")),
)

"""``Binds`` and ``Mounts`` of ``HostConfig``.

A bind is ``SOURCE:TARGET[:MODE]``, its mode words with commas between: ro or rw, z or Z (labels, of which a host
without SELinux has none), nocopy (about volumes), and one word of propagation (moby, volume/mounts/linux_parser.go).
"""

import posixpath
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from engine.model.errors import Invalid, Unsupported
from engine.model.mount import Mount, MountKind, Propagation
from engine.wire.json_body import decode
from engine.wire.text import MOST_ITEMS, check_text, shown

_ACCESS: Final = ("ro", "rw")
_MODE_GROUPS: Final = (_ACCESS, ("z", "Z"), ("nocopy",), tuple(Propagation))
_LARGEST: Final = 2**62


class BindOptionsJson(msgspec.Struct, rename="pascal"):
    propagation: str = ""
    non_recursive: bool = False
    create_mountpoint: bool = False
    read_only_non_recursive: bool = False
    read_only_force_recursive: bool = False


class TmpfsOptionsJson(msgspec.Struct, rename="pascal"):
    size_bytes: int = 0
    mode: int = 0
    options: list[list[str]] = []


class MountJson(msgspec.Struct, rename="pascal"):
    type: str = ""
    source: str = ""
    target: str = ""
    read_only: bool = False
    consistency: str = ""
    bind_options: BindOptionsJson | None = None
    volume_options: dict[str, Any] | None = None
    tmpfs_options: TmpfsOptionsJson | None = None
    image_options: dict[str, Any] | None = None
    cluster_options: dict[str, Any] | None = None


class MountsJson(msgspec.Struct, rename="pascal", kw_only=True):
    binds: list[str] = []
    mounts: list[MountJson] = []
    tmpfs: dict[str, str] = {}


def decode_mounts(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The ContainerSpec fields. Raises Invalid in Docker's words, and Unsupported for volumes."""
    given = decode(raw, MountsJson)
    if len(given.binds) + len(given.mounts) > MOST_ITEMS:
        raise Invalid(f"HostConfig.Mounts: more than {MOST_ITEMS} entries")
    mounts = (*(parse_bind(text) for text in given.binds), *(_mount(mount) for mount in given.mounts))
    taken = {posixpath.normpath(path) for path in given.tmpfs}
    for mount in mounts:
        if mount.target in taken:
            raise Invalid(f"Duplicate mount point: {mount.target}")
        taken.add(mount.target)
    return {"mounts": mounts}


def parse_bind(text: str) -> Mount:
    """Raises Invalid, and Unsupported for the name of a volume."""
    check_text("HostConfig.Binds", text, longest=8192)
    parts = text.split(":")
    if len(parts) > 3 or not all(parts):
        raise Invalid(f"HostConfig.Binds: invalid volume specification: {shown(text)}")
    if len(parts) == 1 or (len(parts) == 2 and _is_mode(parts[1])):
        raise Unsupported(f"HostConfig.Binds: {shown(text)} is an anonymous volume; volumes are not supported yet")
    source, target = parts[0], parts[1]
    words = parts[2].split(",") if len(parts) == 3 else []
    if words and not _is_mode(parts[2]):
        raise Invalid(f"HostConfig.Binds: invalid mode: {shown(parts[2])}")
    if not posixpath.isabs(source):
        raise _no_volume(source)
    if "nocopy" in words:
        raise Invalid(
            f'HostConfig.Binds: invalid volume specification: {shown(text)}: invalid mount config for type "bind": '
            "field VolumeOptions must not be specified"
        )
    propagation = next((Propagation(word) for word in words if word in list(Propagation)), None)
    return Mount(
        MountKind.BIND,
        target=_target(target, field="HostConfig.Binds"),
        source=_clean(source),
        read_only="ro" in words,
        bind=text,
        propagation=propagation,
        creates_source=True,
    )


def _is_mode(text: str) -> bool:
    """Words of no more than one from each group."""
    words = text.split(",")
    return all(any(word in group for group in _MODE_GROUPS) for word in words) and all(
        sum(word in group for word in words) <= 1 for group in _MODE_GROUPS
    )


def _no_volume(name: str) -> Exception:
    if name[:1] in (".", "~"):
        return Invalid(
            f"HostConfig.Binds: {shown(name)} includes invalid characters for a local volume name, only "
            '"[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path'
        )
    return Unsupported(f"HostConfig.Binds: {shown(name)} names a volume; volumes are not supported yet")


def _target(path: str, *, field: str) -> str:
    if not posixpath.isabs(path):
        raise Invalid(f"{field}: invalid mount path: {shown(path)} mount path must be absolute")
    clean = _clean(path)
    if clean == "/":
        raise Invalid(f"{field}: invalid specification: destination can't be '/'")
    return clean


def _clean(path: str) -> str:
    return "/" + posixpath.normpath(path).lstrip("/")


def _mount(given: MountJson) -> Mount:
    kind = given.type

    def refused(why: str) -> Invalid:
        return Invalid(f'HostConfig.Mounts: invalid mount config for type "{kind[:40]}": {why}')

    for member, text in (("Source", given.source), ("Target", given.target), ("Consistency", given.consistency)):
        check_text(f"HostConfig.Mounts.{member}", text, longest=4096)
    if kind in ("volume", "cluster", "image"):
        raise Unsupported(f'HostConfig.Mounts.Type: "{kind}" is not supported yet, only bind and tmpfs')
    if kind not in ("bind", "tmpfs"):
        raise refused("mount type unknown")
    if not given.target:
        raise refused("field Target must not be empty")
    for member, options, of_kind in (
        ("BindOptions", given.bind_options, "bind"),
        ("TmpfsOptions", given.tmpfs_options, "tmpfs"),
        ("VolumeOptions", given.volume_options, "volume"),
        ("ImageOptions", given.image_options, "image"),
        ("ClusterOptions", given.cluster_options, "cluster"),
    ):
        if options is not None and kind != of_kind:
            raise refused(f"field {member} must not be specified")
    target = _target(given.target, field="HostConfig.Mounts.Target")
    return (
        _bind_mount(given, target, refused=refused) if kind == "bind" else _tmpfs_mount(given, target, refused=refused)
    )


def _bind_mount(given: MountJson, target: str, *, refused: Any) -> Mount:
    options = given.bind_options or BindOptionsJson()
    if not given.source:
        raise refused("field Source must not be empty")
    if not posixpath.isabs(given.source):
        raise refused(f"invalid mount path: {shown(given.source)} mount path must be absolute")
    if options.propagation and options.propagation not in list(Propagation):
        raise refused(f"invalid propagation mode: {options.propagation[:40]}")
    if options.read_only_non_recursive and options.read_only_force_recursive:
        raise refused("ReadOnlyNonRecursive and ReadOnlyForceRecursive exclude each other")
    if (options.read_only_non_recursive or options.read_only_force_recursive) and not given.read_only:
        raise refused("ReadOnlyNonRecursive and ReadOnlyForceRecursive need ReadOnly")
    return Mount(
        MountKind.BIND,
        target=target,
        source=_clean(given.source),
        read_only=given.read_only,
        propagation=Propagation(options.propagation) if options.propagation else None,
        is_recursive=not options.non_recursive,
        is_read_only_below=not options.read_only_non_recursive,
        must_be_read_only_below=options.read_only_force_recursive,
        creates_source=options.create_mountpoint,
        consistency=given.consistency,
    )


def _tmpfs_mount(given: MountJson, target: str, *, refused: Any) -> Mount:
    options = given.tmpfs_options or TmpfsOptionsJson()
    if given.source:
        raise refused("field Source must not be specified")
    if not 0 <= options.size_bytes < _LARGEST:
        raise refused(f"invalid tmpfs size: {options.size_bytes}")
    if not 0 <= options.mode <= 0o7777:
        raise refused(f"invalid tmpfs mode: {options.mode}")
    if any(len(option) not in (1, 2) for option in options.options):
        raise refused("TmpfsOptions.Options: an option is a name, or a name and a value")
    return Mount(
        MountKind.TMPFS,
        target=target,
        read_only=given.read_only,
        tmpfs_size_bytes=options.size_bytes,
        tmpfs_mode=options.mode,
        tmpfs_options=tuple("=".join(option) for option in options.options),
        consistency=given.consistency,
    )

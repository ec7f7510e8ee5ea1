"""``Binds`` and ``Mounts`` of ``HostConfig``.

A bind is ``SOURCE:TARGET[:MODE]``, its mode words with commas between: ro or rw, z or Z (labels, of which a host
without SELinux has none), nocopy (about volumes), and one word of propagation (moby, volume/mounts/linux_parser.go).
A source that is no absolute path is the name of a volume; one without source or mode is a volume without a name.
"""

import posixpath
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from engine.model.errors import Invalid, Unsupported
from engine.model.mount import Mount, MountKind, Propagation, VolumeOptions
from engine.model.volume import check_driver, check_volume_name
from engine.wire.json_body import decode
from engine.wire.text import MOST_ITEMS, check_mapping, check_text, shown

_ACCESS: Final = ("ro", "rw")
_MODE_GROUPS: Final = (_ACCESS, ("z", "Z"), ("nocopy",), tuple(Propagation))
_LARGEST: Final = 2**62


class BindOptionsJson(msgspec.Struct, rename="pascal"):
    propagation: str = ""
    non_recursive: bool = False
    create_mountpoint: bool = False
    read_only_non_recursive: bool = False
    read_only_force_recursive: bool = False


class DriverConfigJson(msgspec.Struct, rename="pascal"):
    name: str = ""
    options: dict[str, str] = {}


class VolumeOptionsJson(msgspec.Struct, rename="pascal"):
    no_copy: bool = False
    labels: dict[str, str] = {}
    driver_config: DriverConfigJson | None = None
    subpath: str = ""


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
    volume_options: VolumeOptionsJson | None = None
    tmpfs_options: TmpfsOptionsJson | None = None
    image_options: dict[str, Any] | None = None
    cluster_options: dict[str, Any] | None = None


class MountsJson(msgspec.Struct, rename="pascal", kw_only=True):
    binds: list[str] = []
    mounts: list[MountJson] = []
    tmpfs: dict[str, str] = {}
    volumes_from: list[str] = []
    volume_driver: str = ""


def decode_mounts(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The ContainerSpec fields. Raises Invalid in Docker's words, and Missing for a driver that is not there."""
    given = decode(raw, MountsJson)
    if len(given.binds) + len(given.mounts) + len(given.volumes_from) > MOST_ITEMS:
        raise Invalid(f"HostConfig.Mounts: more than {MOST_ITEMS} entries")
    check_text("HostConfig.VolumeDriver", given.volume_driver, longest=255)
    mounts = (*(parse_bind(text) for text in given.binds), *(_mount(mount) for mount in given.mounts))
    taken = {posixpath.normpath(path) for path in given.tmpfs}
    for mount in mounts:
        if mount.target in taken:
            raise Invalid(f"Duplicate mount point: {mount.target}")
        taken.add(mount.target)
    for text in given.volumes_from:
        parse_volumes_from(text)
    return {
        "mounts": mounts,
        "volumes_from": tuple(given.volumes_from),
        "volume_driver": given.volume_driver,
    }


def parse_volumes_from(text: str) -> tuple[str, bool]:
    """``CONTAINER[:MODE]``: which container, and whether its mounts can be written. Raises Invalid."""
    check_text("HostConfig.VolumesFrom", text, longest=1024)
    if not text:
        raise Invalid("HostConfig.VolumesFrom: volumes-from specification cannot be an empty string")
    name, has_mode, mode = text.partition(":")
    words = mode.split(",")
    if has_mode and (not _is_mode(mode) or "nocopy" in words or any(word in list(Propagation) for word in words)):
        raise Invalid(f"HostConfig.VolumesFrom: invalid mode: {mode[:80]}")
    return name, "ro" not in words


def parse_volume_path(path: str) -> str:
    """One of ``Volumes``: where a volume without a name is to be. Raises Invalid."""
    check_text("Volumes", path, longest=4096)
    if ":" in path or not posixpath.isabs(path):
        raise Invalid(f"Volumes: invalid volume specification: {shown(path)}: mount path must be absolute")
    return _target(path, field="Volumes")


def parse_bind(text: str) -> Mount:
    """Raises Invalid."""
    check_text("HostConfig.Binds", text, longest=8192)
    parts = text.split(":")
    if len(parts) > 3 or not all(parts) or (len(parts) == 2 and _is_mode(parts[1])):
        raise Invalid(f"HostConfig.Binds: invalid volume specification: {shown(text)}")
    if len(parts) == 1:
        return Mount(MountKind.VOLUME, target=_target(text, field="HostConfig.Binds"), bind=text)
    source, target = parts[0], parts[1]
    words = parts[2].split(",") if len(parts) == 3 else []
    if words and not _is_mode(parts[2]):
        raise Invalid(f"HostConfig.Binds: invalid mode: {shown(parts[2])}")
    if not posixpath.isabs(source):
        return _volume_bind(text, source, target, words)
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


def _volume_bind(text: str, name: str, target: str, words: list[str]) -> Mount:
    check_volume_name(name)
    if any(word in list(Propagation) for word in words):
        raise Invalid(
            f'HostConfig.Binds: invalid volume specification: {shown(text)}: invalid mount config for type "volume": '
            "field BindOptions must not be specified"
        )
    return Mount(
        MountKind.VOLUME,
        target=_target(target, field="HostConfig.Binds"),
        source=name,
        read_only="ro" in words,
        bind=text,
        volume_options=VolumeOptions(no_copy=True) if "nocopy" in words else None,
    )


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
    if kind in ("cluster", "image"):
        raise Unsupported(f'HostConfig.Mounts.Type: "{kind}" is not supported, only bind, volume and tmpfs')
    if kind not in _OF_KIND:
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
    return _OF_KIND[kind](given, target, refused=refused)


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


def _volume_mount(given: MountJson, target: str, *, refused: Any) -> Mount:
    if given.source:
        check_volume_name(given.source)
    options = _volume_options(given.source, given.volume_options, refused=refused) if given.volume_options else None
    if options and options.subpath and not given.source:
        raise refused("must not set Subpath when using anonymous volumes")
    return Mount(
        MountKind.VOLUME,
        target=target,
        source=given.source,
        read_only=given.read_only,
        consistency=given.consistency,
        volume_options=options,
    )


def _volume_options(name: str, given: VolumeOptionsJson, *, refused: Any) -> VolumeOptions:
    driver = given.driver_config or DriverConfigJson()
    check_mapping("HostConfig.Mounts.VolumeOptions.Labels", given.labels, lines=True)
    check_driver(name, check_text("HostConfig.Mounts.VolumeOptions.DriverConfig.Name", driver.name, longest=255))
    check_text("HostConfig.Mounts.VolumeOptions.Subpath", given.subpath, longest=4096)
    if given.subpath.startswith("/") or ".." in given.subpath.split("/"):
        raise refused("subpath must be a relative path within the volume")
    return VolumeOptions(
        no_copy=given.no_copy,
        subpath=given.subpath,
        labels=given.labels,
        driver=driver.name,
        driver_options=driver.options,
    )


_OF_KIND: Final = {"bind": _bind_mount, "volume": _volume_mount, "tmpfs": _tmpfs_mount}

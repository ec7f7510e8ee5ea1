"""What answers tell besides the records: paths, names and numbers gathered from the parts."""

import os
import platform
import uuid
from collections.abc import Sequence
from pathlib import Path

from engine import __version__
from engine.api.parts import Parts
from engine.containers.etc_files import hostname_of
from engine.model.container import Container, ContainerSpec
from engine.model.digest import Digest
from engine.model.errors import Missing
from engine.model.image import Image
from engine.model.platform import Platform
from engine.oci.confinement import hidden_paths
from engine.wire.container import ContainerFacts
from engine.wire.image import ImageFacts
from engine.wire.network import NetworkFacts
from engine.wire.system import EngineFacts

_ID_SETTING = "engine_id"


def engine_facts(parts: Parts) -> EngineFacts:
    """Gathered once. Gives the engine its id at its first start."""
    machine = os.uname()
    release = _os_release()
    runtime = parts.chosen.runtime
    return EngineFacts(
        id=_engine_id(parts),
        version=__version__,
        git_commit="",
        runtime_name=runtime.name,
        runtime_version=runtime.version,
        runtime_path=str(runtime.path),
        kernel_version=machine.release,
        operating_system=release.get("PRETTY_NAME", "Linux"),
        os_version=release.get("VERSION_ID", ""),
        architecture=Platform.of_machine(machine.machine).architecture,
        machine=machine.machine,
        host_name=machine.nodename,
        cpus=parts.machine.cpus,
        memory_bytes=parts.machine.memory_bytes,
        limits=parts.machine.limits,
        unified_cgroups=parts.cgroups.unified,
        user_namespaces=parts.chosen.user_namespaces,
        data_root=str(parts.config.data_root),
        warnings=parts.chosen.warnings,
        insecure_registries=parts.config.registries.insecure,
        registry_mirrors=parts.config.registries.mirrors,
    )


def _engine_id(parts: Parts) -> str:
    known = parts.state.find_setting(_ID_SETTING)
    if known is None:
        known = str(uuid.uuid4())
        parts.state.set_setting(_ID_SETTING, known)
    return known


def _os_release() -> dict[str, str]:
    try:
        return platform.freedesktop_os_release()
    except OSError:
        return {}


def container_facts(parts: Parts, container: Container, *, size_rw_bytes: int | None = None) -> ContainerFacts:
    """For inspect."""
    config, container_id = parts.config, container.id
    masked, read_only = hidden_paths(container.spec)
    etc_of = container.spec.network_of or container_id
    return ContainerFacts(
        hostname=hostname_of(container),
        network_ids=_network_ids(parts),
        volume_path=lambda name: str(parts.config.volume_data(name)),
        runtime=parts.chosen.runtime.name,
        log_path=str(config.log_path(container_id)),
        etc_dir=str(config.etc(etc_of)),
        merged_dir=str(config.rootfs(container_id)) if container.is_running else "",
        upper_dir=str(config.upper(container_id)),
        work_dir=str(config.work(container_id)),
        lower_dirs=_layer_dirs(parts, container.layers),
        masked_paths=masked,
        read_only_paths=read_only,
        exec_ids=parts.containers.execs.ids_of(container_id),
        size_rw_bytes=size_rw_bytes,
        size_image_bytes=image_bytes(parts, container) if size_rw_bytes is not None else 0,
    )


def summary_facts(
    parts: Parts, container: Container, *, size_rw_bytes: int | None = None, link_names: Sequence[str] = ()
) -> ContainerFacts:
    """For a list: without what costs a look at the disk."""
    return ContainerFacts(
        hostname="",
        network_ids=_network_ids(parts),
        volume_path=lambda name: str(parts.config.volume_data(name)),
        runtime="",
        image_label=_image_label(parts, container.spec),
        link_names=link_names,
        size_rw_bytes=size_rw_bytes,
        size_image_bytes=image_bytes(parts, container) if size_rw_bytes is not None else 0,
    )


def image_facts(parts: Parts, image: Image) -> ImageFacts:
    return ImageFacts(references=parts.images.references(image.id), layer_dirs=_layer_dirs(parts, image.diff_ids))


def image_bytes(parts: Parts, container: Container) -> int:
    """Of the layers below the container's own, which stay for its sake when the image is removed by force."""
    try:
        return sum(layer.size_bytes for layer in parts.layers.stack(container.layers))
    except Missing:
        return 0


def network_facts(parts: Parts) -> list[NetworkFacts]:
    """All of ours, and Docker's two names for having none."""
    own = parts.networks.all()
    found = [NetworkFacts(each.id, each.name, each.driver, each.created_at, each) for each in own]
    for name, driver in (("host", "host"), ("none", "null")):
        # there since the default one is
        found.append(NetworkFacts(_pseudo_id(name), name, driver, own[0].created_at))
    return found


def network_name(parts: Parts, name: str) -> str:
    """Of a name or id; what is unknown stays as it is."""
    return next((facts.name for facts in network_facts(parts) if name in (facts.name, facts.id)), name)


def _network_ids(parts: Parts) -> dict[str, str]:
    return {facts.name: facts.id for facts in network_facts(parts)}


def _pseudo_id(name: str) -> str:
    return Digest.of(f"network {name}".encode()).hex


def _image_label(parts: Parts, spec: ContainerSpec) -> str:
    """The name it was made by, while that still means the same image; else the id."""
    try:
        return spec.image_name if parts.images.get(spec.image_name).id == spec.image_id else str(spec.image_id)
    except Missing:
        return str(spec.image_id)


def _layer_dirs(parts: Parts, diff_ids: tuple[Digest, ...]) -> list[str]:
    try:
        dirs: list[Path] = parts.layers.lowers(diff_ids) if diff_ids else []
    except Missing:
        return []
    return [str(path) for path in dirs]

"""What a container has on disk from its creation to its removal."""

import os
import stat
from pathlib import Path

from engine.config import EngineConfig
from engine.containers.etc_files import write_etc_files
from engine.containers.log_generations import make_log
from engine.host.failpoints import reach
from engine.host.spread import spread_directories
from engine.model.container import Container
from engine.store.layers import LayerStore


def make_places(config: EngineConfig) -> None:
    """Where containers will have their directories. Blocks."""
    # others may pass: the runtime walks here as the container's root, whom the host does not know
    for place, mode in (
        (config.container_dir("x").parent, 0o711),
        (config.bundle("x").parent, 0o711),
        (config.runtime_root, 0o700),
    ):
        place.mkdir(mode=mode, parents=True, exist_ok=True)
        spread_directories(place)


def make_directories(container: Container, config: EngineConfig, layers: LayerStore) -> None:
    """Writable layer, log and the files for /etc. Blocks. Raises Missing when one of its layers is not there."""
    reach("container.directories")
    lowers = layers.lowers(container.layers)
    directory = config.container_dir(container.id)
    for path in (directory, config.etc(container.id)):
        path.mkdir(mode=0o711)
    for path in (config.work(container.id), config.log_dir(container.id)):
        path.mkdir(mode=0o700)
    _make_upper(config.upper(container.id), like=lowers[0] if lowers else None)
    make_log(config.log_dir(container.id))
    write_etc_files(container, config.etc(container.id))
    reach("container.row")


def _make_upper(upper: Path, *, like: Path | None) -> None:
    """Its own mode and owner are what the container's root directory shows."""
    upper.mkdir(mode=0o755)
    if like is not None:
        status = like.stat()
        os.chown(upper, status.st_uid, status.st_gid)
        upper.chmod(stat.S_IMODE(status.st_mode))

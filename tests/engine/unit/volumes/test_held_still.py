"""A volume that is being exported."""

from pathlib import Path

import pytest

from engine.config import EngineConfig
from engine.host.host_files import HostFiles
from engine.model.errors import Conflict
from engine.model.volume import VolumeRequest
from engine.store.events import Events
from engine.store.state import State
from engine.volumes.service import Volumes


async def test_one_that_is_held_still_is_neither_removed_nor_written_to(tmp_path: Path) -> None:
    config = EngineConfig(data_root=tmp_path / "data", run_root=tmp_path / "run")
    config.data_root.mkdir()
    state = State(config.state_path)
    volumes = Volumes(config, state, Events(), HostFiles())
    await volumes.create(VolumeRequest("still"))
    with volumes.held_still("still"):
        with pytest.raises(Conflict, match="being exported"):
            await volumes.remove("still")
        with pytest.raises(Conflict, match="being exported"):
            await volumes.mount("still", "writer")
        with pytest.raises(Conflict, match="being exported"), volumes.held_still("still"):
            pass
        assert await volumes.remove_unused("still") is None
        await volumes.mount("still", "reader", read_only=True)
    await volumes.unmount("reader")
    await volumes.remove("still")
    state.close()

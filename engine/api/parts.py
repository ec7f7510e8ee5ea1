"""What the API is made with: the other parts of the engine, handed over once by ``engine/daemon.py``."""

from dataclasses import dataclass

from engine.build.builder import Builder
from engine.config import EngineConfig
from engine.containers.commit import Commits
from engine.containers.service import Containers
from engine.host.capabilities import Machine
from engine.host.cgroups import Cgroups
from engine.images.archives import ImageArchives
from engine.images.pull import Puller
from engine.images.push import Pusher
from engine.images.service import Images
from engine.networks.service import Networks
from engine.oci.probe import Chosen
from engine.registry.service import Registries
from engine.store.events import Events
from engine.store.layers import LayerStore
from engine.store.state import State
from engine.volumes.service import Volumes


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    config: EngineConfig
    state: State
    events: Events
    images: Images
    archives: ImageArchives
    registries: Registries
    puller: Puller
    pusher: Pusher
    layers: LayerStore
    networks: Networks
    volumes: Volumes
    containers: Containers
    commits: Commits
    builder: Builder
    machine: Machine
    chosen: Chosen
    cgroups: Cgroups

"""What containers are made with: the other parts of the engine, handed over once by ``engine/daemon.py``."""

from dataclasses import dataclass

from engine.config import EngineConfig
from engine.host.capabilities import Machine
from engine.host.cgroups import Cgroups
from engine.host.host_files import HostFiles
from engine.host.userns import UserNamespaces
from engine.networks.service import Networks
from engine.oci.probe import Chosen
from engine.store.events import Events
from engine.store.layers import LayerStore
from engine.store.state import State
from engine.volumes.service import Volumes


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    config: EngineConfig
    state: State
    events: Events
    layers: LayerStore
    networks: Networks
    volumes: Volumes
    machine: Machine
    cgroups: Cgroups
    user_namespaces: UserNamespaces
    host_files: HostFiles
    chosen: Chosen

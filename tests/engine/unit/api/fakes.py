"""The engine's parts in memory, honest as far as the API can see: containers that echo, images that are only named."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from engine.api.parts import Parts
from engine.build.cache_mounts import CacheRecord
from engine.build.messages import BuiltImage, Emit, StepFailed, Stream
from engine.build.request import BuildRequest
from engine.config import EngineConfig
from engine.containers.logs import LogRequest
from engine.containers.waiting import Exit, WaitCondition, Waiter, Waiters
from engine.host.capabilities import this_machine
from engine.host.host_files import HostFiles
from engine.images.removal import Deleted, Removed, Untagged
from engine.model.container import Container, ContainerSpec, Status
from engine.model.digest import Digest
from engine.model.errors import Conflict, Invalid, Missing, NotModified
from engine.model.image import Image
from engine.model.network import Network
from engine.model.platform import Platform
from engine.model.reference import Reference
from engine.model.resources import LimitSupport
from engine.model.transfer import LayerStep, Remark, Tell
from engine.registry.credentials import Credentials
from engine.store.events import Events
from engine.store.state import State
from engine.volumes.service import Volumes
from tests.engine.unit.wire.images import image

Blocks = list[bytes]


class FakeImages:
    def __init__(self) -> None:
        self.tags: dict[Reference, Image] = {}
        self.received = 0

    def get(self, name: str) -> Image:
        for reference, one in self.tags.items():
            if str(one.id).startswith(name) or one.id.hex.startswith(name):
                return one
            if reference == Reference.parse(name).with_default_tag():
                return one
        raise Missing(f"No such image: {name}")

    def list(self) -> Sequence[Image]:
        return list({one.id: one for one in self.tags.values()}.values())

    def references(self, image_id: Digest) -> Sequence[Reference]:
        return sorted(reference for reference, one in self.tags.items() if one.id == image_id)

    def children(self, image_id: Digest) -> Sequence[Image]:
        return []

    def shared_bytes(self, images: Sequence[Image]) -> Mapping[Digest, int]:
        return {one.id: 0 for one in images}

    def history(self, one: Image) -> Sequence[object]:
        return []

    async def tag(self, name: str, reference: Reference) -> None:
        self.tags[reference.with_default_tag()] = self.get(name)

    async def remove(self, name: str, *, force: bool, prune: bool, in_use: Any) -> Sequence[Removed]:
        one = self.get(name)
        if in_use(one.id) and not force:
            raise Conflict(f"conflict: unable to remove repository reference {name!r} (must force)")
        del self.tags[Reference.parse(name).with_default_tag()]
        return [Untagged(name), Deleted(str(one.id))]

    async def load(self, chunks: AsyncIterator[bytes], *, on_progress: Any = None) -> Sequence[Reference | Digest]:
        async for chunk in chunks:
            self.received += len(chunk)
        return [Reference.parse("loaded:1"), Digest.of(b"loaded")]

    async def import_rootfs(self, chunks: AsyncIterator[bytes], *, reference: Reference | None, **_: Any) -> Image:
        async for chunk in chunks:
            self.received += len(chunk)
        made = replace(image(), id=Digest.of(b"imported"))
        self.tags[(reference or Reference.parse("none")).with_default_tag()] = made
        return made

    def save(self, names: Sequence[str]) -> AsyncIterator[bytes]:
        for name in names:
            self.get(name)

        async def chunks() -> AsyncIterator[bytes]:
            for name in names:
                yield name.encode()

        return chunks()


@dataclass
class EchoSession:
    """Gives back what is written to it, until the input ends."""

    tty: bool
    stdin: bool
    pieces: "asyncio.Queue[tuple[int, bytes] | None]" = field(default_factory=lambda: asyncio.Queue(64))
    is_closed: bool = False
    ending: "asyncio.Future[None] | None" = None

    async def read(self) -> tuple[int, bytes] | None:
        return await self.pieces.get()

    async def write(self, data: bytes) -> None:
        await self.pieces.put((1, data))

    def close_stdin(self) -> None:
        self.ending = asyncio.ensure_future(self.pieces.put(None))

    async def close(self) -> None:
        self.is_closed = True


class FakeContainers:
    def __init__(self, events: Events) -> None:
        self._events = events
        self._all: dict[str, Container] = {}
        self.waiters = Waiters()
        self.sessions: list[EchoSession] = []
        self.log: Blocks = []
        self.sizes: list[tuple[int, int]] = []
        self.may_stop = asyncio.Event()
        self.may_stop.set()
        self.execs = SimpleNamespace(ids_of=lambda container_id: [])

    def warm_up(self) -> None:
        pass

    def link_names(self) -> Mapping[str, Sequence[str]]:
        return {}

    async def remove_link(self, name: str) -> None:
        self.get(name)
        raise Conflict("Conflict, cannot remove the default link name of the container")

    def get(self, name: str) -> Container:
        for container in self._all.values():
            if name.removeprefix("/") == container.name or (name and container.id.startswith(name)):
                return container
        raise Missing(f"No such container: {name}")

    def list(self) -> list[Container]:
        return list(self._all.values())[::-1]

    def uses_image(self, image_id: Digest) -> Sequence[Container]:
        return [one for one in self._all.values() if one.spec.image_id == image_id]

    async def create(self, spec: ContainerSpec, *, layers: Any, name: str | None = None) -> Container:
        if any(one.name == name for one in self._all.values()):
            raise Conflict(f'Conflict. The container name "/{name}" is already in use')
        made_id = Digest.of(str(len(self._all)).encode()).hex
        made = Container(made_id, name or f"name{len(self._all)}", spec, datetime.now(UTC), layers)
        self._all[made.id] = made
        self._events.emit("container", "create", made.id, {"image": spec.image_name, "name": made.name})
        return made

    async def start(self, name: str) -> None:
        if self.get(name).is_running:
            raise NotModified("it runs")
        self._change(name, status=Status.RUNNING, started_at=datetime.now(UTC))

    async def stop(self, name: str, *, timeout_s: int | None = None, signal: str = "") -> None:
        await self.may_stop.wait()
        self.end(name, 0)

    async def kill(self, name: str, *, signal: str = "") -> None:
        if not self.get(name).is_running:
            raise Conflict(f"cannot kill container: {name}: container {self.get(name).id} is not running")
        self.end(name, 137)

    async def remove(self, name: str, *, force: bool = False, with_volumes: bool = False) -> None:
        gone = self.get(name)
        if gone.is_running and not force:
            raise Conflict("You cannot remove a running container. Stop the container before attempting removal")
        del self._all[gone.id]
        self.waiters.tell_removed(gone.id, Exit(gone.exit_code))

    def remember_size(self, name: str, *, height: int, width: int) -> None:
        self.sizes.append((height, width))

    async def resize(self, name: str, *, height: int, width: int) -> None:
        self.sizes.append((height, width))

    def end(self, name: str, code: int) -> None:
        ended = self._change(name, status=Status.EXITED, exit_code=code, finished_at=datetime.now(UTC))
        self.waiters.tell_exited(ended.id, Exit(code))

    def wait(self, name: str, *, condition: WaitCondition) -> Waiter:
        container = self.get(name)
        if condition is WaitCondition.NOT_RUNNING and not container.is_running:
            return Waiters.over(Exit(container.exit_code))
        return self.waiters.register(container.id, condition)

    def attach(self, name: str, *, stdin: bool, **_: Any) -> EchoSession:
        session = EchoSession(tty=self.get(name).spec.tty, stdin=stdin)
        self.sessions.append(session)
        return session

    async def logs(
        self, name: str, request: LogRequest, *, encode: Callable[[bytes], bytes]
    ) -> AsyncGenerator[bytes, None]:
        for block in self.log:
            yield encode(block)

    def _change(self, name: str, **fields: Any) -> Container:
        changed = replace(self.get(name), **fields)
        self._all[changed.id] = changed
        return changed


class FakeCaches:
    def records(self) -> list[CacheRecord]:
        return []

    async def remove(self, _: str) -> bool:
        return False


class FakeBuilder:
    def __init__(self) -> None:
        self.requests: list[BuildRequest] = []
        self.step_fails = False
        self.caches = FakeCaches()

    async def build(self, request: BuildRequest, context: AsyncIterator[bytes], emit: Emit) -> Image:
        request.refuse_unsupported()
        self.requests.append(request)
        async for _ in context:
            pass
        await emit(Stream("Step 1/1 : FROM busybox\n"))
        if self.step_fails:
            raise StepFailed("The command '/bin/sh -c false' returned a non-zero code: 1", code=1)
        await emit(BuiltImage(image().id))
        return image()


class FakePuller:
    """Pulls whatever is asked for, but ``nope``."""

    def __init__(self) -> None:
        self.asked: list[tuple[Reference, Platform | None, Credentials]] = []

    async def pull(
        self, reference: Reference, *, platform: Platform | None, credentials: Credentials, tell: Tell
    ) -> Image:
        self.asked.append((reference, platform, credentials))
        if reference.path == "library/nope":
            raise Missing("manifest for nope not found")
        tell(Remark("Pulling from x", "1"))
        tell(LayerStep("0" * 12, "Downloading", 1_500_000, 3_000_000))
        await asyncio.sleep(0)
        if reference.path == "library/breaks":
            raise Invalid("it broke")
        tell(LayerStep("0" * 12, "Pull complete"))
        return image()

    async def pull_all(
        self, repository: Reference, *, platform: Platform | None, credentials: Credentials, tell: Tell
    ) -> Sequence[Image]:
        return [await self.pull(repository, platform=platform, credentials=credentials, tell=tell)]


class FakeNetworks:
    network = Network("b" * 64, "bridge", "naru0", IPv4Network("172.17.0.0/16"), IPv4Address("172.17.0.1"))

    def all(self) -> list[Network]:
        return [self.network]

    def find(self, name: str) -> Network | None:
        return self.network if name in ("bridge", self.network.id) else None

    def endpoints(self, network_name: str = "bridge") -> dict[str, Any]:
        return {}


@dataclass
class Fakes:
    parts: Parts
    images: FakeImages
    containers: FakeContainers
    builder: FakeBuilder
    puller: FakePuller
    events: Events


def make_fakes(root: Path) -> Fakes:
    events, state = Events(), State(root / "state.db")
    images, containers, builder = FakeImages(), FakeContainers(events), FakeBuilder()
    puller = FakePuller()
    images.tags[Reference.parse("busybox:latest")] = image()
    config = EngineConfig(data_root=root / "data", run_root=root / "run")
    config.data_root.mkdir(exist_ok=True)
    runtime = SimpleNamespace(name="crun", version="1.8.1", path=Path("/usr/bin/crun"))
    cgroups: Any = SimpleNamespace(unified=False, has_swap_limit=lambda: True, parent_directory=lambda controller: None)
    machine = replace(this_machine(cgroups), cpus=2, limits=LimitSupport(cpus="0-1"))
    parts: dict[str, Any] = {
        "config": config,
        "state": state,
        "events": events,
        "images": images,
        "archives": images,
        "puller": puller,
        "pusher": SimpleNamespace(),
        "registries": SimpleNamespace(),
        "layers": SimpleNamespace(lowers=lambda diff_ids: [], stack=lambda diff_ids: []),
        "networks": FakeNetworks(),
        "volumes": Volumes(config, state, events, HostFiles()),
        "containers": containers,
        "commits": SimpleNamespace(),
        "builder": builder,
        "machine": machine,
        "chosen": SimpleNamespace(runtime=runtime, user_namespaces=True, warnings=()),
        "cgroups": cgroups,
    }
    return Fakes(cast(Any, Parts)(**parts), images, containers, builder, puller, events)

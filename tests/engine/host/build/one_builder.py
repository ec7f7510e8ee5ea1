"""An engine without its API, in a process and mount namespace of its own, that builds; a program, called by the tests.

First argument: its directory, removed at the end. One JSON command a line on standard input, one JSON answer a line on
standard output; see the methods of ``OneBuilder``.
"""

import asyncio
import base64
import json
import os
import shutil
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from engine.build.builder import Builder
from engine.build.messages import BuiltImage, Message, StepFailed, Stream
from engine.build.request import BuildRequest, build_tags
from engine.config import EngineConfig, RegistryConfig
from engine.containers.parts import Parts
from engine.containers.service import Containers
from engine.host import mount_namespace, mounts
from engine.host.capabilities import this_machine
from engine.host.cgroups import Cgroups
from engine.host.host_files import HostFiles
from engine.host.userns import UserNamespaces
from engine.images.archives import ImageArchives
from engine.images.pull import Puller, PullParts
from engine.images.service import Images
from engine.model.errors import EngineError
from engine.model.image import Image
from engine.model.platform import Platform
from engine.model.reference import Reference
from engine.model.registry import HostPattern
from engine.networks.service import Networks
from engine.oci.probe import choose
from engine.registry.service import Registries
from engine.store.content import ContentStore
from engine.store.events import Events
from engine.store.layers import LayerStore
from engine.store.state import State
from engine.volumes.service import Volumes


def _text(message: Message) -> str:
    if isinstance(message, BuiltImage):
        return f"aux {message.image_id}"
    return message.text if isinstance(message, Stream) else f"pull {message.telling}"


async def _chunks(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), 1 << 16):
        yield data[start : start + (1 << 16)]


class OneBuilder:
    def __init__(self, config: EngineConfig) -> None:
        self.config = config

    async def start(self, undo: AsyncExitStack) -> None:
        config = self.config
        for directory in (config.tmp, config.runtime_root):
            directory.mkdir(parents=True)
        cgroups = Cgroups(config.cgroup_parent)
        cgroups.prepare()
        undo.callback(cgroups.remove_parent)
        user_namespaces = UserNamespaces()
        undo.callback(user_namespaces.close)
        machine = this_machine(cgroups)
        chosen = await choose(config, cgroups=cgroups, machine=machine, user_namespaces=user_namespaces)
        state, events = State(config.state_path), Events()
        undo.callback(state.close)
        content = ContentStore(config.data_root)
        self.layers = LayerStore(config.data_root, content, state)
        self.images = Images(content, self.layers, state, events)
        self.archives = ImageArchives(self.images, content, self.layers)
        networks = Networks(config, state, events)
        await networks.start()
        undo.push_async_callback(networks.destroy)
        self.containers = Containers(
            Parts(
                config=config,
                state=state,
                events=events,
                layers=self.layers,
                networks=networks,
                volumes=Volumes(config, state, events, HostFiles()),
                machine=machine,
                cgroups=cgroups,
                user_namespaces=user_namespaces,
                host_files=HostFiles(),
                chosen=chosen,
            )
        )
        undo.push_async_callback(self.containers.close)
        await self.containers.recover()
        parts = PullParts(
            registries=Registries(config.registries),
            images=self.images,
            content=content,
            layers=self.layers,
            events=events,
            machine=Platform(),
        )
        puller = Puller(parts)
        self.builder = Builder(
            self.images,
            puller,
            self.layers,
            self.containers,
            state,
            spool_root=config.tmp,
            cache_root=config.build_cache,
            instance=config.instance,
            outside=config.registries,
        )

    async def do_import(self, wanted: dict[str, Any]) -> dict[str, Any]:
        data = base64.b64decode(wanted["tar"])
        image = await self.archives.import_rootfs(_chunks(data), reference=Reference.parse(wanted["name"]))
        return {"id": str(image.id)}

    async def do_build(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """``cancel_at``: cancel the build once a message contains this."""
        texts: list[str] = []
        cancel_at = wanted.get("cancel_at")

        async def emit(message: Message) -> None:
            texts.append(_text(message))
            if cancel_at and cancel_at in texts[-1]:
                task.cancel()

        fields = dict(wanted.get("request", {}))
        fields["tags"] = build_tags(fields.get("tags", ()))
        fields["secrets"] = {name: value.encode() for name, value in fields.get("secrets", {}).items()}
        context = _chunks(base64.b64decode(wanted["context"]))
        task = asyncio.ensure_future(self.builder.build(BuildRequest(**fields), context, emit))
        answer: dict[str, Any] = {"texts": texts}
        try:
            answer |= self._described(await task)
        except EngineError as error:
            answer |= {"error": str(error), "class": type(error).__name__}
            answer["code"] = error.code if isinstance(error, StepFailed) else None
        except asyncio.CancelledError:
            answer["cancelled"] = True
        return answer

    def _described(self, image: Image) -> dict[str, Any]:
        config = image.config
        return {
            "id": str(image.id),
            "layers": len(image.diff_ids),
            "history": [[step.created_by, step.empty_layer] for step in image.history],
            "env": list(config.env),
            "cmd": config.cmd,
            "entrypoint": config.entrypoint,
            "working_dir": config.working_dir,
            "labels": dict(config.labels),
            "tags": [reference.familiar for reference in self.images.references(image.id)],
            "parent": str(image.parent),
        }

    async def do_files(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """Every path of the image below ``below``: kind, mode, owner and content or target."""
        image = self.images.get(wanted["image"])
        found: dict[str, list[Any]] = {}
        async with self.containers.scratch(image.diff_ids) as scratch:
            for path in sorted(scratch.rootfs.joinpath(wanted["below"]).rglob("*")):
                status = path.lstat()
                text = str(path.readlink()) if path.is_symlink() else ""
                if stat.S_ISREG(status.st_mode):
                    text = path.read_bytes()[:100].decode("latin-1")
                found[str(path.relative_to(scratch.rootfs))] = [
                    stat.filemode(status.st_mode), status.st_uid, status.st_gid, text, int(status.st_mtime),
                ]  # fmt: skip
        return found

    async def do_lose_layer(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """Make the record of an image's last layer go, as if it had been found damaged."""
        image = self.images.get(wanted["image"])
        assert image.chain is not None
        self.layers.remove(image.chain)
        return {}

    async def do_images(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"images": [str(image.id) for image in self.images.list()]}

    async def do_left(self, _: dict[str, Any]) -> dict[str, Any]:
        """Whatever builds should not leave behind."""
        config = self.config
        places = (config.data_root / "containers", config.run_root / "containers", config.tmp, config.runtime_root)
        files = [str(path) for place in places if place.is_dir() for path in place.iterdir()]
        mounted = [str(path) for path in mounts.mounts_below(config.run_root / "containers")]
        descriptors = [os.readlink(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd") if _is_open(name)]
        spools = [target for target in descriptors if str(config.tmp) in target]
        tasks = [repr(task) for task in asyncio.all_tasks() if "Builder" in repr(task)]
        return {"left": [*files, *mounted, *spools, *tasks]}


def _is_open(name: str) -> bool:
    return os.path.lexists(f"/proc/self/fd/{name}")


async def _serve(config: EngineConfig) -> None:
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as undo:
        builder = OneBuilder(config)
        await builder.start(undo)
        print(json.dumps({"ready": True}), flush=True)  # noqa: T201
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            wanted = json.loads(line)
            try:
                answer = await getattr(builder, f"do_{wanted['do']}")(wanted)
            except Exception as error:  # noqa: BLE001 - a test program: the test shall see it
                answer = {"crash": f"{type(error).__name__}: {error}"}
            print(json.dumps(answer), flush=True)  # noqa: T201


def main() -> None:
    root = Path(sys.argv[1])
    config = EngineConfig(
        data_root=root / "data",
        run_root=root / "run",
        bridge=f"nb{root.name[-8:]}",
        # of this machine's two names one is allowed, so that tests can ask for either
        registries=RegistryConfig(allowed=(HostPattern.parse("localhost"),)),
    )
    for directory in (config.data_root, config.run_root):
        directory.mkdir(parents=True, mode=0o711)
    config.mount_pin.parent.mkdir(parents=True, exist_ok=True)
    try:
        mount_namespace.enter(config.mount_pin, storage_root=config.data_root)
        policy = asyncio.get_event_loop_policy()
        policy.set_child_watcher(asyncio.PidfdChildWatcher())
        with asyncio.Runner() as runner:
            policy.get_child_watcher().attach_loop(runner.get_loop())
            runner.run(_serve(config))
    finally:
        for mount in mounts.mounts_below(root):
            mounts.unmount(mount, lazy=True)
        shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    main()

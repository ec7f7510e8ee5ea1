"""Runs containers as an engine would, in a process and mount namespace of its own; a program, called by the tests.

Standard input: JSON {"root": directory, "runtime": name, "runs": [{"argv": …, "spec": {…}, …}]}; standard output: JSON,
one answer per run. Everything made is removed before it ends, and what could not be is in the answer's "left".
"""

import asyncio
import json
import os
import shutil
import signal
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine.config import EngineConfig
from engine.host import inotify, mount_namespace, mounts
from engine.host.capabilities import Machine, this_machine
from engine.host.cgroups import Cgroups
from engine.host.userns import UserNamespaces
from engine.model.container import Container, ContainerSpec, Profile
from engine.model.digest import Digest
from engine.model.errors import EngineError
from engine.model.resources import Resources
from engine.oci import monitor
from engine.oci.confinement import confinement, has_user_namespace
from engine.oci.probe import Chosen, choose
from engine.oci.spec import Bind, runtime_config, write_bundle
from engine.oci.user import resolve_user

_APPLETS = "sh id cat grep sleep mount unshare ls touch tail"


class OneEngine:
    def __init__(self, config: EngineConfig, cgroups: Cgroups, machine: Machine) -> None:
        self.config, self.cgroups, self.machine = config, cgroups, machine
        self.user_namespaces = UserNamespaces()
        self.layer = config.layer_diff(Digest.of(b"busybox"))

    async def start(self) -> None:
        for directory in (self.config.exit_dir, self.config.runtime_root):
            directory.mkdir(parents=True, exist_ok=True)
        self.cgroups.prepare()
        self._unpack_busybox()
        self.chosen: Chosen = await choose(
            self.config, cgroups=self.cgroups, machine=self.machine, user_namespaces=self.user_namespaces
        )

    def _unpack_busybox(self) -> None:
        for name in ("bin", "etc", "tmp", "root", "proc", "sys", "dev", "home/ann"):
            (self.layer / name).mkdir(parents=True, exist_ok=True)
        shutil.copy2("/bin/busybox", self.layer / "bin" / "busybox")
        for applet in _APPLETS.split():
            (self.layer / "bin" / applet).symlink_to("busybox")
        (self.layer / "etc" / "passwd").write_text(
            "root:x:0:0:root:/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\n"
        )
        (self.layer / "etc" / "group").write_text("root:x:0:\nann:x:1000:\nextra:x:2000:ann\n")
        (self.layer / "etc" / "data").write_text("not a program")
        (self.layer / "etc" / "data").chmod(0o644)
        os.chown(self.layer / "home" / "ann", 1000, 1000)

    async def run(self, wanted: dict[str, Any]) -> dict[str, Any]:
        container_id = os.urandom(32).hex()
        fields = dict(wanted.get("spec", {}))
        fields["resources"] = Resources(**fields.get("resources", {}))
        fields["profile"] = Profile(fields.get("profile", "default"))
        spec = ContainerSpec(Digest.of(b""), "busybox", cmd=tuple(wanted["argv"]), **fields)
        container = Container(container_id, "test", spec, created_at=datetime.now(UTC))
        if has_user_namespace(spec):
            container = replace(container, uid_base=self.user_namespaces.allocate_base(container_id, taken=()))
        answer: dict[str, Any] = {"uid_base": container.uid_base}
        try:
            await self._run(container, wanted, answer)
        except EngineError as error:
            answer |= {
                "error": str(error),
                "exit_code": getattr(error, "exit_code", None),
                "class": type(error).__name__,
            }
        finally:
            await self._remove(container_id)
        return answer

    def _prepare(self, container: Container) -> None:
        config, container_id = self.config, container.id
        for directory in (config.upper(container_id), config.work(container_id), config.etc(container_id)):
            directory.mkdir(parents=True)
        config.log_path(container_id).parent.mkdir()
        config.rootfs(container_id).mkdir(parents=True)
        for name in ("hosts", "hostname", "resolv.conf"):
            path = config.etc(container_id) / name
            path.write_text(f"{name} of the engine\n")
            os.chown(path, container.uid_base or 0, container.uid_base or 0)
        for path in (config.data_root, config.data_root / "containers", config.container_dir(container_id)):
            path.chmod(0o700)
        held = confinement(container.spec, bounding=self.machine.bounding)
        base = container.uid_base
        mounts.mount_overlay(
            config.rootfs(container_id),
            storage_root=config.data_root,
            lowers=[self.layer],
            upper=config.upper(container_id),
            work=config.work(container_id),
            userns_fd=None if base is None else self.user_namespaces.mount_fd(base),
            nosuid=held.root_nosuid,
        )
        etc = config.etc(container_id)
        document = runtime_config(
            container,
            rootfs=config.rootfs(container_id),
            hostname="box",
            user=resolve_user(container.spec.user, rootfs=config.rootfs(container_id)),
            machine=self.machine,
            cgroup_path=self.cgroups.path(container_id),
            mounts=[Bind(etc / name, f"/etc/{name}") for name in ("hosts", "hostname", "resolv.conf")],
            seccomp_bpf=self.chosen.seccomp_bpf,
        )
        write_bundle(config.bundle(container_id), document)

    async def _run(self, container: Container, wanted: dict[str, Any], answer: dict[str, Any]) -> None:
        config, container_id, runtime = self.config, container.id, self.chosen.runtime
        changes = inotify.Inotify()
        try:
            changes.watch(config.exit_dir, inotify.CREATE | inotify.CLOSE_WRITE | inotify.MOVED_TO)
            begun = time.perf_counter()
            await asyncio.to_thread(self._prepare, container)
            prepared = time.perf_counter()
            launched = await monitor.launch(
                runtime,
                container_id=container_id,
                name="test",
                bundle=config.bundle(container_id),
                exit_dir=config.exit_dir,
                log_path=config.log_path(container_id),
            )
            created = time.perf_counter()
            await runtime.start(container_id)
            started = time.perf_counter()
            answer |= {"prepare_ms": (prepared - begun) * 1e3, "create_ms": (created - prepared) * 1e3}
            answer |= {"start_ms": (started - created) * 1e3, "pid": launched.pid}
            answer["read"] = self._read(container_id, wanted.get("read", {}))
            if wanted.get("pause_then_kill"):
                answer["states"] = await self._pause_then_kill(container_id)
            async with asyncio.timeout(20):
                while (exited := monitor.read_exit(config.exit_dir, container_id)) is None:
                    await changes.read()
        finally:
            changes.close()
        log = config.log_path(container_id).read_bytes().splitlines()
        answer |= {"exit": exited.code, "exit_ms": (time.perf_counter() - started) * 1e3}
        answer |= {"oom": monitor.oom_path(config.bundle(container_id)).exists()}
        answer["output"] = [line[monitor.LOG_PREFIX :].decode() for line in log]
        answer["upper"] = sorted(
            [str(path.relative_to(config.upper(container_id))), path.lstat().st_uid]
            for path in config.upper(container_id).rglob("*")
        )

    def _read(self, container_id: str, files: dict[str, list[str]]) -> dict[str, str]:
        """The files that this host's kind of control groups has."""
        paths = [self.cgroups.directory(container_id, tree) / name for tree, names in files.items() for name in names]
        return {path.name: path.read_text().strip() for path in paths if path.exists()}

    async def _pause_then_kill(self, container_id: str) -> list[str]:
        runtime, states = self.chosen.runtime, []
        await runtime.pause(container_id)
        # the first version of control groups freezes in its own time (kernel, freezer-subsystem.rst, "FREEZING")
        deadline = time.monotonic() + 5
        while (status := (await runtime.state(container_id)).status) != "paused" and time.monotonic() < deadline:
            await asyncio.sleep(0.01)
        states.append(status)
        await runtime.resume(container_id)
        await runtime.update(container_id, Resources(memory_bytes=64 << 20))
        states.append((await runtime.state(container_id)).status)
        await runtime.kill(container_id, signal.SIGTERM)
        return states

    async def _remove(self, container_id: str) -> None:
        await self.chosen.runtime.delete(container_id, force=True)
        await asyncio.to_thread(self.cgroups.kill_all, container_id)
        await asyncio.to_thread(self.cgroups.remove, container_id)
        await asyncio.to_thread(mounts.unmount, self.config.rootfs(container_id))
        shutil.rmtree(self.config.container_dir(container_id))
        shutil.rmtree(self.config.bundle(container_id))


async def _answers(request: dict[str, Any], config: EngineConfig, cgroups: Cgroups) -> dict[str, Any]:
    engine = OneEngine(config, cgroups, this_machine(cgroups))
    await engine.start()
    runs = [await engine.run(wanted) for wanted in request["runs"]]
    engine.user_namespaces.close()
    chosen = engine.chosen
    left = [str(path) for path in mounts.mounts_below(config.run_root / "containers")]
    return {"runs": runs, "chosen": chosen.explanation, "bpf": chosen.seccomp_bpf, "left": left}


def main() -> None:
    request = json.load(sys.stdin)
    root = Path(request["root"])
    config = EngineConfig(data_root=root / "data", run_root=root / "run", runtime=request.get("runtime", ""))
    crun = shutil.which("crun")
    mount_namespace.enter(config.mount_pin, storage_root=config.data_root, read_only=[Path(crun)] if crun else [])
    cgroups = Cgroups(config.cgroup_parent)
    try:
        answer = asyncio.run(_answers(request, config, cgroups))
    finally:
        cgroups.remove_parent()
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()

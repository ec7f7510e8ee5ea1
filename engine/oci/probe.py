"""Which runtime to use: found out by running a container with each, not by reading versions.

The probe's program is a few instructions of machine code that ask the kernel whether a seccomp filter is active and
exit with the answer, so that a probe needs no image.
"""

import asyncio
import logging
import os
import shutil
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from engine.config import EngineConfig, Userns
from engine.host import inotify, mounts
from engine.host.capabilities import Machine
from engine.host.cgroups import Cgroups
from engine.host.userns import UserNamespaces
from engine.model.container import Container, ContainerSpec
from engine.model.digest import Digest
from engine.model.errors import EngineError, Unavailable
from engine.oci import monitor
from engine.oci.command_runtime import CommandRuntime, version_text
from engine.oci.components import examine
from engine.oci.runtime import Runtime, RuntimeFailed
from engine.oci.spec import runtime_config, write_bundle
from engine.oci.user import User

_log = logging.getLogger(__name__)

_PREFERRED: Final = ("crun", "runc")
_TIMEOUT_S: Final = 20.0
_FILTERED: Final = 2  # SECCOMP_MODE_FILTER, linux/seccomp.h
_PROGRAM: Final = {
    # exit(prctl(PR_GET_SECCOMP)): mov eax,157; mov edi,21; syscall; mov edi,eax; mov eax,231; syscall
    "x86_64": (62, bytes.fromhex("b89d000000 bf15000000 0f05 89c7 b8e7000000 0f05")),
    # mov x8,167; mov x0,21; svc 0; mov x8,94; svc 0
    "aarch64": (183, struct.pack("<5I", 0xD28014E8, 0xD28002A0, 0xD4000001, 0xD2800BC8, 0xD4000001)),
}


@dataclass(frozen=True, slots=True)
class Chosen:
    """``user_namespaces``: containers can have ids of their own. ``seccomp_bpf``: compiled filters are taken.

    ``warnings``: what whoever runs this host should know.
    """

    runtime: Runtime
    user_namespaces: bool
    seccomp_bpf: bool
    explanation: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Attempt:
    user_namespace: bool
    seccomp_bpf: bool


async def choose(
    config: EngineConfig, *, cgroups: Cgroups, machine: Machine, user_namespaces: UserNamespaces
) -> Chosen:
    """The first runtime that runs a probe container, with the most it can do; logs why. Call it in the engine's mount
    namespace, after ``cgroups.prepare()``. Raises Unavailable, with each one's reason, when none works."""
    reasons: list[str] = []
    runtimes = await _installed(config, machine, reasons)
    for runtime, attempt in _attempts(runtimes, config.userns):
        refusal = await _refusal(attempt, runtime, config, cgroups, machine, user_namespaces)
        if refusal is None:
            return await _chosen(runtime, attempt, config.userns, reasons)
        reasons.append(f"{runtime.name} {runtime.version} {_words(attempt)}: {refusal}")
    wanted = " with user namespaces (--userns require)" if config.userns is Userns.REQUIRE else ""
    raise Unavailable(f"no container runtime works{wanted}: " + "; ".join(reasons or ["none is configured"]))


async def _installed(config: EngineConfig, machine: Machine, reasons: list[str]) -> list[CommandRuntime]:
    runtimes = []
    for name in (config.runtime,) if config.runtime else _PREFERRED:
        path = shutil.which(name)
        if path is None:
            reasons.append(f"{name} is not installed")
            continue
        try:
            version, _ = await version_text(Path(path))
        except Unavailable as error:
            reasons.append(f"{name}: {error}")
            continue
        runtimes.append(
            CommandRuntime(Path(path).resolve(), root=config.runtime_root, version=version, machine=machine)
        )
    return runtimes


def _attempts(runtimes: list[CommandRuntime], userns: Userns) -> Iterator[tuple[CommandRuntime, _Attempt]]:
    """The most first: any runtime with user namespaces is better than the preferred one without."""
    for user_namespace in {Userns.REQUIRE: (True,), Userns.PREFER: (True, False), Userns.OFF: (False,)}[userns]:
        for runtime in runtimes:
            if runtime.name == "crun":  # the annotation is crun's own
                yield runtime, _Attempt(user_namespace, seccomp_bpf=True)
            yield runtime, _Attempt(user_namespace, seccomp_bpf=False)


def _words(attempt: _Attempt) -> str:
    ids = "with user namespaces" if attempt.user_namespace else "without user namespaces"
    return f"{ids}, {'compiled' if attempt.seccomp_bpf else 'listed'} seccomp filter"


async def _chosen(runtime: CommandRuntime, attempt: _Attempt, userns: Userns, reasons: list[str]) -> Chosen:
    refused = "; ".join(reasons)
    text = f"runtime {runtime.name} {runtime.version} {_words(attempt)}: a probe container ran" + (
        f"; before it: {refused}" if refused else ""
    )
    (_log.warning if reasons else _log.info)("%s", text)
    warnings = await examine(runtime.path)
    if not attempt.user_namespace:
        reason = "is switched off (--userns off)" if userns is Userns.OFF else "does not work on this host"
        warnings.insert(0, f"containers have no user namespace, which {reason}: their root is the host's root")
    return Chosen(runtime, attempt.user_namespace, attempt.seccomp_bpf, text, tuple(warnings))


async def _refusal(
    attempt: _Attempt,
    runtime: Runtime,
    config: EngineConfig,
    cgroups: Cgroups,
    machine: Machine,
    user_namespaces: UserNamespaces,
) -> str | None:
    """Why the probe container did not do what it should; None when it did."""
    container_id = os.urandom(32).hex()
    directories = (config.container_dir(container_id), config.bundle(container_id))
    base = user_namespaces.allocate_base(container_id, taken=()) if attempt.user_namespace else None
    container = _container(container_id, base)
    try:
        await asyncio.to_thread(_prepare, config, container, user_namespaces)
        document = runtime_config(
            container,
            rootfs=config.rootfs(container_id),
            hostname="probe",
            user=User(),
            machine=machine,
            cgroup_path=cgroups.path(container_id),
            seccomp_bpf=attempt.seccomp_bpf,
        )
        if attempt.seccomp_bpf:
            del document["linux"]["seccomp"]  # else a runtime that ignores the compiled one would look right
        await asyncio.to_thread(write_bundle, config.bundle(container_id), document)
        code = await _exit_code(runtime, config, container_id)
    except (EngineError, OSError) as error:
        return str(error)
    finally:
        await _clear_away(runtime, config, cgroups, container_id, directories)
    return None if code == _FILTERED else f"the probe says seccomp mode {code} instead of {_FILTERED}"


def _container(container_id: str, uid_base: int | None) -> Container:
    spec = ContainerSpec(Digest.of(b""), "probe", cmd=("/probe",), network_mode="none", userns_host=uid_base is None)
    return Container(container_id, "probe", spec, created_at=datetime.now(UTC), uid_base=uid_base)


def _prepare(config: EngineConfig, container: Container, user_namespaces: UserNamespaces) -> None:
    machine, code = _PROGRAM.get(os.uname().machine, (0, b""))
    if not code:
        raise Unavailable(f"the engine does not know the processor {os.uname().machine}")
    container_id = container.id
    lower, upper = config.container_dir(container_id) / "lower", config.upper(container_id)
    for directory in (lower, upper, config.work(container_id), config.rootfs(container_id)):
        directory.mkdir(parents=True)
    for directory in (config.exit_dir, config.runtime_root):
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    for path in (config.container_dir(container_id), lower, upper, config.bundle(container_id)):
        path.chmod(0o755)
    (lower / "probe").write_bytes(_executable(machine, code))
    (lower / "probe").chmod(0o755)
    base = container.uid_base
    mounts.mount_overlay(
        config.rootfs(container_id),
        storage_root=config.data_root,
        lowers=[lower],
        upper=upper,
        work=config.work(container_id),
        userns_fd=None if base is None else user_namespaces.mount_fd(base),
    )


def _executable(machine: int, code: bytes) -> bytes:
    """The smallest ELF64 program: header, one loadable segment, code (elf(5))."""
    at = 0x400000
    size = 64 + 56 + len(code)
    identification = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    header = struct.pack("<HHIQQQIHHHHHH", 2, machine, 1, at + 120, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, at, at, size, size, 0x1000)
    return identification + header + segment + code


async def _exit_code(runtime: Runtime, config: EngineConfig, container_id: str) -> int:
    changes = inotify.Inotify()
    try:
        changes.watch(config.exit_dir, inotify.CREATE | inotify.MOVED_TO | inotify.CLOSE_WRITE)
        await monitor.launch(
            runtime,
            container_id=container_id,
            name="probe",
            bundle=config.bundle(container_id),
            exit_dir=config.exit_dir,
            log_path=None,
            timeout_s=_TIMEOUT_S,
        )
        await runtime.start(container_id)
        async with asyncio.timeout(_TIMEOUT_S):
            while (exited := monitor.read_exit(config.exit_dir, container_id)) is None:
                await changes.read()
        return exited.code
    except TimeoutError as error:
        raise RuntimeFailed(f"the probe container did not end within {_TIMEOUT_S} s") from error
    finally:
        changes.close()


async def _clear_away(
    runtime: Runtime, config: EngineConfig, cgroups: Cgroups, container_id: str, directories: tuple[Path, ...]
) -> None:
    """Best effort: what does not go is swept with the next container of nobody."""
    try:
        await runtime.delete(container_id, force=True)
        await asyncio.to_thread(cgroups.kill_all, container_id)
        await asyncio.to_thread(cgroups.remove, container_id)
        await asyncio.to_thread(mounts.unmount, config.rootfs(container_id))
    except EngineError as error:
        _log.warning("the probe container was not cleared away: %s", error)
    for directory in directories:
        await asyncio.to_thread(shutil.rmtree, directory, ignore_errors=True)
    monitor.exit_path(config.exit_dir, container_id).unlink(missing_ok=True)

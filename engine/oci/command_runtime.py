"""Runtimes driven by the command line that runc made the standard: crun and runc, and others by path."""

import json
import os
import re
import stat
from asyncio.subprocess import Process
from pathlib import Path
from typing import Final

from engine.host.capabilities import Machine
from engine.host.processes import Completed, run, spawn, until_ready
from engine.host.removal import remove_tree
from engine.model.errors import Missing, Unavailable
from engine.model.resources import Resources
from engine.oci.limits import resource_limits
from engine.oci.runtime import ExecFiles, RuntimeFailed, RuntimeState, failure

_TIMEOUT_S: Final = 30.0
_EXECUTION_S: Final = 1.0  # then it goes on by itself
# ROOT/ID is all they keep outside of control groups (crun, status.c; runc, libcontainer/factory_linux.go)
_REMEMBER_IN_A_DIRECTORY: Final = ("crun", "runc")
_UNKNOWN: Final = re.compile(r"does not exist|container not found|No such file or directory", re.IGNORECASE)
_NOT_RUNNING: Final = re.compile(r"not running|No such process|process already finished", re.IGNORECASE)


class CommandRuntime:
    """One installed runtime with the directory where it remembers its containers."""

    def __init__(self, path: Path, *, root: Path, version: str, machine: Machine) -> None:
        self.path = path
        self.root = root
        self.version = version
        self._machine = machine

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def hands_terminals_over(self) -> bool:
        return self.name != "runc"  # does so only when it does not wait for the program (runc, utils_linux.go)

    def command(self, *words: str | Path) -> list[str]:
        return [str(self.path), f"--root={self.root}", *map(str, words)]

    async def start(self, container_id: str) -> None:
        if await self._let_go(container_id):
            return
        completed = await self._call("start", container_id)
        if completed.returncode:
            raise _told(completed, container_id, then=failure(completed.stderr.decode(errors="replace")))

    async def _let_go(self, container_id: str) -> bool:
        """What ``crun start`` does with a container without hooks, for a tenth of what that process costs.

        The first process waits at a fifo, which is there until it may go (crun, status.c and container.c, 0.1 to 1.2x).
        It closes its end by becoming the program, so that who asks at once what runs sees that, and not crun.
        False when anything is not as expected: the command finds out what, and says it.
        """
        if self.name != "crun":
            return False
        path = self.root / container_id / "exec.fifo"
        try:
            fifo = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:  # none there, or nobody waits (ENXIO)
            return False
        try:
            if not stat.S_ISFIFO(os.fstat(fifo).st_mode):
                return False
            os.unlink(path)  # noqa: PTH108 (before the word, as crun does: who sees it gone takes the program to run)
            os.write(fifo, b"\0")
            await until_ready(fifo, timeout_s=_EXECUTION_S)
        finally:
            os.close(fifo)
        return True

    async def kill(self, container_id: str, signum: int, *, everyone: bool = False) -> None:
        words = ["kill", *(["--all"] if everyone else []), container_id, str(signum)]
        completed = await self._call(*words)
        if completed.returncode and not _NOT_RUNNING.search(completed.stderr.decode(errors="replace")):
            raise _told(completed, container_id)

    async def delete(self, container_id: str, *, force: bool = False) -> None:
        completed = await self._call("delete", *(["--force"] if force else []), container_id)
        if completed.returncode and not _UNKNOWN.search(completed.stderr.decode(errors="replace")):
            raise _told(completed, container_id)

    def forget(self, container_id: str) -> bool:
        if self.name not in _REMEMBER_IN_A_DIRECTORY:
            return False
        try:
            remove_tree(self.root / container_id)
        except OSError:
            return False
        return True

    async def pause(self, container_id: str) -> None:
        await self._done("pause", container_id)

    async def resume(self, container_id: str) -> None:
        await self._done("resume", container_id)

    async def update(self, container_id: str, resources: Resources) -> None:
        limits = resource_limits(resources, machine=self._machine)
        await self._done("update", container_id, "--resources=-", input=json.dumps(limits).encode())

    async def state(self, container_id: str) -> RuntimeState:
        completed = await self._done("state", container_id)
        try:
            document = json.loads(completed.stdout)
            return RuntimeState(str(document["status"]), int(document["pid"]))
        except (ValueError, KeyError, TypeError) as error:
            raise Unavailable(f"{self.name} state answered {completed.stdout[:200]!r}") from error

    async def execute(
        self, container_id: str, files: ExecFiles, *, stdin: int, stdout: int, stderr: int, console: bool = False
    ) -> Process:
        terminal = [f"--console-socket={files.console}"] if console else []
        words = [f"--log={files.log}", "exec", f"--process={files.process}", f"--pid-file={files.pid}", *terminal]
        # an environment of its own: runtimes pass LISTEN_FDS and NOTIFY_SOCKET on into the container
        env = {"PATH": os.environ.get("PATH", os.defpath)}
        return await spawn(self.command(*words, container_id), stdin=stdin, stdout=stdout, stderr=stderr, env=env)

    async def _done(self, verb: str, container_id: str, *words: str, input: bytes = b"") -> Completed:
        completed = await self._call(verb, *words, container_id, input=input)
        if completed.returncode:
            raise _told(completed, container_id)
        return completed

    async def _call(self, *words: str, input: bytes = b"") -> Completed:
        return await run(self.command(*words), input=input, timeout_s=_TIMEOUT_S)


def _told(completed: Completed, container_id: str, *, then: RuntimeFailed | None = None) -> RuntimeFailed | Missing:
    text = completed.stderr.decode(errors="replace").strip()
    if _UNKNOWN.search(text) and container_id in text:
        return Missing(f"No such container: {container_id}")
    return then or RuntimeFailed(text[-2000:] or f"the runtime failed with {completed.returncode}")


async def version_text(path: Path) -> tuple[str, str]:
    """ "1.8.1" of "crun version 1.8.1\n…", and all of that. Raises Unavailable when the program is missing or fails."""
    completed = await run([path, "--version"], timeout_s=_TIMEOUT_S)
    text = completed.stdout.decode(errors="replace")
    found = re.search(r"version (\S+)", text)
    if completed.returncode or not found:
        raise Unavailable(f"{path} --version failed: {completed.stderr.decode(errors='replace')[:200]}")
    return found[1], text

"""One exec's program: brought into the running container by the runtime, its streams, its end.

The runtime's process stays until the program ends, ends as it does, and dies of nothing else. What is laid down for
it in the container's bundle lasts as long.

The runtime writes its complaints to the standard error it was given for the program, too (crun 1.8 with ``--log``).
Such a complaint is the first thing to come from there, so that alone is looked at before it is passed on.
"""

import asyncio
import contextlib
import functools
import json
import os
import signal
from asyncio.subprocess import Process
from collections.abc import Awaitable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TypeVar

from engine.containers.changes import Changes
from engine.containers.etc_files import hostname_of
from engine.containers.parts import Parts
from engine.host.inotify import CLOSE_WRITE, MOVED_TO, OVERFLOW, Change
from engine.host.pipes import Input, Output
from engine.host.processes import kill_family
from engine.host.removal import remove_tree
from engine.host.terminal import ConsoleSocket, set_window_size
from engine.model.container import Container, ContainerSpec
from engine.model.errors import Invalid, Unavailable
from engine.model.exec import Exec, ExecSpec
from engine.oci.confinement import confinement
from engine.oci.runtime import ExecFiles, exec_failure
from engine.oci.spec import process_config
from engine.oci.user import User, resolve_user

STDOUT: Final = 1
STDERR: Final = 2
_START_LIMIT_S: Final = 30.0
_END_LIMIT_S: Final = 2.0  # from being killed
_COMPLAINT_S: Final = 0.2  # from the runtime's complaint to its end
_COMPLAINT: Final = b"exec"  # of crun 1.8 when execve(2) failed, which is after it wrote the pid
_ENTRY_LIMIT_S: Final = 5.0
_ENTRY_PAUSE_S: Final = 0.002
_LONGEST_LOG: Final = 8192
_T = TypeVar("_T")


class ExecFailed(Invalid):
    """The program cannot be run. ``exit_code`` is 127 when there is none, else 126."""

    def __init__(self, message: str, *, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class ExecProcess:
    """``start``, then ``wait``, then ``close`` by its owner; meanwhile another may ``read`` and ``write``."""

    def __init__(
        self,
        parts: Parts,
        changes: Changes,
        *,
        container: Container,
        exec_: Exec,
        takes_input: bool,
        size: tuple[int, int] | None,
    ) -> None:
        self._parts = parts
        self._changes = changes
        self._container = container
        self._spec = exec_.spec
        self._takes_input = takes_input
        self._size = size
        self._files = ExecFiles(parts.config.bundle(container.id) / f"exec-{exec_.id[:16]}")
        self._undo = ExitStack()
        self._process: Process | None = None
        self._terminal = -1
        self._failure: ExecFailed | None = None
        self._has_heard_errors = False
        self._ended = asyncio.Event()
        self.pid = 0
        self.is_decided = asyncio.Event()  # the program runs (and has a pid) or never will
        self.output: Output | None = None
        self.input: Input | None = None

    async def start(self) -> None:
        """The program runs, or the runtime has ended: ``wait`` tells. Raises Invalid for an unknown user."""
        user = await asyncio.to_thread(self._prepare)
        directory = self._files.directory
        self._undo.enter_context(self._changes.watching(directory, CLOSE_WRITE | MOVED_TO, self._file_appeared))
        await self._until_enterable()
        await self._launch(user)

    async def wait(self) -> int:
        """The exit code; 128 and the signal for one that was killed. Raises ExecFailed if it did not run."""
        if self._process is None:
            raise Unavailable("the program was not started")
        code = await self._process.wait()
        if code != 0:
            self._failure = await asyncio.to_thread(self._judge)
        if self.output is not None:
            self.output.program_ended()
        self.is_decided.set()
        self._ended.set()
        if self._failure is not None:
            raise self._failure
        return code if code >= 0 else 128 - code

    async def kill(self) -> None:
        """The program and what it started are dead, or will be once their paused container goes on."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_START_LIMIT_S):
                await self.is_decided.wait()
        if self._process is None or self._process.returncode is not None:
            return
        if self.pid:
            members = functools.partial(self._parts.cgroups.pids, self._container.id)
            await asyncio.to_thread(kill_family, self.pid, members=members)
        try:
            async with asyncio.timeout(_END_LIMIT_S):
                await self._process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    async def close(self) -> None:
        """All but the output, which may yet be read to its end."""
        self.is_decided.set()
        self._ended.set()
        self._close_input()
        self._undo.close()
        await asyncio.to_thread(remove_tree, self._files.directory)

    def _close_input(self) -> None:
        if self.input is not None:
            self.input.close()
        if self._terminal >= 0:
            os.close(self._terminal)
            self._terminal = -1

    async def read(self) -> tuple[int, bytes] | None:
        """The next output: 1 or 2, and bytes. None at its end, which may come before or after the program's."""
        while self.output is not None and (piece := await self.output.read()) is not None:
            if piece[0] == STDERR and not self._has_heard_errors:
                self._has_heard_errors = True
                if await self._is_complaint(piece[1]):
                    continue
            return piece
        return None

    def resize(self, *, height: int, width: int) -> None:
        self._size = (height, width)
        if self._terminal >= 0:
            with contextlib.suppress(OSError):  # the program is ending
                set_window_size(self._terminal, height=height, width=width)
            if self._process is not None and not self._parts.chosen.runtime.hands_terminals_over:
                with contextlib.suppress(ProcessLookupError):
                    self._process.send_signal(signal.SIGWINCH)  # only the terminal's session is told by the kernel

    # -- start

    def _prepare(self) -> User:
        """Who it runs as; and process.json is there. Blocks."""
        config, spec = self._parts.config, self._container.spec
        user = resolve_user(
            self._spec.user or spec.user, rootfs=config.rootfs(self._container.id), groups=self._container.spec.groups
        )
        document = self._document(user)
        self._files.directory.mkdir(mode=0o700)
        self._files.process.write_text(json.dumps(document, separators=(",", ":")))
        return user

    def _document(self, user: User) -> dict[str, Any]:
        machine, spec = self._parts.machine, self._container.spec
        held = confinement(spec, bounding=machine.bounding)
        if self._spec.privileged:  # the container's system call filter stays, as in Docker
            everything = confinement(replace(spec, privileged=True), bounding=machine.bounding)
            held = replace(held, capabilities=everything.capabilities)
        hostname = hostname_of(self._container)
        document = process_config(_spec_of(spec, self._spec), held=held, user=user, machine=machine, hostname=hostname)
        if self._spec.tty and self._size is not None:
            document["consoleSize"] = {"height": self._size[0], "width": self._size[1]}
        return document

    async def _until_enterable(self) -> None:
        """For an exec right after a start: until the container's process has become its program, or for a limit.

        Until then it has the runtime's memory, which only the host's root may look into; the runtime that brings in a
        program is by then root of the container's user namespace, and refused (setns(2), EPERM; ptrace(2), "Ptrace
        access mode checking"). Takes some ms, on a busy host some hundred.
        """
        if self._container.process is None or self._container.uid_base is None:
            return
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _ENTRY_LIMIT_S
        link, runtime = Path(f"/proc/{self._container.process.pid}/exe"), self._parts.chosen.runtime.path
        while loop.time() < deadline and _is_same(link, runtime):  # noqa: ASYNC110 (nobody tells of an execve)
            await asyncio.sleep(_ENTRY_PAUSE_S)

    async def _launch(self, user: User) -> None:
        if self._spec.tty:
            await self._start_with_terminal()
        else:
            await self._start_with_pipes(user)
        await self._unless_ended(self.is_decided.wait())

    async def _start_with_pipes(self, user: User) -> None:
        base = self._container.uid_base or 0
        owner = (base + user.uid, base + user.gid)
        with ExitStack() as ours, ExitStack() as theirs:
            stdin, to_stdin = _pipe(theirs, ours, owner)
            from_stdout, stdout = _pipe(ours, theirs, owner)
            from_stderr, stderr = _pipe(ours, theirs, owner)
            self._process = await self._execute(stdin, stdout, stderr)
            ours.pop_all()
        self.output = Output({STDOUT: from_stdout, STDERR: from_stderr})
        self.input = Input(to_stdin)
        if not self._takes_input:
            self.input.close()

    async def _start_with_terminal(self) -> None:
        if self._parts.chosen.runtime.hands_terminals_over:
            master = await self._terminal_of_runtime()
        else:
            master = await self._terminal_of_ours()
        if master is None:
            return
        self.output = Output({STDOUT: master})
        self.input = Input(os.dup(master))
        self._terminal = os.dup(master)
        if self._size is not None:
            self.resize(height=self._size[0], width=self._size[1])

    async def _terminal_of_runtime(self) -> int | None:
        """The master of one inside the container; None when the runtime ends without making it."""
        console = ConsoleSocket(self._files.console)
        # never /dev/null: runtimes make the container's user the owner of their streams
        nothing = os.memfd_create("exec", os.MFD_CLOEXEC)
        try:
            self._process = await self._execute(nothing, nothing, nothing, console=True)
            return await self._unless_ended(console.receive())
        finally:
            os.close(nothing)
            console.close()

    async def _terminal_of_ours(self) -> int:
        """The master of one outside, which the runtime relays to one inside."""
        with ExitStack() as undo, ExitStack() as theirs:
            master, slave = os.openpty()
            undo.callback(os.close, master)
            theirs.callback(os.close, slave)
            if self._size is not None:
                set_window_size(master, height=self._size[0], width=self._size[1])
            self._process = await self._execute(slave, slave, slave)
            undo.pop_all()
        return master

    async def _execute(self, stdin: int, stdout: int, stderr: int, *, console: bool = False) -> Process:
        runtime = self._parts.chosen.runtime
        return await runtime.execute(
            self._container.id, self._files, stdin=stdin, stdout=stdout, stderr=stderr, console=console
        )

    async def _unless_ended(self, work: Awaitable[_T]) -> _T | None:
        """``work``'s result, or None when the runtime ends without it. Raises Unavailable if neither comes."""
        assert self._process is not None
        working, ending = asyncio.ensure_future(work), asyncio.ensure_future(self._process.wait())
        try:
            await asyncio.wait({working, ending}, return_when=asyncio.FIRST_COMPLETED, timeout=_START_LIMIT_S)
            if not working.done() and not ending.done():
                self._process.kill()
                raise Unavailable(f"the runtime did not run the program within {_START_LIMIT_S:.0f} s")
            return working.result() if working.done() else None
        finally:
            for task in (working, ending):
                task.cancel()
            await asyncio.gather(working, ending, return_exceptions=True)

    # -- whether it runs

    def _file_appeared(self, change: Change) -> None:
        if change.name == self._files.pid.name or change.mask & OVERFLOW:
            with contextlib.suppress(OSError, ValueError):
                self.pid = int(self._files.pid.read_text())
                self.is_decided.set()

    def _judge(self) -> ExecFailed | None:
        """After an end with an error: was it the runtime's or the program's? Blocks."""
        try:
            with self._files.log.open("rb") as log:
                complaint = log.read(_LONGEST_LOG)
        except OSError:  # the container has ended, and its bundle with it
            return None
        has_run = self._files.pid.exists() and not complaint.startswith(_COMPLAINT)
        if has_run:
            return None
        failed = exec_failure(complaint.decode(errors="replace"), argv=self._spec.argv)
        return ExecFailed(str(failed), exit_code=failed.exit_code)

    async def _is_complaint(self, text: bytes) -> bool:
        """Whether the runtime said so, and not the program."""
        await self.is_decided.wait()
        if self.pid and not text.startswith(_COMPLAINT):
            return False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_COMPLAINT_S):
                await self._ended.wait()
        return self._failure is not None


def _spec_of(container: ContainerSpec, wanted: ExecSpec) -> ContainerSpec:
    """The container's spec, but for what the exec wants otherwise."""
    named = {entry.partition("=")[0] for entry in wanted.env}
    inherited = [entry for entry in container.env if entry.partition("=")[0] not in named]
    return replace(
        container,
        entrypoint=None,
        cmd=wanted.argv,
        env=(*inherited, *wanted.env),
        working_dir=wanted.working_dir or container.working_dir,
        tty=wanted.tty,
    )


def _is_same(link: Path, program: Path) -> bool:
    """Whether ``link``, a process's ``exe``, leads to ``program``. True when it may not be known, False at its end."""
    try:
        return link.samefile(program)
    except PermissionError:
        return True
    except OSError:
        return False


def _pipe(reader: ExitStack, writer: ExitStack, owner: tuple[int, int]) -> tuple[int, int]:
    """Reading and writing end, each closed by its stack. ``owner`` can open it anew by way of /dev/stdout."""
    read_end, write_end = os.pipe2(os.O_CLOEXEC)
    reader.callback(os.close, read_end)
    writer.callback(os.close, write_end)
    os.fchown(read_end, *owner)
    return read_end, write_end

"""Other programs: running one to its end, and naming a process so that a reused pid cannot deceive."""

import asyncio
import contextlib
import functools
import os
import resource
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from engine.model.container import ProcessIdentity
from engine.model.errors import Missing, Unavailable

_STATE_FIELD = 0  # of /proc/PID/stat (proc(5)), counted from the field after the command's closing parenthesis
_PARENT_FIELD = 1
_SESSION_FIELD = 3
_FLAGS_FIELD = 6
_EXITING = 0x4  # PF_EXITING (linux/sched.h)
_START_FIELD = 19
_KILL_ROUNDS = 50
_KILL_PAUSE_S = 0.01


@dataclass(frozen=True, slots=True)
class Completed:
    returncode: int
    stdout: bytes
    stderr: bytes


async def run(
    argv: Sequence[str | Path],
    *,
    input: bytes = b"",
    timeout_s: float,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    pass_fds: Sequence[int] = (),
) -> Completed:
    """Run a program to its end. Raises Unavailable when it is missing or takes longer than ``timeout_s``.

    On timeout or cancellation the program itself is killed; what it started is not, and is not waited for either.
    """
    with ExitStack() as files:
        # files in memory instead of pipes: nothing has to be read meanwhile, which halves what a call costs the loop
        stdin = memory_file(files, input) if input else subprocess.DEVNULL
        stdout, stderr = memory_file(files), memory_file(files)
        try:
            process = subprocess.Popen(  # noqa: ASYNC220 (vfork: 0.3 ms, as asyncio's own takes)
                argv, stdin=stdin, stdout=stdout, stderr=stderr, env=env, cwd=cwd, pass_fds=pass_fds
            )
        except OSError as error:
            raise Unavailable(f"cannot run {argv[0]}: {error.strerror}") from error
        try:
            async with asyncio.timeout(timeout_s):
                await _ended(process.pid)
        except TimeoutError as error:
            raise Unavailable(f"{argv[0]} did not finish within {timeout_s} s") from error
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        return Completed(process.returncode, content_of(stdout), content_of(stderr))


def memory_file(files: ExitStack, content: bytes = b"") -> int:
    """To be read from its beginning; closed with ``files``."""
    handle = os.memfd_create("stream")
    files.callback(os.close, handle)
    if content:
        os.write(handle, content)
        os.lseek(handle, 0, os.SEEK_SET)
    return handle


def content_of(handle: int) -> bytes:
    """All of it, wherever it has been read or written to."""
    return os.pread(handle, os.fstat(handle).st_size, 0)


async def _ended(child_pid: int) -> None:
    """Until a child of ours has ended; it is not reaped yet."""
    pidfd = os.pidfd_open(child_pid)
    try:
        await _readable(pidfd)
    finally:
        os.close(pidfd)


async def spawn(
    argv: Sequence[str | Path], *, stdin: int, stdout: int, stderr: int, env: Mapping[str, str]
) -> asyncio.subprocess.Process:
    """A program that goes on, in a session of its own. The descriptors stay the caller's.

    Raises Unavailable when it cannot be run.
    """
    try:
        return await asyncio.create_subprocess_exec(
            *argv, stdin=stdin, stdout=stdout, stderr=stderr, env=env, start_new_session=True
        )
    except OSError as error:
        raise Unavailable(f"cannot run {argv[0]}: {error.strerror}") from error


def allow_many_files() -> None:
    """As many open files as this process may have: a container takes a few, a client one, and some tools set 1024."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@functools.cache
def boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _stat(pid: int) -> list[bytes]:
    """Fields of /proc/PID/stat from the state on; a command may contain spaces and parentheses."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError) as error:
        raise Missing(f"no process {pid}") from error


def identity(pid: int) -> ProcessIdentity:
    """Raises Missing when there is no such process."""
    return ProcessIdentity(pid, int(_stat(pid)[_START_FIELD]), boot_id())


def is_alive(process: ProcessIdentity) -> bool:
    """A zombie is not alive: nothing of it can run again."""
    if process.boot_id != boot_id():
        return False
    try:
        fields = _stat(process.pid)
    except Missing:
        return False
    return int(fields[_START_FIELD]) == process.start_ticks and fields[_STATE_FIELD] not in (b"Z", b"X")


def is_ending(process: ProcessIdentity) -> bool:
    """It is gone or about to be. The first of a PID namespace is on its way out while the kernel ends all others in it,
    and alive until the last of them is gone.
    """
    if not is_alive(process):
        return True
    try:
        return bool(int(_stat(process.pid)[_FLAGS_FIELD]) & _EXITING)
    except Missing:
        return True


def open_pidfd(process: ProcessIdentity) -> int:
    """The caller closes it. Raises Missing when the process is gone, also if its pid was given to another."""
    try:
        pidfd = os.pidfd_open(process.pid)
    except OSError as error:
        raise Missing(f"process {process.pid} is gone") from error
    # after opening: the pid may have changed hands before
    if not is_alive(process):
        os.close(pidfd)
        raise Missing(f"process {process.pid} is gone")
    return pidfd


def send_signal(process: ProcessIdentity, signum: int) -> None:
    """Raises Missing when the process is gone."""
    pidfd = open_pidfd(process)
    try:
        signal.pidfd_send_signal(pidfd, signum)
    except ProcessLookupError as error:
        raise Missing(f"process {process.pid} is gone") from error
    finally:
        os.close(pidfd)


def kill_family(pid: int, *, members: Callable[[], Iterable[int]]) -> None:
    """SIGKILL for a process, its descendants and the rest of its session, as far as they are members. Blocks, < 1 s.

    ``members`` is asked again until none is left, for those that were forked meanwhile. What has left the session and
    lost its parents is not found.
    """
    try:
        session = int(_stat(pid)[_SESSION_FIELD])
    except Missing:
        return
    family = {pid}
    for _ in range(_KILL_ROUNDS):
        family = _family(family, session, members())
        if not [each for each in family if _kill(each)]:
            return
        time.sleep(_KILL_PAUSE_S)


def _family(known: set[int], session: int, members: Iterable[int]) -> set[int]:
    """Those of ``known`` that are members, the session, and the descendants of all these."""
    stats = {}
    for pid in members:
        with contextlib.suppress(Missing):
            stats[pid] = _stat(pid)
    found = {pid for pid, fields in stats.items() if pid in known or int(fields[_SESSION_FIELD]) == session}
    while more := {pid for pid, fields in stats.items() if int(fields[_PARENT_FIELD]) in found} - found:
        found |= more
    return found


def _kill(pid: int) -> bool:
    """Whether there was anything alive to kill."""
    try:
        if _stat(pid)[_STATE_FIELD] in (b"Z", b"X"):
            return False
        os.kill(pid, signal.SIGKILL)
    except (Missing, ProcessLookupError):
        return False
    return True


async def wait_gone(process: ProcessIdentity, *, timeout_s: float) -> bool:
    """Whether the process ended within ``timeout_s``; it need not be a child of ours."""
    try:
        pidfd = open_pidfd(process)
    except Missing:
        return True
    try:
        async with asyncio.timeout(timeout_s):
            await _readable(pidfd)
    except TimeoutError:
        return _is_readable(pidfd)
    finally:
        os.close(pidfd)
    return True


def _is_readable(pidfd: int) -> bool:
    poll = select.poll()  # select(2) takes no descriptor above 1023
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(0))


async def until_ready(handle: int, *, timeout_s: float) -> bool:
    """Whether it could be read, or lost its other end (poll(2)), within ``timeout_s``."""
    try:
        async with asyncio.timeout(timeout_s):
            await _readable(handle)
    except TimeoutError:
        return False
    return True


async def _readable(pidfd: int) -> None:
    """A pidfd is, once its process has ended (pidfd_open(2))."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(pidfd, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(pidfd)

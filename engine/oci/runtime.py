"""What the engine asks of an OCI runtime, and how its complaints become Docker's."""

import re
from asyncio.subprocess import Process
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from engine.model.errors import EngineError
from engine.model.resources import Resources

NOT_FOUND: Final = 127
NOT_EXECUTABLE: Final = 126
ENGINE_FAILED: Final = 125

# crun 1.8 and runc 1.1 (runc: libcontainer/standard_init_linux.go, crun: libcrun/container.c)
_NOT_FOUND = re.compile(
    r"executable file .* not found|executable .* not found in \$PATH|stat .*: no such file|"
    r"exec: (.*: )?no such file or directory|open executable: No such file|exec container process .*No such file",
    re.IGNORECASE | re.DOTALL,
)
_NOT_EXECUTABLE = re.compile(
    r"permission denied|Operation not permitted|is a directory|exec format error|not a directory|Is a directory|"
    r"Exec format error",
    re.IGNORECASE,
)
_ABOUT_THE_PROGRAM = re.compile(r"exec|executable|stat /|chdir|cwd", re.IGNORECASE)
_OF_EXECVE = re.compile(r"(?:open executable|\bexec): ([A-Z][a-z ]+)$")  # crun's words for what Docker puts short
_LONGEST_MESSAGE = 2000


class RuntimeFailed(EngineError):
    """A container or command did not start. ``exit_code`` is what Docker would report for it: 125, 126 or 127."""

    def __init__(self, message: str, *, exit_code: int = ENGINE_FAILED) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@dataclass(frozen=True, slots=True)
class RuntimeState:
    """``status`` is created, running, paused or stopped (runtime-spec, runtime.md, "State")."""

    status: str
    pid: int


@dataclass(frozen=True, slots=True)
class ExecFiles:
    """What an exec needs beside its streams, in a directory of its own that only we can enter."""

    directory: Path

    @property
    def process(self) -> Path:
        """config.json's ``process`` object; written before."""
        return self.directory / "process.json"

    @property
    def pid(self) -> Path:
        """Written by the runtime once the program runs, decimal. Then closed (crun) or renamed to this (runc)."""
        return self.directory / "pid"

    @property
    def log(self) -> Path:
        """Why the program does not run, if so, in the runtime's words."""
        return self.directory / "log"

    @property
    def console(self) -> Path:
        """Where the runtime delivers the terminal."""
        return self.directory / "console"


class Runtime(Protocol):
    """Starts and stops containers that ``monitor.launch`` created. Every call has a limit and raises
    RuntimeFailed in the runtime's words, Unavailable when it does not answer, Missing for an unknown container."""

    @property
    def name(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def path(self) -> Path: ...
    @property
    def root(self) -> Path: ...

    @property
    def hands_terminals_over(self) -> bool:
        """Whether ``execute`` knows ``console``; otherwise it relays between the terminal it was given and its own."""
        ...

    def command(self, *words: str | Path) -> list[str]:
        """The words that run this runtime on its root; for what this protocol does not offer."""
        ...

    async def start(self, container_id: str) -> None: ...
    async def kill(self, container_id: str, signum: int, *, everyone: bool = False) -> None: ...
    async def delete(self, container_id: str, *, force: bool = False) -> None:
        """Safe to repeat. ``force`` kills first."""
        ...

    def forget(self, container_id: str) -> bool:
        """Drop what it remembers of a container that has no process left; False where only ``delete`` can. Blocks."""
        ...

    async def pause(self, container_id: str) -> None: ...
    async def resume(self, container_id: str) -> None: ...
    async def update(self, container_id: str, resources: Resources) -> None:
        """Every limit that ``resources`` has; those it has not stay as they are."""
        ...

    async def state(self, container_id: str) -> RuntimeState: ...
    async def execute(
        self, container_id: str, files: ExecFiles, *, stdin: int, stdout: int, stderr: int, console: bool = False
    ) -> Process:
        """Begin to run another program in a running container. The process ends with the program, and as it does.

        With ``console`` the descriptors are not the program's: its terminal comes to ``files.console``.
        """
        ...


def failure(text: str, *, argv: Sequence[str] = ()) -> RuntimeFailed:
    """The runtime's complaint in Docker's words, with the exit code that `docker run` gives for it."""
    complaint, code = _in_dockers_words(text, argv)
    return RuntimeFailed(
        f"failed to create task for container: OCI runtime create failed: {complaint}: unknown", exit_code=code
    )


def exec_failure(text: str, *, argv: Sequence[str]) -> RuntimeFailed:
    """As ``failure``, for `docker exec`."""
    complaint, code = _in_dockers_words(text, argv)
    complaint = _OF_EXECVE.sub(lambda found: "permission denied" if "perm" in found[1].lower() else found[1], complaint)
    return RuntimeFailed(
        f"OCI runtime exec failed: exec failed: unable to start container process: {complaint}: unknown",
        exit_code=NOT_FOUND if code == NOT_FOUND else NOT_EXECUTABLE,
    )


def _in_dockers_words(text: str, argv: Sequence[str]) -> tuple[str, int]:
    complaint = _tidy(text)
    code = _exit_code(complaint)
    program = argv[0] if argv else ""
    if code == NOT_FOUND and program and "/" not in program:
        complaint = f'exec: "{program}": executable file not found in $PATH'
    elif code == NOT_FOUND and program:
        complaint = f'exec: "{program}": stat {program}: no such file or directory'
    elif code == NOT_EXECUTABLE and program and program not in complaint:
        complaint = f'exec: "{program}": {complaint}'
    return complaint, code


def _exit_code(complaint: str) -> int:
    if _NOT_FOUND.search(complaint):
        return NOT_FOUND
    if _NOT_EXECUTABLE.search(complaint) and _ABOUT_THE_PROGRAM.search(complaint):
        return NOT_EXECUTABLE
    return ENGINE_FAILED


def _tidy(text: str) -> str:
    """Without the runtime's log dressing: times, levels and the name of the program."""
    lines = []
    for line in text.strip().splitlines():
        quoted = re.search(r'level=\w+ msg="((?:[^"\\]|\\.)*)"', line)
        plain = quoted[1].replace('\\"', '"') if quoted else line
        plain = re.sub(r"^[0-9T:.Z-]+: ", "", plain.strip())
        lines.append(re.sub(r"^(runc (create|run) failed|container create failed|error): ", "", plain))
    return "; ".join(dict.fromkeys(filter(None, lines)))[:_LONGEST_MESSAGE] or "no reason given"

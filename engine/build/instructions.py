"""The instructions of the Dockerfile reference, as the parser leaves them: words still quoted and unexpanded."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.build.lexer import Heredoc
from engine.build.run_mounts import MountText
from engine.build.words import Pair


@dataclass(frozen=True, slots=True)
class Command:
    """An argument list (``["a", "b"]``), or with ``is_shell`` one text for the shell."""

    words: tuple[str, ...]
    is_shell: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """``number`` is the line it starts on, ``text`` the line as "Step 1/2 : …" shows it."""

    number: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class From(Instruction):
    base: str
    stage_name: str = ""
    platform: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run(Instruction):
    """``network`` is "default", "none" or "host". ``script`` is a here-document to be executed itself (``#!``)."""

    command: Command
    network: str = "default"
    mounts: tuple[MountText, ...] = ()
    script: Heredoc | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy(Instruction):
    """COPY, and with ``is_add`` ADD. ``source_stage`` is ``--from``; ``chmod`` is not expanded yet.

    ``checksum`` is what a download must have, "" anything. ``excludes`` are patterns of what to leave out.
    ``is_linked``: what is at the destination counts only where it is a directory. ``keeps_parents``: a source keeps
    its path below the destination.
    """

    sources: tuple[str, ...]
    destination: str
    heredocs: tuple[Heredoc, ...] = ()
    is_add: bool = False
    source_stage: str = ""
    chown: str = ""
    chmod: str = ""
    excludes: tuple[str, ...] = ()
    is_linked: bool = False
    keeps_parents: bool = False
    checksum: str = ""
    keeps_git: bool = False

    @property
    def name(self) -> str:
        return "ADD" if self.is_add else "COPY"


@dataclass(frozen=True, slots=True, kw_only=True)
class Env(Instruction):
    pairs: tuple[Pair, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Label(Instruction):
    """``is_literal``: given with the request, so nothing in it is quoted or expanded."""

    pairs: tuple[Pair, ...]
    is_literal: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Arg(Instruction):
    """Names with their default, None when there is none."""

    defaults: tuple[tuple[str, str | None], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Workdir(Instruction):
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class User(Instruction):
    user: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cmd(Instruction):
    command: Command


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrypoint(Instruction):
    command: Command


@dataclass(frozen=True, slots=True, kw_only=True)
class Expose(Instruction):
    ports: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume(Instruction):
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StopSignal(Instruction):
    signal: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthcheckInstruction(Instruction):
    """``command`` None disables. Times in nanoseconds by flag name, 0 = default."""

    command: Command | None
    times_ns: Mapping[str, int] = field(default_factory=dict)
    retries: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell(Instruction):
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OnBuild(Instruction):
    """``trigger`` is the instruction to come, as text."""

    trigger: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Maintainer(Instruction):
    author: str


@dataclass(frozen=True, slots=True)
class Stage:
    """``index`` counts from 0 over the whole Dockerfile."""

    index: int
    base: From
    instructions: tuple[Instruction, ...]


@dataclass(frozen=True, slots=True)
class Dockerfile:
    """``arguments`` are the ARGs before the first FROM."""

    escape: str
    arguments: tuple[Arg, ...]
    stages: tuple[Stage, ...]
    warnings: tuple[str, ...] = ()

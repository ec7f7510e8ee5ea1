"""One parser per instruction: the rest of a line to its typed form. Raises without the line; ``parser`` adds it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypedDict

from engine.build import instructions as i
from engine.build.file_modes import ModeChange
from engine.build.lexer import Heredoc, Line
from engine.build.run_mounts import parse_mount
from engine.build.words import Flag, json_words, name_value_pairs, split_flags, split_words
from engine.model.durations import parse_duration
from engine.model.errors import Invalid, Unsupported

_STAGE_NAME = re.compile(r"[a-z][a-z0-9_.-]*")
_RUN_FLAGS = ("mount", "network", "security")
_COPY_FLAGS = ("from", "chown", "chmod", "link", "parents", "exclude")
_ADD_FLAGS = ("chown", "chmod", "link", "checksum", "keep-git-dir", "exclude")
_HEALTH_TIMES = ("interval", "timeout", "start-period", "start-interval")
_SHORTEST_TIME_NS = 1_000_000
_REPEATABLE = ("mount", "exclude")
SCRIPTS = "/dev/pipes"  # where a step finds the heredoc it executes
_BARE = ("link", "parents", "keep-git-dir")


def parse(name: str, line: Line, *, escape: str) -> i.Instruction:
    """``name`` is the line's first word in upper case."""
    parser = _PARSERS.get(name)
    if parser is None:
        raise Invalid(f"unknown instruction: {name[:80]}")
    rest = line.text.split(None, 1)[1] if len(line.text.split(None, 1)) > 1 else ""
    flags, arguments = split_flags(rest)
    repeated = {key: tuple(flag.value or "" for flag in flags if flag.name == key) for key in _REPEATABLE}
    return parser(Statement(line, _known_flags(name, flags), arguments, escape, repeated))


Flags = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Statement:
    """A line taken apart: ``rest`` is what follows name and flags; ``repeated`` has flags that may come again."""

    line: Line
    flags: Flags
    rest: str
    escape: str
    repeated: Mapping[str, tuple[str, ...]]

    @property
    def place(self) -> "_Place":
        return {"number": self.line.number, "text": self.line.text}


class _Place(TypedDict):
    number: int
    text: str


_FLAGS: Mapping[str, tuple[str, ...]] = {
    "FROM": ("platform",),
    "RUN": _RUN_FLAGS,
    "COPY": _COPY_FLAGS,
    "ADD": _ADD_FLAGS,
    "HEALTHCHECK": (*_HEALTH_TIMES, "retries"),
}


def _known_flags(name: str, flags: tuple[Flag, ...]) -> Flags:
    if name == "ONBUILD" and flags:
        raise Invalid(f"Unknown flag: {flags[0].name[:80]}")
    found: dict[str, str] = {}
    for flag in flags:
        if flag.name not in _FLAGS.get(name, ()):
            raise Invalid(f"Unknown flag: {flag.name[:80]}")
        if flag.value is None and flag.name not in _BARE:
            raise Invalid(f"Missing a value on flag: {flag.name}")
        if flag.name in found and flag.name not in _REPEATABLE:
            raise Invalid(f"Duplicate flag specified: {flag.name}")
        found[flag.name] = flag.value if flag.value is not None else "true"
    return found


def _from(it: Statement) -> i.From:
    words = it.rest.split()
    if len(words) not in (1, 3) or (len(words) == 3 and words[1].upper() != "AS"):
        raise Invalid("FROM requires either one or three arguments")
    name = words[2].lower() if len(words) == 3 else ""
    if name and not _STAGE_NAME.fullmatch(name):
        raise Invalid(
            f'invalid name for build stage: "{words[2][:80]}", name can\'t start with a number or contain symbols'
        )
    return i.From(**it.place, base=words[0], stage_name=name, platform=it.flags.get("platform", ""))


def _command(rest: str) -> i.Command:
    words = json_words(rest)
    if words is not None:
        return i.Command(words, is_shell=False)
    return i.Command((rest,) if rest else (), is_shell=True)


def _run(it: Statement) -> i.Run:
    if it.flags.get("security", "sandbox") != "sandbox":
        raise Unsupported("RUN --security=insecure is not supported: a build step is never privileged")
    network = it.flags.get("network", "default")
    if network not in ("default", "none", "host"):
        raise Invalid(f"unsupported network mode {network[:80]!r}: RUN --network is default, none or host")
    mounts = tuple(map(parse_mount, it.repeated.get("mount", ())))
    script = _script(it.line, it.rest)
    command = _command(it.rest)
    if script:
        command = i.Command((f"{SCRIPTS}/{script.name}",), is_shell=False)
    elif it.line.heredocs:
        command = _heredoc_command(it.line, it.rest)
    return i.Run(**it.place, command=command, network=network, mounts=mounts, script=script)


def _script(line: Line, rest: str) -> Heredoc | None:
    """``RUN <<EOF`` whose content begins with ``#!``."""
    if len(line.heredocs) != 1 or rest.strip() != line.heredocs[0].opening:
        return None
    heredoc = line.heredocs[0]
    if not heredoc.content.startswith("#!"):
        return None
    if "/" in heredoc.name or heredoc.name in (".", ".."):
        raise Invalid("a heredoc's name must be usable as a file name")
    return heredoc


def _heredoc_command(line: Line, rest: str) -> i.Command:
    """``RUN <<EOF`` alone runs the content; anything more is the shell's to make sense of."""
    if len(line.heredocs) == 1 and rest.strip() == line.heredocs[0].opening:
        return i.Command((line.heredocs[0].content,), is_shell=True)
    documents = "".join(f"{heredoc.content}{heredoc.name}\n" for heredoc in line.heredocs)
    return i.Command((f"{rest}\n{documents}",), is_shell=True)


def _copy(it: Statement) -> i.Copy:
    return _copy_or_add(it, is_add=False)


def _add(it: Statement) -> i.Copy:
    return _copy_or_add(it, is_add=True)


def _copy_or_add(it: Statement, *, is_add: bool) -> i.Copy:
    name = "ADD" if is_add else "COPY"
    words = json_words(it.rest) if not it.line.heredocs else None
    words = words if words is not None else tuple(it.rest.split())
    if len(words) < 2:
        raise Invalid(
            f"{name} requires at least two arguments, but only one was provided. Destination could not be determined"
        )
    openings = {heredoc.opening for heredoc in it.line.heredocs}
    return i.Copy(
        **it.place,
        sources=tuple(word for word in words[:-1] if word not in openings),
        destination=words[-1],
        heredocs=it.line.heredocs,
        is_add=is_add,
        source_stage=it.flags.get("from", ""),
        chown=it.flags.get("chown", ""),
        chmod=_chmod(it.flags.get("chmod", "")),
        excludes=it.repeated.get("exclude", ()),
        is_linked=_switch(it.flags, "link"),
        keeps_parents=_switch(it.flags, "parents"),
        checksum=it.flags.get("checksum", ""),
        keeps_git=_switch(it.flags, "keep-git-dir"),
    )


def _switch(flags: Flags, name: str) -> bool:
    text = flags.get(name, "false").lower()
    if text not in ("true", "false"):
        raise Invalid(f"--{name}={text[:80]}: expected true or false")
    return text == "true"


def _chmod(text: str) -> str:
    if text and "$" not in text:
        ModeChange.parse(text)
    return text


def _env(it: Statement) -> i.Env:
    pairs = name_value_pairs(it.rest, instruction="ENV", escape=it.escape)
    if not pairs:
        raise Invalid("ENV requires at least one argument")
    if any(not pair.name for pair in pairs):
        raise Invalid("ENV names can not be blank")
    return i.Env(**it.place, pairs=pairs)


def _label(it: Statement) -> i.Label:
    pairs = name_value_pairs(it.rest, instruction="LABEL", escape=it.escape)
    if not pairs:
        raise Invalid("LABEL requires at least one argument")
    if any(not pair.name for pair in pairs):
        raise Invalid("LABEL names can not be blank")
    return i.Label(**it.place, pairs=pairs)


def _arg(it: Statement) -> i.Arg:
    defaults: list[tuple[str, str | None]] = []
    for word in split_words(it.rest, escape=it.escape):
        name, equals, value = word.partition("=")
        if not name:
            raise Invalid("ARG names can not be blank")
        defaults.append((name, value if equals else None))
    if not defaults:
        raise Invalid("ARG requires at least one argument")
    return i.Arg(**it.place, defaults=tuple(defaults))


def _one(name: str, rest: str) -> str:
    if not rest:
        raise Invalid(f"{name} requires exactly one argument")
    return rest


def _workdir(it: Statement) -> i.Workdir:
    return i.Workdir(**it.place, path=_one("WORKDIR", it.rest))


def _user(it: Statement) -> i.User:
    return i.User(**it.place, user=_one("USER", it.rest))


def _maintainer(it: Statement) -> i.Maintainer:
    return i.Maintainer(**it.place, author=_one("MAINTAINER", it.rest))


def _stop_signal(it: Statement) -> i.StopSignal:
    return i.StopSignal(**it.place, signal=_one("STOPSIGNAL", it.rest))


def _cmd(it: Statement) -> i.Cmd:
    return i.Cmd(**it.place, command=_command(it.rest))


def _entrypoint(it: Statement) -> i.Entrypoint:
    return i.Entrypoint(**it.place, command=_command(it.rest))


def _expose(it: Statement) -> i.Expose:
    if not it.rest:
        raise Invalid("EXPOSE requires at least one argument")
    return i.Expose(**it.place, ports=tuple(it.rest.split()))


def _volume(it: Statement) -> i.Volume:
    words = json_words(it.rest)
    paths = words if words is not None else tuple(it.rest.split())
    if not paths:
        raise Invalid("VOLUME requires at least one argument")
    if any(not path.strip() for path in paths):
        raise Invalid("VOLUME specified can not be an empty string")
    return i.Volume(**it.place, paths=paths)


def _healthcheck(it: Statement) -> i.HealthcheckInstruction:
    if not it.rest:
        raise Invalid("HEALTHCHECK requires at least one argument")
    kind, *following = it.rest.split(None, 1)
    arguments = following[0] if following else ""
    if kind.upper() == "NONE":
        if arguments:
            raise Invalid("HEALTHCHECK NONE takes no arguments")
        return i.HealthcheckInstruction(**it.place, command=None)
    if kind.upper() != "CMD":
        raise Invalid(f'Unknown type "{kind.upper()[:80]}" in HEALTHCHECK (try CMD)')
    command = _command(arguments)
    if not any(command.words):
        raise Invalid("Missing command after HEALTHCHECK CMD")
    times = {name: _health_time(name, it.flags[name]) for name in _HEALTH_TIMES if name in it.flags}
    retries = _retries(it.flags["retries"]) if "retries" in it.flags else 0
    return i.HealthcheckInstruction(**it.place, command=command, times_ns=times, retries=retries)


def _health_time(name: str, text: str) -> int:
    time_ns = parse_duration(text)
    if 0 < time_ns < _SHORTEST_TIME_NS or time_ns < 0:
        raise Invalid(f'Interval "{name}" cannot be less than 1ms')
    return time_ns


def _retries(text: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,9}", text):
        raise Invalid(f'--retries="{text[:80]}" is not a number')
    if int(text) < 1:
        raise Invalid(f"--retries must be at least 1 (not {int(text)})")
    return int(text)


def _shell(it: Statement) -> i.Shell:
    words = json_words(it.rest)
    if words is None:
        raise Invalid("SHELL requires the arguments to be in JSON form")
    if not words:
        raise Invalid("SHELL requires at least one argument")
    return i.Shell(**it.place, words=words)


def _on_build(it: Statement) -> i.OnBuild:
    return i.OnBuild(**it.place, trigger=it.rest)


_PARSERS: Mapping[str, Callable[[Statement], i.Instruction]] = {
    "FROM": _from,
    "RUN": _run,
    "COPY": _copy,
    "ADD": _add,
    "ENV": _env,
    "LABEL": _label,
    "ARG": _arg,
    "WORKDIR": _workdir,
    "USER": _user,
    "MAINTAINER": _maintainer,
    "STOPSIGNAL": _stop_signal,
    "CMD": _cmd,
    "ENTRYPOINT": _entrypoint,
    "EXPOSE": _expose,
    "VOLUME": _volume,
    "HEALTHCHECK": _healthcheck,
    "SHELL": _shell,
    "ONBUILD": _on_build,
}

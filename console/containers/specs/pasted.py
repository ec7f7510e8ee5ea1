"""From a pasted ``docker run`` (``docker container create``, ``podman run``, …) to the container it would make."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from django.utils.translation import gettext as _

from console.containers.ports import PublishedPort
from console.containers.specs.flags import BY_NAME, CLIENT_NOTHING, CLIENT_WORD, LARGER, Flag, Takes
from console.containers.specs.shell_words import FIELD, shell_words
from console.containers.specs.spec import ContainerSpec, Join
from console.containers.specs.texts import NO, TMPFS, YES, read_duration, read_join, read_mount, read_size, read_volume
from console.operations.errors import Invalid

PROGRAMS = frozenset({"docker", "podman", "nerdctl", "docker.exe"})
# of the program itself, before "run"
PROGRAM_WORD = frozenset({"-H", "--host", "-c", "--context", "--config", "-l", "--log-level"})
RANGE = re.compile(r"(\d+)-(\d+)")
MOST_PORTS = 200
READS_FILES = frozenset({"--env-file", "--label-file"})


@dataclass(frozen=True, slots=True)
class Pasted:
    """``name`` empty: one is made up."""

    spec: ContainerSpec
    name: str = ""


def read_line(text: str) -> Pasted:
    """Invalid (``line``) names the flag that is not known or does not fit. Ports without an address are meant for all
    of the host's addresses, as Docker means them.
    """
    reader = _Reader(_after_run(shell_words(text)))
    try:
        return reader.pasted()
    except Invalid as error:
        raise Invalid(str(error), field=FIELD) from error


def _after_run(words: list[str]) -> list[str]:
    rest = [word for index, word in enumerate(words) if index or word not in ("$", "#")]
    while rest and (rest[0] in ("sudo", "$", "#") or re.fullmatch(r"[A-Za-z_]\w*=.*", rest[0])):
        rest = rest[1:]
    if not rest or rest[0].rpartition("/")[2] not in PROGRAMS:
        raise Invalid(_("The line begins with docker run, or podman run."), field=FIELD)
    rest = rest[1:]
    while rest and rest[0].startswith("-"):
        rest = rest[2 if rest[0] in PROGRAM_WORD else 1 :]
    if rest[:1] == ["container"]:
        rest = rest[1:]
    if rest[:1] not in (["run"], ["create"]):
        raise Invalid(_("The line begins with docker run, or podman run."), field=FIELD)
    return rest[1:]


def _fault(words: str, **facts: str) -> Invalid:
    return Invalid(words % {name: value[:80] for name, value in facts.items()}, field=FIELD)


@dataclass(slots=True)
class _Reader:
    words: list[str]
    found: dict[str, Any] = field(default_factory=dict)
    name: str = ""
    first: dict[str, Any] = field(default_factory=dict)

    def pasted(self) -> Pasted:
        while self.words and self.words[0].startswith("-") and self.words[0] != "-":
            word = self.words.pop(0)
            if word == "--":
                break
            if word.startswith("--"):
                self._long(word)
            else:
                self._cluster(word[1:])
        if not self.words:
            raise _fault(_("The line names no image."))
        image, *command = self.words
        networks = tuple(self.found.pop("networks", ()))
        given: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in self.found.items()
        }
        spec = ContainerSpec(image, tuple(command), networks=self._addressed(networks), **given)
        return Pasted(spec, self.name)

    def _addressed(self, networks: tuple[Join, ...]) -> tuple[Join, ...]:
        """``--ip`` and ``--network-alias`` are about the first."""
        if not self.first:
            return networks
        first = networks[0] if networks else Join("bridge")
        aliases = (*first.aliases, *self.first.pop("aliases", ()))
        return (replace(first, aliases=aliases, **self.first), *networks[1:])

    def _long(self, word: str) -> None:
        name, equals, value = word.partition("=")
        self._take(name, value if equals else None)

    def _cluster(self, letters: str) -> None:
        """``-it``, ``-p8080:80``, ``-dp 8080:80``, ``-t=false``."""
        while letters:
            name, letters = f"-{letters[0]}", letters[1:]
            takes_nothing = name in CLIENT_NOTHING or (name in BY_NAME and BY_NAME[name].takes is Takes.NOTHING)
            if takes_nothing and not letters.startswith("="):
                self._take(name, None)
                continue
            self._take(name, letters.removeprefix("=") if letters else None)
            return

    def _take(self, name: str, value: str | None) -> None:
        if name in READS_FILES:
            raise _fault(_("%(flag)s reads a file of your machine: write what stands in it."), flag=name)
        if name in CLIENT_NOTHING:
            return
        if name in CLIENT_WORD:
            self._word(name, value)
        elif name in LARGER:
            self._larger(name, self._word(name, value))
        elif name in BY_NAME:
            self._flag(BY_NAME[name], name, value)
        else:
            raise _fault(_("The flag %(flag)s is not known here."), flag=name)

    def _word(self, name: str, value: str | None) -> str:
        if value is not None:
            return value
        if not self.words:
            raise _fault(_("The flag %(flag)s wants a value."), flag=name)
        return self.words.pop(0)

    def _flag(self, flag: Flag, name: str, value: str | None) -> None:
        if flag.takes is Takes.NOTHING:
            if (value or "").lower() not in YES | NO:
                raise _fault(_("The flag %(flag)s is true or false."), flag=name)
            self.found[flag.field] = (value or "").lower() in YES
            return
        word = self._word(name, value)
        if flag.takes is Takes.WORDS:
            self.found.setdefault(flag.field, []).append(word)
        elif flag.takes is Takes.PAIRS:
            key, equals, text = word.partition("=")
            if not equals and flag.field == "env":
                raise _fault(_("%(flag)s %(name)s takes its value from your shell: write it."), flag=name, name=word)
            self.found.setdefault(flag.field, {})[key] = text
        else:
            try:
                self.found[flag.field] = READ[flag.takes](word, flag.field)
            except ValueError as error:
                raise _fault(_("The flag %(flag)s wants a number."), flag=name) from error

    def _larger(self, name: str, word: str) -> None:
        match name:
            case "--name":
                self.name = word
            case "--publish" | "-p":
                self.found.setdefault("ports", []).extend(_ports(word))
            case "--volume" | "-v":
                self._add("mounts", read_volume(word))
            case "--tmpfs":
                self._add("mounts", read_mount(TMPFS + word))
            case "--mount":
                if "=" not in word:
                    raise _fault(_("“%(text)s” is no mount."), text=word)
                self._add("mounts", read_mount(word))
            case "--network" | "--net":
                self._add("networks", read_join(word))
            case "--network-alias" | "--net-alias":
                self.first.setdefault("aliases", []).append(word)
            case "--ip" | "--ip6":
                self.first["ipv4" if name == "--ip" else "ipv6"] = word

    def _add(self, name: str, part: object) -> None:
        self.found.setdefault(name, []).append(part)


def _ports(word: str) -> list[PublishedPort]:
    """A range of as many on both sides is a port each."""
    body, slash, protocol = word.partition("/")
    head, _colon, inside = body.rpartition(":")
    address, _colon, outside = head.rpartition(":")
    inner, outer = _numbers(inside), _numbers(outside) if outside else []
    if outer and len(outer) != len(inner):
        raise _fault(_("“%(text)s”: as many ports outside as inside."), text=word)
    texts = [
        f"{address or '*'}:{outer[at] if outer else ''}:{number}{slash}{protocol}" for at, number in enumerate(inner)
    ]
    return PublishedPort.parse_all(texts)


def _numbers(text: str) -> list[str]:
    match = RANGE.fullmatch(text)
    if match is None:
        return [text]
    first, last = int(match[1][:6]), int(match[2][:6])
    if not 0 <= last - first < MOST_PORTS:
        raise _fault(_("“%(text)s” is no range of ports."), text=text)
    return [str(number) for number in range(first, last + 1)]


def _size(word: str, name: str) -> int:
    return -1 if word.strip() == "-1" else read_size(word, field=name)


READ: Mapping[Takes, Callable[[str, str], Any]] = {
    Takes.WORD: lambda word, _name: word,
    Takes.WHOLE: lambda word, _name: int(word),
    Takes.CPUS: lambda word, _name: float(word),
    Takes.SIZE: _size,
    Takes.DURATION: lambda word, name: read_duration(word, field=name),
}

"""Which images a Dockerfile would have the engine look at. Pure.

It is read by the engine, later and by finer rules; here nothing may be overlooked that it could see. So lines are taken
each alone and joined in every way there is, and a name that cannot be known before the build is an error. What is found
besides, in the text of a heredoc say, does no harm: a name more is judged.
"""

import re
from collections.abc import Iterable, Iterator, Mapping

from django.utils.translation import gettext as _

from console.operations.errors import Invalid

COMMENT = re.compile(r"(?m)^[ \t]*#.*\n?")
# both escape characters that a Dockerfile may choose
JOINED = (re.compile(r"\\[ \t]*\n"), re.compile(r"`[ \t]*\n"))
FROM = re.compile(r"(?i)^\s*(?:ONBUILD\s+)?FROM\s+((?:--\S+\s+)*)(\S+)(?:\s+AS\s+(\S+))?")
COPIED = re.compile(r"(?i)--from=([^\s,]+)")
# a mount's options may be quoted and in any order
MOUNTED = re.compile(r"(?i)\bfrom=([^\s,]+)")
ARG = re.compile(r"(?i)^\s*ARG\s+(.+)$")
PAIR = re.compile(r"""([A-Za-z_]\w*)=("[^"]*"|'[^']*'|\S*)""")
VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
QUOTES = re.compile(r"""["'\\`]""")
NO_IMAGE = "scratch"
DOCKER_HUB = "docker.io"


def base_images(dockerfile: str, build_args: Mapping[str, str] | None = None) -> list[str]:
    """Names as they are written there, variables filled in: ``build_args`` stand before what ARG says.

    Invalid (``dockerfile``) where one cannot be.
    """
    text = dockerfile.lstrip("\ufeff").replace("\r\n", "\n")
    bare = COMMENT.sub("", text)
    readings = [text.splitlines(), bare.splitlines(), *(ending.sub("", bare).splitlines() for ending in JOINED)]
    return list(dict.fromkeys(name for lines in readings for name in _named(lines, build_args or {})))


def registry_of(name: str) -> str:
    head, slash, _rest = name.partition("/")
    return head if slash and ("." in head or ":" in head or head == "localhost") else DOCKER_HUB


def _named(lines: Iterable[str], build_args: Mapping[str, str]) -> Iterator[str]:
    values: dict[str, set[str]] = {}
    # those begun so far, by name and by number
    stages: set[str] = set()
    count = 0
    for line in lines:
        _take_values(line, values, build_args)
        for word in (MOUNTED if "--mount" in line else COPIED).findall(line):
            name = _filled(word, values)
            if name.lower() not in stages | {str(number) for number in range(count)}:
                yield name
        if start := FROM.match(line):
            name = _filled(start[2], values)
            if name != NO_IMAGE and name.lower() not in stages:
                yield name
            count += 1
            stages |= {start[3].lower()} if start[3] else set()


def _take_values(line: str, values: dict[str, set[str]], build_args: Mapping[str, str]) -> None:
    if given := ARG.match(line):
        for word in given[1].split():
            name = word.partition("=")[0]
            if name in build_args:
                values[name] = {build_args[name]}
        for name, value in PAIR.findall(given[1]):
            if name not in build_args:
                values.setdefault(name, set()).add(QUOTES.sub("", value))


def _filled(word: str, values: dict[str, set[str]]) -> str:
    def value(match: re.Match[str]) -> str:
        known = values.get(match[1] or match[2], set())
        return next(iter(known)) if len(known) == 1 else match[0]

    filled = VARIABLE.sub(value, word)
    if "$" in filled:
        raise Invalid(
            _("“%(name)s” cannot be known before the build: give its ARG one value, or write the name out.")
            % {"name": word[:80]},
            field="dockerfile",
        )
    return QUOTES.sub("", filled)

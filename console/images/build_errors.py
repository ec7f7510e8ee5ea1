"""Where in a Dockerfile a build went wrong, from what the engine said. Pure."""

import re
from collections.abc import Mapping
from typing import Any, Final

_SAID: Final = (
    re.compile(r"(?i)dockerfile parse error (?:on )?line (\d+)"),
    re.compile(r"(?i)\bDockerfile:(\d+)\b"),
    re.compile(r"(?i)\bdockerfile line (\d+)\b"),
)


def error_line(dockerfile: str, error: str, progress: Mapping[str, Any]) -> int:
    """The line's number, 0 where nobody can tell: as the engine names it, else where the step under way stands."""
    lines = dockerfile.split("\n")
    for pattern in _SAID:
        if (match := pattern.search(error)) and 1 <= int(match[1]) <= len(lines):
            return int(match[1])
    what = " ".join(str(progress.get("what", "")).split())
    if not what or not error:
        return 0
    # an engine shows a step on one line, whatever it was in the file
    first = " ".join(what.split(" ")[:2])
    found = [number for number, line in enumerate(lines, start=1) if " ".join(line.split()).startswith(first)]
    return found[0] if len(found) == 1 else _best(lines, found, what)


def _best(lines: list[str], found: list[int], what: str) -> int:
    whole = [number for number in found if " ".join(lines[number - 1].rstrip("\\").split()) in what]
    return whole[0] if whole else 0

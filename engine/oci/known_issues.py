"""What is known against versions of the programs and libraries that containers stand on. Pure.

A short table of what would let a container out, kept by hand; it replaces no distribution's security tracker. A
version is judged by its number. Distributions mend without changing that, so a package revision that is known to have
the mend is listed too, where a component shows its own (Debian's runc does, as its "commit").
"""

import re
from dataclasses import dataclass
from typing import Final

AS_OF: Final = "November 2026"

_Version = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Component:
    """``version`` in its own words; ``details``: all that it says of itself."""

    name: str
    version: str
    details: str = ""


@dataclass(frozen=True, slots=True)
class Issue:
    """``affected``: from (included) to (excluded). ``mended``: package revisions that have it, despite their number."""

    component: str
    name: str
    affected: tuple[tuple[_Version, _Version], ...]
    effect: str
    mended: tuple[str, ...] = ()

    @property
    def fixed_in(self) -> str:
        return " or ".join(".".join(map(str, end)) for _, end in self.affected)


ISSUES: Final = (
    Issue(
        "runc",
        "CVE-2024-21626",
        (((0,), (1, 1, 12)),),
        "a working directory of /proc/self/fd/N leads to the host",
        mended=("1.1.5+ds1-1+deb12u1",),
    ),
    Issue(
        "runc",
        "CVE-2024-45310",
        (((0,), (1, 1, 14)),),
        "a race over a shared volume makes empty files on the host",
    ),
    Issue(
        "runc",
        "CVE-2025-31133, CVE-2025-52565 and CVE-2025-52881",
        (((0,), (1, 2, 8)), ((1, 3), (1, 3, 3))),
        "a race while masked paths are set up writes to files of /proc; a user namespace stops most of it",
    ),
    Issue("crun", "CVE-2022-27650", (((0,), (1, 4, 4)),), "exec gives inheritable capabilities"),
    Issue(
        "crun",
        "CVE-2026-30892",
        (((1, 19), (1, 27)),),
        "`crun exec --user 1` runs as root; the engine does not use that option",
    ),
    Issue(
        "libseccomp",
        "CVE-2019-9893",
        (((0,), (2, 4)),),
        "comparisons of 64-bit arguments are wrong, and with them what the filters refuse",
    ),
    Issue(
        "kernel",
        "CVE-2022-0847",
        (((5, 8), (5, 10, 102)), ((5, 11), (5, 15, 25)), ((5, 16), (5, 16, 11))),
        "read-only files, image layers among them, can be written",
    ),
    Issue(
        "kernel",
        "CVE-2022-0492",
        (((0,), (5, 4, 177)), ((5, 5), (5, 10, 97)), ((5, 11), (5, 15, 20)), ((5, 16), (5, 16, 6))),
        "release_agent of control groups can be set without the right to; our filter closes the way there",
    ),
    Issue(
        "kernel",
        "CVE-2024-1086",
        (
            ((3, 15), (5, 10, 210)),
            ((5, 11), (5, 15, 149)),
            ((5, 16), (6, 1, 76)),
            ((6, 2), (6, 6, 15)),
            ((6, 7), (6, 7, 3)),
        ),
        "nf_tables frees twice; our filter closes the way there",
    ),
    Issue(
        "kernel",
        "CVE-2026-31431",
        (
            ((4, 14), (5, 10, 254)),
            ((5, 11), (5, 15, 204)),
            ((5, 16), (6, 1, 170)),
            ((6, 2), (6, 6, 137)),
            ((6, 7), (6, 12, 85)),
            ((6, 13), (6, 18, 22)),
            ((6, 19), (6, 19, 12)),
        ),
        "AF_ALG sockets change files that may only be read, image layers among them; our filter refuses such sockets",
    ),
)


def issues_of(component: Component) -> list[Issue]:
    """Nothing for a version that has no number."""
    version = _parsed(component.version)
    return [
        issue for issue in ISSUES if issue.component == component.name and _holds(issue, version, component.details)
    ]


def verdict(component: Component) -> str:
    """One line."""
    found = issues_of(component)
    if not found:
        return f"{component.name} {component.version}: nothing known against it (as of {AS_OF})"
    return "; ".join(warnings(component))


def warnings(component: Component) -> list[str]:
    return [
        f"{component.name} {component.version} has {issue.name}: {issue.effect}; fixed in {issue.fixed_in}, "
        "unless your distribution has mended it in place"
        for issue in issues_of(component)
    ]


def _holds(issue: Issue, version: _Version, details: str) -> bool:
    if not version or any(revision in details for revision in issue.mended):
        return False
    return any(start <= version < end for start, end in issue.affected)


def _parsed(text: str) -> _Version:
    """(1, 1, 5) of "1.1.5+ds1"."""
    found = re.match(r"v?(\d+(?:\.\d+)*)", text)
    return tuple(map(int, found[1].split("."))) if found else ()

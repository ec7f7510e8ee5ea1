"""What a container changed since its image, as a tree with counts and sizes. Pure."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import translate

from django.utils.translation import gettext as _

from console.hosts.files import Change, Changes
from console.operations.errors import Invalid

# what programs leave behind while they work
NOISE = (
    "/tmp",  # noqa: S108 - in containers
    "/run",
    "/var/run",
    "/var/tmp",  # noqa: S108 - in containers
    "/var/log",
    "/var/cache",
    "/var/lib/apt/lists",
    "/root/.cache",
    "/root/.bash_history",
    "/root/.ash_history",
    "*/__pycache__",
    "*.pyc",
)
MOST_PATTERNS = 200
LONGEST_PATTERN = 300
# what a page draws; counts are of all
MOST_SHOWN = 2000
DEEPEST = 8
KINDS = ("added", "modified", "removed")


@dataclass(frozen=True, slots=True)
class DriftFilter:
    """``noise``: patterns of what is left out; ``kind`` one of KINDS or empty; ``text``: part of the path."""

    noise: Sequence[str] = ()
    kind: str = ""
    text: str = ""


@dataclass(slots=True)
class Totals:
    added: int = 0
    modified: int = 0
    removed: int = 0
    size_bytes: int = 0
    is_sized: bool = True

    def add(self, change: Change) -> None:
        setattr(self, change.kind, getattr(self, change.kind) + 1)
        if change.kind != "removed":
            self.size_bytes += change.size_bytes or 0
            self.is_sized &= change.size_bytes is not None

    @property
    def count(self) -> int:
        return self.added + self.modified + self.removed


@dataclass(slots=True)
class Node:
    """``change`` is None for a directory that only leads to what was changed. ``totals`` are of it and all below."""

    name: str
    path: str
    change: Change | None = None
    nodes: dict[str, "Node"] = field(default_factory=dict)
    totals: Totals = field(default_factory=Totals)

    @property
    def below(self) -> list["Node"]:
        return sorted(self.nodes.values(), key=lambda node: (not node.nodes, node.name))


@dataclass(frozen=True, slots=True)
class Drift:
    """``changes`` are those of the tree that are drawn.

    ``hidden``: how many the filter's noise left out; ``unread``: how many the engine has beyond what it told.
    ``unshown``: how many are counted in the tree but not drawn.
    """

    root: Node
    changes: tuple[Change, ...]
    hidden: int
    unread: int
    unshown: int

    @property
    def totals(self) -> Totals:
        return self.root.totals


def drift(found: Changes, wanted: DriftFilter) -> Drift:
    noise = _matcher(wanted.noise)
    real = _news(found.changes)
    loud = [change for change in real if not noise(change.path)]
    shown = [change for change in loud if _is_wanted(change, wanted)]
    root, unshown = _tree(shown)
    return Drift(root, tuple(shown[:MOST_SHOWN]), len(real) - len(loud), found.total - len(found.changes), unshown)


def _news(changes: Sequence[Change]) -> list[Change]:
    """Without the directories that are told as modified because something below them is."""
    parents = {change.path.rpartition("/")[0] for change in changes}
    return [change for change in changes if change.kind != "modified" or change.path not in parents]


def check_patterns(lines: Iterable[str]) -> list[str]:
    """Patterns as kept: without empty lines and doubles. Raises Invalid (patterns)."""
    patterns = list(dict.fromkeys(line.strip() for line in lines if line.strip()))
    if len(patterns) > MOST_PATTERNS:
        raise Invalid(_("At most %(most)d patterns.") % {"most": MOST_PATTERNS}, field="patterns")
    for pattern in patterns:
        if len(pattern) > LONGEST_PATTERN or pattern[0] not in "/*" or "\0" in pattern:
            raise Invalid(
                _("“%(pattern)s”: a pattern begins with “/” or “*” and has at most 300 characters.")
                % {"pattern": pattern[:60]},
                field="patterns",
            )
    return patterns


class _matcher:  # noqa: N801 - called like the function it stands for
    """Whether a path is matched by one of the patterns, or lies below what is."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._plain = {pattern.rstrip("/") for pattern in patterns if not set("*?[") & set(pattern)}
        # what fnmatch makes of stars cannot be made to take long (atomic groups)
        globs = [translate(pattern.rstrip("/")) for pattern in patterns if set("*?[") & set(pattern)]
        self._globs = re.compile("|".join(globs)) if globs else None

    def __call__(self, path: str) -> bool:
        return any(part in self._plain or self._is_glob(part) for part in _self_and_parents(path))

    def _is_glob(self, path: str) -> bool:
        return self._globs is not None and self._globs.match(path) is not None


def _self_and_parents(path: str) -> Iterator[str]:
    while path and path != "/":
        yield path
        path = path.rpartition("/")[0]


def _is_wanted(change: Change, wanted: DriftFilter) -> bool:
    return (not wanted.kind or change.kind == wanted.kind) and wanted.text.lower() in change.path.lower()


def _tree(changes: Sequence[Change]) -> tuple[Node, int]:
    """The tree, and how many changes of it are counted only."""
    root = Node("/", "/")
    for number, change in enumerate(changes):
        node = root
        node.totals.add(change)
        if number >= MOST_SHOWN:
            continue
        for name, path in _parts(change.path):
            node = node.nodes.setdefault(name, Node(name, path))
            node.totals.add(change)
        node.change = change
    return root, max(0, len(changes) - MOST_SHOWN)


def _parts(path: str) -> list[tuple[str, str]]:
    """Each name on the way with its path; what is deeper than a page can draw is one name."""
    names = path.strip("/").split("/")
    names = [*names[: DEEPEST - 1], "/".join(names[DEEPEST - 1 :])] if len(names) > DEEPEST else names
    found, reached = [], ""
    for name in names:
        reached = f"{reached}/{name}"
        found.append((name, reached))
    return found

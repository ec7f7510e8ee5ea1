"""The differences between two texts, in lines and within them. Pure.

By longest common subsequences in a library that works on bits: what two hostile texts may cost is bounded by their
lines, whatever is in them (Python's difflib takes minutes for some).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from rapidfuzz.distance import Indel

MOST_LINES = 10_000
AROUND = 3
# longer lines are told as changed without saying where
MOST_WORDS = 400
WORD = re.compile(r"\w+|\s+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Run:
    """A part of a line; ``is_marked`` where it is what makes the difference."""

    text: str
    is_marked: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """``kind``: same, removed, added. Numbers are those of the line in the old and in the new text."""

    kind: str
    runs: tuple[Run, ...]
    old: int | None = None
    new: int | None = None


@dataclass(frozen=True, slots=True)
class Hunk:
    rows: tuple[Row, ...]
    old_first: int
    new_first: int

    @property
    def heading(self) -> str:
        olds, news = (sum(row.kind != kind for row in self.rows) for kind in ("added", "removed"))
        return f"@@ -{self.old_first},{olds} +{self.new_first},{news} @@"


@dataclass(frozen=True, slots=True)
class Difference:
    """``is_cut``: the texts are longer than what was compared."""

    hunks: tuple[Hunk, ...]
    added: int
    removed: int
    is_cut: bool = False


@dataclass(slots=True)
class _Rows:
    rows: list[Row] = field(default_factory=list)
    added: int = 0
    removed: int = 0


def difference(old: str, new: str) -> Difference:
    olds, news = _lines(old), _lines(new)
    is_cut = len(olds) > MOST_LINES or len(news) > MOST_LINES
    olds, news = olds[:MOST_LINES], news[:MOST_LINES]
    found = _Rows()
    for block in _blocks(olds, news):
        if block.is_same:
            pairs = zip(block.old, block.new, strict=True)
            found.rows += [Row("same", (Run(olds[o]),), o + 1, n + 1) for o, n in pairs]
        else:
            found.removed += len(block.old)
            found.added += len(block.new)
            found.rows += _changed(olds, news, block.old, block.new)
    return Difference(tuple(_hunks(found.rows)), found.added, found.removed, is_cut)


def as_patch(found: Difference, *, old_name: str, new_name: str) -> str:
    """In the unified format."""
    signs = {"same": " ", "removed": "-", "added": "+"}
    lines = [f"--- {old_name}", f"+++ {new_name}"] if found.hunks else []
    for hunk in found.hunks:
        lines.append(hunk.heading)
        lines += [signs[row.kind] + "".join(run.text for run in row.runs) for row in hunk.rows]
    return "".join(f"{line}\n" for line in lines)


def _lines(text: str) -> list[str]:
    lines = text.split("\n")
    return lines[:-1] if lines[-1] == "" else lines


@dataclass(slots=True)
class _Block:
    """Lines of both texts from where to where; ``is_same``, or one side stands for the other."""

    is_same: bool
    old: range
    new: range


def _blocks(olds: Sequence[str], news: Sequence[str]) -> list[_Block]:
    """In order; no two that changed follow one another."""
    numbers: dict[str, int] = {}
    coded = [[numbers.setdefault(line, len(numbers)) for line in lines] for lines in (olds, news)]
    found: list[_Block] = []
    for code in Indel.opcodes(*coded):
        old, new = range(code.src_start, code.src_end), range(code.dest_start, code.dest_end)
        if code.tag != "equal" and found and not found[-1].is_same:
            found[-1].old, found[-1].new = range(found[-1].old.start, old.stop), range(found[-1].new.start, new.stop)
        else:
            found.append(_Block(code.tag == "equal", old, new))
    return found


def _changed(olds: Sequence[str], news: Sequence[str], old: range, new: range) -> list[Row]:
    """What was removed, then what was added; lines that stand for one another say where they differ."""
    pairs = dict(zip(old, new, strict=False))
    marked = {o: _within(olds[o], news[n]) for o, n in pairs.items()}
    removed = [Row("removed", marked[o][0] if o in marked else (Run(olds[o]),), old=o + 1) for o in old]
    partner = {n: o for o, n in pairs.items()}
    added = [Row("added", marked[partner[n]][1] if n in partner else (Run(news[n]),), new=n + 1) for n in new]
    return removed + added


def _within(old: str, new: str) -> tuple[tuple[Run, ...], tuple[Run, ...]]:
    """Both lines with marks on the words that differ; without when little of them is the same."""
    words = [WORD.findall(line) for line in (old, new)]
    if any(len(found) > MOST_WORDS for found in words) or Indel.normalized_similarity(*words) < 0.4:
        return (Run(old),), (Run(new),)
    olds: list[Run] = []
    news: list[Run] = []
    for code in Indel.opcodes(*words):
        is_same = code.tag == "equal"
        _append(olds, "".join(words[0][code.src_start : code.src_end]), is_marked=not is_same)
        _append(news, "".join(words[1][code.dest_start : code.dest_end]), is_marked=not is_same)
    return tuple(olds), tuple(news)


def _append(runs: list[Run], text: str, *, is_marked: bool) -> None:
    if text:
        runs.append(Run(text, is_marked))


def _hunks(rows: Sequence[Row]) -> Iterator[Hunk]:
    """Changed rows with those around them."""
    shown: list[tuple[int, int]] = []
    for number, row in enumerate(rows):
        if row.kind == "same":
            continue
        start, end = max(0, number - AROUND), min(len(rows), number + AROUND + 1)
        if shown and start <= shown[-1][1]:
            shown[-1] = (shown[-1][0], end)
        else:
            shown.append((start, end))
    olds = news = at = 0
    for start, end in shown:
        olds += sum(row.kind != "added" for row in rows[at:start])
        news += sum(row.kind != "removed" for row in rows[at:start])
        part = tuple(rows[start:end])
        old_count, new_count = (sum(row.kind != kind for row in part) for kind in ("added", "removed"))
        # a side without lines is told by the line before, as diff does
        yield Hunk(part, olds + (1 if old_count else 0), news + (1 if new_count else 0))
        olds, news, at = olds + old_count, news + new_count, end

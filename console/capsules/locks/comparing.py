"""What is there against a lock, side by side. Of variables only names are told, never what their values hash to."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from console.capsules.locks.document import Lock, fingerprint_of
from console.capsules.locks.environment import Environment

MOST_SHOWN = 200
MOST_DIFFERENCES = 500
# told by name: whether a value is the same is all that a hash says
HASHED = frozenset({"env", "options"})


@dataclass(frozen=True, slots=True)
class Difference:
    """``subject``: "service web", "service web 2" for one container of it, "network front", "volume data".

    ``locked`` and ``found`` are texts; empty where nothing is said. ``kind``: "changed", "missing" (only the lock has
    it), "added" (the lock does not have it).
    """

    subject: str
    field: str
    kind: str
    locked: str = ""
    found: str = ""

    def __str__(self) -> str:
        where = f"{self.subject}: {self.field}".rstrip(": ")
        sides = f": {self.locked or '—'} → {self.found or '—'}" if self.locked or self.found else ""
        return f"{where} {self.kind}{sides}"

    def as_json(self) -> dict[str, str]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Verdict:
    """``is_identical``: the fingerprints are the same. Secrets are told apart: machines have their own.

    ``other_secrets``: names of those that have another value than where the lock was made.
    """

    fingerprint: str
    locked_fingerprint: str
    differences: tuple[Difference, ...]
    other_secrets: tuple[str, ...]

    @property
    def is_identical(self) -> bool:
        return not self.differences and self.fingerprint == self.locked_fingerprint

    def as_json(self) -> dict[str, Any]:
        return {
            "is_identical": self.is_identical,
            "fingerprint": self.fingerprint,
            "locked_fingerprint": self.locked_fingerprint,
            "differences": [one.as_json() for one in self.differences],
            "other_secrets": list(self.other_secrets),
        }

    def text(self) -> str:
        """For a terminal."""
        lines = [f"identical  {self.fingerprint}"] if self.is_identical else [f"different  {self.fingerprint}"]
        lines += [] if self.is_identical else [f"lock       {self.locked_fingerprint}"]
        lines += [f"  {one}" for one in self.differences]
        lines += [f"  secret {name} has another value here" for name in self.other_secrets]
        return "\n".join(lines) + "\n"


def compared(lock: Lock, found: Environment) -> Verdict:
    """``found`` was observed with the lock's salt."""
    document = found.document()
    differences = [*_documents(lock.environment, document), *_odd_ones(found)]
    shared = lock.secrets.keys() & found.secrets.keys()
    others = sorted(name for name in shared if lock.secrets[name] != found.secrets[name])
    fingerprint = fingerprint_of(lock.salt, document)
    return Verdict(fingerprint, lock.fingerprint, tuple(differences[:MOST_DIFFERENCES]), tuple(others))


def _documents(locked: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[Difference]:
    for section, word in (("services", "service"), ("networks", "network"), ("volumes", "volume")):
        before, after = locked[section], found[section]
        for name in sorted(before.keys() | after.keys()):
            subject = f"{word} {name}"
            if name not in after:
                yield Difference(subject, "", "missing")
            elif name not in before:
                yield Difference(subject, "", "added")
            else:
                yield from _fields(subject, before[name], after[name])


def _odd_ones(found: Environment) -> Iterator[Difference]:
    for name in found.odd_ones:
        first, *others = found.services[name]
        for number, one in enumerate(others, start=2):
            yield from _fields(f"service {name} {number}", first, one)


def _fields(subject: str, locked: Mapping[str, Any], found: Mapping[str, Any], path: str = "") -> Iterator[Difference]:
    for name in sorted(locked.keys() | found.keys()):
        before, after = locked.get(name), found.get(name)
        if before == after:
            continue
        where = f"{path}.{name}" if path else name
        is_hashed = path.rpartition(".")[2] in HASHED
        if not is_hashed and isinstance(before, Mapping | None) and isinstance(after, Mapping | None):
            # part by part, also where one of them says nothing: hashes are never shown
            yield from _fields(subject, before or {}, after or {}, where)
        else:
            yield _difference(subject, where, before, after, is_hashed=is_hashed)


def _difference(subject: str, where: str, before: Any, after: Any, *, is_hashed: bool) -> Difference:
    kind = "added" if before is None else "missing" if after is None else "changed"
    if is_hashed:
        return Difference(subject, where, kind)
    return Difference(subject, where, kind, _shown(before), _shown(after))


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        value = " ".join(value)
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)
    return text[:MOST_SHOWN]

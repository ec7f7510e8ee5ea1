"""One directory of a listing of a volume's files. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

LATEST_S = 253_402_300_799


@dataclass(frozen=True, slots=True)
class Item:
    """``size_bytes`` of a directory: that of all the files below it which the listing names."""

    name: str
    path: str
    kind: str
    size_bytes: int
    modified_at: datetime
    mode: str
    owner: str
    target: str


@dataclass(frozen=True, slots=True)
class Folder:
    """``parents``: name and path of each directory above, the volume's root left out."""

    path: str
    parents: list[tuple[str, str]]
    items: list[Item]


def folder_of(entries: Sequence[Mapping[str, Any]], path: str) -> Folder:
    """What is directly in ``path``, directories first. Empty for a path that is no directory."""
    path = path.strip("/")
    prefix = f"{path}/" if path else ""
    below: dict[str, int] = {}
    own: list[Mapping[str, Any]] = []
    for entry in entries:
        if not str(entry["path"]).startswith(prefix):
            continue
        name, slash, _rest = str(entry["path"])[len(prefix) :].partition("/")
        if slash:
            below[name] = below.get(name, 0) + int(entry["size_bytes"])
        elif name:
            own.append(entry)
    items = [_item(entry, below) for entry in own]
    items.sort(key=lambda item: (item.kind != "directory", item.name))
    words = path.split("/") if path else []
    return Folder(path, [(word, "/".join(words[: at + 1])) for at, word in enumerate(words)], items)


def _item(entry: Mapping[str, Any], below: Mapping[str, int]) -> Item:
    path = str(entry["path"])
    name = path.rpartition("/")[2]
    return Item(
        name=name,
        path=path,
        kind=str(entry["kind"]),
        size_bytes=below.get(name, 0) if entry["kind"] == "directory" else int(entry["size_bytes"]),
        modified_at=datetime.fromtimestamp(min(max(int(entry["modified_s"]), 0), LATEST_S), UTC),
        mode=str(entry["mode"]),
        owner=str(entry["owner"]),
        target=str(entry["target"]),
    )

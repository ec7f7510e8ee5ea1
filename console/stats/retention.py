"""How long rings stay: as long as something in them is of the last day. A host has so many at most."""

import contextlib
import shutil
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from django.conf import settings

from console.hosts.models import Host
from console.stats.latest import folder_of
from console.stats.rings import TIERS

KEPT_S = TIERS[-1].span_s
MOST_RINGS = 5000


def tidy(now_s: float | None = None) -> int:
    """Remove rings to which nothing was written for a day, and all of hosts that are gone. Returns how many."""
    now_s = time.time() if now_s is None else now_s
    known = set(Host.objects.values_list("name", flat=True))
    removed = 0
    for folder in _folders():
        if folder.name not in known:
            shutil.rmtree(folder, ignore_errors=True)
            continue
        for ring, written_s in _rings(folder):
            if now_s - written_s > KEPT_S:
                ring.unlink(missing_ok=True)
                removed += 1
    return removed


def make_room(host_name: str, engine_ids: Iterable[str]) -> None:
    """Before samples are written: of a host with too many rings, those go that nobody has written to for longest."""
    folder = folder_of(host_name)
    known = {path.stem for path in folder.glob("*.ring")}
    excess = len(known | set(engine_ids)) - MOST_RINGS
    if excess > 0:
        for ring, _written in sorted(_rings(folder), key=lambda found: found[1])[:excess]:
            ring.unlink(missing_ok=True)


def _folders() -> list[Path]:
    with contextlib.suppress(FileNotFoundError):
        return [path for path in (Path(settings.NARU_DATA) / "stats").iterdir() if path.is_dir()]
    return []


def _rings(folder: Path) -> Iterator[tuple[Path, float]]:
    with contextlib.suppress(FileNotFoundError):
        for path in folder.glob("*.ring"):
            with contextlib.suppress(FileNotFoundError):
                yield path, path.stat().st_mtime

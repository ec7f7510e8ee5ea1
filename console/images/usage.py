"""How much room images take, as their hosts' engines tell it, remembered for a moment: the answer is dear to them."""

import asyncio
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import structlog
from asgiref.sync import async_to_sync

from console.hosts.disk import DiskUse, ImageUse, disk_use
from console.hosts.gateway import connect
from console.hosts.images import ImageDetail, image_detail
from console.hosts.models import Host
from console.images.models import Image
from console.operations.errors import ConsoleError

log = structlog.get_logger(__name__)

# a page does not wait longer for it
PATIENCE_S = 2.0
KEPT_S = 20.0


@dataclass(frozen=True, slots=True)
class _Remembered:
    """``use`` None: it did not answer."""

    at_s: float
    use: DiskUse | None


_remembered: dict[str, _Remembered] = {}
_lock = threading.Lock()


def uses_of(hosts: Iterable[Host], *, patience_s: float = PATIENCE_S) -> dict[str, DiskUse | None]:
    """By host; None for one that did not answer in time. All are asked at once."""
    addresses = {host.name: host.address for host in hosts}
    now_s = time.monotonic()
    with _lock:
        known = {name: _remembered.get(address) for name, address in addresses.items()}
    fresh = {name: one.use for name, one in known.items() if one is not None and now_s - one.at_s < KEPT_S}
    stale = {name: address for name, address in addresses.items() if name not in fresh}
    if not stale:
        return fresh
    answers = async_to_sync(_ask_all)(list(stale.values()), patience_s)
    with _lock:
        _remembered.update({address: _Remembered(now_s, use) for address, use in answers.items()})
    return fresh | {name: answers[address] for name, address in stale.items()}


def image_uses(use: DiskUse | None) -> Mapping[str, ImageUse]:
    """By the engine's id."""
    return {one.engine_id: one for one in use.images} if use is not None else {}


def forget(address: str) -> None:
    """What was told of that engine is not so any more."""
    with _lock:
        _remembered.pop(address, None)


def detail_of(image: Image) -> ImageDetail:
    """What it is made of, asked of its host. Missing or Unavailable when that cannot tell."""
    return async_to_sync(_detail)(image.host.address, image.engine_id)


async def _detail(address: str, engine_id: str) -> ImageDetail:
    async with connect(address) as engine:
        return await image_detail(engine, engine_id)


async def _ask_all(addresses: list[str], patience_s: float) -> dict[str, DiskUse | None]:
    answers = await asyncio.gather(*(_ask(address, patience_s) for address in addresses))
    return dict(zip(addresses, answers, strict=True))


async def _ask(address: str, patience_s: float) -> DiskUse | None:
    try:
        async with connect(address) as engine:
            return await disk_use(engine, timeout_s=patience_s)
    except ConsoleError as error:
        log.info("room not told", engine=address, why=str(error))
        return None

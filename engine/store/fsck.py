"""Checking, and mending, what an engine has on disk. No engine may run on the tree meanwhile: hold its lock.

All is checked before anything is mended, from what others need to those that need it: records, layers, images,
containers; at last what nothing needs is dropped. A layer whose tree is damaged is unpacked again from its blob. A blob
cannot be made again from the tree (its digest would be another): images that need a lost one leave the list, by name,
for somebody to pull or load them again.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from enum import IntEnum

from engine.config import EngineConfig
from engine.model.errors import EngineError
from engine.model.reference import Reference
from engine.store.content import ContentStore
from engine.store.findings import Code, Finding, Mend, Stores
from engine.store.fsck_content import ContentChecks
from engine.store.fsck_places import misplaced, strays
from engine.store.garbage import sweep
from engine.store.layers import LayerStore
from engine.store.records_on_disk import DatabaseDamaged, RecordsOnDisk, read_records
from engine.store.state import State

Tell = Callable[[str], object]
Check = Callable[[EngineConfig, RecordsOnDisk], Iterable[Finding]]


class Verdict(IntEnum):
    """The exit code of a check."""

    CLEAN = 0
    MENDED = 1
    DAMAGED = 2


async def fsck(
    config: EngineConfig, tell: Tell, *, repair: bool = False, quick: bool = False, more: Sequence[Check] = ()
) -> Verdict:
    """Tell each finding as one line. ``quick`` reads neither the blobs of layers nor their files.

    ``more`` are checks of what the store knows only as records, such as volumes; they block.
    """
    try:
        records = await asyncio.to_thread(_read, config)
    except DatabaseDamaged as error:
        code = Code.DATABASE_DAMAGED if config.state_path.exists() else Code.DATABASE_MISSING
        advice = f"put back a copy of it, or move {config.data_root} away to start afresh"
        tell(Finding(code, str(config.state_path), f"{error}; {advice}").line(is_mended=False))
        return Verdict.DAMAGED
    if records is None:
        tell("clean: there is nothing")
        return Verdict.CLEAN
    findings = await asyncio.to_thread(_found, config, records, more)
    with closing(State(config.state_path)) as state:
        content = ContentStore(config.data_root)
        stores = Stores(state, content, LayerStore(config.data_root, content, state))
        checks = ContentChecks(config, records, stores, quick=quick)
        findings += [finding async for finding in checks.findings()]
        return await _conclude(findings, stores, tell, repair=repair)


def _found(config: EngineConfig, records: RecordsOnDisk, more: Sequence[Check]) -> list[Finding]:
    findings = [*misplaced(config), *strays(config, records), *_records(records)]
    for check in more:
        findings += check(config, records)
    return findings


async def _conclude(findings: list[Finding], stores: Stores, tell: Tell, *, repair: bool) -> Verdict:
    left = 0
    for finding in findings:
        is_mended = repair and await _mended(finding, stores, tell)
        left += not is_mended
        tell(finding.line(is_mended=is_mended))
    if not findings:
        tell("clean")
        return Verdict.CLEAN
    if repair:
        await asyncio.to_thread(sweep, stores.content, stores.layers, stores.state)
    tell(f"{len(findings)} found, {len(findings) - left} mended")
    return Verdict.DAMAGED if left else Verdict.MENDED


async def _mended(finding: Finding, stores: Stores, tell: Tell) -> bool:
    if finding.mend is None:
        return False
    try:
        await finding.mend(stores)
    except (EngineError, OSError) as error:
        tell(f"{finding.code} {finding.subject}: cannot be mended: {error}")
        return False
    return True


def _read(config: EngineConfig) -> RecordsOnDisk | None:
    """None where no engine has ever been. Raises DatabaseDamaged, also for a database that is gone."""
    if config.state_path.is_symlink():
        raise DatabaseDamaged("is a symbolic link")
    if config.state_path.is_file():
        return read_records(config.state_path)
    if any(path.is_dir() and any(path.iterdir()) for path in (config.blobs, config.layers)):
        raise DatabaseDamaged("is not there, and there are images")
    return None


def _records(records: RecordsOnDisk) -> Iterator[Finding]:
    for table, key, why in records.damaged:
        yield Finding(Code.RECORD_DAMAGED, f"{table} {key}", f"cannot be read: {why}", _dropping(table, key), "removed")
    for table, key, why in records.put_aside:
        yield Finding(
            Code.RECORD_PUT_ASIDE, f"{table} {key}", f"was damaged: {why}", _forgetting(table, key), "removed"
        )
    for tag, image_id in records.tags.items():
        if image_id not in {image.hex for image in records.images}:
            yield Finding(Code.TAG_DANGLING, tag, f"names image {image_id[:12]}, which is not there", _untagging(tag))


def _dropping(table: str, key: str) -> Mend:
    async def mend(stores: Stores) -> None:
        await asyncio.to_thread(stores.state.query, f"DELETE FROM {table} WHERE id = ?", key)  # noqa: S608 (ours)

    return mend


def _forgetting(table: str, key: str) -> Mend:
    async def mend(stores: Stores) -> None:
        await asyncio.to_thread(stores.state.query, "DELETE FROM quarantine WHERE origin = ? AND id = ?", table, key)

    return mend


def _untagging(tag: str) -> Mend:
    async def mend(stores: Stores) -> None:
        await asyncio.to_thread(stores.state.delete_tag, Reference.parse(tag))

    return mend

"""The mounts of one RUN: first known, for the cache key, then laid down for as long as its step runs.

What a bind shows is a copy, made by the confined unpacker: its owners can be mapped, what the step writes there is
gone with it, and no symlink on the way to the source leads out of the stage or context it was asked from.
"""

import contextlib
import errno
import os
import posixpath
import stat
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from engine.build.cache_mounts import CacheMounts
from engine.build.copying import Files, Ownership, copy_plan, tar_of
from engine.build.file_modes import ModeChange
from engine.build.instruction_parsers import SCRIPTS
from engine.build.instructions import Run
from engine.build.lineage import Lineage
from engine.build.rootfs import Rootfs
from engine.build.run_mounts import Kind, RunMount, resolve_mount
from engine.build.source_trees import files_of, source_tree
from engine.build.sources import Inline, Source, digest_of, path_inside
from engine.build.threads import in_thread
from engine.build.tree import Tree, find, resolve
from engine.build.workshop import Workshop
from engine.host.confined import open_below, unpack_into
from engine.model.errors import Invalid, Unsupported
from engine.model.mount import Mount, MountKind

_EXECUTABLE = ModeChange("755")
_SECRETS_HELP = (
    "the classic builder protocol has no session to ask for it: send it with the request, in the X-Build-Secrets header"
)


@dataclass(frozen=True, slots=True)
class _Known:
    """A mount with what it shows: a ``source`` (bind, cache with ``from``), and of an image's volume ``is_volume``."""

    mount: RunMount
    source: Source | None = None
    is_volume: bool = False
    executable: bool = False


@dataclass(frozen=True, slots=True)
class StepMounts:
    """``facts`` go into the step's cache key. ``targets`` are places that may have to be made for mounts alone."""

    known: tuple[_Known, ...] = ()
    facts: tuple[str, ...] = ()
    volumes: tuple[str, ...] = field(default=())

    @property
    def targets(self) -> tuple[str, ...]:
        return tuple(one.mount.target for one in self.known if one.mount.target)


async def known_mounts(
    workshop: Workshop, lineage: Lineage, run: Run, held: AsyncExitStack, *, stage_index: int
) -> StepMounts:
    """``held`` keeps the sources open. Raises Invalid, Missing or Unsupported."""
    known: list[_Known] = []
    facts: list[str] = []
    for text in run.mounts:
        mount = resolve_mount(text, lineage.setting.expanded, working_dir=lineage.config.working_dir)
        source = None
        if mount.kind is Kind.BIND or mount.source_stage:
            tree = await source_tree(workshop, mount.source_stage, held, stage_index=stage_index)
            source = await in_thread(_found, tree, mount)
            facts.append(await in_thread(digest_of, [source]))
        _check_secret(mount, workshop)
        known.append(_Known(mount, source))
        facts.append(mount.facts)
    if run.script:
        mount = RunMount(kind=Kind.BIND, target=f"{SCRIPTS}/{run.script.name}", read_only=True)
        tree = Inline({run.script.name: run.script.content.encode()})
        source = await in_thread(_found_script, tree, run.script.name)
        known.append(_Known(mount, source, executable=True))
        facts.append(await in_thread(digest_of, [source]))
    return StepMounts(tuple(known), tuple(facts), _volumes(lineage, known))


def _volumes(lineage: Lineage, known: Sequence[_Known]) -> tuple[str, ...]:
    """The image's volumes that nothing else is mounted upon: what a step writes there is discarded, as under Docker."""
    paths = {"/" + posixpath.normpath(path).lstrip("/") for path in lineage.config.volumes}
    return tuple(sorted(paths - {one.mount.target for one in known} - {"/"}))


def _found(tree: Tree, mount: RunMount) -> Source:
    path = path_inside(mount.source)
    node = find(tree, path)
    if node is None:
        raise Invalid(f'RUN --mount: source "/{path[:200]}": not found')
    return Source(posixpath.basename(node.path), node, tree)


def _found_script(tree: Inline, name: str) -> Source:
    node = tree.lookup(name)
    if node is None:
        raise RuntimeError(f"the heredoc {name} was put there just now")
    return Source(name, node, tree)


def _check_secret(mount: RunMount, workshop: Workshop) -> None:
    if mount.kind is not Kind.SECRET:
        return
    if mount.env:
        raise Unsupported(
            f"secret {mount.id}: env={mount.env} is not supported: an environment is on record; read the secret from "
            "its file instead (target=…)"
        )
    if mount.is_required and mount.id not in workshop.request.secrets:
        raise Invalid(f"secret {mount.id}: not found: {_SECRETS_HELP}")


async def lay_mounts(workshop: Workshop, lineage: Lineage, mounts: StepMounts, held: AsyncExitStack) -> list[Mount]:
    """Every mount in its place, as long as ``held`` is."""
    laid: list[Mount] = []
    if not mounts.known and not mounts.volumes:
        return laid
    room = held.enter_context(workshop.services.rooms.room())
    # those that wait for others wait in one order, so that two steps cannot wait for each other
    order = sorted(range(len(mounts.known)), key=lambda number: _cache_key(mounts.known[number].mount))
    for number in order:
        mount = await _laid(workshop, mounts.known[number], room / str(number), held)
        laid += [mount] if mount is not None else []
    return [*laid, *await _laid_volumes(workshop, lineage, mounts.volumes, room)]


async def _laid(workshop: Workshop, known: _Known, place: Path, held: AsyncExitStack) -> Mount | None:
    mount = known.mount
    match mount.kind:
        case Kind.TMPFS:
            return Mount(MountKind.TMPFS, mount.target, tmpfs_size_bytes=mount.size_bytes)
        case Kind.BIND:
            path = await _copied(known, place)
        case Kind.CACHE:
            path = await held.enter_async_context(_cache(workshop.services.caches, known))
        case Kind.SECRET:
            if mount.id not in workshop.request.secrets:
                return None
            room = held.enter_context(workshop.services.rooms.memory_room())
            path = await in_thread(_secret_file, room, mount, workshop.request.secrets[mount.id])
    return Mount(MountKind.BIND, mount.target, source=str(path), read_only=mount.read_only)


async def _copied(known: _Known, place: Path) -> Path:
    """The source, in ``place``; what is mounted is that directory, or the one file in it."""
    source, mount = known.source, known.mount
    if source is None:
        raise RuntimeError("a bind mount without a source")
    await in_thread(place.mkdir)
    await _fill(
        source, place, Ownership(mode=_EXECUTABLE if known.executable else None, keeps_owners=_keeps_owners(mount))
    )
    return place if source.node.is_directory else place / "file"


def _keeps_owners(mount: RunMount) -> bool:
    """What comes from the context is root's, whoever it was for the client."""
    return bool(mount.source_stage)


async def _fill(source: Source, place: Path, ownership: Ownership) -> None:
    target = "/" if source.node.is_directory else "/file"
    plan = await in_thread(
        copy_plan, [source], target, rootfs=Rootfs(place), ownership=ownership, unpacks_archives=False
    )
    for part in plan:
        if isinstance(part, Files) and part.entries:
            await unpack_into(place, tar_of(part), compression="none")
    if source.node.is_directory:
        await in_thread(_dress, place, source, ownership)


def _dress(place: Path, source: Source, ownership: Ownership) -> None:
    """The top directory as its original is."""
    entry = source.node.entry
    os.chown(place, *((entry.uid, entry.gid) if ownership.keeps_owners else (ownership.uid, ownership.gid)))
    place.chmod(entry.mode)
    os.utime(place, ns=(entry.mtime_ns, entry.mtime_ns))


def _cache_key(mount: RunMount) -> str:
    facts = (mount.id, mount.source_stage, mount.source, mount.uid, mount.gid, mount.mode)
    return repr(facts) if mount.kind is Kind.CACHE else ""


@contextlib.asynccontextmanager
async def _cache(caches: CacheMounts, known: _Known) -> AsyncIterator[Path]:
    mount, source = known.mount, known.source

    async def fill(place: Path) -> None:
        if source is not None:
            if not source.node.is_directory:
                raise Invalid(f"RUN --mount: a cache's source must be a directory: {mount.source[:200]}")
            await _fill(source, place, Ownership(keeps_owners=True))
            return
        await in_thread(_own, place, mount)

    description = f"mount {mount.target} from cache {mount.id}"
    async with caches.held(_cache_key(mount), sharing=mount.sharing, description=description, fill=fill) as path:
        yield path


def _own(place: Path, mount: RunMount) -> None:
    os.chown(place, mount.uid, mount.gid)
    place.chmod(mount.mode)


def _secret_file(room: Path, mount: RunMount, value: bytes) -> Path:
    path = room / "secret"
    path.touch(mode=0o600)
    path.write_bytes(value)
    _own(path, mount)
    return path


async def _laid_volumes(workshop: Workshop, lineage: Lineage, volumes: Sequence[str], room: Path) -> list[Mount]:
    """Copies of what the image has at those places, to be written to and thrown away."""
    laid: list[Mount] = []
    if not volumes:
        return laid
    async with files_of(workshop, lineage.image) as scratch:
        tree = Rootfs(scratch.rootfs)
        for number, path in enumerate(volumes):
            place = room / f"volume-{number}"
            await in_thread(place.mkdir)
            node = await in_thread(find, tree, path)
            if node is not None and node.is_directory:
                await _fill(Source("", node, tree), place, Ownership(keeps_owners=True))
            laid.append(Mount(MountKind.BIND, path, source=str(place)))
    return laid


async def missing_places(workshop: Workshop, lineage: Lineage, targets: Sequence[str]) -> list[str]:
    """What the runtime will have to make in the image's files to mount on ``targets``, the deepest first."""
    if not targets:
        return []
    async with files_of(workshop, lineage.image) as scratch:
        return await in_thread(_missing, Rootfs(scratch.rootfs), targets)


def _missing(tree: Tree, targets: Sequence[str]) -> list[str]:
    found: set[str] = set()
    for target in targets:
        parts = resolve(target, tree.lookup).path.split("/")
        paths = ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]
        found.update(path for path in paths if tree.lookup(path) is None)
    return sorted(found, key=lambda path: (-path.count("/"), path))


def remove_stubs(upper: Path, places: Sequence[str]) -> None:
    """Take away the ``places`` that are still empty: they were made for mounts only. Follows no symlink. Blocks."""
    for place in places:
        directory, _, name = place.rpartition("/")
        with contextlib.suppress(FileNotFoundError, NotADirectoryError), contextlib.ExitStack() as opened:
            handle = open_below(upper, directory)
            opened.callback(os.close, handle)
            _remove_empty(handle, name)


def smooth(upper: Path, places: Sequence[str]) -> None:
    """Give the ``places`` of volumes, which the runtime made and crun with a mode of its own, Docker's. Blocks."""
    for place in places:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError), contextlib.ExitStack() as opened:
            handle = open_below(upper, place)
            opened.callback(os.close, handle)
            os.fchmod(handle, 0o755)


def _remove_empty(directory: int, name: str) -> None:
    status = os.stat(name, dir_fd=directory, follow_symlinks=False)
    if stat.S_ISREG(status.st_mode) and status.st_size == 0:
        os.unlink(name, dir_fd=directory)
    elif stat.S_ISDIR(status.st_mode):
        try:
            os.rmdir(name, dir_fd=directory)
        except OSError as error:
            if error.errno != errno.ENOTEMPTY:
                raise

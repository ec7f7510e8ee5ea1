"""COPY and ADD carried out: files chosen, digested, and, when the cache has no such layer, unpacked into a new one."""

import os
import posixpath
import re
import stat
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, ExitStack, suppress
from dataclasses import dataclass

from engine.build.copying import Archive, Files, Ownership, copy_plan, tar_of
from engine.build.created_by import nop_on_files
from engine.build.expansion import expand_content
from engine.build.file_modes import ModeChange
from engine.build.instructions import Copy
from engine.build.lineage import Lineage
from engine.build.remote_sources import remote_sources
from engine.build.rootfs import Rootfs
from engine.build.services import ScratchFiles
from engine.build.source_trees import files_of, source_tree
from engine.build.sources import Inline, Source, digest_of, select_sources, select_with_parents, without
from engine.build.threads import in_thread
from engine.build.tree import OnlyDirectories, Tree, text_of
from engine.build.workshop import Workshop
from engine.host.archive import Kind
from engine.host.confined import open_below, unpack_into
from engine.model.errors import EngineError, Invalid
from engine.oci.user import resolve_user
from engine.store.records import Layer

_URL = re.compile(r"https?://", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Words:
    """The instruction's words, expanded. ``destination`` as written, ``target`` absolute."""

    sources: tuple[str, ...]
    destination: str
    target: str
    chown: str
    mode: ModeChange | None


async def run_copy(workshop: Workshop, lineage: Lineage, copy: Copy, *, stage_index: int) -> None:
    """Raises Invalid, Missing or Unsupported, in Docker's words where it has some."""
    words = _expanded(copy, lineage)
    async with AsyncExitStack() as held:
        tree = await source_tree(workshop, copy.source_stage, held, stage_index=stage_index)
        remote = await remote_sources(workshop, copy, words.sources, held) if copy.is_add else {}
        sources = await in_thread(_selected, copy, words, tree, lineage, remote)
        # a repository's files and its .git are one source; with --parents the destination is a directory anyway
        is_one = copy.keeps_parents or (copy.keeps_git and len(words.sources) == 1)
        if len(sources) > 1 and not is_one and not words.destination.endswith("/"):
            raise Invalid(
                f"When using {copy.name} with more than one source file, "
                "the destination must be a directory and end with a /"
            )
        digest = await in_thread(digest_of, sources)
        flags = f"--chown={words.chown} " if words.chown else ""
        flags += f"--chmod={words.mode.text} " if words.mode else ""
        flags += "--link " if copy.is_linked else ""
        what = f"{copy.name} {flags}{digest} in {words.destination} "
        await lineage.advance(
            nop_on_files(lineage.config, what),
            depends_on=(words.target,),
            make=lambda: _layer(workshop, lineage, copy, words, sources),
        )


def _expanded(copy: Copy, lineage: Lineage) -> _Words:
    setting = lineage.setting
    sources = tuple(setting.expanded(source) for source in copy.sources)
    if not copy.is_add and any(_URL.match(source) for source in sources):
        raise Invalid("COPY failed: source can't be a URL for COPY")
    destination = setting.expanded(copy.destination)
    if not destination:
        raise Invalid(f"{copy.name} failed: the destination is empty")
    target = "/" + posixpath.normpath(posixpath.join("/", lineage.config.working_dir, destination)).lstrip("/")
    if destination.endswith("/") and target != "/":
        target += "/"
    chmod = setting.expanded(copy.chmod)
    mode = ModeChange.parse(chmod) if chmod else None
    return _Words(sources, destination, target, setting.expanded(copy.chown), mode)


def _selected(
    copy: Copy, words: _Words, tree: Tree, lineage: Lineage, remote: Mapping[str, list[Source]]
) -> list[Source]:
    try:
        sources: list[Source] = []
        select = select_with_parents if copy.keeps_parents else select_sources
        for text in words.sources:
            sources += remote[text] if text in remote else select(tree, [text], missing=_missing_from(copy))
        sources = without(sources, [lineage.setting.expanded(pattern) for pattern in copy.excludes])
        sources += _inline_sources(copy, lineage)
        if not sources:
            raise Invalid("no source files were specified")
        return sources
    except EngineError as error:
        raise type(error)(f"{copy.name} failed: {error}") from error


def _missing_from(copy: Copy) -> Callable[[str], str]:
    where = "" if copy.source_stage else "file not found in build context or excluded by .dockerignore: "
    return lambda path: f"{where}stat {path[:200]}: file does not exist"


def _inline_sources(copy: Copy, lineage: Lineage) -> list[Source]:
    setting = lineage.setting
    files = {
        heredoc.name: expand_content(heredoc.content, setting.variables, escape=setting.escape)
        if heredoc.is_expanded
        else heredoc.content
        for heredoc in copy.heredocs
    }
    if any("/" in name or name in (".", "..") for name in files):
        raise Invalid("a heredoc's name must be usable as a file name")
    tree = Inline({name: content.encode() for name, content in files.items()})
    return select_sources(tree, sorted(files), missing=str)


async def _layer(
    workshop: Workshop, lineage: Lineage, copy: Copy, words: _Words, sources: list[Source]
) -> Layer | None:
    async with files_of(workshop, lineage.image) as scratch:
        rootfs: Tree = Rootfs(scratch.rootfs)
        if copy.is_linked:
            rootfs = OnlyDirectories(rootfs)
        ownership = await in_thread(_ownership, workshop, words, scratch)
        plan = await in_thread(
            copy_plan, sources, words.target, rootfs=rootfs, ownership=ownership, unpacks_archives=copy.is_add
        )
        for part in plan:
            if copy.is_linked and isinstance(part, Files):
                await in_thread(_remove_links, scratch, part)
            await unpack(scratch, part)
        return await workshop.commit(scratch.upper, parent_diff_ids=lineage.diff_ids)


def _remove_links(scratch: ScratchFiles, files: Files) -> None:
    """Symlinks where ``files`` has directories: unpacking would go on behind them."""
    for placed in files.entries:
        if placed.entry.kind is not Kind.DIRECTORY:
            continue
        directory, _, name = text_of(placed.entry.name).rpartition("/")
        with suppress(FileNotFoundError, NotADirectoryError), ExitStack() as opened:
            handle = open_below(scratch.rootfs, directory)
            opened.callback(os.close, handle)
            if stat.S_ISLNK(os.stat(name, dir_fd=handle, follow_symlinks=False).st_mode):
                os.unlink(name, dir_fd=handle)


async def unpack(scratch: ScratchFiles, part: Files | Archive) -> None:
    """Put one part of a plan into place, in a process that can reach nothing else."""
    if isinstance(part, Archive):
        content = part.source.tree.content(part.source.node)
        await unpack_into(scratch.rootfs, content, destination=part.directory)
    elif part.entries:
        await unpack_into(scratch.rootfs, tar_of(part), compression="none")


def _ownership(workshop: Workshop, words: _Words, scratch: ScratchFiles) -> Ownership:
    uid, gid = _chowned(words.chown, scratch) if words.chown else (0, 0)
    return Ownership(uid, gid, words.mode, workshop.now_ns)


def _chowned(chown: str, scratch: ScratchFiles) -> tuple[int, int]:
    """``user[:group]`` in the image's own files; without a group, the one called like the user, as in Docker."""
    name, _, group = chown.partition(":")
    group = group or name
    failed = "unable to convert uid/gid chown string to host mapping"
    try:
        uid = resolve_user(name, rootfs=scratch.rootfs).uid
    except Invalid as error:
        raise Invalid(f"{failed}: can't find uid for user {name[:80]}: no such user: {name[:80]}") from error
    try:
        gid = resolve_user(f"{name}:{group}", rootfs=scratch.rootfs).gid
    except Invalid as error:
        raise Invalid(f"{failed}: can't find gid for group {group[:80]}: no such group: {group[:80]}") from error
    return uid, gid

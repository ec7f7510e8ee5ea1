"""The files of a stack out of a commit: those that its Compose files name, and no others. On the host's agent.

Which these are is found out by reading the project: whatever it asks for is looked up in the commit, and then it is
read again. A link is no file, and what lies outside of the stack's directory is not there.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from console.images.git import Repository
from console.operations.errors import Invalid
from console.stacks.sources import MOST_BYTES, MOST_FILES, Source, given_with


@dataclass(frozen=True, slots=True)
class Asking(Source):
    """Takes down the paths, below the stack's directory, that it was asked for."""

    asked: set[str] = field(default_factory=set)

    def read(self, path: str) -> str | None:
        begin = self.directory.rstrip("/") + "/"
        if path.startswith(begin):
            self.asked.add(path.removeprefix(begin))
        return Source.read(self, path)


@dataclass(frozen=True, slots=True)
class Wanted:
    """``paths`` are below the repository's root, in or below ``begin``, which is where the stack's directory is."""

    begin: str
    paths: Sequence[str]
    directory: str
    project: str
    variables: Mapping[str, str]
    profiles: Sequence[str]

    def source(self, files: Mapping[str, str]) -> Asking:
        paths = tuple(path.removeprefix(f"{self.begin}/") if self.begin else path for path in self.paths)
        return Asking(self.directory, self.project, files, paths, self.variables, tuple(self.profiles))


async def gather(repository: Repository, wanted: Wanted) -> Asking:
    """With all files that it names. ComposeInvalid for what is no project; Invalid for what is too much, or no text."""
    files: dict[str, str] = {}
    known: set[str] = set()
    while True:
        source = wanted.source(dict(files))
        problem = await asyncio.to_thread(_problem_of, source)
        new = sorted(source.asked - known)
        if not new:
            break
        for path in new:
            text = await _text(repository, wanted.begin, path, left_bytes=MOST_BYTES - _size(files))
            if text is not None:
                files[path] = text
        known.update(new)
        if len(files) > MOST_FILES:
            raise Invalid(_("A stack has at most 64 files, of 1 MiB in all."), field="files")
    if problem is not None:
        raise problem
    return source


def _problem_of(source: Source) -> Invalid | None:
    """Reads all that can be read."""
    try:
        given_with(source.load().project, source)
    except Invalid as error:
        return error
    return None


async def _text(repository: Repository, begin: str, path: str, *, left_bytes: int) -> str | None:
    full = f"{begin}/{path}" if begin else path
    size_bytes = await repository.size_of(full)
    if size_bytes is None:
        return None
    if size_bytes > left_bytes:
        message = _("“%(path)s” is too large: a stack has at most 64 files, of 1 MiB in all.")
        raise Invalid(message % {"path": full[:200]}, field="files")
    try:
        return (await repository.content_of(full)).decode()
    except UnicodeDecodeError as error:
        raise Invalid(_("“%(path)s” is no text in UTF-8.") % {"path": full[:200]}, field="files") from error


def _size(files: Mapping[str, str]) -> int:
    return sum(len(text.encode()) for text in files.values())

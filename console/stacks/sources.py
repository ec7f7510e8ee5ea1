"""A stack's own files to a project, and what its secrets and configs hold."""

import hashlib
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from console.operations.errors import Invalid
from console.secrets.references import name_in, names_in
from console.stacks.commits import Commit
from console.stacks.compose.loading import Loaded, Request, load
from console.stacks.compose.model import Project, StoredFile

MOST_FILES = 64
MOST_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Source:
    """Texts by their paths below ``directory``; ``paths`` are merged in their order."""

    directory: str
    project: str
    files: Mapping[str, str]
    paths: tuple[str, ...] = ("compose.yaml",)
    variables: Mapping[str, str] = field(default_factory=dict)
    profiles: tuple[str, ...] = ()
    # what they are of, where they come from a repository
    commit: Commit | None = None

    def load(self) -> Loaded:
        """ComposeInvalid with all that is wrong."""
        wanted = Request(
            self.directory,
            self.paths,
            name=self.project,
            variables=self.variables,
            profiles=frozenset(self.profiles),
        )
        return load(wanted, self.read)

    def read(self, path: str) -> str | None:
        """Nothing but these files: a stack cannot read the console's own."""
        begin = self.directory.rstrip("/") + "/"
        return self.files.get(path.removeprefix(begin)) if path.startswith(begin) else None


def checked_files(files: Mapping[str, str]) -> dict[str, str]:
    """With one spelling for each path. Invalid (``files``) for what lies elsewhere, or is too much."""
    found = {}
    for path, text in files.items():
        plain = posixpath.normpath(path)
        if not path or plain.startswith(("/", "..")) or "\0" in path or "\0" in text:
            message = _("“%(path)s” is no path of a file in the stack's directory.")
            raise Invalid(message % {"path": path[:80]}, field="files")
        found[plain] = text
    if len(found) > MOST_FILES or sum(len(text.encode(errors="replace")) for text in found.values()) > MOST_BYTES:
        raise Invalid(_("A stack has at most 64 files, of 1 MiB in all."), field="files")
    return found


@dataclass(frozen=True, slots=True)
class Given:
    """What goes to the host beside the project. ``secrets`` are names of those that are referred to."""

    contents: dict[str, str]
    secrets: list[str]


def given_with(project: Project, source: Source) -> Given:
    """Invalid (``files``) for a secret or config whose content nobody gave."""
    contents: dict[str, str] = {}
    for section, entries in (("secrets", project.secrets), ("configs", project.configs)):
        for key in sorted(_used(project, section)):
            contents[f"{section}/{key}"] = _content(section, key, entries[key], source)
    texts = [value for service in project.services.values() for value in service.environment.values()]
    return Given(contents, names_in([*contents.values(), *texts]))


def _used(project: Project, section: str) -> set[str]:
    return {one.source for service in project.services.values() for one in getattr(service, section)}


def _content(section: str, key: str, stored: StoredFile, source: Source) -> str:
    if stored.external:
        # one of the workspace's secrets
        return f"secret:{stored.name or key}"
    if stored.environment:
        found = source.variables.get(stored.environment)
    elif stored.file:
        found = source.read(stored.file)
    else:
        found = stored.content
    if found is None:
        words = {"section": section, "key": key, "where": stored.environment or stored.file}
        raise Invalid(_("%(section)s.%(key)s: there is no “%(where)s” among what was given.") % words, field="files")
    return found


def digests_of(contents: Mapping[str, str], versions: Mapping[str, int]) -> dict[str, str]:
    """Of texts, and of secrets by their version, so that a new version is something new."""
    return {key: _digest(text, versions) for key, text in contents.items()}


def _digest(text: str, versions: Mapping[str, int]) -> str:
    name = name_in(text)
    if name is not None and name in versions:
        text = f"{text} version {versions[name]}"
    return hashlib.sha256(text.encode()).hexdigest()

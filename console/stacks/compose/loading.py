"""From files to a project."""

import posixpath
import re
from collections.abc import Callable
from collections.abc import Mapping as AnyMapping
from collections.abc import Sequence as AnySequence
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from console.stacks.compose.dotenv import parse_variables
from console.stacks.compose.environments import Environments
from console.stacks.compose.extending import Extending
from console.stacks.compose.finishing import finished
from console.stacks.compose.grammar_project import PROJECT, PROJECT_NAME, name_wanted
from console.stacks.compose.interpolation import Interpolation
from console.stacks.compose.limits import LIMITS, Limits
from console.stacks.compose.model import Project
from console.stacks.compose.nodes import Mapping, Mark, Node, Scalar, Sequence, plain, wiped
from console.stacks.compose.parsing import parse
from console.stacks.compose.problems import Problem, Problems, refusal
from console.stacks.compose.shapes import At, Reading, merged, taken

# the text of the file at an absolute path; None where there is none
ReadFile = Callable[[str], str | None]
SECTIONS = ("services", "networks", "volumes", "secrets", "configs", "models")
MOST_INCLUDED = 10


@dataclass(frozen=True, slots=True)
class Request:
    """``paths`` are merged in their order and relative to ``directory``, which is absolute.

    ``variables`` go before those of the file ``.env`` in the directory. ``name`` goes before what files say.
    """

    directory: str
    paths: tuple[str, ...] = ("compose.yaml",)
    name: str = ""
    variables: AnyMapping[str, str] = field(default_factory=dict)
    profiles: frozenset[str] = frozenset()
    home: str = ""


@dataclass(frozen=True, slots=True)
class Loaded:
    """``files`` are those that were read, in their order."""

    project: Project
    warnings: tuple[Problem, ...]
    files: tuple[str, ...]


def load(request: Request, read: ReadFile, *, limits: Limits = LIMITS) -> Loaded:
    """ComposeInvalid with all problems of the first step that has any."""
    return _Loader(request, read, limits).load()


@dataclass(frozen=True, slots=True)
class _Scope:
    """Where files stand: what paths are relative to, which variables they see, who included them."""

    directory: str
    variables: dict[str, str]
    included: tuple[str, ...] = ()


class _Loader:
    def __init__(self, request: Request, read: ReadFile, limits: Limits) -> None:
        self._request = request
        self._read = read
        self._limits = limits
        self._texts: dict[str, str | None] = {}
        self._warnings: list[Problem] = []

    def load(self) -> Loaded:
        directory = posixpath.normpath(self._request.directory)
        variables = {**self._variables_in(posixpath.join(directory, ".env"), {}), **self._request.variables}
        paths = [posixpath.normpath(posixpath.join(directory, path)) for path in self._request.paths]
        documents = self._documents(paths)
        name = self._name(documents, directory, variables)
        scope = _Scope(directory, {**variables, "COMPOSE_PROJECT_NAME": name}, tuple(paths))
        tree = self._merged(documents, scope)
        profiles = self._request.profiles | set(filter(None, variables.get("COMPOSE_PROFILES", "").split(",")))
        project = finished(tree, name, directory, profiles=profiles, limits=self._limits)
        read = tuple(path for path, text in self._texts.items() if text is not None)
        return Loaded(project, tuple(self._warnings), read)

    def _name(self, documents: AnySequence[tuple[str, Mapping]], directory: str, variables: dict[str, str]) -> str:
        """The first of: the request's, the environment's, the last file's, the directory's."""
        given = self._request.name or variables.get("COMPOSE_PROJECT_NAME", "")
        if given:
            if not PROJECT_NAME.fullmatch(given):
                raise refusal(Mark(directory), "name", name_wanted())
            return given
        said = [document.get("name") for _path, document in documents if document.get("name") is not None]
        if said and isinstance(last := said[-1], Scalar):
            problems = Problems()
            name = Interpolation(variables, problems).applied(last, "name")
            problems.raise_any()
            return str(plain(name))
        return re.sub(r"[^a-z0-9_-]", "", posixpath.basename(directory).lower()).lstrip("_-") or "stack"

    # --- files ---

    def _text(self, path: str) -> str | None:
        if path not in self._texts:
            if len(self._texts) >= self._limits.files:
                raise refusal(Mark(path), "", _("These are more than %(most)d files.") % {"most": self._limits.files})
            self._texts[path] = self._read(path)
        return self._texts[path]

    def _required_text(self, path: str, asked_by: Mark | None = None, where: str = "") -> str:
        text = self._text(path)
        if text is None:
            message = _("There is no file “%(file)s” among those given.") % {"file": path}
            raise refusal(asked_by or Mark(path), where, message)
        return text

    def _variables_in(self, path: str, around: dict[str, str]) -> dict[str, str]:
        text = self._text(path)
        return parse_variables(text, path, around={**around, **self._request.variables}) if text else {}

    def _documents(self, paths: AnySequence[str], asked_by: Mark | None = None) -> list[tuple[str, Mapping]]:
        found = []
        for path in paths:
            text = self._required_text(path, asked_by, "include" if asked_by else "")
            documents = parse(text, path, limits=self._limits)
            found += [(path, document) for document in documents]
            if not documents:
                raise refusal(Mark(path, 1, 1), "", _("The file is empty."))
        return found

    # --- one tree ---

    def _merged(self, documents: AnySequence[tuple[str, Mapping]], scope: _Scope) -> Mapping:
        """All documents laid over one another, with what they extend and include, environments looked up."""
        tree: Node = Mapping({}, Mark(documents[0][0]))
        for path, document in documents:
            canonical = self._canonical(document, scope)
            services = canonical.get("services")
            if isinstance(services, Mapping):
                extended = Extending(lambda other, word: self._services_of(other, word, scope)).applied(services, path)
                canonical = canonical.with_entries({**canonical.entries, "services": extended})
            canonical = self._with_included(canonical, scope)
            tree = merged(PROJECT, tree, canonical) or tree
        tree = wiped(tree)
        assert isinstance(tree, Mapping)
        problems = Problems()
        services = tree.get("services")
        if isinstance(services, Mapping):
            looked_up = Environments(self._text, scope.variables, problems).applied(services)
            tree = tree.with_entries({**tree.entries, "services": looked_up})
        problems.raise_any()
        return tree

    def _canonical(self, document: Mapping, scope: _Scope) -> Mapping:
        problems = Problems()
        interpolation = Interpolation(scope.variables, problems)
        # "name" has been read, with the variables that were there before it
        node = interpolation.applied(document)
        self._warnings += interpolation.warnings
        found = taken(PROJECT, node, At("", Reading(scope.directory, problems, self._request.home, self._limits)))
        problems.raise_any()
        assert isinstance(found, Mapping)
        return found

    def _services_of(self, path: str, word: Node, scope: _Scope) -> Mapping:
        path = posixpath.normpath(posixpath.join(scope.directory, path))
        text = self._required_text(path, word.mark, "extends")
        inner = _Scope(posixpath.dirname(path), scope.variables)
        services: Node = Mapping({}, Mark(path))
        for document in parse(text, path, limits=self._limits):
            services = self._canonical(document, inner).get("services") or services
        assert isinstance(services, Mapping)
        return services

    # --- includes ---

    def _with_included(self, canonical: Mapping, scope: _Scope) -> Mapping:
        entries = dict(canonical.entries)
        included = entries.pop("include", None)
        for item in included.items if isinstance(included, Sequence) else ():
            tree = self._included(item, scope)
            for section in SECTIONS:
                self._import(section, tree.get(section), entries, item.mark)
        return canonical.with_entries(entries)

    def _included(self, item: Node, scope: _Scope) -> Mapping:
        wanted = plain(item)
        paths = [posixpath.normpath(posixpath.join(scope.directory, path)) for path in wanted["path"]]
        twice = next((path for path in paths if path in scope.included), None)
        if twice is not None or len(scope.included) > MOST_INCLUDED:
            message = _("Files include one another in a circle: %(files)s.")
            circle = [*scope.included, *paths][-6:]
            raise refusal(item.mark, "include", message % {"files": " → ".join(circle)})
        directory = posixpath.join(scope.directory, wanted.get("project_directory") or posixpath.dirname(paths[0]))
        directory = posixpath.normpath(directory)
        variables = self._included_variables(wanted, item.mark, directory, scope)
        inner = _Scope(directory, variables, (*scope.included, *paths))
        return self._merged(self._documents(paths, item.mark), inner)

    def _included_variables(
        self, wanted: dict[str, list[str]], mark: Mark, directory: str, scope: _Scope
    ) -> dict[str, str]:
        """Those around go before those of the files beside what is included."""
        found: dict[str, str] = {}
        for path in wanted.get("env_file") or []:
            absolute = posixpath.normpath(posixpath.join(scope.directory, path))
            text = self._required_text(absolute, mark, "include.env_file")
            found |= parse_variables(text, absolute, around={**found, **scope.variables})
        if not wanted.get("env_file"):
            found = self._variables_in(posixpath.join(directory, ".env"), scope.variables)
        return {**found, **scope.variables}

    def _import(self, section: str, incoming: Node | None, entries: dict[str, Node], mark: Mark) -> None:
        if not isinstance(incoming, Mapping):
            return
        present = entries.get(section)
        found = dict(present.entries) if isinstance(present, Mapping) else {}
        for name, value in incoming:
            if name in found and plain(found[name]) != plain(value):
                message = _("“%(name)s” is in what is included here, and again outside of it, differently.")
                raise refusal(mark, f"{section}.{name}", message % {"name": name})
            found[name] = value
        entries[section] = Mapping(found, mark)

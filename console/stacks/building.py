"""Images that a deployment has to build first: what each build is given, or why it cannot be.

What is built is what ``image.build`` jobs build: a folder of the stack's own files, a Dockerfile in the Compose file,
or a git repository that the host fetches.
"""

import io
import posixpath
import re
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from console.hosts.models import Host
from console.images.build_options import BuildOptions
from console.images.build_secrets import given_git, given_secrets
from console.images.operations import require_allowed
from console.images.owning import base_rules, require_own_names
from console.images.references import Reference
from console.jobs import blobs
from console.operations.actor import Actor
from console.operations.errors import ConsoleError
from console.secrets.references import name_in
from console.stacks.compose import parsing
from console.stacks.compose.nodes import Mapping as Tree
from console.stacks.compose.nodes import Mark
from console.stacks.compose.parts import Build
from console.stacks.compose.problems import Problem, Problems, refusal
from console.stacks.planning.plans import Action
from console.stacks.preparing import Prepared
from console.stacks.sources import Source
from console.workspaces.models import Workspace

# https://host/repository[.git][#ref[:folder]]
GIT = re.compile(r"(?P<url>https?://[^#]+?)(?:#(?P<ref>[^:]*)(?::(?P<directory>.*))?)?")
# what would make another image of it, and is not to be had here
NOT_HERE = (
    *("ssh", "additional_contexts", "privileged", "entitlements"),
    *("network", "isolation", "ulimits", "extra_hosts"),
)
INLINE = ".naru.Dockerfile"


@dataclass(frozen=True, slots=True)
class Builds:
    """``args`` of each build by service, ``blobs`` they need, and names of secrets they refer to."""

    args: dict[str, dict[str, Any]] = field(default_factory=dict)
    blobs: list[str] = field(default_factory=list)
    secrets: list[str] = field(default_factory=list)


def services_to_build(prepared: Prepared) -> dict[str, str]:
    """Image by service."""
    return {step.service: step.name for step in prepared.plan.steps if step.action is Action.BUILD}


def builds_for(actor: Actor, owner: Workspace, host: Host, prepared: Prepared, source: Source) -> Builds:
    """ComposeInvalid with the places of those that cannot be built; Denied and Conflict by the workspace's rules."""
    problems, found = Problems(), Builds()
    for service, image in services_to_build(prepared).items():
        build = prepared.project.services[service].build
        assert build is not None
        try:
            args = _args(actor, owner, host, _Wanted(prepared, source, service, image, build))
        except _Impossible as error:
            problems.found.append(Problem(_mark(source, service), f"services.{service}.build", str(error)))
            continue
        require_own_names(host, [args["tag"], *args.get("tags", [])], workspace=owner, field="files")
        require_allowed(owner, host, args)
        found.args[service] = args
        found.blobs.extend([args["context"]] if "context" in args else [])
        found.secrets.extend(args.get("secrets", []))
    problems.raise_any()
    return found


class _Impossible(Exception):
    """Why there can be no such build."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    prepared: Prepared
    source: Source
    service: str
    image: str
    build: Build


def _args(actor: Actor, owner: Workspace, host: Host, wanted: _Wanted) -> dict[str, Any]:
    build, service = wanted.build, wanted.prepared.project.services[wanted.service]
    if unknown := next((name for name in NOT_HERE if getattr(build, name)), ""):
        raise _Impossible(_("“%(name)s” cannot be had by builds here.") % {"name": unknown})
    try:
        options = BuildOptions(
            tags=build.tags,
            build_args={key: value for key, value in build.args.items() if value is not None},
            labels=build.labels,
            target=build.target,
            platform=build.platforms[0] if build.platforms else service.platform,
            no_cache=build.no_cache,
            pull=build.pull,
        ).checked()
        args = {"tag": str(Reference.parse(wanted.image, field="tag")), **options}
        return {**args, **given_secrets(actor, owner, _secrets(wanted), {}), **_sources(actor, owner, host, wanted)}
    except ConsoleError as error:
        if error.status != 400:
            raise
        raise _Impossible(str(error)) from error


def _secrets(wanted: _Wanted) -> dict[str, str]:
    """References by id. What a file or a variable holds would be kept with the job for everybody to read."""
    project, found = wanted.prepared.project, {}
    for one in wanted.build.secrets:
        stored = project.secrets[one.source]
        value = f"secret:{stored.name or one.source}" if stored.external else ""
        value = value or wanted.source.variables.get(stored.environment, "") or stored.content
        if name_in(value) is None:
            raise _Impossible(_("The secret “%(name)s” of a build has to be external.") % {"name": one.source})
        found[one.target or one.source] = value
    return found


def _sources(actor: Actor, owner: Workspace, host: Host, wanted: _Wanted) -> dict[str, Any]:
    build, context = wanted.build, wanted.build.context or wanted.source.directory
    path = posixpath.normpath(build.dockerfile or "Dockerfile")
    remote = GIT.fullmatch(context)
    if remote is not None:
        git = {name: value or "" for name, value in remote.groupdict().items()}
        facts = {"dockerfile_path": path, "bases": base_rules(owner, host)}
        return {**given_git(actor, owner, git), **facts}
    inner = _inner(wanted.source, context)
    if wanted.source.commit is not None and not build.dockerfile_inline:
        # all that the repository has there, and not only the files that were read for the stack
        facts = {"dockerfile_path": path.removeprefix(context.rstrip("/") + "/"), "bases": base_rules(owner, host)}
        return {**given_git(actor, owner, wanted.source.commit.git(inner)), **facts}
    files = _files_below(wanted.source, inner)
    if build.dockerfile_inline:
        path, files = INLINE, {**files, INLINE: build.dockerfile_inline}
    path = path.removeprefix(context.rstrip("/") + "/")
    if path not in files:
        message = _("There is no “%(path)s” among the stack's files in “%(context)s”.")
        raise _Impossible(message % {"path": path, "context": context})
    return {"context": _kept(files), "dockerfile_path": path}


def _inner(source: Source, context: str) -> str:
    """The context's path below the stack's directory; empty for that itself."""
    top = source.directory.rstrip("/") or "/"
    if context != top and not context.startswith(top.rstrip("/") + "/"):
        message = _("“%(context)s” is not in the stack's folder: only files that were given along can be built.")
        raise _Impossible(message % {"context": context})
    return context[len(top) :].strip("/")


def _files_below(source: Source, inner: str) -> dict[str, str]:
    """By their paths in the context."""
    begin = f"{inner}/" if inner else ""
    return {path.removeprefix(begin): text for path, text in source.files.items() if path.startswith(begin)}


def _kept(files: Mapping[str, str]) -> str:
    """The SHA-256 of a tar; the same files make the same one."""
    with blobs.incoming() as file:
        with tarfile.open(fileobj=file, mode="w") as tar:
            for path in sorted(files):
                content = files[path].encode()
                entry = tarfile.TarInfo(path)
                entry.size, entry.mode = len(content), 0o755 if content.startswith(b"#!") else 0o644
                tar.addfile(entry, io.BytesIO(content))
        return blobs.keep(file)


def _mark(source: Source, service: str) -> Mark:
    """Where its ``build`` is written; just the file where that cannot be told."""
    marks = [mark for path in source.paths for mark in _marks_in(source, path, service)]
    return marks[-1] if marks else Mark(f"{source.directory.rstrip('/')}/{source.paths[0]}")


def _marks_in(source: Source, path: str, service: str) -> Iterator[Mark]:
    name = f"{source.directory.rstrip('/')}/{path}"
    for document in parsing.parse(source.files.get(path, ""), name):
        node: Any = document
        for key in ("services", service):
            node = node.get(key) if isinstance(node, Tree) else None
        if isinstance(node, Tree) and node.get("build") is not None:
            yield node.key_mark("build")


def refuse_to_build(source: Source, service: str, image: str, host: Host) -> ConsoleError:
    """For a release of earlier, whose files are not kept."""
    words = {"image": image, "host": host.name}
    message = _("There is no image “%(image)s” on “%(host)s”. Build it first.") % words
    return refusal(_mark(source, service), f"services.{service}.build", message)

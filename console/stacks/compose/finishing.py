"""From one merged tree to the typed project: references, profiles, defaults, contradictions."""

from collections.abc import Iterator
from typing import Any

import msgspec
from django.utils.translation import gettext as _

from console.stacks.compose.limits import Limits
from console.stacks.compose.model import Project
from console.stacks.compose.nodes import Mapping, Mark, Node, grown, plain
from console.stacks.compose.problems import Problems
from console.stacks.compose.references import Checker, implied

RESOURCES = ("networks", "volumes", "secrets", "configs", "models")
NAMED = ("networks", "volumes", "secrets", "configs")


def finished(tree: Mapping, name: str, directory: str, *, profiles: frozenset[str], limits: Limits) -> Project:
    """ComposeInvalid with every reference that leads nowhere and everything that contradicts itself."""
    problems = Problems()
    written = _section(tree, "services")
    services = {key: service for key, service in written.items() if is_enabled(service, profiles)}
    sections = {section: _section(tree, section) for section in RESOURCES}
    if not written:
        problems.add(tree.mark, "services", _("There are no services."))
    services = {key: _completed(service, services) for key, service in services.items()}
    if any("default" in _attached(service) for service in services.values()):
        sections["networks"].setdefault("default", Mapping({}, tree.mark))
    Checker(services, written, sections, problems, limits).check()
    problems.raise_any()
    document: dict[str, Any] = {"name": name, "directory": directory}
    document["services"] = {key: plain(service) for key, service in services.items()}
    for section, entries in sections.items():
        document[section] = {key: _resource(section, name, key, value) for key, value in entries.items()}
    return msgspec.convert(document, Project)


def is_enabled(service: Mapping, profiles: frozenset[str]) -> bool:
    """Services without profiles are always part of it. "*" stands for every profile."""
    wanted = service.get("profiles")
    names = plain(wanted) if wanted is not None else []
    return not names or "*" in profiles or bool(profiles & set(names))


def _section(tree: Mapping, name: str) -> dict[str, Mapping]:
    found = tree.get(name)
    entries = found.entries if isinstance(found, Mapping) else {}
    return {key: value for key, value in entries.items() if isinstance(value, Mapping)}


def _completed(service: Mapping, services: dict[str, Mapping]) -> Mapping:
    """With the network that one is on who says nothing, and the dependencies that other words imply."""
    entries = dict(service.entries)
    if "networks" not in entries and "network_mode" not in entries and "provider" not in entries:
        entries["networks"] = grown({"default": {}}, service.mark)
    written = entries.get("depends_on")
    dependencies = dict(written.entries) if isinstance(written, Mapping) else {}
    for name, mark, restart in implied(service):
        if name in services and name not in dependencies:
            dependencies[name] = _dependency(mark, restart=restart)
    # one that is off, or is not there, and need not be
    kept = {name: one for name, one in dependencies.items() if name in services or plain(one).get("required", True)}
    if kept or written is not None:
        entries["depends_on"] = Mapping(kept, written.mark if written is not None else service.mark)
    return service.with_entries(entries)


def _dependency(mark: Mark, *, restart: bool) -> Node:
    return grown({"condition": "service_started", "restart": restart}, mark)


def _attached(service: Mapping) -> Iterator[str]:
    found = service.get("networks")
    return iter(found.entries if isinstance(found, Mapping) else ())


def _resource(section: str, project: str, key: str, value: Mapping) -> dict[str, Any]:
    """With its name on the host: of its own, or the project's name before the key."""
    found: dict[str, Any] = plain(value)
    if section in NAMED and not found.get("name"):
        found["name"] = key if found.get("external") else f"{project}_{key}"
    return found

"""What a project's parts say of one another, and what of it cannot be."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from console.stacks.compose.limits import Limits
from console.stacks.compose.nodes import Mapping, Mark, Node, Sequence, plain
from console.stacks.compose.problems import Problems
from console.stacks.compose.shapes import unknown

SERVICE_MODES = ("network_mode", "ipc", "pid")
# the same limit, said in two places
TWICE = (
    ("mem_limit_bytes", "memory_bytes", "mem_limit", "memory"),
    ("cpus", "cpus", "cpus", "cpus"),
    ("pids_limit", "pids", "pids_limit", "pids"),
)
# what the console says of containers is not for files to say
RESERVED = "naru."
ONE_SOURCE = ("file", "environment", "content")


def implied(service: Mapping) -> Iterator[tuple[str, Mark, bool]]:
    """Services that others words than ``depends_on`` lead to, and whether it is to restart with them."""
    for item in _items(service, "links"):
        yield str(plain(item)).split(":")[0], item.mark, True
    for item in _items(service, "volumes_from"):
        name = str(plain(item)).split(":")[0]
        if name != "container":
            yield name, item.mark, False
    for field in SERVICE_MODES:
        mode = service.get(field)
        if mode is not None and str(plain(mode)).startswith("service:"):
            yield str(plain(mode)).removeprefix("service:"), mode.mark, True


@dataclass(slots=True)
class Checker:
    """``services`` are those that are on, ``written`` all of them."""

    services: dict[str, Mapping]
    written: dict[str, Mapping]
    sections: dict[str, dict[str, Mapping]]
    problems: Problems
    limits: Limits

    def check(self) -> None:
        for name, service in self.services.items():
            self._service(f"services.{name}", service)
        self._circles()
        self._count()
        for section in ("secrets", "configs"):
            for name, entry in self.sections[section].items():
                self._stored(f"{section}.{name}", entry)
        for section in ("networks", "volumes"):
            for name, entry in self.sections[section].items():
                self._external(f"{section}.{name}", entry)

    def _service(self, path: str, service: Mapping) -> None:
        if not any(service.get(field) is not None for field in ("image", "build", "provider")):
            self.problems.add(service.mark, path, _("A service has an “image” or a “build”."))
        if (mode := service.get("network_mode")) is not None and "networks" in service.entries:
            message = _("A service has either “network_mode” or “networks”.")
            self.problems.add(mode.mark, f"{path}.network_mode", message)
        deploy = service.get("deploy")
        self._labels(path, service)
        if isinstance(deploy, Mapping):
            self._labels(f"{path}.deploy", deploy)
        self._references(path, service)
        self._contradictions(path, service)

    def _labels(self, path: str, holder: Mapping) -> None:
        for name, value in _entries(holder, "labels"):
            if name.startswith(RESERVED):
                message = _("Labels that begin with naru. are the console’s own.")
                self.problems.add(value.mark, f"{path}.labels", message)

    # --- what leads somewhere ---

    def _references(self, path: str, service: Mapping) -> None:
        for name, value in _entries(service, "depends_on"):
            self._require_service(f"{path}.depends_on", name, value.mark)
        for name, mark, _restart in implied(service):
            self._require_service(path, name, mark)
        for name, value in _entries(service, "networks"):
            self._require("networks", f"{path}.networks", name, value.mark)
        for name, value in _entries(service, "models"):
            self._require("models", f"{path}.models", name, value.mark)
        for item in _items(service, "volumes"):
            mount = plain(item)
            if mount["type"] in ("volume", "cluster") and mount.get("source"):
                self._require("volumes", f"{path}.volumes", mount["source"], item.mark)
        for section in ("secrets", "configs"):
            for item in _items(service, section):
                self._require(section, f"{path}.{section}", plain(item)["source"], item.mark)
        build = service.get("build")
        for item in _items(build, "secrets") if isinstance(build, Mapping) else ():
            self._require("secrets", f"{path}.build.secrets", plain(item)["source"], item.mark)

    def _require(self, section: str, path: str, name: str, mark: Mark) -> None:
        if name not in self.sections[section]:
            message = _("“%(name)s” is not among the “%(section)s” of the file.") % {"name": name, "section": section}
            self.problems.add(mark, path, _with_hint(message, name, self.sections[section]))

    def _require_service(self, path: str, name: str, mark: Mark) -> None:
        if name in self.services:
            return
        if name in self.written:
            message = _("The service “%(name)s” is needed here, and none of its profiles is on.")
            self.problems.add(mark, path, message % {"name": name})
            return
        message = _("There is no service “%(name)s”.") % {"name": name}
        self.problems.add(mark, path, _with_hint(message, name, self.written))

    def _circles(self) -> None:
        """Services that wait for one another: what is left when those are taken away who wait for nobody."""
        waiting = {
            name: set(dict(_entries(one, "depends_on"))) & self.services.keys() for name, one in self.services.items()
        }
        needed_by: dict[str, list[str]] = {}
        for name, others in waiting.items():
            for other in others:
                needed_by.setdefault(other, []).append(name)
        ready = [name for name, others in waiting.items() if not others]
        while ready:
            done = ready.pop()
            del waiting[done]
            for name in needed_by.get(done, ()):
                waiting[name].discard(done)
                if not waiting[name]:
                    ready.append(name)
        if waiting:
            circle = _circle(waiting)
            mark = self.services[circle[0]].mark
            message = _("Services wait for one another in a circle: %(names)s.")
            self.problems.add(mark, f"services.{circle[0]}.depends_on", message % {"names": " → ".join(circle)})

    # --- what cannot be ---

    def _contradictions(self, path: str, service: Mapping) -> None:
        said = plain(service)
        deploy = said.get("deploy") or {}
        limits = (deploy.get("resources") or {}).get("limits") or {}
        for own, other, field, word in TWICE:
            if own in said and other in limits and said[own] != limits[other]:
                self._differ(f"{path}.{field}", service.entries[own], f"deploy.resources.limits.{word}")
        if "scale" in said and deploy.get("replicas", said["scale"]) != said["scale"]:
            self._differ(f"{path}.scale", service.entries["scale"], "deploy.replicas")
        if "container_name" in said and _replicas(said) > 1:
            message = _("A container has this name already when there is a second one; leave the name out.")
            self.problems.add(service.entries["container_name"].mark, f"{path}.container_name", message)
        if said.get("pull_policy") == "build" and "build" not in said:
            message = _("There is no “build” here.")
            self.problems.add(service.entries["pull_policy"].mark, f"{path}.pull_policy", message)

    def _differ(self, path: str, node: Node, other: str) -> None:
        self.problems.add(node.mark, path, _("“%(other)s” says something else.") % {"other": other})

    def _count(self) -> None:
        total = sum(_replicas(plain(service)) for service in self.services.values())
        if total > self.limits.containers:
            message = _("These are %(count)d containers; at most %(most)d can be in one stack.")
            words = {"count": total, "most": self.limits.containers}
            self.problems.add(next(iter(self.services.values())).mark, "services", message % words)

    def _stored(self, path: str, entry: Mapping) -> None:
        said = plain(entry)
        sources = [name for name in ONE_SOURCE if name in said]
        if said.get("external"):
            self._external(path, entry)
        elif len(sources) != 1 and "driver" not in said:
            message = _("One of these says where it comes from: %(words)s.")
            self.problems.add(entry.mark, path, message % {"words": ", ".join((*ONE_SOURCE, "external"))})

    def _external(self, path: str, entry: Mapping) -> None:
        """What somebody else made is as they made it."""
        said = plain(entry)
        more = sorted(set(said) - {"external", "name"})
        if said.get("external") and more:
            message = _("It is external, so “%(name)s” cannot be said of it.") % {"name": more[0]}
            self.problems.add(entry.entries[more[0]].mark, path, message)


def _replicas(service: dict[str, Any]) -> int:
    return int(service.get("scale", (service.get("deploy") or {}).get("replicas", 1)))


def _circle(waiting: dict[str, set[str]]) -> list[str]:
    """One of the circles, its first service again at the end."""
    seen: list[str] = []
    name = min(waiting)
    while name not in seen:
        seen.append(name)
        name = min(waiting[name])
    return [*seen[seen.index(name) :], name]


def _with_hint(message: str, name: str, known: dict[str, Mapping]) -> str:
    near = unknown(name, known)
    return f"{message} {near.split('. ', 1)[1]}" if "?" in near else message


def _items(node: Mapping, name: str) -> tuple[Node, ...]:
    found = node.get(name)
    return found.items if isinstance(found, Sequence) else ()


def _entries(node: Mapping, name: str) -> Iterator[tuple[str, Node]]:
    found = node.get(name)
    return iter(found.entries.items() if isinstance(found, Mapping) else ())

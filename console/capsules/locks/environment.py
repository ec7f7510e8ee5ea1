"""All of a stack as its host has it: services, networks, volumes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from console.capsules.locks.hashing import secret_hash, value_hash
from console.capsules.locks.seen import Document, Hints, Seen
from console.capsules.locks.service import Around, Facts, facts_of, placed_files, said, values_of
from console.stacks.planning import labels


@dataclass(frozen=True, slots=True)
class Environment:
    """``services``: the facts of each container, by service, in the order of their numbers; one that is not like the
    first is a difference in itself. ``secrets``: hashes of values by name, no part of the fingerprint; "" where
    containers have different ones.
    """

    services: Mapping[str, tuple[Facts, ...]]
    networks: Facts
    volumes: Facts
    secrets: Mapping[str, str]

    @property
    def odd_ones(self) -> list[str]:
        """Services whose containers are not alike."""
        return [name for name, found in self.services.items() if any(one != found[0] for one in found)]

    def document(self) -> Facts:
        """What is fingerprinted: of each service its first container, and how many there are."""
        services = {name: {**found[0], "replicas": len(found)} for name, found in self.services.items()}
        return {"services": services, "networks": dict(self.networks), "volumes": dict(self.volumes)}


def environment_of(seen: Seen, *, salt: str, hints: Mapping[str, Hints]) -> Environment:
    ordered = sorted(seen.containers, key=lambda one: (labels.number_of(_marks(one)), str(one.get("Id", ""))))
    around = _around(seen)
    services: dict[str, tuple[Facts, ...]] = {}
    secrets: dict[str, set[bytes]] = {}
    for one in ordered:
        name = _marks(one)[labels.SERVICE]
        own = hints.get(name, Hints())
        contents = {path: seen.files.get((str(one.get("Id", "")), path)) for path in own.paths}
        facts = facts_of(one, around, salt=salt, hints=own) | placed_files(contents, own)
        services[name] = (*services.get(name, ()), facts)
        for secret, held in _secret_values(one, contents, own):
            secrets.setdefault(secret, set()).add(held)
    used = {mount.get("source") for found in services.values() for mount in found[0].get("mounts", {}).values()}
    networks = {key for found in services.values() for key in found[0].get("networks", {})}
    return Environment(
        dict(sorted(services.items())),
        _networks(seen.networks, seen.project, networks),
        _volumes(seen.volumes, seen.project, used, salt=salt),
        {name: _one_hash(salt, name, values) for name, values in sorted(secrets.items())},
    )


def hints_as_json(hints: Mapping[str, Hints]) -> dict[str, Any]:
    return {
        name: {"env": dict(one.env), "configs": list(one.configs), "secrets": dict(one.secrets)}
        for name, one in hints.items()
    }


def hints_from_json(document: Mapping[str, Any]) -> dict[str, Hints]:
    return {name: Hints(one["env"], tuple(one["configs"]), one["secrets"]) for name, one in document.items()}


def _secret_values(
    document: Document, contents: Mapping[str, bytes | None], hints: Hints
) -> Iterable[tuple[str, bytes]]:
    for variable, value in values_of(document):
        if variable in hints.env:
            yield hints.env[variable], value.encode(errors="surrogateescape")
    for path, name in hints.secrets.items():
        if (content := contents.get(path)) is not None:
            yield name, content


def _one_hash(salt: str, name: str, values: set[bytes]) -> str:
    return secret_hash(salt, name, next(iter(values))) if len(values) == 1 else ""


def _around(seen: Seen) -> Around:
    names: dict[str, str] = {}
    for one in seen.containers:
        service = _marks(one)[labels.SERVICE]
        names[str(one.get("Id", ""))] = names[str(one.get("Name", "")).lstrip("/")] = service
    return Around(
        _keys(seen.networks, seen.project, labels.NETWORK),
        _keys(seen.volumes, seen.project, labels.VOLUME),
        names,
        seen.platforms,
    )


def _keys(documents: Iterable[Document], project: str, label: str) -> dict[str, str]:
    """Names on the host → what the stack's own files call them."""
    found = {}
    for one in documents:
        marks = one.get("Labels") or {}
        if marks.get(labels.PROJECT) == project and label in marks:
            found[str(one["Name"])] = str(marks[label])
    return found


def _networks(documents: Iterable[Document], project: str, used: set[str]) -> Facts:
    """Of those that it uses. Which addresses a network got is its host's affair."""
    keys = _keys(documents, project, labels.NETWORK)
    found = {}
    for one in documents:
        key = keys.get(str(one["Name"]), str(one["Name"]))
        if key in used:
            options = {str(name): str(value) for name, value in (one.get("Options") or {}).items()}
            facts = {"driver": one.get("Driver"), "internal": one.get("Internal"), "attachable": one.get("Attachable")}
            found[key] = said({**facts, "ipv6": one.get("EnableIPv6"), "options": options})
    return dict(sorted(found.items()))


def _volumes(documents: Iterable[Document], project: str, used: set[object], *, salt: str) -> Facts:
    """Options may hold what a share is mounted with, so they are told by hash."""
    keys = _keys(documents, project, labels.VOLUME)
    found = {}
    for one in documents:
        key = keys.get(str(one["Name"]), str(one["Name"]))
        if key in used:
            given = {str(name): str(value) for name, value in (one.get("Options") or {}).items()}
            options = {name: value_hash(salt, "option", name, value) for name, value in given.items()}
            found[key] = said({"driver": one.get("Driver"), "options": options})
    return dict(sorted(found.items()))


def _marks(document: Document) -> Mapping[str, str]:
    found: Mapping[str, str] = (document.get("Config") or {}).get("Labels") or {}
    return found

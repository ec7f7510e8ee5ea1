"""A host that makes what it is asked for: bodies of Docker's API in, what inspection answers out."""

import hashlib
from collections.abc import Iterable
from typing import Any

from console.stacks.compose.model import Project
from console.stacks.planning import labels
from console.stacks.planning.bodies import container_body, image_of, later_networks, network_body, volume_body
from console.stacks.planning.names import container_name
from console.stacks.planning.plans import Action, Plan
from console.stacks.planning.world import World


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class Host:
    """``images`` by name; everything else comes of applying plans."""

    def __init__(self, **images: str) -> None:
        self.images = {name: digest(version) for name, version in images.items()}
        # of those that lost their name to another
        self.untagged: set[str] = set()
        self.containers: dict[str, dict[str, Any]] = {}
        self.networks: dict[str, dict[str, Any]] = {}
        self.volumes: dict[str, dict[str, Any]] = {}
        self.shares_ports = False
        self._made = 0

    def world(self, project: Project, *, images: Iterable[str] = ()) -> World:
        named = {one.name for section in (project.networks, project.volumes) for one in section.values()}
        wanted = {image_of(project, name, service) for name, service in project.services.items()}
        by_id = {f"sha256:{one}": one for one in images if one in {*self.images.values(), *self.untagged}}
        return World.of(
            project.name,
            containers=self.containers.values(),
            networks=self.networks.values(),
            volumes=self.volumes.values(),
            images={name: one for name, one in self.images.items() if name in wanted} | by_id,
            named=frozenset(named),
            shares_ports=self.shares_ports,
        )

    def apply(self, plan: Plan, project: Project) -> None:
        for step in plan.steps:
            if step.kind == "image" and step.action in (Action.PULL, Action.BUILD):
                self.images[step.name] = digest(f"{step.name} new")
            elif step.action in (Action.REMOVE, Action.REPLACE):
                {"container": self.containers, "network": self.networks, "volume": self.volumes}[step.kind].pop(
                    step.engine_id or step.name, None
                )
            if step.action in (Action.CREATE, Action.REPLACE):
                self._create(step.kind, step.name, step.service, step.number, plan, project)
            elif step.action is Action.RESTART:
                self.containers[step.engine_id]["State"] = {"Status": "running"}

    def _create(self, kind: str, name: str, service: str, number: int, plan: Plan, project: Project) -> None:
        if kind == "container":
            body = container_body(
                project,
                service,
                number,
                hash_=plan.services[service],
                more_labels={labels.RELEASE: "1", **plan.labels_of(service)},
                image=plan.images.get(service, ""),
            )
            self.run(container_name(project, service, project.services[service], number), body)
            one = list(self.containers.values())[-1]
            one["NetworkSettings"]["Networks"] |= later_networks(project, service)
        elif kind == "network":
            key = next(key for key, one in project.networks.items() if one.name == name)
            body = network_body(project, key, project.networks[key])
            self.networks[digest(name)] = {**body, "Id": digest(name)}
        else:
            key = next(key for key, one in project.volumes.items() if one.name == name)
            body = volume_body(project, key, project.volumes[key])
            self.volumes[name] = {**body, "Options": body["DriverOpts"]}

    def run(self, name: str, body: dict[str, Any], *, state: str = "running", exit_code: int = 0) -> str:
        self._made += 1
        engine_id = digest(f"container {self._made}")
        image = self.images.get(body["Image"], "") or body["Image"].partition("sha256:")[2]
        self.containers[engine_id] = {
            "Id": engine_id,
            "Name": f"/{name}",
            "Image": f"sha256:{image}",
            "Config": {
                **{key: value for key, value in body.items() if key not in ("HostConfig", "NetworkingConfig")},
                "Env": [*body["Env"], "PATH=/bin"],
                "Hostname": body.get("Hostname", engine_id[:12]),
            },
            "HostConfig": {"Memory": 0, "RestartPolicy": {"Name": "no"}, **body["HostConfig"]},
            "State": {"Status": state, "ExitCode": exit_code},
            "NetworkSettings": {"Networks": dict(body["NetworkingConfig"]["EndpointsConfig"])},
            "Mounts": [],
        }
        return engine_id

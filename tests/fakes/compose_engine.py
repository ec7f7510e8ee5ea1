"""An engine with what stacks need of Docker's API, in memory, that can be made to die before any change."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import unquote

from console.hosts.facts import ContainerFact, container_fact
from console.operations.errors import Conflict, Invalid, Missing
from tests.fakes.compose_host import Host, digest

CREATED_AT = "2026-11-26T00:00:00Z"


class Killed(BaseException):
    """The agent was killed; as no error is, it is caught by nobody."""


class ComposeEngine(Host):
    """``dies_before``: at the change with this number, counted from 0, the asker dies. ``changes``: what was done."""

    def __init__(self, *, dies_before: int = -1, **images: str) -> None:
        super().__init__(**images)
        self.dies_before = dies_before
        self.changes: list[str] = []
        self.files: dict[str, int] = {}
        # health and end of containers by service or image, once they were started, and images that do not start
        self.health: dict[str, str] = {}
        self.ends: dict[str, int] = {}
        # what registries have by now
        self.newest: dict[str, str] = {}
        self.unstartable: set[str] = set()

    def _change(self, what: str) -> None:
        if len(self.changes) == self.dies_before:
            self.dies_before = -1
            raise Killed
        self.changes.append(what)

    async def json(
        self, path: str, method: str = "GET", *, params: Mapping[str, Any] | None = None, body: Any = None, **_: Any
    ) -> Any:
        path = unquote(path)
        if method != "GET":
            self._change(f"{method} {path} {(params or {}).get('name', (body or {}).get('Name', ''))}".strip())
        for pattern, answer in ANSWERS.items():
            if found := re.fullmatch(pattern, f"{method} {path}"):
                return answer(self, *found.groups(), params=params or {}, body=body)
        raise AssertionError(f"{method} {path}")

    def one(self, name: str) -> dict[str, Any]:
        for engine_id, document in self.containers.items():
            if engine_id.startswith(name) or document["Name"] == f"/{name}":
                return document
        raise Missing(name)

    def create(self, *, params: Mapping[str, Any], body: Any) -> dict[str, Any]:
        if any(one["Name"] == f"/{params['name']}" for one in self.containers.values()):
            raise Conflict(f"{params['name']} is in use")
        for network in body["NetworkingConfig"]["EndpointsConfig"]:
            if network not in {one["Name"] for one in self.networks.values()}:
                raise Missing(network)
        return {"Id": self.run(params["name"], body, state="created")}

    def connect(self, network: str, *, params: Mapping[str, Any], body: Any) -> None:
        self.containers[body["Container"]]["NetworkSettings"]["Networks"][network] = body["EndpointConfig"]

    def rename(self, engine_id: str, *, params: Mapping[str, Any], body: Any) -> None:
        self.one(engine_id)["Name"] = f"/{params['name']}"

    def stop(self, engine_id: str, *, params: Mapping[str, Any], body: Any) -> None:
        self.one(engine_id)["State"] = {"Status": "exited", "ExitCode": 143}

    def remove(self, engine_id: str, *, params: Mapping[str, Any], body: Any) -> None:
        del self.containers[self.one(engine_id)["Id"]]

    def create_network(self, *, params: Mapping[str, Any], body: Any) -> None:
        if any(one["Name"] == body["Name"] for one in self.networks.values()):
            raise Conflict(body["Name"])
        self.networks[digest(body["Name"])] = {**body, "Id": digest(body["Name"])}

    def remove_network(self, name: str, *, params: Mapping[str, Any], body: Any) -> None:
        if any(name in one["NetworkSettings"]["Networks"] for one in self.containers.values()):
            raise Conflict(f"{name} has active endpoints")
        self.networks = {key: one for key, one in self.networks.items() if one["Name"] != name}

    def create_volume(self, *, params: Mapping[str, Any], body: Any) -> None:
        self.volumes[body["Name"]] = {**body, "Options": body["DriverOpts"]}

    def remove_volume(self, name: str, *, params: Mapping[str, Any], body: Any) -> None:
        lines = [line for one in self.containers.values() for line in one["HostConfig"].get("Binds", [])]
        if any(line.startswith(f"{name}:") for line in lines):
            raise Conflict(f"{name} is in use")
        self.volumes.pop(name, None)

    @asynccontextmanager
    async def stream(self, path: str, method: str, **_: Any) -> AsyncIterator[Any]:
        self._change(f"{method} {path}")
        engine_id = path.split("/")[1]
        self.files[engine_id] = self.files.get(engine_id, 0) + 1

        class Answer:
            async def read(self) -> bytes:
                return b""

        yield Answer()

    async def lines(self, path: str, method: str, *, params: Mapping[str, Any]) -> AsyncIterator[dict[str, Any]]:
        self._change(f"{method} {path} {params['fromImage']}")
        name = params["fromImage"]
        self.images[name] = self.newest.get(name) or self.images.get(name) or digest(name)
        yield {"status": "Pulled"}

    async def find_image_id(self, name: str) -> str | None:
        by_id = name.removeprefix("sha256:")
        return self.images.get(name) or (by_id if by_id in {*self.images.values(), *self.untagged} else None)

    async def start_container(self, engine_id: str) -> None:
        self._change(f"start {self.one(engine_id)['Name']}")
        document = self.one(engine_id)
        of = (document["Config"]["Labels"]["com.docker.compose.service"], document["Config"]["Image"])
        if of[1] in self.unstartable:
            raise Invalid(f"{of[1]}: no such program")
        state: dict[str, Any] = {"Status": "running"}
        for key in of:
            if key in self.health:
                state["Health"] = {"Status": self.health[key]}
            if key in self.ends:
                state = {"Status": "exited", "ExitCode": self.ends[key], "FinishedAt": CREATED_AT}
        document["State"] = state

    async def get_container(self, engine_id: str) -> ContainerFact:
        return container_fact({**self.one(engine_id), "Created": CREATED_AT})


def _containers(engine: ComposeEngine, **_: Any) -> list[dict[str, Any]]:
    return [{"Id": engine_id} for engine_id in engine.containers]


def _info(engine: ComposeEngine, **_: Any) -> dict[str, Any]:
    return {"Labels": ["naru.shared-ports=1"] if engine.shares_ports else []}


ANSWERS: dict[str, Any] = {
    "GET info": _info,
    "GET containers/json": _containers,
    "GET containers/([^/]+)/json": lambda engine, name, **_: dict(engine.one(name)),
    "GET networks": lambda engine, **_: list(engine.networks.values()),
    "GET volumes": lambda engine, **_: {"Volumes": list(engine.volumes.values())},
    "POST containers/create": ComposeEngine.create,
    "POST containers/([^/]+)/rename": ComposeEngine.rename,
    "POST containers/([^/]+)/stop": ComposeEngine.stop,
    "DELETE containers/([^/]+)": ComposeEngine.remove,
    "POST networks/create": ComposeEngine.create_network,
    "POST networks/([^/]+)/connect": ComposeEngine.connect,
    "DELETE networks/([^/]+)": ComposeEngine.remove_network,
    "POST volumes/create": ComposeEngine.create_volume,
    "DELETE volumes/([^/]+)": ComposeEngine.remove_volume,
}

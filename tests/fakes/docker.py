"""Docker's API as far as replacing containers needs it, in memory, and a death at any of its calls."""

import asyncio
import copy
import itertools
from collections.abc import Mapping
from contextlib import asynccontextmanager
from typing import Any

from console.hosts.acting import one_network
from console.operations.errors import Conflict, Missing, Unavailable

ALIVE = ("running", "paused", "restarting")


class Killed(BaseException):
    """The agent is gone, without a chance to clean up."""


class FakeDocker:
    """``die_at`` the n-th call that changes something, before it or after it is ``done``; ``fail_at`` it with an error.

    ``ends``: names of images whose containers end at once; ``ails``: whose containers are not healthy.
    """

    def __init__(self) -> None:
        self.containers: dict[str, dict[str, Any]] = {}
        self.volumes: set[str] = set()
        self.ends: set[str] = set()
        self.ails: set[str] = set()
        self.die_at: tuple[int, bool] | None = None
        self.fail_at: int | None = None
        self.changes = 0
        self.log: list[str] = []
        self._ids = (f"{number:064x}"[::-1] for number in itertools.count(1))

    # --- as an Engine is ---

    async def json(self, path: str, method: str = "GET", *, params: Any = None, body: Any = None, **_: Any) -> Any:
        params = params or {}
        await asyncio.sleep(0)
        if method == "GET":
            return self._read(path, params)
        _collection, engine_id, *verb = path.split("/")
        return self._change(" ".join([*verb] or [method]), engine_id, params)

    async def create_container(self, body: Mapping[str, Any], *, name: str, platform: str = "") -> str:
        assert one_network(body)[1] == {}
        return str(self._change("create", name, body))

    async def find_image_id(self, _name: str) -> str | None:
        return None

    # --- inside ---

    def add(self, name: str, *, status: str = "running", volumes: tuple[str, ...] = (), **config: Any) -> str:
        body = {"Image": "a:1", "Labels": {}, "HostConfig": {}, "Volumes": {target: {} for target in volumes}, **config}
        engine_id = self._create(name, body)
        self.containers[engine_id]["State"]["Status"] = status
        return engine_id

    def named(self, name: str) -> dict[str, Any] | None:
        return next((one for one in self.containers.values() if one["Name"] == f"/{name}"), None)

    def running(self) -> list[str]:
        return [one["Name"].lstrip("/") for one in self.containers.values() if one["State"]["Status"] in ALIVE]

    def _read(self, path: str, params: Mapping[str, str]) -> Any:
        if path == "containers/json":
            return [{"Id": key, "Labels": one["Config"]["Labels"]} for key, one in self.containers.items()]
        return copy.deepcopy(self._get(path.split("/")[1]))

    def _get(self, engine_id: str) -> dict[str, Any]:
        if engine_id not in self.containers:
            raise Missing(f"no such container: {engine_id}")
        return self.containers[engine_id]

    def _change(self, verb: str, whom: str, given: Any) -> Any:
        self.changes += 1
        if self.die_at == (self.changes, False):
            raise Killed
        if self.fail_at == self.changes:
            raise Unavailable("it broke off")
        self.log.append(verb)
        done = ""
        if verb == "create":
            done = self._create(whom, given)
        else:
            self._do(verb, self._get(whom), given)
        if self.die_at == (self.changes, True):
            raise Killed
        return done

    def _create(self, name: str, body: Mapping[str, Any]) -> str:
        self._require_free(name)
        engine_id = next(self._ids)
        mounts = [self._own_volume(target) for target in body.get("Volumes", {})]
        mounts += [
            {"Type": "volume", "Name": one["Source"], "Destination": one["Target"]}
            for one in body["HostConfig"].get("Mounts", [])
        ]
        self.containers[engine_id] = {
            "Id": engine_id,
            "Name": f"/{name}",
            "Image": "sha256:" + "ab" * 32,
            "Config": {**body, "Volumes": {mount["Destination"]: {} for mount in mounts}},
            "HostConfig": dict(body["HostConfig"]),
            "State": {"Status": "created", "ExitCode": 0},
            "Mounts": mounts,
            "NetworkSettings": {"Networks": {}},
        }
        return engine_id

    def _own_volume(self, target: str) -> dict[str, str]:
        volume = f"volume-{len(self.volumes)}"
        self.volumes.add(volume)
        return {"Type": "volume", "Name": volume, "Destination": target}

    def _require_free(self, name: str) -> None:
        if self.named(name) is not None:
            raise Conflict(f"the name {name} is in use")

    def _do(self, verb: str, one: dict[str, Any], given: Mapping[str, str]) -> None:
        state, image = one["State"], one["Config"]["Image"]
        if verb == "start":
            self._require_free_ports(one)
            state["Status"] = "exited" if image in self.ends else "running"
            if "Healthcheck" in one["Config"]:
                state["Health"] = {"Status": "unhealthy" if image in self.ails else "healthy"}
        elif verb == "stop":
            state["Status"] = "exited"
        elif verb == "rename":
            self._require_free(given["name"])
            one["Name"] = f"/{given['name']}"
        elif verb == "DELETE":
            self._remove(one, with_volumes=given["v"] == "1")
        else:
            raise AssertionError(verb)

    def _require_free_ports(self, one: dict[str, Any]) -> None:
        mine = set(one["HostConfig"].get("PortBindings", ()))
        for other in self.containers.values():
            if (
                other is not one
                and other["State"]["Status"] in ALIVE
                and mine & set(other["HostConfig"].get("PortBindings", ()))
            ):
                raise Conflict("port is already allocated")

    def _remove(self, one: dict[str, Any], *, with_volumes: bool) -> None:
        del self.containers[one["Id"]]
        if with_volumes:
            used = {mount["Name"] for other in self.containers.values() for mount in other["Mounts"]}
            given = {mount["Source"] for mount in one["HostConfig"].get("Mounts", [])}
            self.volumes -= {mount["Name"] for mount in one["Mounts"]} - used - given


class FakeRun:
    """An attempt of a job."""

    def __init__(self, docker: Any, *, job: int = 7, secrets: Mapping[str, str] | None = None) -> None:
        self.docker, self.job, self.text = docker, job, ""
        self.facts: list[tuple[str, dict[str, Any]]] = []
        self._secrets = secrets or {}

    @property
    def label(self) -> dict[str, str]:
        return {"naru.job": str(self.job)}

    @asynccontextmanager
    async def engine(self) -> Any:
        yield self.docker

    def resolved(self, text: str) -> str:
        return self._secrets.get(text.removeprefix("secret:"), text) if text.startswith("secret:") else text

    async def write(self, text: str) -> None:
        self.text += text

    async def tell(self, kind: str, **fact: Any) -> None:
        self.facts.append((kind, fact))

    def progress(self, _record: dict[str, Any]) -> None:
        pass

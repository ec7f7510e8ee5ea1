"""An engine's images in memory, as far as jobs move and name them, and an attempt that remembers what it said."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

from console.hosts.facts import ImageFact
from console.jobs.agent.run import JobRun
from console.operations.errors import Conflict, Missing


@dataclass
class ImageEngine:
    """``names`` to ids; ``ids`` are all there are; ``used`` are those that a container has.

    ``messages`` are what every stream says.
    """

    names: dict[str, str] = field(default_factory=dict)
    ids: set[str] = field(default_factory=set)
    used: set[str] = field(default_factory=set)
    df: dict[str, Any] = field(default_factory=dict)
    messages: list[dict[str, Any]] = field(default_factory=list)
    digests: dict[str, list[str]] = field(default_factory=dict)
    asked: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)

    async def find_image_id(self, name: str) -> str | None:
        return name if name in self.ids else self.names.get(name)

    async def images(self) -> list[ImageFact]:
        return [ImageFact(one, [n for n, i in self.names.items() if i == one], 1, "") for one in sorted(self.ids)]

    async def json(self, path: str, method: str = "GET", *, params: Mapping[str, Any] | None = None, **_: Any) -> Any:
        given = dict(params or {})
        self.asked.append((method, path, given))
        if path == "system/df":
            return self.df
        if path.endswith("/tag"):
            self.names[f"{given['repo']}:{given['tag']}"] = path.split("/")[1]
            return None
        if method == "DELETE" and path.startswith("images/"):
            return self._untag(path.removeprefix("images/"))
        if path.endswith("/json"):
            return {"Os": "linux", "RepoDigests": self.digests.get(path.split("/")[1], [])}
        return {}

    def _untag(self, name: str) -> None:
        if name not in self.names:
            raise Missing(f"no such image: {name}")
        engine_id = self.names[name]
        if list(self.names.values()).count(engine_id) == 1:
            if engine_id in self.used:
                raise Conflict(f"{engine_id} is used")
            self.ids.discard(engine_id)
        del self.names[name]

    async def lines(self, path: str, method: str = "GET", **request: Any) -> AsyncIterator[dict[str, Any]]:
        self.asked.append((method, path, request))
        for message in self.messages:
            yield message


@dataclass
class Run:
    """Plays an attempt."""

    fake: ImageEngine
    job: int = 7
    text: str = ""
    told: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    secrets: dict[str, str] = field(default_factory=dict)

    @asynccontextmanager
    async def engine(self) -> AsyncIterator[ImageEngine]:
        yield self.fake

    async def write(self, text: str) -> None:
        self.text += text

    def progress(self, _record: dict[str, Any]) -> None:
        """Nobody looks."""

    async def tell(self, kind: str, **fact: Any) -> None:
        self.told.append((kind, fact))

    def resolved(self, text: str) -> str:
        return self.secrets[text.removeprefix("secret:")] if text.startswith("secret:") else text

    @property
    def as_run(self) -> JobRun:
        return cast("JobRun", self)


def done(work: Awaitable[dict[str, Any]]) -> dict[str, Any]:
    """What a handler returns."""

    async def wait() -> dict[str, Any]:
        return await work

    return asyncio.run(wait())

"""For the tests of files going in and out: an engine that they share, and requests as bytes."""

import base64
import io
import json
import tarfile
from typing import Any
from urllib.parse import quote

from tests.conformance.client import Answer, Client
from tests.engine.conftest import RunningEngine
from tests.engine.host.images.archives import member, tar_of

__all__ = ["Files", "member", "tar_of"]


class Files:
    """One engine's ``/containers`` by HTTP, where the docker CLI would hide something."""

    def __init__(self, engine: RunningEngine) -> None:
        self._client = Client(engine.socket)

    def ask(self, method: str, path: str, body: object = None) -> Answer:
        return self._client.ask(method, path, body)

    def get(self, name: str, path: str) -> Answer:
        return self.ask("GET", f"/containers/{name}/archive?path={quote(path, errors='surrogateescape')}")

    def stat(self, name: str, path: str) -> dict[str, Any]:
        answer = self.ask("HEAD", f"/containers/{name}/archive?path={quote(path)}")
        assert answer.status == 200
        header: dict[str, Any] = json.loads(base64.b64decode(answer.headers["x-docker-container-path-stat"]))
        return header

    def put(self, name: str, path: str, body: bytes, more: str = "") -> Answer:
        return self.ask("PUT", f"/containers/{name}/archive?path={quote(path)}{more}", body)

    def members(self, name: str, path: str) -> dict[str, tarfile.TarInfo]:
        answer = self.get(name, path)
        assert answer.status == 200, answer.body
        with tarfile.open(fileobj=io.BytesIO(answer.body), mode="r:") as tar:
            return {info.name: info for info in tar}

    def content(self, name: str, path: str) -> bytes:
        with tarfile.open(fileobj=io.BytesIO(self.get(name, path).body), mode="r:") as tar:
            file = tar.extractfile(tar.getmembers()[0])
            assert file is not None
            return file.read()

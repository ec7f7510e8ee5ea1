"""Pushing, to Debian's docker-registry; with passwords, with tokens, over a line that breaks."""

import contextlib
import gzip
import json
import os
import socket
import threading
import urllib.request
from collections.abc import Iterator

import pytest

from tests.engine.conftest import RunningEngine
from tests.engine.host.images.archives import DockerArchive, busybox_layer, member, tar_of
from tests.engine.host.registry.conftest import Fleet, ask, last_event, password_for
from tests.engine.host.registry.servers import PASSWORD, USER, Server
from tests.fakes.scripted_registry import OCI_CONFIG, OCI_MANIFEST, Asked, Reply, ScriptedRegistry, config_of, digest_of

pytestmark = pytest.mark.host
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


def loaded(engine: RunningEngine, *names: str, layers: int = 2, size: int = 1000) -> None:
    tars = [tar_of(member(f"file{n}", os.urandom(size))) for n in range(layers)]
    engine.docker("load", input=DockerArchive(tars, tags=list(names)).tar())


def manifest(server: Server, repository: str, tag: str) -> tuple[str, bytes]:
    accept = {"Accept": f"{DOCKER_MANIFEST}, {OCI_MANIFEST}"}
    request = urllib.request.Request(f"http://{server.address}/v2/{repository}/manifests/{tag}", headers=accept)
    with urllib.request.urlopen(request) as answer:
        return answer.headers["Content-Type"], answer.read()


def test_a_pushed_image_comes_back_the_same(docker: RunningEngine, fleet: Fleet, repository: str) -> None:
    name = f"{fleet.open.address}/{repository}:1"
    docker.docker("load", input=DockerArchive([busybox_layer()], tags=[name]).tar())
    before = docker.out("image", "inspect", "--format", "{{.Id}}", name)
    docker.docker("push", name)
    docker.docker("rmi", name)
    docker.docker("pull", name)
    assert docker.out("image", "inspect", "--format", "{{.Id}}", name) == before
    assert docker.out("run", "--rm", name, "/bin/busybox", "echo", "same") == "same"


def test_progress_is_in_dockers_words(docker: RunningEngine, fleet: Fleet, repository: str) -> None:
    name = f"{fleet.open.address}/{repository}"
    loaded(docker, f"{name}:1")
    diff_ids = json.loads(docker.out("image", "inspect", "--format", "{{json .RootFS.Layers}}", f"{name}:1"))
    top, base = (diff_id[7:19] for diff_id in reversed(diff_ids))
    answer = ask(docker, "POST", f"/images/{name}/push?tag=1")
    assert answer.lines[:3] == [
        {"status": f"The push refers to repository [{name}]"},
        {"status": "Preparing", "progressDetail": {}, "id": top},
        {"status": "Preparing", "progressDetail": {}, "id": base},
    ]
    pushed = [line["id"] for line in answer.lines if line.get("status") == "Pushed"]
    assert sorted(pushed) == sorted([top, base])
    media_type, data = manifest(fleet.open, repository, "1")
    digest = digest_of(data)
    assert media_type == DOCKER_MANIFEST
    assert answer.lines[-2:] == [
        {"status": f"1: digest: {digest} size: {len(data)}"},
        {"progressDetail": {}, "aux": {"Tag": "1", "Digest": digest, "Size": len(data)}},
    ]
    again = ask(docker, "POST", f"/images/{name}/push?tag=1")
    assert [line["status"] for line in again.lines if "id" in line and line["status"] != "Preparing"] == [
        "Layer already exists"
    ] * 2
    assert docker.out("images", "--digests", "--format", "{{.Digest}}") == digest


def test_every_tag_is_pushed_when_none_is_named(docker: RunningEngine, fleet: Fleet, repository: str) -> None:
    name = f"{fleet.open.address}/{repository}"
    loaded(docker, f"{name}:a", f"{name}:b")
    docker.docker("push", "-a", name)
    assert manifest(fleet.open, repository, "a") == manifest(fleet.open, repository, "b")


def test_the_tag_of_the_query_counts_and_a_word_in_place_of_credentials_does_not(
    docker: RunningEngine, fleet: Fleet, repository: str
) -> None:
    name = f"{fleet.open.address}/{repository}"
    loaded(docker, f"{name}:a", f"{name}:b")
    answer = ask(docker, "POST", f"/images/{name}:a/push?tag=b", auth="placeholder")
    assert answer.lines[-1]["aux"]["Tag"] == "b"


def test_a_layer_that_the_registry_has_elsewhere_is_mounted(
    docker: RunningEngine, fleet: Fleet, repository: str
) -> None:
    one, two = (f"{fleet.open.address}/{repository}{part}:1" for part in ("/one", "/two"))
    loaded(docker, one, two, layers=1)
    docker.docker("push", one)
    assert f"Mounted from {repository}/one".encode() in docker.docker("push", two).stdout


def test_an_oci_image_stays_one(
    docker: RunningEngine, fleet: Fleet, repository: str, scripted: ScriptedRegistry
) -> None:
    layer, config = tar_of(member("f", b"1")), config_of([tar_of(member("f", b"1"))])
    described = {"mediaType": OCI_CONFIG, "digest": scripted.add_blob(config), "size": len(config)}
    blob = scripted.layer(gzip.compress(layer), "application/vnd.oci.image.layer.v1.tar+gzip")
    scripted.add_manifest("1", {"schemaVersion": 2, "config": described, "layers": [blob]}, OCI_MANIFEST)
    name = f"{fleet.open.address}/{repository}:1"
    docker.docker("pull", f"{scripted.address}/x:1")
    docker.docker("tag", f"{scripted.address}/x:1", name)
    docker.docker("push", name)
    media_type, data = manifest(fleet.open, repository, "1")
    assert media_type == OCI_MANIFEST
    assert json.loads(data)["layers"] == [blob]


def test_a_pulled_image_is_pushed_under_the_digest_it_came_with(
    docker: RunningEngine, fleet: Fleet, repository: str
) -> None:
    name, copy = f"{fleet.open.address}/{repository}:1", f"{fleet.by_password.address}/{repository}:1"
    loaded(docker, name)
    docker.docker("push", name)
    docker.docker("rmi", name)
    docker.docker("pull", name)
    docker.docker("tag", name, copy)
    with signed_in(docker, fleet.by_password):
        docker.docker("push", copy)
    assert len(set(docker.out("images", "--digests", "--format", "{{.Digest}}").split())) == 1


@contextlib.contextmanager
def signed_in(engine: RunningEngine, server: Server) -> Iterator[None]:
    engine.docker("login", "-u", USER, "--password-stdin", server.address, input=PASSWORD.encode())
    try:
        yield
    finally:
        engine.docker("logout", server.address)


@pytest.mark.parametrize("which", ["by_password", "by_token", "with_tls"])
def test_a_guarded_registry_wants_a_login(which: str, docker: RunningEngine, fleet: Fleet, repository: str) -> None:
    server: Server = getattr(fleet, which)
    name = f"{server.address}/{repository}:1"
    loaded(docker, name)
    refused = docker.docker("push", name, check=False)
    assert refused.returncode != 0
    assert b"unauthorized" in refused.stderr
    with signed_in(docker, server):
        docker.docker("push", name)
        docker.docker("rmi", name)
        docker.docker("pull", name)
    docker.docker("rmi", name)
    assert docker.docker("pull", name, check=False).returncode != 0


def test_tokens_are_asked_for_with_what_is_needed(docker: RunningEngine, fleet: Fleet, repository: str) -> None:
    name = f"{fleet.by_token.address}/{repository}"
    loaded(docker, f"{name}:1")
    fleet.tokens.requests.clear()
    answer = ask(docker, "POST", f"/images/{name}/push?tag=1", auth=password_for(fleet.by_token))
    assert "aux" in answer.lines[-1], answer.body
    assert [query["scope"] for _, query, _ in fleet.tokens.requests] == [[f"repository:{repository}:pull,push"]]


def test_an_identity_token_takes_the_place_of_the_password(
    docker: RunningEngine, fleet: Fleet, repository: str
) -> None:
    fleet.tokens.identity_token = "an identity"
    try:
        answer = ask(docker, "POST", "/auth", password_for(fleet.by_token))
        assert answer.json == {"Status": "Login Succeeded", "IdentityToken": "an identity"}
        name = f"{fleet.by_token.address}/{repository}"
        loaded(docker, f"{name}:1")
        fleet.tokens.requests.clear()
        pushed = ask(docker, "POST", f"/images/{name}/push?tag=1", auth={"identitytoken": "an identity"})
        assert "aux" in pushed.lines[-1], pushed.body
        assert {method for method, _, _ in fleet.tokens.requests} == {"POST"}
    finally:
        fleet.tokens.identity_token = ""


@pytest.mark.parametrize("which", ["by_password", "by_token", "with_tls"])
def test_a_wrong_password_does_not_log_in(which: str, docker: RunningEngine, fleet: Fleet) -> None:
    server: Server = getattr(fleet, which)
    answer = ask(docker, "POST", "/auth", password_for(server) | {"password": "wrong"})
    assert answer.status == 401
    assert "incorrect username or password" in answer.error
    assert ask(docker, "POST", "/auth", password_for(server)).json["Status"] == "Login Succeeded"
    done = docker.docker("login", "-u", USER, "--password-stdin", server.address, input=b"wrong", check=False)
    assert done.returncode != 0


def test_an_error_after_the_beginning_is_in_the_stream(docker: RunningEngine, fleet: Fleet, repository: str) -> None:
    name = f"{fleet.by_password.address}/{repository}"
    loaded(docker, f"{name}:1")
    answer = ask(docker, "POST", f"/images/{name}/push?tag=1", auth=password_for(fleet.by_password) | {"password": "x"})
    assert answer.status == 200
    assert answer.lines[-1]["errorDetail"]["message"] == answer.lines[-1]["error"]
    assert "unauthorized" in answer.error
    answer = ask(docker, "POST", f"/images/{name}/push?tag=nope")
    assert answer.error == f"tag does not exist: {name}:nope"
    answer = ask(docker, "POST", "/images/localhost:1/nothing/push?tag=1")
    assert answer.error == "An image does not exist locally with the tag: localhost:1/nothing"


class _BreakingLine:
    """A way to a registry that ends the connection when ``limits`` says how much has gone up it."""

    def __init__(self, target: Server, limits: list[int]) -> None:
        self._target = target
        self._limits = limits
        self._connections: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        _end(*self._connections)
        for thread in self._threads:
            thread.join(10)
        for connection in (self._listener, *self._connections):
            connection.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target.port))
                self._connections += [client, server]
                for source, target, is_up in ((server, client, False), (client, server, True)):
                    thread = threading.Thread(target=self._carry, args=(source, target, is_up))
                    self._threads.append(thread)
                    thread.start()

    def _carry(self, source: socket.socket, target: socket.socket, is_up: bool) -> None:
        carried = 0
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
                carried += len(data)
                if is_up and self._limits and carried > self._limits[0]:
                    self._limits.pop(0)
                    break
        _end(source, target)


def _end(*connections: socket.socket) -> None:
    for connection in connections:
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)


def test_an_upload_that_breaks_goes_on(docker: RunningEngine, fleet: Fleet, repository: str) -> None:
    limits = [2_000_000, 1_000_000]
    line = _BreakingLine(fleet.open, limits)
    try:
        name = f"127.0.0.1:{line.port}/{repository}"
        loaded(docker, f"{name}:1", layers=1, size=5_000_000)
        answer = ask(docker, "POST", f"/images/{name}/push?tag=1")
        assert "aux" in answer.lines[-1], answer.body
        assert limits == []
    finally:
        line.close()
    blob = json.loads(manifest(fleet.open, repository, "1")[1])["layers"][0]
    assert digest_of(fleet.open.blob_path(blob["digest"]).read_bytes()) == blob["digest"]


def test_what_a_registry_has_can_be_looked_at(docker: RunningEngine, fleet: Fleet, repository: str) -> None:
    name = f"{fleet.open.address}/{repository}:1"
    loaded(docker, name)
    docker.docker("push", name)
    _, data = manifest(fleet.open, repository, "1")
    answer = ask(docker, "GET", f"/distribution/{name}/json")
    assert answer.json == {
        "Descriptor": {"mediaType": DOCKER_MANIFEST, "digest": digest_of(data), "size": len(data)},
        "Platforms": [{"architecture": "amd64", "os": "linux"}],
    }
    assert ask(docker, "GET", f"/distribution/{name}9/json").status == 404
    refused = ask(docker, "GET", f"/distribution/{fleet.by_password.address}/x/json")
    assert refused.status == 401


def test_a_push_is_an_event(docker: RunningEngine, fleet: Fleet, repository: str) -> None:
    name = f"{fleet.open.address}/{repository}:1"
    loaded(docker, name)
    docker.docker("push", name)
    assert last_event(docker, "push") == name


def test_what_is_built_on_a_pulled_image_can_be_pushed(
    docker: RunningEngine, fleet: Fleet, repository: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    base, built = (f"{fleet.by_password.address}/{repository}{part}:1" for part in ("", "/built"))
    docker.docker("load", input=DockerArchive([busybox_layer()], tags=[base]).tar())
    dockerfile = f'FROM {base}\nRUN ["/bin/busybox", "touch", "/made"]\n'.encode()
    with signed_in(docker, fleet.by_password):
        docker.docker("push", base)
        docker.docker("rmi", base)
        monkeypatch.setenv("DOCKER_BUILDKIT", "0")
        done = docker.docker("build", "-t", built, "-", input=dockerfile)
        assert b"1: Pulling from " + repository.encode() in done.stdout
        again = docker.docker("build", "--pull", "-t", built, "-", input=dockerfile)
        assert b"Status: Image is up to date for " + base.encode() in again.stdout
        docker.docker("push", built)
        docker.docker("rmi", built, base)
        docker.docker("pull", built)
    assert docker.out("run", "--rm", built, "/bin/busybox", "ls", "/made") == "/made"


def test_search_asks_the_registry(docker: RunningEngine, scripted: ScriptedRegistry, fleet: Fleet) -> None:
    results = [{"name": f"team/n{n}", "description": "d", "star_count": n, "is_official": n > 1} for n in range(4)]

    def answer(asked: Asked) -> Reply | None:
        body = json.dumps({"num_results": 4, "query": "n", "results": results}).encode()
        return Reply(200, body) if asked.path == "/v1/search?q=n&n=25" else None

    scripted.answerers.append(answer)
    shown = docker.out("search", "--format", "{{.Name}} {{.StarCount}}", f"{scripted.address}/n")
    assert shown.splitlines() == [f"team/n{n} {n}" for n in range(4)]
    starred = docker.out("search", "--filter", "stars=2", "--filter", "is-official=true", f"{scripted.address}/n")
    assert "team/n3" in starred
    assert "team/n1" not in starred
    none = ask(docker, "GET", f"/images/search?term={fleet.open.address}/n")
    assert (none.status, none.error) == (404, "registry localhost offers no search (status 404)")
    assert ask(docker, "GET", "/images/search").status == 400

"""Pulling, from Debian's docker-registry and from one that does what a test says."""

import contextlib
import gzip
import json
import os
import socket
import threading
import time
from collections.abc import Iterator

import pytest
import zstandard

from tests.engine.conftest import RunningEngine, running_engine, wait_until
from tests.engine.host.images.archives import busybox_layer, member, tar_of
from tests.engine.host.registry.conftest import Answer, Fleet, ask, encoded, last_event, password_for, pull, stored
from tests.fakes.scripted_registry import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    OCI_CONFIG,
    OCI_INDEX,
    OCI_MANIFEST,
    Asked,
    Reply,
    ScriptedRegistry,
    config_of,
    digest_of,
    ranged,
)

pytestmark = pytest.mark.host
BUSYBOX = busybox_layer()


def one_file(name: str, size: int = 100) -> bytes:
    return tar_of(member(name, os.urandom(size)))


def statuses(answer: Answer, layer: str = "") -> list[str]:
    """In order, each once, of one layer or of none."""
    found = [line["status"] for line in answer.lines if line.get("id", "") == layer and "status" in line]
    return list(dict.fromkeys(found))


def blob_gets(registry: ScriptedRegistry, digest: str) -> list[Asked]:
    return [asked for asked in registry.asked if asked.method == "GET" and asked.path.endswith(f"/blobs/{digest}")]


def test_running_an_image_that_is_not_here_pulls_it(
    docker: RunningEngine, fleet: Fleet, repository: str, busybox_tar: bytes
) -> None:
    name = f"{fleet.open.address}/{repository}:1"
    docker.docker("import", "-", name, input=busybox_tar)
    docker.docker("push", name)
    docker.docker("rmi", name)
    done = docker.docker("run", "--rm", name, "echo", "pulled and run")
    assert done.stdout == b"pulled and run\n"
    assert b"Status: Downloaded newer image for " + name.encode() in done.stderr


def test_progress_is_in_dockers_words(docker: RunningEngine, scripted: ScriptedRegistry) -> None:
    layers = scripted.add_image("1", [BUSYBOX, one_file("more")])["layers"]
    first, second = (layer["digest"][7:19] for layer in layers)
    digest = digest_of(scripted.manifests["1"][1])
    answer = pull(docker, scripted.address)
    assert answer.status == 200
    assert answer.lines[:3] == [
        {"status": "Pulling from x", "id": "1"},
        {"status": "Pulling fs layer", "progressDetail": {}, "id": first},
        {"status": "Pulling fs layer", "progressDetail": {}, "id": second},
    ]
    for layer in (first, second):
        words = [word for word in statuses(answer, layer) if word != "Downloading"]
        assert words == ["Pulling fs layer", "Verifying Checksum", "Download complete", "Extracting", "Pull complete"]
    extracting = next(line for line in answer.lines if line.get("status") == "Extracting" and line["id"] == first)
    assert extracting["progressDetail"]["total"] == layers[0]["size"]
    assert extracting["progress"].startswith("[")
    assert answer.lines[-2:] == [
        {"status": f"Digest: {digest}"},
        {"status": f"Status: Downloaded newer image for {scripted.address}/x:1"},
    ]
    again = pull(docker, scripted.address)
    assert statuses(again, first) == ["Already exists"]
    assert again.lines[-1]["status"] == f"Status: Image is up to date for {scripted.address}/x:1"


def test_the_manifests_digest_is_shown_and_finds_the_image(docker: RunningEngine, scripted: ScriptedRegistry) -> None:
    scripted.add_image("1", [BUSYBOX])
    digest = digest_of(scripted.manifests["1"][1])
    by_digest = f"{scripted.address}/x@{digest}"
    docker.docker("pull", f"{scripted.address}/x:1")
    assert json.loads(docker.out("image", "inspect", "--format", "{{json .RepoDigests}}", by_digest)) == [by_digest]
    assert docker.out("images", "--digests", "--format", "{{.Digest}}") == digest
    docker.docker("rmi", f"{scripted.address}/x:1")
    assert docker.out("images", "-aq") == ""
    docker.docker("pull", by_digest)
    assert docker.out("images", "--digests", "--format", "{{.Tag}} {{.Digest}}") == f"<none> {digest}"


def test_a_tag_that_moved_leaves_the_old_image_dangling(docker: RunningEngine, scripted: ScriptedRegistry) -> None:
    name = f"{scripted.address}/x:1"
    scripted.add_image("1", [BUSYBOX])
    docker.docker("pull", name)
    old = docker.out("images", "-q", name)
    scripted.add_image("1", [BUSYBOX, one_file("new")])
    assert b"Downloaded newer image" in docker.docker("pull", name).stdout
    assert docker.out("images", "-q", name) != old
    assert docker.out("images", "-q", "--filter", "dangling=true") == old
    docker.docker("image", "prune", "-f")
    assert docker.out("images", "-q", "--filter", "dangling=true") == ""


def test_layers_that_are_here_are_not_fetched(docker: RunningEngine, scripted: ScriptedRegistry) -> None:
    shared = scripted.add_image("1", [BUSYBOX])["layers"][0]["digest"]
    scripted.add_image("2", [BUSYBOX, one_file("more")])
    pull(docker, scripted.address)
    answer = pull(docker, scripted.address, tag="2")
    assert statuses(answer, shared[7:19]) == ["Already exists"]
    assert len(blob_gets(scripted, shared)) == 1


def test_a_layer_kept_for_another_stack_is_unpacked_without_fetching(
    docker: RunningEngine, scripted: ScriptedRegistry
) -> None:
    below, above = one_file("below"), one_file("above")
    scripted.add_image("1", [above])
    layers = scripted.add_image("2", [below, above])["layers"]
    pull(docker, scripted.address)
    answer = pull(docker, scripted.address, tag="2")
    assert answer.lines[-1]["status"].startswith("Status: Downloaded newer image")
    assert len(blob_gets(scripted, layers[1]["digest"])) == 1


@pytest.mark.parametrize(
    ("ending", "packed"),
    [("+gzip", gzip.compress(BUSYBOX)), ("+zstd", zstandard.ZstdCompressor().compress(BUSYBOX)), ("", BUSYBOX)],
    ids=["gzip", "zstd", "plain"],
)
def test_layers_come_compressed_or_not(
    ending: str, packed: bytes, docker: RunningEngine, scripted: ScriptedRegistry
) -> None:
    media_type = f"application/vnd.oci.image.layer.v1.tar{ending}"
    _add_oci(scripted, "1", [scripted.layer(packed, media_type)], config_of([BUSYBOX]))
    docker.docker("pull", f"{scripted.address}/x:1")
    assert docker.out("run", "--rm", f"{scripted.address}/x:1", "/bin/busybox", "echo", "ok") == "ok"


def _add_oci(registry: ScriptedRegistry, name: str, layers: list[dict[str, object]], config: bytes) -> str:
    described = {"mediaType": OCI_CONFIG, "digest": registry.add_blob(config), "size": len(config)}
    manifest = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": described, "layers": layers}
    return registry.add_manifest(name, manifest, OCI_MANIFEST)


@pytest.mark.parametrize("media_type", [DOCKER_LIST, OCI_INDEX])
def test_of_several_platforms_the_wanted_one_comes(
    media_type: str, docker: RunningEngine, scripted: ScriptedRegistry
) -> None:
    entries = []
    for architecture, variant in (("arm64", "v8"), ("amd64", ""), ("arm", "v6"), ("arm", "v7")):
        changes = {"architecture": architecture, **({"variant": variant} if variant else {})}
        scripted.add_image("one", [one_file(f"{architecture}{variant}")], **changes)
        data = scripted.manifests["one"][1]
        platform = {"os": "linux", **changes}
        entry = {"mediaType": DOCKER_MANIFEST, "digest": digest_of(data), "size": len(data), "platform": platform}
        entries.append(entry)
    scripted.add_manifest("1", {"schemaVersion": 2, "mediaType": media_type, "manifests": entries}, media_type)
    found = {}
    for wanted in ("", "linux/arm64", "linux/arm/v7", "linux/arm"):
        docker.docker("pull", *(["--platform", wanted] if wanted else []), f"{scripted.address}/x:1")
        shown = docker.out("image", "inspect", "--format", "{{.Architecture}}{{.Variant}}", f"{scripted.address}/x:1")
        found[wanted] = shown
    assert found == {"": "amd64", "linux/arm64": "arm64v8", "linux/arm/v7": "armv7", "linux/arm": "armv7"}
    done = docker.docker("pull", "--platform", "linux/s390x", f"{scripted.address}/x:1", check=False)
    assert b"no matching manifest for linux/s390x in the manifest list entries" in done.stderr


def test_an_image_of_another_platform_than_asked_for_is_refused(
    docker: RunningEngine, scripted: ScriptedRegistry
) -> None:
    scripted.add_image("1", [BUSYBOX])
    done = docker.docker("pull", "--platform", "linux/arm64", f"{scripted.address}/x:1", check=False)
    assert b"does not match the specified platform: wanted linux/arm64, actual: linux/amd64" in done.stderr


def test_all_tags_come_over_several_pages(docker: RunningEngine, scripted: ScriptedRegistry) -> None:
    for tag in ("a", "b", "c"):
        scripted.add_image(tag, [one_file(tag)])

    def pages(asked: Asked) -> Reply | None:
        if "/tags/list" not in asked.path:
            return None
        if "last=b" in asked.path:
            return Reply(200, b'{"name": "x", "tags": ["c"]}')
        link = '</v2/x/tags/list?last=b&n=2>; rel="next"'
        return Reply(200, b'{"name": "x", "tags": ["a", "b"]}', {"Link": link})

    scripted.answerers.append(pages)
    docker.docker("pull", "-a", f"{scripted.address}/x")
    assert sorted(docker.out("images", "--format", "{{.Tag}}").split()) == ["a", "b", "c"]


def test_a_transfer_that_breaks_goes_on_where_it_was(docker: RunningEngine, scripted: ScriptedRegistry) -> None:
    digest = scripted.add_image("1", [one_file("big", 5_000_000)])["layers"][0]["digest"]
    cuts = [3_000_000, 1_500_000]

    def cut(asked: Asked) -> Reply | None:
        if not asked.path.endswith(digest) or not cuts:
            return None
        reply = ranged(scripted.blobs[digest], asked)
        reply.cut = cuts.pop(0)
        return reply

    scripted.answerers.append(cut)
    assert pull(docker, scripted.address).lines[-1]["status"].startswith("Status: Downloaded newer image")
    starts = [int(asked.headers.get("Range", "bytes=0-")[6:-1]) for asked in blob_gets(scripted, digest)]
    assert len(starts) == 3
    assert starts == sorted(set(starts))


def test_a_registry_without_ranges_is_asked_from_the_beginning(
    docker: RunningEngine, scripted: ScriptedRegistry
) -> None:
    digest = scripted.add_image("1", [one_file("big", 3_000_000)])["layers"][0]["digest"]
    cuts = [2_500_000]

    def whole(asked: Asked) -> Reply | None:
        if not asked.path.endswith(digest):
            return None
        return Reply(200, scripted.blobs[digest], cut=cuts.pop() if cuts else None)

    scripted.answerers.append(whole)
    assert pull(docker, scripted.address).lines[-1]["status"].startswith("Status: Downloaded newer image")
    assert len(blob_gets(scripted, digest)) == 3  # cut, refused to go on, whole


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_registry_is_asked_again(status: int, docker: RunningEngine, scripted: ScriptedRegistry) -> None:
    scripted.add_image("1", [BUSYBOX])
    busy = [Reply(status, b"", {"Retry-After": "0"}) for _ in range(4)]
    scripted.answerers.append(lambda asked: busy.pop() if busy and asked.path != "/v2/" and len(busy) % 2 else None)
    scripted.answerers.append(lambda asked: busy.pop() if busy and asked.path != "/v2/" else None)
    busy[:] = busy[:2]
    assert pull(docker, scripted.address).lines[-1]["status"].startswith("Status: Downloaded newer image")


def test_a_redirect_to_another_server_loses_the_password(
    docker: RunningEngine, scripted: ScriptedRegistry, fleet: Fleet
) -> None:
    fleet.elsewhere.forget()
    scripted.add_image("1", [BUSYBOX])
    fleet.elsewhere.blobs = scripted.blobs
    basic = Reply(401, b"", {"WWW-Authenticate": 'Basic realm="x"'})

    def answer(asked: Asked) -> Reply | None:
        if "Authorization" not in asked.headers:
            return basic
        target = f"http://{fleet.elsewhere.address}{asked.path}"
        return Reply(307, b"", {"Location": target}) if "/blobs/" in asked.path else None

    scripted.answerers.append(answer)
    given = {"username": "u", "password": "p"}
    assert pull(docker, scripted.address, auth=given).lines[-1]["status"].startswith("Status: Downloaded newer image")
    assert len(fleet.elsewhere.asked) == 2
    assert all("Authorization" not in asked.headers for asked in fleet.elsewhere.asked)


class _Gate:
    """Holds back one blob until it is opened."""

    def __init__(self, registry: ScriptedRegistry, digest: str) -> None:
        self.opened = threading.Event()
        self.reached = threading.Event()
        self._digest = digest
        registry.answerers.append(self._wait)

    def _wait(self, asked: Asked) -> None:
        if asked.path.endswith(self._digest):
            self.reached.set()
            assert self.opened.wait(20)


@contextlib.contextmanager
def _pulling(engine: RunningEngine, registry: ScriptedRegistry) -> Iterator[socket.socket]:
    """A pull that has begun: its connection, which may be closed in the middle."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(20)
        connection.connect(str(engine.socket))
        path = f"/images/create?fromImage={registry.address}/x&tag=1"
        connection.sendall(
            f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
        )
        received = b""
        while b"Pulling fs layer" not in received:
            received += connection.recv(65536)
        yield connection


def test_pulls_of_the_same_layer_share_one_download(docker: RunningEngine, scripted: ScriptedRegistry) -> None:
    digest = scripted.add_image("1", [BUSYBOX])["layers"][0]["digest"]
    gate = _Gate(scripted, digest)
    with _pulling(docker, scripted) as one, _pulling(docker, scripted) as two:
        gate.opened.set()
        for connection in (one, two):
            assert b"Pull complete" in _rest(connection)
    assert len(blob_gets(scripted, digest)) == 1


def test_a_client_that_goes_away_ends_its_pull(docker: RunningEngine, scripted: ScriptedRegistry) -> None:
    digest = scripted.add_image("1", [BUSYBOX, one_file("more")])["layers"][0]["digest"]
    gate = _Gate(scripted, digest)
    with _pulling(docker, scripted):
        assert gate.reached.wait(10)
    wait_until(lambda: stored(docker) == [], what="nothing is left of the pull")
    gate.opened.set()
    assert docker.out("images", "-aq") == ""


def test_a_download_goes_on_for_those_who_still_wait(docker: RunningEngine, scripted: ScriptedRegistry) -> None:
    digest = scripted.add_image("1", [BUSYBOX])["layers"][0]["digest"]
    gate = _Gate(scripted, digest)
    with _pulling(docker, scripted) as staying_started_second_below, _pulling(docker, scripted) as second:
        assert gate.reached.wait(20)
        # nothing tells that the second has joined the download of the first, which it does right after what it said
        time.sleep(0.3)
        staying_started_second_below.close()
        gate.opened.set()
        assert b"Pull complete" in _rest(second)
    assert len(blob_gets(scripted, digest)) == 1


def _rest(connection: socket.socket) -> bytes:
    received = b""
    while piece := connection.recv(65536):
        received += piece
    return received


def test_a_pull_that_a_crash_ended_leaves_nothing(scripted: ScriptedRegistry) -> None:
    digest = scripted.add_image("1", [BUSYBOX, one_file("more", 2_000_000)])["layers"][1]["digest"]
    gate = _Gate(scripted, digest)
    with running_engine() as engine:
        with _pulling(engine, scripted) as connection:
            while b"Pull complete" not in connection.recv(65536):
                pass
            engine.kill()
        gate.opened.set()
        assert stored(engine) != []
        engine.start()
        assert stored(engine) == []
        assert pull(engine, scripted.address).lines[-1]["status"].startswith("Status: Downloaded newer image")


def test_a_mirror_is_asked_first_and_shown_no_password(scripted: ScriptedRegistry) -> None:
    scripted.add_image("1", [BUSYBOX])
    scripted.answerers.append(
        lambda asked: Reply(200, b'{"name": "library/thing", "tags": ["1"]}') if "/tags/list" in asked.path else None
    )
    with running_engine("--registry-mirror", f"http://{scripted.address}") as engine:
        answer = pull(engine, "docker.io", "library/thing", auth={"username": "u", "password": "p"})
        assert answer.lines[0] == {"status": "Pulling from library/thing", "id": "1"}
        assert engine.out("images", "--format", "{{.Repository}}:{{.Tag}}") == "thing:1"
        engine.docker("rmi", "thing:1")
        assert "Digest: sha256:" in engine.out("pull", "-a", "library/thing")
        assert ask(engine, "GET", "/distribution/library/thing:1/json").json["Platforms"][0]["os"] == "linux"
        assert "http://" + scripted.address in engine.out("info", "--format", "{{.RegistryConfig.Mirrors}}")
    assert {asked.path.split("/")[3] for asked in scripted.asked if asked.path != "/v2/"} == {"thing"}
    assert all("Authorization" not in asked.headers for asked in scripted.asked)


def test_the_certificate_of_a_registry_counts(docker: RunningEngine, fleet: Fleet) -> None:
    refused = pull(docker, fleet.stranger.address)
    assert refused.status == 503
    assert "x509" in refused.error
    known = pull(docker, fleet.with_tls.address, auth=password_for(fleet.with_tls))
    assert known.status == 404
    assert "manifest unknown" in known.error


def test_what_is_not_there_is_not_found(docker: RunningEngine, fleet: Fleet, repository: str) -> None:
    answer = pull(docker, fleet.open.address, repository)
    name = f"{fleet.open.address}/{repository}:1"
    assert (answer.status, answer.error.split(": ")[:2]) == (
        404,
        [f"manifest for {name} not found", "manifest unknown"],
    )
    answer = pull(docker, "localhost:1")
    assert answer.status == 503
    assert "localhost:1" in answer.error


@pytest.mark.parametrize("text", ["%%%", "bm90IGpzb24", encoded([1]), encoded({"username": 1}), "x" * 7000])
def test_credentials_that_cannot_be_read_are_none(text: str, docker: RunningEngine, fleet: Fleet) -> None:
    assert "manifest unknown" in pull(docker, fleet.open.address, auth=text).error
    assert "pull access denied" in pull(docker, fleet.by_password.address, auth=text).error


def test_a_pull_is_an_event(docker: RunningEngine, scripted: ScriptedRegistry) -> None:
    scripted.add_image("1", [BUSYBOX])
    pull(docker, scripted.address)
    assert last_event(docker, "pull") == f"{scripted.address}/x:1"

"""A hostile registry: each of its tricks is refused within seconds, stores nothing, and learns no password."""

import gzip
import json
import os
import re
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.engine.conftest import RunningEngine
from tests.engine.host.images.archives import member, tar_of
from tests.engine.host.registry.conftest import ask, pull, stored
from tests.fakes.scripted_registry import (
    DOCKER_LIST,
    OCI_MANIFEST,
    Asked,
    Reply,
    ScriptedRegistry,
    digest_of,
    scripted_registry,
)

pytestmark = pytest.mark.host
LIMIT_S = 10
LAYER = tar_of(member("file", os.urandom(300_000)))
SECRET = {"username": "mallory", "password": "hunter2-canary"}

Trick = Callable[[ScriptedRegistry], None]


def on_blobs(registry: ScriptedRegistry, change: Callable[[Reply], Reply]) -> None:
    """Layers come changed; the configuration, which is small, as it is."""

    def answer(asked: Asked) -> Reply | None:
        data = registry.blobs.get(asked.path.rsplit("/", 1)[-1], b"")
        return change(Reply(200, data)) if "/blobs/" in asked.path and len(data) > 10_000 else None

    registry.add_image("1", [LAYER])
    registry.answerers.append(answer)


def on_manifest(registry: ScriptedRegistry, change: Callable[[dict[str, Any]], object]) -> None:
    manifest = registry.add_image("1", [LAYER])
    registry.add_manifest("1", change(manifest))


def redirected(registry: ScriptedRegistry, target: str) -> None:
    def answer(asked: Asked) -> Reply | None:
        return Reply(307, b"", {"Location": target}) if "/blobs/" in asked.path else None

    registry.add_image("1", [LAYER])
    registry.answerers.append(answer)


def corrupt(registry: ScriptedRegistry) -> None:
    on_blobs(registry, lambda reply: Reply(200, reply.body[:-9] + bytes([reply.body[-9] ^ 1]) + reply.body[-8:]))


def truncated(registry: ScriptedRegistry) -> None:
    on_blobs(registry, lambda reply: Reply(200, reply.body, cut=1000))


def extra_bytes(registry: ScriptedRegistry) -> None:
    on_blobs(registry, lambda reply: Reply(200, reply.body + b"extra"))


def extra_bytes_without_a_length(registry: ScriptedRegistry) -> None:
    def change(reply: Reply) -> Reply:
        body = reply.body + b"extra"
        chunk = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        return Reply(200, chunk, {"Transfer-Encoding": "chunked"})

    on_blobs(registry, change)


def another_diff_id(registry: ScriptedRegistry) -> None:
    registry.add_image("1", [LAYER], rootfs={"type": "layers", "diff_ids": [digest_of(b"another")]})


def bad_json(registry: ScriptedRegistry) -> None:
    registry.add_manifest("1", b'{"schemaVersion": 2, "layers": [}')


def deep_json(registry: ScriptedRegistry) -> None:
    registry.add_manifest("1", b'{"layers":' + b"[" * 200_000 + b"]" * 200_000 + b"}")


def a_list_that_is_a_manifest(registry: ScriptedRegistry) -> None:
    on_manifest(registry, lambda manifest: manifest | {"mediaType": DOCKER_LIST})


def a_manifest_that_is_also_a_list(registry: ScriptedRegistry) -> None:
    on_manifest(registry, lambda manifest: manifest | {"manifests": [manifest["config"]]})


def sent_as_another_type(registry: ScriptedRegistry) -> None:
    manifest = registry.add_image("1", [LAYER])
    registry.add_manifest("1", manifest, OCI_MANIFEST)


def fields_of_wrong_types(registry: ScriptedRegistry) -> None:
    on_manifest(registry, lambda manifest: manifest | {"layers": {"0": 1}})


def schema_1(registry: ScriptedRegistry) -> None:
    registry.add_manifest("1", {"schemaVersion": 1, "name": "x", "tag": "1", "fsLayers": [], "history": []})


def redirect_loop(registry: ScriptedRegistry) -> None:
    redirected(registry, f"http://{registry.address}/v2/x/blobs/again")


def redirect_to_a_file(registry: ScriptedRegistry) -> None:
    redirected(registry, "file:///etc/passwd")


def redirect_to_cloud_metadata(registry: ScriptedRegistry) -> None:
    redirected(registry, "http://169.254.169.254/latest/meta-data/")


def redirect_to_a_private_address(registry: ScriptedRegistry) -> None:
    redirected(registry, "https://10.1.2.3/blob")


def redirect_to_a_mapped_address(registry: ScriptedRegistry) -> None:
    redirected(registry, "https://[::ffff:127.0.0.1]/blob")


def another_body_for_a_digest(registry: ScriptedRegistry) -> None:
    on_manifest(registry, lambda manifest: manifest | {"config": {**manifest["config"], "digest": digest_of(b"")}})
    registry.blobs[digest_of(b"")] = b"{}"


def declared_size_5(registry: ScriptedRegistry) -> None:
    on_manifest(registry, lambda manifest: manifest | {"layers": [{**manifest["layers"][0], "size": 5}]})


def declared_size_negative(registry: ScriptedRegistry) -> None:
    on_manifest(registry, lambda manifest: manifest | {"layers": [{**manifest["layers"][0], "size": -1}]})


def manifest_of_50_megabytes(registry: ScriptedRegistry) -> None:
    on_manifest(registry, lambda manifest: manifest | {"annotations": {"x": "y" * (50 << 20)}})


def lying_digest_header(registry: ScriptedRegistry) -> None:
    manifest = json.dumps(registry.add_image("1", [LAYER])).encode()
    lie = {"Content-Type": registry.manifests["1"][0], "Docker-Content-Digest": digest_of(b"lie")}
    registry.answerers.append(lambda asked: Reply(200, manifest, lie) if "/manifests/" in asked.path else None)


def layer_from_elsewhere(registry: ScriptedRegistry) -> None:
    foreign = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
    url = f"http://{registry.address}/elsewhere"
    on_manifest(
        registry,
        lambda manifest: manifest | {"layers": [{**manifest["layers"][0], "mediaType": foreign, "urls": [url]}]},
    )


def bomb(registry: ScriptedRegistry) -> None:
    name = tar_of(member("zeros", b""))[:512]
    header = name[:124] + b"%011o\0" % (1 << 30) + name[136:148] + b" " * 8 + name[156:]
    header = header[:148] + b"%06o\0 " % sum(header) + header[156:]
    packed, zeros = gzip.compress(header, 6), gzip.compress(bytes(1 << 24), 6)
    registry.add_manifest("1", {**registry.add_image("1", [LAYER]), "layers": [registry.layer(packed + zeros * 64)]})


def realm_on_another_server(registry: ScriptedRegistry) -> None:
    _challenge(registry, 'Bearer realm="https://tokens.example.com/token",service="x"')


def realm_without_tls(registry: ScriptedRegistry) -> None:
    _challenge(registry, 'Bearer realm="http://203.0.113.7/token",service="x"')


def realm_that_is_a_file(registry: ScriptedRegistry) -> None:
    _challenge(registry, 'Bearer realm="file:///etc/passwd",service="x"')


def token_that_never_ends(registry: ScriptedRegistry) -> None:
    _challenge(registry, f'Bearer realm="http://{registry.address}/token",service="x"')
    body = b'{"token": "' + b"x" * (70 << 10) + b'"}'
    registry.answerers.append(lambda asked: Reply(200, body) if asked.path.startswith("/token") else None)


def token_with_a_newline(registry: ScriptedRegistry) -> None:
    _challenge(registry, f'Bearer realm="http://{registry.address}/token",service="x"')
    body = json.dumps({"token": "x\r\nHost: evil"}).encode()
    registry.answerers.append(lambda asked: Reply(200, body) if asked.path.startswith("/token") else None)


def _challenge(registry: ScriptedRegistry, text: str) -> None:
    registry.add_image("1", [LAYER])
    registry.answerers.append(lambda asked: Reply(401, b"", {"WWW-Authenticate": text}))


TRICKS: dict[Trick, str] = {
    corrupt: "verification failed",
    truncated: "ended after|broke",
    extra_bytes: "the manifest says",
    extra_bytes_without_a_length: "has more than",
    another_diff_id: "diff id",
    bad_json: "manifest: invalid JSON",
    deep_json: "nested more than 64 deep",
    a_list_that_is_a_manifest: "manifest",
    a_manifest_that_is_also_a_list: "has not the members of",
    sent_as_another_type: "was sent as",
    fields_of_wrong_types: "layers: expected `array",
    schema_1: "schema 1 is not supported",
    redirect_loop: "more than 3 redirects",
    redirect_to_a_file: "only https is followed",
    redirect_to_cloud_metadata: "by plain http",
    redirect_to_a_private_address: "10.1.2.3, inside this network",
    redirect_to_a_mapped_address: "inside this network",
    another_body_for_a_digest: "config verification failed",
    declared_size_5: "the manifest says 5 bytes",
    declared_size_negative: "size is -1",
    manifest_of_50_megabytes: "at most 4194304",
    lying_digest_header: "manifest verification failed",
    layer_from_elsewhere: "to be fetched from another place",
    bomb: "expands to more than 200 times",
    realm_on_another_server: "not of the same domain",
    realm_without_tls: "by plain http",
    realm_that_is_a_file: "is not an https address",
    token_that_never_ends: "a token has",
    token_with_a_newline: "characters that no header can carry",
}


@pytest.mark.parametrize("trick", TRICKS, ids=lambda trick: trick.__name__)
def test_a_trick_is_refused_and_leaves_nothing(trick: Trick, scripted: ScriptedRegistry, docker: RunningEngine) -> None:
    trick(scripted)
    began = time.monotonic()
    answer = pull(docker, scripted.address, auth=SECRET)
    assert time.monotonic() - began < LIMIT_S
    assert answer.status < 500 or answer.status in (501, 503), answer.body
    assert re.search(TRICKS[trick], answer.error), answer.error
    assert ask(docker, "GET", "/images/json?all=1").json == []
    assert stored(docker) == []
    assert "hunter2" not in docker.log


def test_an_internal_server_is_not_even_asked(scripted: ScriptedRegistry, docker: RunningEngine) -> None:
    with scripted_registry() as internal:
        for scheme in ("http", "https"):
            scripted.forget()
            redirected(scripted, f"{scheme}://{internal.address}/secret")
            assert pull(docker, scripted.address).error
        assert internal.asked == []


def test_a_password_goes_to_no_other_server(scripted: ScriptedRegistry, docker: RunningEngine) -> None:
    with scripted_registry() as other:
        _challenge(scripted, f'Bearer realm="http://{other.address}/token",service="x"')
        assert pull(docker, scripted.address, auth=SECRET).error
        assert other.asked == []

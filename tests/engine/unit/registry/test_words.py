"""What registries and clients write: challenges, credentials, manifests."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.model.digest import Digest
from engine.model.errors import EngineError, Invalid, Missing, TooLarge, Unsupported
from engine.model.platform import Platform
from engine.registry.challenge import Challenge, parse_challenges, strongest
from engine.registry.credentials import Credentials, credentials_for, decode_config, decode_header
from engine.registry.documents import (
    DOCKER_CONFIG,
    DOCKER_LIST,
    DOCKER_MANIFEST,
    OCI_INDEX,
    OCI_MANIFEST,
    Descriptor,
    Index,
    Manifest,
    choose,
    encode_manifest,
    is_fit,
    layer_media_type,
    parse_document,
)
from engine.wire.transfer import human_size, progress_text

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Basic", [Challenge("basic", {})]),
        ('Basic realm="a, b"', [Challenge("basic", {"realm": "a, b"})]),
        (
            'Bearer realm="https://a/t",service="s",scope="repository:x:pull,push"',
            [Challenge("bearer", {"realm": "https://a/t", "service": "s", "scope": "repository:x:pull,push"})],
        ),
        (
            'BEARER Realm = "https://a/\\"q\\"" , service=s, Basic realm=x',
            [Challenge("bearer", {"realm": 'https://a/"q"', "service": "s"}), Challenge("basic", {"realm": "x"})],
        ),
        ("", []),
        ('=,="', []),
        ('Bearer realm="open', [Challenge("bearer", {})]),
    ],
)
def test_a_challenge_is_read(value: str, expected: list[Challenge]) -> None:
    assert parse_challenges([value]) == expected


def test_a_token_is_preferred_to_a_password() -> None:
    assert strongest(parse_challenges(["Basic realm=x", 'Bearer realm="y"'])) == Challenge("bearer", {"realm": "y"})
    assert strongest(parse_challenges(["Negotiate"])) is None


@given(st.text(max_size=300))
def test_any_challenge_is_read_without_a_crash(value: str) -> None:
    strongest(parse_challenges([value]))


def coded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


def test_credentials_come_in_several_forms() -> None:
    given_ = {"username": "u", "password": "p>?", "serveraddress": "s", "email": "ignored"}
    for text in (coded(given_), coded(given_).rstrip("="), base64.b64encode(json.dumps(given_).encode()).decode()):
        assert decode_header(text) == Credentials("u", "p>?", server_address="s")
    assert decode_header(coded({"auth": base64.b64encode(b"u:p:q").decode()})) == Credentials("u", "p:q")
    assert decode_header(coded({"identitytoken": "t"})) == Credentials(identity_token="t")
    for nothing in ("", coded({}), coded(None)):
        assert not decode_header(nothing)
    assert "p>?" not in repr(decode_header(coded(given_)))


def test_a_build_has_credentials_for_several_registries() -> None:
    text = coded({"https://index.docker.io/v1/": {"username": "hub"}, "reg.example:5000": {"username": "reg"}})
    found = decode_config(text)
    assert credentials_for("docker.io", found).username == "hub"
    assert credentials_for("reg.example:5000", found).username == "reg"
    assert not credentials_for("reg.example", found)
    with pytest.raises(Invalid, match="X-Registry-Config"):
        decode_config(coded({"reg": "x"}))


def manifest(**changes: Any) -> bytes:
    layer = {"mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip", "size": 5, "digest": DIGEST}
    config = {"mediaType": DOCKER_CONFIG, "size": 7, "digest": DIGEST}
    whole = {"schemaVersion": 2, "mediaType": DOCKER_MANIFEST, "config": config, "layers": [layer]}
    return json.dumps({key: value for key, value in (whole | changes).items() if value is not ...}).encode()


def layer(**changes: Any) -> bytes:
    return manifest(layers=[json.loads(manifest())["layers"][0] | changes])


def test_a_manifest_is_read_and_written_the_same() -> None:
    parsed = parse_document(manifest(), "application/vnd.docker.distribution.manifest.v2+json; charset=utf-8")
    assert isinstance(parsed, Manifest)
    assert parsed.layers[0].size_bytes == 5
    assert parse_document(encode_manifest(parsed), "") == parsed
    assert isinstance(parse_document(manifest(mediaType=...), OCI_MANIFEST), Manifest)


def test_dockers_manifest_is_written_as_dockerd_writes_it() -> None:
    one = Descriptor("m", Digest("a" * 64), 1)
    assert encode_manifest(Manifest("t", one, (one,))).decode() == (
        '{\n   "schemaVersion": 2,\n   "mediaType": "t",\n   "config": {\n      "mediaType": "m",\n'
        f'      "size": 1,\n      "digest": "{DIGEST}"\n   }},\n   "layers": [\n      {{\n'
        f'         "mediaType": "m",\n         "size": 1,\n         "digest": "{DIGEST}"\n      }}\n   ]\n}}'
    )


@pytest.mark.parametrize(
    ("data", "content_type", "error"),
    [
        (manifest(schemaVersion=1), DOCKER_MANIFEST, Unsupported),
        (manifest(schemaVersion=3), DOCKER_MANIFEST, Invalid),
        (manifest(), OCI_MANIFEST, Invalid),
        (manifest(mediaType=...), "text/html", Unsupported),
        (manifest(mediaType=DOCKER_LIST), "", Invalid),
        (manifest(mediaType=..., manifests=[]), DOCKER_LIST, Invalid),
        (manifest(config=...), "", Invalid),
        (manifest(config={"mediaType": "application/x", "size": 1, "digest": DIGEST}), "", Unsupported),
        (manifest(config={"mediaType": DOCKER_CONFIG, "size": 5 << 20, "digest": DIGEST}), "", Invalid),
        (layer(size=-1), "", Invalid),
        (layer(size=0), "", Invalid),
        (layer(size=1.5), "", Invalid),
        (layer(size=2**70), "", Invalid),
        (layer(digest="sha256:A"), "", Invalid),
        (layer(digest="md5:abc"), "", Invalid),
        (layer(urls=["https://x"]), "", Unsupported),
        (layer(mediaType="application/vnd.oci.image.layer.nondistributable.v1.tar"), "", Unsupported),
        (layer(mediaType="application/x"), "", Unsupported),
        (manifest(layers=[json.loads(manifest())["layers"][0]] * 501), "", TooLarge),
        (b'{"schemaVersion": 2, "schemaVersion": 2}', "", Invalid),
        (b"[]", "", Invalid),
        (b"", "", Invalid),
        (b" " * (5 << 20), "", TooLarge),
    ],
)
def test_an_unsound_manifest_is_refused(data: bytes, content_type: str, error: type[EngineError]) -> None:
    with pytest.raises(error, match=r"^manifest"):
        parse_document(data, content_type)


_scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
_words = st.sampled_from(["schemaVersion", "mediaType", "config", "layers", "manifests", "size", "digest", "urls"])
_json = st.recursive(
    _scalars | st.sampled_from([2, DIGEST, DOCKER_MANIFEST, OCI_INDEX, DOCKER_CONFIG]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_words, inner, max_size=8),
    max_leaves=30,
)


@settings(max_examples=300)
@given(_json, st.sampled_from([DOCKER_MANIFEST, OCI_INDEX, "", "x"]))
def test_any_document_is_read_or_refused(value: object, content_type: str) -> None:
    try:
        parsed = parse_document(json.dumps(value).encode(), content_type)
    except EngineError:
        return
    assert isinstance(parsed, Manifest | Index)


@settings(max_examples=200)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with pytest.raises(EngineError):
        parse_document(data, DOCKER_MANIFEST)


def index(*platforms: str | None, **more: Any) -> Index:
    entries = []
    for number, text in enumerate(platforms):
        entry: dict[str, Any] = {"mediaType": OCI_MANIFEST, "size": 1, "digest": f"sha256:{number:064x}"}
        if text is not None:
            platform = Platform.parse(text)
            entry["platform"] = {"os": platform.os, "architecture": platform.architecture, "variant": platform.variant}
        entries.append(entry | more)
    parsed = parse_document(json.dumps({"schemaVersion": 2, "manifests": entries}).encode(), OCI_INDEX)
    assert isinstance(parsed, Index)
    return parsed


@pytest.mark.parametrize(
    ("offered", "wanted", "chosen"),
    [
        (["linux/amd64", "linux/arm64"], "linux/arm64", 1),
        (["linux/arm64/v8"], "linux/arm64", 0),
        (["linux/arm64"], "linux/arm64/v8", 0),
        (["linux/arm/v6", "linux/arm/v7"], "linux/arm/v7", 1),
        (["linux/arm/v5", "linux/arm/v6"], "linux/arm/v7", 1),
        (["linux/arm/v7", "linux/arm/v6"], "linux/arm/v6", 1),
        (["windows/amd64", "linux/amd64"], "linux/amd64", 1),
        ([None], "linux/amd64", 0),
    ],
)
def test_the_best_of_an_index_is_chosen(offered: list[str | None], wanted: str, chosen: int) -> None:
    assert choose(index(*offered), Platform.parse(wanted)).digest.hex == f"{chosen:064x}"


@pytest.mark.parametrize(
    ("offered", "wanted"),
    [
        (["linux/arm/v7"], "linux/arm/v6"),
        (["linux/amd64"], "linux/arm64"),
        ([], "linux/amd64"),
        ([None, None], "linux"),
    ],
)
def test_nothing_fitting_is_missing(offered: list[str | None], wanted: str) -> None:
    with pytest.raises(Missing, match="no matching manifest for"):
        choose(index(*offered), Platform.parse(wanted))
    assert not is_fit(Platform.parse("linux/arm64"), Platform.parse("linux/amd64"))


def test_attestations_are_no_images() -> None:
    attested = index("unknown/unknown", annotations={"vnd.docker.reference.type": "attestation-manifest"})
    assert attested.entries == ()


def test_a_layers_media_type_follows_its_manifest() -> None:
    assert layer_media_type(DOCKER_MANIFEST, "gzip") == "application/vnd.docker.image.rootfs.diff.tar.gzip"
    assert layer_media_type(OCI_MANIFEST, "zstd") == "application/vnd.oci.image.layer.v1.tar+zstd"
    assert layer_media_type(OCI_MANIFEST, "none") == "application/vnd.oci.image.layer.v1.tar"


def test_sizes_are_shown_as_docker_shows_them() -> None:
    sizes = {0: "0B", 999: "999B", 1000: "1kB", 1234: "1.234kB", 2_213_000: "2.213MB", 12_345_678_901: "12.35GB"}
    assert {size: human_size(size) for size in sizes} == sizes
    assert progress_text(0, 100) == "[>" + " " * 50 + "]       0B/100B"
    assert progress_text(100, 100) == "[" + "=" * 50 + ">]     100B/100B"

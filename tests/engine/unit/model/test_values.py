"""Digests, ports and platforms: parsed once, refused when malformed."""

import pytest

from engine.model.digest import Digest, chain_id
from engine.model.errors import Invalid
from engine.model.platform import Platform
from engine.model.ports import Port, Protocol


@pytest.mark.parametrize(
    "text", ["", "sha256:", "sha256:" + "A" * 64, "sha256:" + "a" * 63, "md5:" + "a" * 32, "a" * 64]
)
def test_a_malformed_digest_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="invalid digest"):
        Digest.parse(text)


def test_the_chain_id_of_one_layer_is_its_diff_id() -> None:
    layer = Digest.of(b"layer")
    assert chain_id((layer,)) == layer


def test_the_chain_id_depends_on_order() -> None:
    below, above = Digest.of(b"below"), Digest.of(b"above")
    assert chain_id((below, above)) == Digest.of(f"{below} {above}".encode())
    assert chain_id((below, above)) != chain_id((above, below))


@pytest.mark.parametrize(
    ("text", "port"),
    [("80", Port(80)), ("80/tcp", Port(80)), ("53/udp", Port(53, Protocol.UDP)), ("53/UDP", Port(53, Protocol.UDP))],
)
def test_a_port_names_its_protocol_or_is_tcp(text: str, port: Port) -> None:
    assert Port.parse(text) == port


@pytest.mark.parametrize("text", ["", "0", "65536", "-1", "+1", " 80", "80/icmp", "80/tcp/udp", "８０", "1_0", "8o"])
def test_a_malformed_port_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="invalid port"):
        Port.parse(text)


def test_a_platform_uses_the_names_images_use() -> None:
    assert str(Platform.parse("linux/x86_64")) == "linux/amd64"
    assert str(Platform.parse("linux/arm/v7")) == "linux/arm/v7"
    assert Platform.of_machine("aarch64").architecture == "arm64"

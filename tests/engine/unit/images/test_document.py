import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from engine.images.changes import apply_changes
from engine.images.document import decode_config, encode_config
from engine.model.digest import Digest
from engine.model.errors import Invalid
from engine.model.image import Healthcheck, History, Image, ImageConfig
from engine.model.platform import Platform
from engine.model.ports import Port

NOW = datetime(2024, 1, 2, 3, 4, 5, 678901, UTC)
CONFIG = ImageConfig(
    entrypoint=("/init",),
    cmd=(),
    env=("A=1",),
    working_dir="/w",
    user="1:2",
    labels={"b": "2", "a": "1"},
    exposed_ports=frozenset({Port(80), Port(53)}),
    volumes=frozenset({"/data"}),
    stop_signal="SIGINT",
    healthcheck=Healthcheck(("CMD", "true"), 1, 2, 3, 4, 5),
    shell=("/bin/bash", "-c"),
    on_build=("RUN x",),
)
IMAGE = Image(
    Digest.of(b""),
    CONFIG,
    Platform("linux", "arm64", "v8"),
    NOW,
    (Digest.of(b"1"), Digest.of(b"2")),
    (History(NOW, "ADD x", "c", "a"), History(None, "CMD", empty_layer=True)),
    author="me",
    comment="c",
    docker_version="1",
)


def test_a_document_tells_all_of_an_image():
    data = encode_config(IMAGE)
    assert decode_config(data) == replace(IMAGE, id=Digest.of(data))


def test_a_document_is_the_same_each_time():
    other = replace(CONFIG, labels={"a": "1", "b": "2"}, exposed_ports=frozenset([Port(53), Port(80)]))
    assert encode_config(replace(IMAGE, config=other)) == encode_config(IMAGE)


def test_an_old_docker_image_with_nulls_and_plain_strings_is_understood():
    document = {
        "architecture": "amd64",
        "os": "linux",
        "created": "0001-01-01T00:00:00Z",
        "config": {"Cmd": "sh", "Entrypoint": None, "Labels": None, "User": None, "ExposedPorts": {"80/tcp": {}}},
        "container_config": {"Hostname": "x"},
        "rootfs": {"type": "layers", "diff_ids": None},
        "history": [{"created": None, "created_by": None}],
        "unknown": [1],
    }
    image = decode_config(json.dumps(document).encode())
    assert image.created_at is None
    assert (image.config.cmd, image.config.entrypoint) == (("sh",), None)
    assert image.diff_ids == ()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "{",
        "{}",
        '{"rootfs": {"diff_ids": ["sha256:xyz"]}}',
        '{"rootfs": {"diff_ids": []}, "config": {"Env": [1]}}',
        '{"rootfs": {"diff_ids": []}, "created": "yesterday"}',
        "[" * 100_000,
        '{"a":' * 100_000,
        '"\ud800"',
    ],
)
def test_what_is_no_image_configuration_is_invalid(text):
    with pytest.raises(Invalid):
        decode_config(text.encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize(
    ("change", "field", "value"),
    [
        ('CMD ["a", "b c"]', "cmd", ("a", "b c")),
        ("cmd echo $X", "cmd", ("/bin/sh", "-c", "echo $X")),
        ("ENTRYPOINT /run me", "entrypoint", ("/bin/sh", "-c", "/run me")),
        ("ENV A=1 B='x y'", "env", ("A=1", "B=x y")),
        ("ENV A one two", "env", ("A=one two",)),
        ('LABEL "k k"=v', "labels", {"k k": "v"}),
        ("EXPOSE 53/udp 8080-8081", "exposed_ports", {Port.parse(p) for p in ("53/udp", "8080", "8081")}),
        ("USER 1000:1000", "user", "1000:1000"),
        ("WORKDIR a/../b", "working_dir", "/b"),
        ('VOLUME ["/a", "/b"]', "volumes", {"/a", "/b"}),
        ("VOLUME /a /b", "volumes", {"/a", "/b"}),
        ("ONBUILD RUN x", "on_build", ("RUN x",)),
        ("STOPSIGNAL SIGQUIT", "stop_signal", "SIGQUIT"),
    ],
)
def test_a_change_alters_its_field(change, field, value):
    assert getattr(apply_changes(ImageConfig(), [change]), field) == value


@pytest.mark.parametrize(
    "change", ["RUN x", "", "CMD", "ENV A", "ENV =x", "LABEL 'a", "EXPOSE x", "EXPOSE 9-8", "ONBUILD FROM a"]
)
def test_a_bad_change_is_invalid(change):
    with pytest.raises(Invalid):
        apply_changes(ImageConfig(), [change])

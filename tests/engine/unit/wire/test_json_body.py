"""Bodies that two readers could understand differently, or that no reader should have to, are refused by name."""

import pytest

from engine.model.errors import EngineError, Invalid, TooLarge
from engine.wire.container_create import decode_create
from engine.wire.endpoint_settings import DisconnectJson, decode_disconnection
from engine.wire.json_body import MOST_BYTES, parse_object
from tests.engine.unit.wire.images import image


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "empty"),
        (b"  \n", "empty"),
        (b"[", "line 1"),
        (b"{", "line 1"),
        (b"[]", "expected an object"),
        (b"null", "expected an object"),
        (b'"text"', "expected an object"),
        (b'{"Image": "a"} x', "Extra data"),
        (b'{"Image": "a", "Image": "b"}', "'Image' is given twice"),
        (b'{"HostConfig": {"Memory": 1, "Memory": 2}}', "'Memory' is given twice"),
        (b'{"Image": NaN}', "NaN"),
        (b'{"Image": Infinity}', "Infinity"),
        (b'{"Image": "\xff"}', "not UTF-8"),
        (b'{"a":' * 65 + b"1" + b"}" * 65, "nested"),
        (b"[" * 100_000, "nested"),
        (b'{"a": ' + b"9" * 5000 + b"}", "too long"),
    ],
)
def test_a_body_that_is_not_one_plain_object_is_refused(body: bytes, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        parse_object(body)


def test_depth_counts_no_brackets_in_strings() -> None:
    assert parse_object(b'{"a": "' + b"[{" * 500 + b'"}') == {"a": "[{" * 500}


def test_more_than_the_limit_is_too_large() -> None:
    with pytest.raises(TooLarge, match="4194304"):
        parse_object(b" " * (MOST_BYTES + 1))


def test_a_member_in_two_spellings_is_refused() -> None:
    assert decode_disconnection(b'{"container": "a", "FORCE": true}') == DisconnectJson(container="a", force=True)
    with pytest.raises(Invalid, match="'Container' is given twice"):
        decode_disconnection(b'{"container": "a", "Container": "b"}')


def test_null_means_not_said() -> None:
    assert parse_object(b'{"a": null, "b": {"c": null}, "d": []}') == {"b": {}, "d": []}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"Image": 7}', "Image: expected `str`, got `int`"),
        (b'{"Image": "a", "Env": "A=b"}', "Env: expected `array`"),
        (b'{"Image": "a", "Env": [1]}', r"Env\[0\]"),
        (b'{"Image": "a", "HostConfig": {"Memory": "1g"}}', "Memory: expected `int`"),
        (b'{"Image": "a", "HostConfig": {"Memory": 1.5}}', "Memory: expected `int`"),
        (b'{"Image": "a", "HostConfig": {"Memory": 1e23}}', "Memory"),
        (b'{"Image": "a", "HostConfig": []}', "HostConfig"),
        (b'{"Image": "a", "Tty": "yes"}', "Tty: expected `bool`"),
        (b'{"Image": "a", "Labels": ["a"]}', "Labels"),
        (b'{"Image": "a", "Env": ["A=\\u0000"]}', "Env: control character U\\+0000"),
        (b'{"Image": "a", "Env": ["A\\n=b"]}', "Env: control character U\\+000A"),
        (b'{"Image": "a", "Env": ["=b"]}', "Env: invalid environment variable"),
        (b'{"Image": "a", "Labels": {"a\\u0007": "b"}}', "Labels: control character"),
        (b'{"Image": "a", "Labels": {"a": "\\ud800"}}', "Labels: control character U\\+D800"),
        (b'{"Image": "a", "Hostname": "a\\nb"}', "Hostname: control character"),
        (b'{"Image": "a", "WorkingDir": "relative"}', "absolute path"),
        (b'{"Image": "a", "ExposedPorts": {"70000/tcp": {}}}', "invalid port"),
        (b'{"Image": "a", "HostConfig": {"Dns": ["x"]}}', "Dns"),
        (b'{"Image": "a", "HostConfig": {"ExtraHosts": ["x"]}}', "ExtraHosts"),
        (b'{"Image": "a", "HostConfig": {"Tmpfs": {"x": ""}}}', "Tmpfs"),
        (b'{"Image": "a", "Healthcheck": {"Test": ["x"]}}', "Healthcheck.Test"),
        (b'{"Image": "a", "Healthcheck": {"Interval": 1}}', "Interval in Healthcheck"),
        (b"{}", "Image: no image"),
    ],
)
def test_a_bad_member_is_named(body: bytes, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        decode_create(body).to_spec(image())


def test_a_huge_value_is_too_large() -> None:
    body = b'{"Image": "a", "Env": ["A=' + b"x" * 200_000 + b'"]}'
    with pytest.raises(TooLarge, match="Env"):
        decode_create(body)


def test_too_many_values_are_too_large() -> None:
    body = b'{"Image": "a", "Env": [' + b",".join(b'"A%d=1"' % n for n in range(10_001)) + b"]}"
    with pytest.raises(EngineError, match="more than"):
        decode_create(body)

"""Published ports as people type them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.containers.ports import PublishedPort, require_free
from console.operations.errors import Conflict, Invalid


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("80", "127.0.0.1:0:80/tcp"),
        ("8080:80", "127.0.0.1:8080:80/tcp"),
        (" 8080:80 ", "127.0.0.1:8080:80/tcp"),
        ("53:53/udp", "127.0.0.1:53:53/udp"),
        ("0.0.0.0:8080:80", "0.0.0.0:8080:80/tcp"),
        ("127.0.0.1::80", "127.0.0.1:0:80/tcp"),
        ("0:80", "127.0.0.1:0:80/tcp"),
        ("[::1]:8080:80", "::1:8080:80/tcp"),
        ("65535:65535", "127.0.0.1:65535:65535/tcp"),
    ],
)
def test_a_port_is_published_on_this_machine_alone_unless_an_address_is_given(text: str, means: str) -> None:
    assert str(PublishedPort.parse(text)) == means


@pytest.mark.parametrize(
    "text",
    [
        "http",
        "8080:http",
        "8080:",
        "0",
        "8080:0",
        "65536:80",
        "80:65536",
        "-1:80",
        "8080:80/sctp",
        "8080:80/TCP/x",
        "example.org:8080:80",
        "256.0.0.1:8080:80",
        "127.0.0.1:80",
        "8000-8010:80",
        "８０:80",
        "1_0:80",
        "9" * 5000,
        "::80",
        ":",
        "/",
        "8080:80 90",
    ],
)
def test_what_is_no_port_is_named(text: str) -> None:
    with pytest.raises(Invalid) as invalid:
        PublishedPort.parse(text)
    assert invalid.value.field == "ports"


@given(st.text(alphabet="0123456789:./[]tcpudp- ", max_size=30))
def test_any_text_is_a_port_or_invalid(text: str) -> None:
    try:
        port = PublishedPort.parse(text)
    except Invalid:
        return
    assert 0 <= port.host_port <= 65535
    assert 1 <= port.container_port <= 65535


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("8080:80", "8080:81"),
        ("0.0.0.0:8080:80", "8080:81"),
        ("8080:80", "0.0.0.0:8080:81"),
        ("[::]:8080:80", "8080:81"),
        ("[::1]:8080:80", "[0:0:0:0:0:0:0:1]:8080:81"),
    ],
)
def test_the_same_port_twice_is_a_conflict(first: str, second: str) -> None:
    with pytest.raises(Conflict) as conflict:
        PublishedPort.parse_all([first, second])
    assert conflict.value.field == "ports"


@pytest.mark.parametrize(
    "texts",
    [
        ["8080:80", "8081:80"],
        ["53:53/tcp", "53:53/udp"],
        ["127.0.0.1:8080:80", "127.0.0.2:8080:80"],
        ["80", "81", "80/udp"],
        ["", " "],
    ],
)
def test_ports_that_do_not_meet_stand_beside_each_other(texts: list[str]) -> None:
    assert len(PublishedPort.parse_all(texts)) == len([text for text in texts if text.strip()])


def test_the_holder_of_a_port_is_named() -> None:
    with pytest.raises(Conflict, match="web-1"):
        require_free(PublishedPort.parse("8080:80"), {("tcp", 8080): [("127.0.0.1", "web-1")]})

"""Which server a reference means, and where that server may lead us."""

from ipaddress import ip_address

import pytest
from yarl import URL

from engine.config import RegistryConfig
from engine.model.errors import Denied, Invalid
from engine.model.registry import HostPattern, Mirror
from engine.registry.addresses import is_internal, is_link_local
from engine.registry.endpoints import Endpoint, Reach, is_same_owner, is_same_registry, sources_of

INSECURE = RegistryConfig(insecure=(HostPattern.parse("old.example"), HostPattern.parse("10.0.0.0/8")))


def ways(domain: str, config: RegistryConfig = INSECURE) -> list[str]:
    (source,) = sources_of(domain, config)
    return [f"{one.scheme}://{one.host}:{one.port}{'' if one.verified else ' unverified'}" for one in source.endpoints]


@pytest.mark.parametrize(
    ("domain", "expected"),
    [
        ("docker.io", ["https://registry-1.docker.io:443"]),
        ("new.example", ["https://new.example:443"]),
        ("new.example:5000", ["https://new.example:5000"]),
        ("[2001:db8::1]:5000", ["https://2001:db8::1:5000"]),
        ("localhost:5000", ["https://localhost:5000", "http://localhost:5000 unverified"]),
        ("127.1.2.3", ["https://127.1.2.3:443", "http://127.1.2.3:80 unverified"]),
        ("[::1]:5000", ["https://::1:5000", "http://::1:5000 unverified"]),
        ("old.example:5000", ["https://old.example:5000 unverified", "http://old.example:5000 unverified"]),
        ("10.1.1.1:5000", ["https://10.1.1.1:5000 unverified", "http://10.1.1.1:5000 unverified"]),
        ("localhost.example", ["https://localhost.example:443"]),
    ],
)
def test_plain_http_is_for_loopback_and_what_the_operator_named(domain: str, expected: list[str]) -> None:
    assert ways(domain) == expected


def test_mirrors_are_asked_before_docker_hub_and_for_nothing_else() -> None:
    config = RegistryConfig(mirrors=(Mirror.parse("https://m.example"), Mirror.parse("http://n.example:81/")))
    sources = sources_of("docker.io", config)
    assert [(source.endpoints[0].host, source.is_mirror) for source in sources] == [
        ("m.example", True),
        ("n.example", True),
        ("registry-1.docker.io", False),
    ]
    assert len(sources_of("other.example", config)) == 1
    assert list(map(str, config.mirrors)) == ["https://m.example/", "http://n.example:81/"]


@pytest.mark.parametrize("text", ["", "a b", "http://x", "x:0", "x:70000", "10.0.0.0/99", "-x", "x/y", "x:y"])
def test_a_bad_pattern_is_invalid(text: str) -> None:
    with pytest.raises(Invalid):
        HostPattern.parse(text)


@pytest.mark.parametrize("text", ["", "x", "ftp://x", "https://u:p@x", "https://x/path", "https://x?q", "https://x:0"])
def test_a_bad_mirror_is_invalid(text: str) -> None:
    with pytest.raises(Invalid):
        Mirror.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
        "240.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "fd00:ec2::254", "::ffff:127.0.0.1",
        "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b::a00:1", "2002:7f00:1::", "2002:a9fe:a9fe::",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2", "ff02::1",
    ],
)  # fmt: skip
def test_an_inside_address_is_known_in_every_spelling(text: str) -> None:
    assert is_internal(ip_address(text))


@pytest.mark.parametrize("text", ["1.1.1.1", "2606:4700::1", "64:ff9b::101:101", "::ffff:1.1.1.1", "2002:101:101::"])
def test_a_public_address_is_none(text: str) -> None:
    assert not is_internal(ip_address(text))
    assert not is_link_local(ip_address(text))


HOME = Endpoint("https", "reg.example", 443)


def permits(reach: Reach, host: str, address: str, port: int = 443) -> bool:
    return reach.permits(host, port, ip_address(address))


def test_inside_addresses_are_for_the_registry_itself() -> None:
    reach = Reach(HOME)
    assert permits(reach, "reg.example", "10.0.0.1")
    assert not permits(reach, "reg.example", "10.0.0.1", port=8443)
    assert not permits(reach, "other.example", "10.0.0.1")
    assert not permits(reach, "reg.example", "169.254.169.254")
    assert not permits(reach, "reg.example", "::ffff:169.254.169.254")
    assert permits(reach, "other.example", "1.1.1.1")


def test_the_operator_may_allow_more() -> None:
    reach = Reach(HOME, allowed=(HostPattern.parse("store.example:9000"), HostPattern.parse("10.2.0.0/16")))
    assert permits(reach, "store.example", "192.168.0.1", port=9000)
    assert not permits(reach, "store.example", "192.168.0.1", port=9001)
    assert permits(reach, "any.example", "10.2.3.4")
    assert not permits(reach, "any.example", "10.3.3.4")


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd", "ftp://x.example/", "http://x.example/", "https://u:p@x.example/", "https://127.0.0.1/",
        "https://[::1]/", "https://[::ffff:10.0.0.1]/", "http://reg.example/", "http://reg.example:443/",
    ],
)  # fmt: skip
def test_some_addresses_are_not_followed(url: str) -> None:
    with pytest.raises(Denied):
        Reach(HOME).check(URL(url))


@pytest.mark.parametrize(
    ("registry", "other", "same"),
    [
        ("registry-1.docker.io", "auth.docker.io", True),
        ("registry.gitlab.com", "gitlab.com", True),
        ("quay.io", "quay.io", True),
        ("reg.example", "reg.example.evil.com", False),
        ("reg.example.com", "example.com.evil.com", False),
        ("one.co.uk", "two.co.uk", False),
        ("reg.one.co.uk", "auth.one.co.uk", True),
        ("me.azurecr.io", "you.azurecr.io", False),
        ("1.dkr.ecr.eu-west-1.amazonaws.com", "2.dkr.ecr.eu-west-1.amazonaws.com", False),
        ("10.0.0.1", "10.0.0.2", False),
        ("localhost", "localhost.evil.com", False),
        ("reg", "auth", False),
    ],
)
def test_a_password_stays_within_one_owners_domain(registry: str, other: str, same: bool) -> None:
    assert is_same_owner(registry, other) is same
    reach = Reach(Endpoint("https", registry, 443))
    assert reach.trusts_with_password(URL.build(scheme="https", host=other, path="/token")) is same
    assert not reach.trusts_with_password(URL.build(scheme="http", host=other, path="/token"))


@pytest.mark.parametrize(
    ("kept", "domain", "same"),
    [
        ("https://index.docker.io/v1/", "docker.io", True),
        ("reg.example", "reg.example", True),
        ("https://reg.example/v2/", "reg.example", True),
        ("reg.example:5000", "reg.example", False),
        ("reg.example.evil.com", "reg.example", False),
        ("docker.io.evil.com", "docker.io", False),
    ],
)
def test_stored_credentials_are_for_one_registry(kept: str, domain: str, same: bool) -> None:
    assert is_same_registry(kept, domain) is same

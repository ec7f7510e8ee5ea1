"""Which addresses are the public internet, and what is an address at all."""

import ipaddress

import pytest

from console.operations.errors import Invalid
from console.outbound.addresses import is_allowed, parse_networks, parse_url

INSIDE = [
    "127.0.0.1",
    "127.9.9.9",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "100.100.100.200",
    "169.254.169.254",
    "168.63.129.16",
    "192.0.0.192",
    "198.18.0.1",
    "203.0.113.7",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "2001:db8::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::a00:1",
    "2002:7f00:1::",
    "2001:0:4136:e378:8000:63bf:80ff:fffe",
]


@pytest.mark.parametrize("address", INSIDE)
def test_what_is_not_the_internet_is_refused(address: str) -> None:
    assert not is_allowed(ipaddress.ip_address(address), ())


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "64:ff9b::101:101"])
def test_the_internet_is_allowed(address: str) -> None:
    assert is_allowed(ipaddress.ip_address(address), ())


@pytest.mark.parametrize("address", ["10.1.2.3", "::ffff:10.1.2.3", "64:ff9b::a01:203", "169.254.169.254", "fd00::5"])
def test_an_administrator_can_allow_a_network(address: str) -> None:
    assert is_allowed(ipaddress.ip_address(address), parse_networks("10.1.2.0/24, 169.254.169.254/32,fd00::/64"))


def test_allowing_one_network_opens_no_other() -> None:
    assert not is_allowed(ipaddress.ip_address("10.1.3.3"), parse_networks("10.1.2.0/24"))


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://hooks.example/a?b=c", "https://hooks.example"),
        ("http://hooks.example:8080", "http://hooks.example:8080"),
        ("https://[2606:4700::1111]:8443/x", "https://[2606:4700::1111]:8443"),
        ("HTTPS://Hooks.Example.:443/", "https://hooks.example"),
    ],
)
def test_an_address_is_shown_without_what_may_be_secret_in_it(url: str, shown: str) -> None:
    assert parse_url(url).shown == shown


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hooks.example",
        "//hooks.example/",
        "ftp://hooks.example/",
        "file:///etc/passwd",
        "gopher://hooks.example/",
        "javascript:alert(1)",
        "https://",
        "https://user@hooks.example/",
        "https://user:word@hooks.example/",
        "https://@hooks.example/",
        "https://hooks.example:0/",
        "https://hooks.example:65536/",
        "https://hooks.example:x/",
        "https://hooks.example/a b",
        "https://hooks.example/\r\nX-Evil: 1",
        "https://hooks.example\\@evil.example/",
        "https://ｈooks.example/",
        "https://[::1/",
        "https://[fe80::1%25eth0]/",
        "https://hooks.example/" + "a" * 2000,
    ],
)
def test_what_is_no_address_is_refused_by_its_field(url: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_url(url, field="address")
    assert caught.value.field == "address"

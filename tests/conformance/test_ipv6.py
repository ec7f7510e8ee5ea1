"""Networks with IPv6, asked of both engines; of fixed subnets, since dockerd 20.10 has none of its own to give."""

from collections.abc import Iterator
from typing import Any

import pytest

from engine.host.sysctl import has_ipv6
from tests.conformance.client import Client
from tests.conformance.conftest import IMAGE
from tests.conformance.normal import differences, normal

pytestmark = [
    pytest.mark.conformance,
    pytest.mark.host,
    pytest.mark.skipif(not has_ipv6(), reason="this host has no IPv6"),
]

IN_FORCE: dict[str, Any] = {
    "Name": "dual",
    "EnableIPv6": True,
    "IPAM": {
        "Config": [
            {"Subnet": "10.211.3.0/24", "Gateway": "10.211.3.1"},
            {
                "Subnet": "2001:db8:211::/64",
                "IPRange": "2001:db8:211::100/120",
                "Gateway": "2001:db8:211::ffff",
                "AuxiliaryAddresses": {"nas": "2001:db8:211::105"},
            },
        ]
    },
}
NOTED: dict[str, Any] = {"Name": "noted", "IPAM": {"Config": [{"Subnet": "2001:db8:212::/64"}]}}
WISH = {"IPv6Address": "2001:db8:211::f00d", "LinkLocalIPs": ["169.254.8.8", "fe80::8:8"]}
CAST, LINK = "on-dual", "eth0"


@pytest.fixture(scope="module", autouse=True)
def cast(ours: Client, dockers: Client) -> Iterator[None]:
    for client in (ours, dockers):
        for body in (IN_FORCE, NOTED):
            assert client.ask("POST", "/networks/create", body).status == 201
        body = {"Image": IMAGE, "Cmd": ["sleep", "300"], "ExposedPorts": {"80/tcp": {}}}
        body["HostConfig"] = {"NetworkMode": "dual", "PortBindings": {"80/tcp": [{"HostPort": "18611"}]}}
        client.create(CAST, body | {"NetworkingConfig": {"EndpointsConfig": {"dual": {"IPAMConfig": WISH}}}})
        assert client.ask("POST", f"/containers/{CAST}/start").status == 204
    yield
    for client in (ours, dockers):
        client.ask("DELETE", f"/containers/{CAST}?force=1")
        for body in (IN_FORCE, NOTED):
            assert client.ask("DELETE", f"/networks/{body['Name']}").status == 204


def test_a_network_is_inspected_alike(ours: Client, dockers: Client) -> None:
    their, our = (client.ask("GET", "/networks/dual").json for client in (dockers, ours))
    for answer in (their, our):
        answer["Containers"] = list(answer["Containers"].values())
        assert answer["Containers"][0]["IPv6Address"] == "2001:db8:211::f00d/64"
    assert differences(normal(their), normal(our)) == []


def test_a_subnet_of_ipv6_that_is_not_in_force_is_shown_alike(ours: Client, dockers: Client) -> None:
    def shown(client: Client) -> tuple[bool, set[str]]:
        answer = client.ask("GET", "/networks/noted").json
        return answer["EnableIPv6"], {
            config["Subnet"] for config in answer["IPAM"]["Config"] if ":" in config["Subnet"]
        }

    assert shown(ours) == shown(dockers) == (False, {"2001:db8:212::/64"})


def test_an_endpoint_is_inspected_alike(ours: Client, dockers: Client) -> None:
    def endpoint(client: Client) -> Any:
        found = client.ask("GET", f"/containers/{CAST}/json").json["NetworkSettings"]["Networks"]["dual"]
        found["Aliases"] = [alias for alias in found["Aliases"] or [] if len(alias) != 12]
        return found

    their, our = endpoint(dockers), endpoint(ours)
    assert differences(normal(their), normal(our)) == []
    for member in ("GlobalIPv6Address", "GlobalIPv6PrefixLen", "IPv6Gateway", "IPAMConfig"):
        assert our[member] == their[member]


def test_a_port_without_an_address_is_published_alike(ours: Client, dockers: Client) -> None:
    def published(client: Client) -> Any:
        ports = client.ask("GET", f"/containers/{CAST}/json").json["NetworkSettings"]["Ports"]["80/tcp"]
        listed = client.ask("GET", f'/containers/json?filters={{"name":["{CAST}"]}}').json[0]["Ports"]
        rows = sorted((row["IP"], row["PublicPort"]) for row in listed if "IP" in row)
        return sorted(ports, key=lambda each: str(each["HostIp"])), rows

    assert published(ours) == published(dockers)


def test_a_container_has_the_same_addresses_and_routes(ours: Client, dockers: Client) -> None:
    def inside(client: Client) -> tuple[set[str], set[str]]:
        argv = ["sh", "-c", f"ip addr show {LINK}; echo; ip -6 route"]
        text = client.exec_(CAST, {"Tty": True, "Cmd": argv})[1].decode().replace("\r", "")
        shown, _, routes = text.partition("\n\n")
        words = [line.split() for line in shown.splitlines() if line.strip().startswith("inet")]
        own = {word[1] for word in words if word[1].startswith(("2001", "169.254", "fe80::8"))}
        return own, {line.split()[2] for line in routes.splitlines() if line.startswith("default")}

    assert inside(ours) == inside(dockers)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/networks/create", {"Name": "x", "EnableIPv6": True, "IPAM": {"Config": [{"Subnet": "2001:db8:211::/80"}]}}),
        (
            "/networks/create",
            {
                "Name": "x",
                "EnableIPv6": True,
                "IPAM": {"Config": [{"Subnet": "2001:db8:213::/64"}, {"Subnet": "2001:db8:214::/64"}]},
            },
        ),
    ],
    ids=["overlap", "two"],
)
def test_refusals_have_the_same_status(ours: Client, dockers: Client, path: str, body: Any) -> None:
    their, our = (client.ask("POST", path, body) for client in (dockers, ours))
    assert our.status == their.status, (their.json, our.json)

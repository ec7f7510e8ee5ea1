"""Networks, asked of both engines."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.conformance.client import Client
from tests.conformance.conftest import IMAGE
from tests.conformance.normal import differences, normal

pytestmark = [pytest.mark.conformance, pytest.mark.host]

WHOLE: dict[str, Any] = {
    "Name": "whole",
    "CheckDuplicate": True,
    "Driver": "bridge",
    "Internal": True,
    "Attachable": True,
    "IPAM": {
        "Driver": "default",
        "Config": [
            {
                "Subnet": "10.211.1.0/24",
                "IPRange": "10.211.1.128/25",
                "Gateway": "10.211.1.254",
                "AuxiliaryAddresses": {"nas": "10.211.1.130"},
            }
        ],
        "Options": {"a": "b"},
    },
    "Options": {"com.docker.network.bridge.enable_icc": "true", "com.docker.network.driver.mtu": "1400"},
    "Labels": {"l": "1"},
}
FIXED = {"Name": "fixed", "IPAM": {"Config": [{"Subnet": "10.211.2.0/24"}]}}
CAST = "on-networks"


@pytest.fixture(scope="module", autouse=True)
def cast(ours: Client, dockers: Client) -> Iterator[None]:
    for client in (ours, dockers):
        for body in (WHOLE, FIXED):
            assert client.ask("POST", "/networks/create", body).status == 201
        endpoint = {"IPAMConfig": {"IPv4Address": "10.211.2.77"}, "Aliases": ["other"]}
        body = {"Image": IMAGE, "Cmd": ["sleep", "300"], "HostConfig": {"NetworkMode": "fixed"}}
        client.create(CAST, body | {"NetworkingConfig": {"EndpointsConfig": {"fixed": endpoint}}})
        assert client.ask("POST", f"/containers/{CAST}/start").status == 204
    yield
    for client in (ours, dockers):
        client.ask("DELETE", f"/containers/{CAST}?force=1")
        for body in (WHOLE, FIXED):
            assert client.ask("DELETE", f"/networks/{body['Name']}").status == 204


@pytest.mark.parametrize("name", ["whole", "fixed", "host", "none"])
def test_a_network_is_inspected_alike(ours: Client, dockers: Client, name: str) -> None:
    their, our = (client.ask("GET", f"/networks/{name}").json for client in (dockers, ours))
    for answer in (their, our):
        answer["Containers"] = list(answer["Containers"].values())
    assert differences(normal(their), normal(our)) == []


def test_an_endpoint_is_inspected_alike(ours: Client, dockers: Client) -> None:
    def endpoints(client: Client) -> Any:
        found = client.ask("GET", f"/containers/{CAST}/json").json["NetworkSettings"]["Networks"]
        found["fixed"]["Aliases"] = [alias for alias in found["fixed"]["Aliases"] or [] if len(alias) != 12]
        assert found["fixed"]["IPAddress"] == "10.211.2.77"
        return normal(found)

    assert differences(endpoints(dockers), endpoints(ours)) == []


@pytest.mark.parametrize(
    "filters",
    [
        '{"driver": ["bridge"]}',
        '{"driver": ["null"]}',
        '{"name": ["fix"]}',
        '{"label": ["l"]}',
        '{"label": ["l=2"]}',
        '{"type": ["custom"]}',
        '{"type": ["builtin"]}',
        '{"scope": ["local"]}',
        '{"scope": ["swarm"]}',
        '{"nonsense": ["x"]}',
    ],
)
def test_lists_are_filtered_alike(ours: Client, dockers: Client, filters: str) -> None:
    def chosen(client: Client) -> tuple[int, list[str]]:
        answer = client.ask("GET", f"/networks?filters={filters.replace(' ', '')}")
        return answer.status, sorted(each["Name"] for each in answer.json) if answer.status == 200 else []

    assert chosen(ours) == chosen(dockers)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/networks/create", {"Name": "whole", "CheckDuplicate": True}),
        ("POST", "/networks/create", {"Name": "bridge"}),
        ("POST", "/networks/create", {"Name": "x", "IPAM": {"Config": [{"Subnet": "10.211.1.0/25"}]}}),
        ("GET", "/networks/absent", None),
        ("DELETE", "/networks/absent", None),
        ("DELETE", "/networks/bridge", None),
        ("DELETE", "/networks/fixed", None),
        ("POST", "/networks/absent/connect", {"Container": CAST}),
        ("POST", "/networks/whole/connect", {"Container": "absent"}),
        ("POST", "/networks/fixed/connect", {"Container": CAST}),
    ],
    ids=lambda value: str(value)[:40],
)
def test_refusals_have_the_same_status(ours: Client, dockers: Client, method: str, path: str, body: Any) -> None:
    their, our = (client.ask(method, path, body) for client in (dockers, ours))
    assert our.status == their.status, (their.json, our.json)


@pytest.mark.parametrize("member", ["Container", "container"])  # the second is what docker-api, of Ruby, says
def test_a_container_joins_and_leaves_alike(ours: Client, dockers: Client, member: str) -> None:
    def life(client: Client) -> list[Any]:
        steps: list[Any] = []
        for action in ("connect", "disconnect"):
            steps.append(client.ask("POST", f"/networks/whole/{action}", {member: CAST}).status)
            found = client.ask("GET", f"/containers/{CAST}/json").json["NetworkSettings"]["Networks"]
            steps.append({name: bool(each["IPAddress"]) for name, each in found.items()})
            steps.append(found.get("whole", {}).get("Gateway"))
        return steps

    assert life(ours) == life(dockers)

"""What a host reports of its networks becomes rows of the right workspace, and stays when it goes."""

from typing import Any

import pytest

from console.networks.models import Network
from console.networks.observations import networks_gone, networks_seen
from tests.factories.console import digits, make_host, make_job, make_workspace

pytestmark = pytest.mark.django_db
A, B = digits(), digits()


def network(engine_id: str, name: str, **facts: Any) -> dict[str, Any]:
    return {
        "engine_id": engine_id,
        "name": name,
        "driver": "bridge",
        "scope": "local",
        "is_internal": False,
        "is_attachable": False,
        "has_ipv6": False,
        "subnets": [],
        "options": {},
        "labels": {},
        "members": [],
        "created_at": "2026-01-02T03:04:05+00:00",
        **facts,
    }


def report(*networks: dict[str, Any]) -> None:
    make_host("local")
    networks_seen("local", {"kind": "host.inventory", "networks": list(networks)})


def workspaces() -> dict[str, str]:
    return dict(Network.objects.values_list("name", "workspace__slug"))


def test_networks_come_change_and_go_with_their_host() -> None:
    report(network(A, "front"), network(B, "back"))
    report(network(A, "front", members=[{"container": "c" * 64, "name": "web"}]))
    front, back = Network.objects.get(name="front"), Network.objects.get(name="back")
    assert (front.members[0]["name"], front.gone_at) == ("web", None)
    assert back.gone_at is not None
    report(network(B, "back"))
    assert Network.objects.get(name="back").gone_at is None
    networks_gone("local", {"engine_ids": [B]})
    assert Network.objects.get(name="back").gone_at is not None


def test_a_network_belongs_to_whose_job_made_it_or_whose_name_it_bears() -> None:
    shop, depot = make_workspace("shop"), make_workspace("depot")
    make_host("local")
    job = make_job("network.create", workspace=shop, args={"name": "made"})
    borrowed = make_job("network.create", workspace=shop, args={"name": "other"})
    report(
        network(A, "made", labels={"naru.job": str(job.pk)}),
        network(B, "depot_back"),
        network("c" * 64, "stray"),
        network("d" * 64, "depot_lies", labels={"naru.job": str(borrowed.pk)}),
    )
    named = {"made": shop.slug, "depot_back": depot.slug, "stray": "main", "depot_lies": depot.slug}
    assert workspaces() == named


def test_an_agent_that_knows_no_networks_takes_none_away() -> None:
    report(network(A, "front"))
    networks_seen("local", {"kind": "host.inventory"})
    assert Network.objects.get().gone_at is None

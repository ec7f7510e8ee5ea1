"""The library and the program do the same."""

import shutil

import pytest

from engine.host.nftables import LibNftables, Nftables, NftFailed, NftProgram
from tests.engine.host.networks.conftest import Machine

pytestmark = pytest.mark.host


@pytest.fixture(params=["library", "program"])
def nftables(request: pytest.FixtureRequest, machine: Machine) -> Nftables:
    return LibNftables() if request.param == "library" else NftProgram(shutil.which("nft") or "nft")


def names(nftables: Nftables) -> set[str]:
    return {one["table"]["name"] for one in nftables.listing("tables") if "table" in one}


def test_what_was_applied_is_listed(nftables: Nftables) -> None:
    nftables.apply("add table inet one\nadd map inet one ports { type inet_service : ipv4_addr; }")
    nftables.apply("add element inet one ports { 80 : 10.0.0.1 }")
    (ports,) = (one["map"] for one in nftables.listing("map inet one ports") if "map" in one)
    assert ports["elem"] == [[80, "10.0.0.1"]]


def test_a_command_that_fails_does_nothing(nftables: Nftables) -> None:
    with pytest.raises(NftFailed, match="No such file or directory"):
        nftables.apply("add table inet one\ndelete table inet other")
    assert names(nftables) == set()


def test_a_reason_is_not_told_twice(nftables: Nftables) -> None:
    with pytest.raises(NftFailed, match="other"):
        nftables.apply("delete table inet other")
    with pytest.raises(NftFailed) as refusal:
        nftables.apply("delete table inet one")
    assert "other" not in str(refusal.value)


def test_a_table_that_is_not_there_cannot_be_listed(nftables: Nftables) -> None:
    with pytest.raises(NftFailed):
        nftables.listing("table inet one")

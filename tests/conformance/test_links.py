"""``--link`` on the default network, asked of both engines."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.conformance.client import Client
from tests.conformance.normal import normal

pytestmark = [pytest.mark.conformance, pytest.mark.host]

SLEEP = {"Cmd": ["sleep", "300"]}


@pytest.fixture(autouse=True)
def linked(ours: Client, dockers: Client) -> Iterator[None]:
    """``parent`` runs and calls ``child`` "alias"."""
    for client in (ours, dockers):
        client.create("child", SLEEP)
        client.ask("POST", "/containers/child/start")
        client.create("parent", SLEEP | {"HostConfig": {"Links": ["child:alias"]}})
        assert client.ask("POST", "/containers/parent/start").status == 204
    yield
    for client in (ours, dockers):
        for name in ("parent", "child", "renamed"):
            client.ask("DELETE", f"/containers/{name}?force=1")


def alike(ours: Client, dockers: Client, ask: Callable[[Client], Any]) -> Any:
    our, theirs = (normal(ask(client)) for client in (ours, dockers))
    assert our == theirs
    return our


OURS = {"/child", "/parent", "/renamed"}  # others that use the engines leave containers, too


def names(client: Client) -> list[list[str]]:
    found = [one["Names"] for one in client.ask("GET", "/containers/json?all=1").json]
    return sorted(each for each in found if OURS & set(each))


def links(client: Client) -> Any:
    return client.ask("GET", "/containers/parent/json").json["HostConfig"]["Links"]


def hosts(client: Client) -> bytes:
    return client.exec_("parent", {"Cmd": ["sh", "-c", "grep -c alias /etc/hosts"]})[1]


def test_a_link_is_a_name(ours: Client, dockers: Client) -> None:
    assert ["/child", "/parent/alias"] in alike(ours, dockers, names)
    assert alike(ours, dockers, lambda it: it.ask("GET", "/containers/parent/alias/json").json["Name"]) == "/child"
    assert alike(ours, dockers, lambda it: it.ask("GET", "/containers/parent/other/json").status) == 404


def test_a_link_can_be_given_as_it_is_told(ours: Client, dockers: Client) -> None:
    for client in (ours, dockers):
        client.create("parent", SLEEP | {"HostConfig": {"Links": links(client)}})
        assert client.ask("POST", "/containers/parent/start").status == 204
    assert alike(ours, dockers, links) == ["/child:/parent/alias"]
    assert b"1" in alike(ours, dockers, hosts)


def test_a_link_can_be_removed_and_nothing_else_by_that(ours: Client, dockers: Client) -> None:
    assert b"1" in alike(ours, dockers, hosts)
    assert alike(ours, dockers, lambda it: it.ask("DELETE", "/containers/parent/alias?link=1").status) == 204
    assert alike(ours, dockers, links) is None
    assert alike(ours, dockers, names) == [["/child"], ["/parent"]]
    assert b"0" in alike(ours, dockers, hosts)


@pytest.mark.parametrize("name", ["child", "parent/other"])
def test_what_is_no_link_is_refused(ours: Client, dockers: Client, name: str) -> None:
    our, theirs = (client.ask("DELETE", f"/containers/{name}?link=1") for client in (ours, dockers))
    assert our.json == theirs.json
    assert our.status in (404, 409)  # dockerd 20.10: 500
    assert len(names(ours)) == 2


def test_a_link_follows_a_renaming(ours: Client, dockers: Client) -> None:
    alike(ours, dockers, lambda it: it.ask("POST", "/containers/child/rename?name=renamed").status)
    assert alike(ours, dockers, links) == ["/renamed:/parent/alias"]


def test_a_container_that_is_linked_to_must_run(ours: Client, dockers: Client) -> None:
    for client in (ours, dockers):
        client.ask("POST", "/containers/parent/kill")
        client.ask("DELETE", "/containers/child?force=1")
    message = alike(ours, dockers, lambda it: it.ask("POST", "/containers/parent/start").json["message"])
    assert message == "Cannot link to a non running container: /child AS /parent/alias"

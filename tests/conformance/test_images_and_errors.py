"""Images, the engine's own answers, and error texts: both engines are asked the same."""

import pytest

from tests.conformance.client import Client
from tests.conformance.conftest import IMAGE
from tests.conformance.normal import differences, normal

pytestmark = [pytest.mark.conformance, pytest.mark.host]


def test_an_image_has_the_same_id_in_both(ours: Client, dockers: Client) -> None:
    ids = [client.ask("GET", f"/images/{IMAGE}/json").json["Id"] for client in (ours, dockers)]
    assert ids[0] == ids[1]


def test_an_image_is_inspected_alike(ours: Client, dockers: Client) -> None:
    our, theirs = (client.ask("GET", f"/images/{IMAGE}/json").json for client in (ours, dockers))
    found = differences(normal(theirs), normal(our))
    assert [text for text in found if not text.startswith((".GraphDriver", ".Metadata"))] == []
    assert our["Created"] == theirs["Created"]


def test_an_image_is_listed_alike(ours: Client, dockers: Client) -> None:
    query = "/images/json?filters=%7B%22reference%22%3A%5B%22conformance%2F*%22%5D%7D"
    our, theirs = (client.ask("GET", query).json for client in (ours, dockers))
    assert differences(normal(theirs), normal(our)) == []


def test_its_history_is_told_alike(ours: Client, dockers: Client) -> None:
    our, theirs = (client.ask("GET", f"/images/{IMAGE}/history").json for client in (ours, dockers))
    sizes = [[entry.pop("Size") for entry in entries] for entries in (our, theirs)]
    assert our == theirs
    # Docker counts a symbolic link as many bytes as its target's name has
    assert sizes[0] == pytest.approx(sizes[1], rel=0.01)


def test_tagging_and_untagging_answer_alike(ours: Client, dockers: Client) -> None:
    answers = []
    for client in (ours, dockers):
        tagged = client.ask("POST", f"/images/{IMAGE}/tag?repo=another&tag=2").status
        answers.append((tagged, client.ask("DELETE", "/images/another:2").json))
    assert answers[0] == answers[1]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/nope", None),
        ("GET", "/containers/absent/json", None),
        ("POST", "/containers/absent/start", None),
        ("POST", "/containers/absent/wait", None),
        ("GET", "/containers/absent/logs?stdout=1", None),
        ("DELETE", "/containers/absent", None),
        ("GET", "/images/absent:2/history", None),
        ("DELETE", "/images/absent", None),
        ("POST", "/images/absent/tag?repo=a", None),
        ("GET", "/networks/absent", None),
        ("GET", "/volumes/absent", None),
        ("GET", "/plugins/absent/json", None),
        ("GET", "/exec/absent/json", None),
        ("GET", "/swarm", None),
        ("POST", "/swarm/leave?force=1", None),
        ("GET", "/services", None),
        ("GET", "/nodes/x", None),
        ("POST", "/containers/create", {"Image": "absent"}),
        ("POST", "/containers/create", {"Image": "absent:7"}),
        ("POST", "/containers/create?name=!", {"Image": IMAGE}),
        ("POST", "/containers/create", {"Image": IMAGE, "WorkingDir": "relative"}),
        ("POST", "/containers/create", {"Image": IMAGE, "HostConfig": {"Memory": 1}}),
    ],
)
def test_errors_read_alike(ours: Client, dockers: Client, method: str, path: str, body: object) -> None:
    our, theirs = (client.ask(method, path, body) for client in (ours, dockers))
    assert (our.status, normal(our.json)) == (theirs.status, normal(theirs.json))


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        # dockerd 20.10 answers 500; newer ones 400, as we do
        ("POST", "/containers/create", b"", 400),
        ("POST", "/containers/create", b"[", 400),
        ("GET", "/containers/json?filters=garbage", None, 400),
        ("GET", "/images/json?filters=garbage", None, 400),
        ("GET", "/containers/json?filters=%7B%22x%22%3A%5B%22a%22%5D%7D", None, 400),
    ],
)
def test_what_docker_later_made_a_400_is_one(
    ours: Client, dockers: Client, method: str, path: str, body: object, status: int
) -> None:
    assert ours.ask(method, path, body).status == status
    assert dockers.ask(method, path, body).status >= 400


def test_an_absent_image_is_told_in_the_words_of_newer_docker(ours: Client, dockers: Client) -> None:
    our, theirs = (client.ask("GET", "/images/absent/json") for client in (ours, dockers))
    assert our.status == theirs.status == 404
    assert theirs.json["message"].endswith(our.json["message"])


@pytest.mark.parametrize("name", ["sha256&tag=abc", "docker.io/library/sha256&tag=abc"])
def test_a_tag_that_looks_like_an_id_is_refused(ours: Client, dockers: Client, name: str) -> None:
    our, theirs = (client.ask("POST", f"/images/{IMAGE}/tag?repo={name}") for client in (ours, dockers))
    assert our.json == theirs.json
    assert our.status == theirs.status == 400
    assert ours.ask("POST", f"/images/{IMAGE}/tag?repo=sha256/x&tag=abc").status == 201
    assert ours.ask("DELETE", "/images/sha256/x:abc").status == 200


def test_a_name_that_is_taken_is_told_alike(ours: Client, dockers: Client) -> None:
    answers = []
    for client in (ours, dockers):
        client.create("taken", {})
        answer = client.ask("POST", "/containers/create?name=taken", {"Image": IMAGE})
        answers.append((answer.status, normal(answer.json)))
        client.ask("DELETE", "/containers/taken")
    assert answers[0] == answers[1]


@pytest.mark.parametrize("path", ["/info", "/version", "/system/df", "/networks/bridge", "/volumes", "/plugins"])
def test_ours_has_every_member_dockers_has(ours: Client, dockers: Client, path: str) -> None:
    removed_since = {"KernelMemory", "KernelMemoryTCP", "BuilderSize", "ClusterStore", "ClusterAdvertise"}
    our, theirs = (client.ask("GET", path).json for client in (ours, dockers))
    assert type(our) is type(theirs)
    if isinstance(our, dict):
        assert set(theirs) - set(our) - removed_since == set()


def test_the_headers_clients_look_at_are_there(ours: Client, dockers: Client) -> None:
    wanted = {"api-version", "ostype", "docker-experimental", "server", "cache-control", "pragma", "content-type"}
    for client in (ours, dockers):
        assert wanted <= client.ask("GET", "/_ping").headers.keys()


def test_a_bad_archive_is_told_in_the_stream(ours: Client, dockers: Client) -> None:
    for client in (ours, dockers):
        answer = client.ask("POST", "/images/load", b"garbage", content_type="application/x-tar")
        assert answer.status == 200
        assert answer.lines[-1]["errorDetail"]["message"]


def test_changes_may_come_in_lines(ours: Client, dockers: Client) -> None:
    configs = []
    for client in (ours, dockers):
        client.create("changed", {})
        changes = "changes=EXPOSE%208000%0ACMD%20%5B%22py%22%5D%0A&changes=USER%205"
        image_id = client.ask("POST", f"/commit?container=changed&{changes}").json["Id"]
        config = client.ask("GET", f"/images/{image_id}/json").json["Config"]
        configs.append((config["ExposedPorts"], config["Cmd"], config["User"]))
        client.ask("DELETE", "/containers/changed")
        client.ask("DELETE", f"/images/{image_id}")
    assert configs[0] == configs[1]


def test_what_compose_looks_for_in_an_image_is_there(ours: Client) -> None:
    for version in ("v1.41", "v1.47"):
        assert "Volumes" in ours.ask("GET", f"/images/{IMAGE}/json", version=version).json["ContainerConfig"]

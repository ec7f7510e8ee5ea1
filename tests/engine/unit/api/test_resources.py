"""Containers, images, builds and events through the socket, over fakes."""

import asyncio
import base64
import json
import time

import aiohttp
import pytest

from engine.model.platform import Platform
from engine.model.reference import Reference
from engine.registry.credentials import Credentials
from tests.engine.unit.api.conftest import LIMIT_S, Api, read_head


def logged(payload: bytes, *, stream: str = "stdout", tag: str = "F") -> bytes:
    return f"2026-01-01T00:00:00.000000001+00:00 {stream} {tag} ".encode() + payload + b"\n"


async def test_a_container_is_created_listed_and_inspected(api: Api) -> None:
    container_id = await api.created("web", Cmd=["sleep", "1"], Imagine=1)
    assert (await api.ask("GET", "/containers/json")).json == []
    (line,) = (await api.ask("GET", "/containers/json?all=1")).json
    assert (line["Id"], line["Names"], line["State"]) == (container_id, ["/web"], "created")
    for name in ("web", container_id, container_id[:12]):
        shown = (await api.ask("GET", f"/containers/{name}/json")).json
        assert (shown["Id"], shown["Name"], shown["Args"]) == (container_id, "/web", ["1"])


async def test_unknown_members_come_back_as_warnings(api: Api) -> None:
    answer = await api.ask("POST", "/containers/create", {"Image": "busybox", "Imagine": 1})
    assert answer.json["Warnings"] == ["Imagine is unknown and was ignored"]


async def test_a_name_that_is_taken_is_a_conflict(api: Api) -> None:
    await api.created("web")
    answer = await api.ask("POST", "/containers/create?name=web", {"Image": "busybox"})
    assert answer.status == 409
    assert "already in use" in answer.message


async def test_the_terminal_size_at_create_is_used(api: Api) -> None:
    await api.created(Tty=True, HostConfig={"ConsoleSize": [40, 120]})
    assert api.fakes.containers.sizes == [(40, 120)]


@pytest.mark.parametrize(
    ("steps", "statuses"),
    [
        (["POST start", "POST start"], [204, 304]),
        (["POST start", "POST stop?t=1"], [204, 204]),
        (["POST start", "POST kill?signal=TERM"], [204, 204]),
        (["POST kill"], [409]),
        (["POST start", "DELETE "], [204, 409]),
        (["POST start", "DELETE ?force=1"], [204, 204]),
        (["DELETE ?link=1"], [409]),
        (["POST start?checkpoint=x"], [501]),
        (["POST wait?condition=someday"], [400]),
        (["POST resize?h=0"], [400]),
        (["POST resize?h=99999&w=1"], [400]),
        (["POST resize?h=10&w=20"], [200]),
        (["GET logs"], [400]),
        (["GET json?size=1"], [200]),
    ],
)
async def test_statuses(api: Api, steps: list[str], statuses: list[int]) -> None:
    await api.created("one")
    seen = []
    for step in steps:
        method, rest = step.split(" ")
        path = f"/containers/one{rest}" if rest.startswith("?") or not rest else f"/containers/one/{rest}"
        seen.append((await api.ask(method, path)).status)
    assert seen == statuses


async def test_starting_with_a_body_is_refused(api: Api) -> None:
    await api.created("one")
    assert (await api.ask("POST", "/containers/one/start", {"Binds": ["/:/x"]})).status == 400
    assert (await api.ask("POST", "/containers/one/start", {})).status == 204


async def test_wait_sends_its_headers_before_the_end(api: Api) -> None:
    await api.created("one")
    reader, writer = await api.connect()
    writer.write(b"POST /containers/one/wait?condition=next-exit HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
    assert (await read_head(reader)).status == 200  # and the container has not even started
    await api.ask("POST", "/containers/one/start")
    api.fakes.containers.end("one", 37)
    async with asyncio.timeout(5):
        body = await reader.readuntil(b"0\r\n\r\n")
    assert b'{"StatusCode":37}' in body
    writer.close()


@pytest.mark.parametrize(
    ("version", "tty", "kind", "body"),
    [
        ("1.47", False, "multiplexed-stream", b"\x01\0\0\0\0\0\0\x02a\n\x02\0\0\0\0\0\0\x01b"),
        ("1.41", False, "raw-stream", b"\x01\0\0\0\0\0\0\x02a\n\x02\0\0\0\0\0\0\x01b"),
        ("1.47", True, "raw-stream", b"a\nb"),
    ],
)
async def test_logs_have_the_form_of_the_version(api: Api, version: str, tty: bool, kind: str, body: bytes) -> None:
    await api.created("one", Tty=tty)
    api.fakes.containers.log = [logged(b"a") + logged(b"b", stream="stderr", tag="P")]
    answer = await api.ask("GET", f"/v{version}/containers/one/logs?stdout=1&stderr=1")
    assert answer.headers["content-type"] == f"application/vnd.docker.{kind}"
    assert answer.body == body


async def test_times_and_details_stand_at_line_starts_only(api: Api) -> None:
    log = {"Type": "json-file", "Config": {"labels": "of"}}
    await api.created("one", Tty=True, Labels={"of": "image", "x": "y"}, HostConfig={"LogConfig": log})
    api.fakes.containers.log = [logged(b"begin ", tag="P"), logged(b"end") + logged(b"next")]
    answer = await api.ask("GET", "/containers/one/logs?stdout=1&timestamps=1")
    assert answer.body == b"2026-01-01T00:00:00.000000001Z begin end\n2026-01-01T00:00:00.000000001Z next\n"
    answer = await api.ask("GET", "/containers/one/logs?stdout=1&details=1")
    assert answer.body == b"of=image begin end\nof=image next\n"


async def test_each_line_has_a_frame_of_its_own_but_for_the_docker_cli(api: Api) -> None:
    await api.created("one")
    api.fakes.containers.log = [logged(b"a") + logged(b"b") + logged(b"c", stream="stderr")]
    answer = await api.ask("GET", "/containers/one/logs?stdout=1&stderr=1")
    out = b"\x01\0\0\0\0\0\0\x02"
    assert answer.body == out + b"a\n" + out + b"b\n" + b"\x02\0\0\0\0\0\0\x02c\n"
    answer = await api.ask("GET", "/containers/one/logs?stdout=1")
    assert answer.body == out + b"a\n" + out + b"b\n"
    agent = "User-Agent: Docker-Client/28.2.2 (linux)\r\n"
    answer = await api.ask("GET", "/containers/one/logs?stdout=1", headers=agent)
    assert answer.body == b"\x01\0\0\0\0\0\0\x04a\nb\n"
    answer = await api.ask("GET", "/containers/one/logs?stdout=1&timestamps=1")
    frame = b"\x01\0\0\0\0\0\0\x212026-01-01T00:00:00.000000001Z "
    assert answer.body == frame + b"a\n" + frame + b"b\n"


async def test_a_websocket_carries_output_and_input(api: Api) -> None:
    await api.created("one", OpenStdin=True)
    connector = aiohttp.UnixConnector(path=str(api.socket))
    async with aiohttp.ClientSession(connector=connector) as client:
        url = "http://x/containers/one/attach/ws?stream=1&stdin=1&stdout=1"
        async with client.ws_connect(url) as socket:
            await socket.send_str("text")
            assert (await socket.receive(LIMIT_S)).data == b"text"
            await socket.send_bytes(b"\xff")
            assert (await socket.receive(LIMIT_S)).data == b"\xff"
        async with client.ws_connect(url) as socket:
            api.fakes.containers.sessions[-1].close_stdin()  # as if the container had ended
            assert (await socket.receive(LIMIT_S)).type is aiohttp.WSMsgType.CLOSE
    async with asyncio.timeout(LIMIT_S):
        while not all(session.is_closed for session in api.fakes.containers.sessions):
            await asyncio.sleep(0.01)


async def test_a_websocket_without_a_handshake_is_told_so(api: Api) -> None:
    await api.created("one")
    answer = await api.ask("GET", "/containers/one/attach/ws?stream=1")
    assert (answer.status, answer.message[:20]) == (400, "attach by websocket:")


async def test_images_are_listed_inspected_tagged_and_removed(api: Api) -> None:
    (line,) = (await api.ask("GET", "/images/json")).json
    assert line["RepoTags"] == ["busybox:latest"]
    assert "VirtualSize" not in line
    assert "VirtualSize" in (await api.ask("GET", "/v1.40/images/json")).json[0]
    assert (await api.ask("POST", "/images/busybox/tag?repo=host.example:5000/a/b&tag=1")).status == 201
    shown = (await api.ask("GET", "/images/host.example:5000/a/b:1/json")).json
    assert shown["RepoTags"] == ["busybox:latest", "host.example:5000/a/b:1"]
    assert (await api.ask("GET", "/images/json?filters=%7B%22reference%22%3A%5B%22busy*%22%5D%7D")).json[0][
        "RepoTags"
    ] == ["busybox:latest"]
    removed = (await api.ask("DELETE", "/images/host.example:5000/a/b:1")).json
    assert removed[0] == {"Untagged": "host.example:5000/a/b:1"}


@pytest.mark.parametrize("name", ["nope", "a/b/c:1", "sha256:" + "0" * 64])
async def test_an_image_that_is_not_there_is_missing(api: Api, name: str) -> None:
    assert (await api.ask("GET", f"/images/{name}/json")).status == 404


@pytest.mark.parametrize("name", ["..%2F..%2Fetc", "UPPER", "a%00b", "%252e%252e", "-x;$(id)", "x" * 5000])
async def test_a_malformed_image_name_is_refused(api: Api, name: str) -> None:
    assert (await api.ask("GET", f"/images/{name}/json")).status in (400, 404, 413)


async def test_an_image_in_use_is_a_conflict(api: Api) -> None:
    await api.created("one")
    assert (await api.ask("DELETE", "/images/busybox")).status == 409


async def test_a_pull_streams_its_progress(api: Api) -> None:
    header = base64.urlsafe_b64encode(b'{"username": "u", "password": "p"}').decode()
    path = "/images/create?fromImage=nginx&tag=1&platform=linux/arm64"
    answer = await api.ask("POST", path, headers=f"X-Registry-Auth: {header}\r\n")
    assert [json.loads(line) for line in answer.body.splitlines()] == [
        {"status": "Pulling from x", "id": "1"},
        {
            "status": "Downloading",
            "progressDetail": {"current": 1_500_000, "total": 3_000_000},
            "progress": f"[{'=' * 25}>{' ' * 25}]    1.5MB/3MB",
            "id": "0" * 12,
        },
        {"status": "Pull complete", "progressDetail": {}, "id": "0" * 12},
    ]
    (asked,) = api.fakes.puller.asked
    assert asked == (Reference.parse("nginx:1"), Platform.parse("linux/arm64"), Credentials("u", "p"))


async def test_a_pull_that_fails_at_once_is_a_status_and_later_the_streams_end(api: Api) -> None:
    answer = await api.ask("POST", "/images/create?fromImage=nope&tag=1")
    assert (answer.status, answer.message) == (404, "manifest for nope not found")
    answer = await api.ask("POST", "/images/create?fromImage=breaks&tag=1")
    assert answer.status == 200
    assert json.loads(answer.body.splitlines()[-1]) == {"errorDetail": {"message": "it broke"}, "error": "it broke"}


@pytest.mark.parametrize(
    ("query", "reference"),
    [
        ("fromImage=a&tag=", "a"),
        ("fromImage=a&tag=1", "a:1"),
        ("fromImage=a:1", "a:1"),
        (f"fromImage=a&tag=sha256:{'0' * 64}", f"a@sha256:{'0' * 64}"),
        ("fromImage=h.example:5000/a/b&tag=x", "h.example:5000/a/b:x"),
    ],
)
async def test_what_to_pull_is_said_in_several_ways(query: str, reference: str, api: Api) -> None:
    assert (await api.ask("POST", f"/images/create?{query}")).status == 200
    assert api.fakes.puller.asked[0][0] == Reference.parse(reference)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/images/create?fromImage=UPPER&tag=1", None),
        ("POST", "/images/create?fromImage=a&tag=1&platform=a//b", None),
        ("POST", f"/images/a@sha256:{'0' * 64}/push", None),
        ("POST", "/auth", {}),
        ("POST", "/auth", {"username": "a:b", "password": "c"}),
        ("POST", "/auth", {"username": "a\nb", "password": "c"}),
        ("POST", "/auth", {"username": ["a"]}),
        ("GET", "/images/search?term=", None),
        ("GET", "/images/search?term=a&limit=101", None),
        ("GET", "/images/search?term=a&filters=%7B%22stars%22:%5B%22x%22%5D%7D", None),
        ("GET", "/distribution/UPPER/json", None),
    ],
)
async def test_a_malformed_question_to_a_registry_is_refused(method: str, path: str, body: object, api: Api) -> None:
    assert (await api.ask(method, path, body)).status == 400


async def test_import_takes_the_body(api: Api) -> None:
    answer = await api.ask(
        "POST", "/images/create?fromSrc=-&repo=mine&tag=1", b"tar" * 1000, headers="Content-Type: x\r\n"
    )
    assert answer.json["status"].startswith("sha256:")
    assert api.fakes.images.received == 3000
    assert (await api.ask("GET", "/images/mine:1/json")).status == 200


async def test_load_tells_what_was_loaded(api: Api) -> None:
    answer = await api.ask(
        "POST", "/images/load?quiet=1", b"x" * 300_000, headers="Content-Type: application/x-tar\r\n"
    )
    lines = [json.loads(line) for line in answer.body.splitlines()]
    assert lines[0] == {"stream": "Loaded image: loaded:1\n"}
    assert lines[1]["stream"].startswith("Loaded image ID: sha256:")


async def test_save_streams_one_or_several(api: Api) -> None:
    assert (await api.ask("GET", "/images/busybox/get")).body == b"busybox"
    assert (await api.ask("GET", "/images/get?names=busybox&names=busybox:latest")).body == b"busyboxbusybox:latest"
    assert (await api.ask("GET", "/images/get?names=nope")).status == 404


async def test_build_streams_messages(api: Api) -> None:
    answer = await api.ask("POST", "/build?t=a&t=b:2&rm=1", b"context", headers="Content-Type: application/x-tar\r\n")
    lines = [json.loads(line) for line in answer.body.splitlines()]
    assert lines[0]["stream"].startswith("Step 1/1")
    assert lines[1]["aux"]["ID"].startswith("sha256:")
    assert [str(tag) for tag in api.fakes.builder.requests[0].tags] == [
        "docker.io/library/a:latest",
        "docker.io/library/b:2",
    ]


async def test_a_failing_step_is_told_in_the_stream(api: Api) -> None:
    api.fakes.builder.step_fails = True
    answer = await api.ask("POST", "/build", b"x", headers="Content-Type: application/x-tar\r\n")
    assert answer.status == 200
    last = json.loads(answer.body.splitlines()[-1])
    assert last["errorDetail"]["code"] == 1
    assert "returned a non-zero code: 1" in last["error"]


@pytest.mark.parametrize(
    ("query", "status"),
    [("version=2", 501), ("t=UPPER", 400), ("squash=1", 501), ("buildargs=x", 400)],
)
async def test_a_build_that_cannot_be_is_refused_before_the_stream(api: Api, query: str, status: int) -> None:
    assert (await api.ask("POST", f"/build?{query}", b"x", headers="Content-Type: x/y\r\n")).status == status


async def test_events_come_as_they_happen(api: Api) -> None:
    reader, writer = await api.connect()
    writer.write(b"GET /events?filters=%7B%22type%22%3A%5B%22container%22%5D%7D HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (await read_head(reader)).status == 200
    api.fakes.events.emit("image", "tag", "sha256:x", {"name": "x"})
    container_id = await api.created("web")
    async with asyncio.timeout(5):
        line = await reader.readuntil(b"}\n")
    event = json.loads(line[line.index(b"{") :])
    assert (event["Type"], event["Action"], event["id"]) == ("container", "create", container_id)
    writer.close()


async def test_past_events_end_by_themselves(api: Api) -> None:
    await api.created("web")
    answer = await api.ask("GET", f"/events?since=0&until={time.time()}")
    assert [json.loads(line)["Action"] for line in answer.body.splitlines()] == ["create"]

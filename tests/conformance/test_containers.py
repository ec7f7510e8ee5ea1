"""Containers: both engines are asked the same and answer the same."""

import json
import time
from typing import Any
from urllib.parse import quote

import pytest

from tests.conformance.client import Answer, Client, until
from tests.conformance.normal import differences, normal

pytestmark = [pytest.mark.conformance, pytest.mark.host]

# Where we differ on purpose. A container always has a cgroup namespace of its own, and the network mode is told as
# newer Docker tells it; GraphDriver is about disk lay-out, KernelMemory and ImageIDs were removed from the API later.
INTENDED = (
    ".HostConfig.CgroupnsMode",
    ".HostConfig.KernelMemory",
    ".HostConfig.KernelMemoryTCP",
    ".HostConfig.MaskedPaths",
    ".HostConfig.NetworkMode",
    ".HostConfig.PidsLimit",
    ".HostConfig.RestartPolicy.Name",  # "no" where nothing was said, as in newer Docker
    ".GraphDriver",
    ".NetworkSettings.Ports",  # dockerd lists an IPv6 binding besides; compared on its own
)


def both(ours: Client, dockers: Client, method: str, path: str, body: object = None) -> tuple[Answer, Answer]:
    return ours.ask(method, path, body), dockers.ask(method, path, body)


def unintended(theirs: Any, our: Any) -> list[str]:
    return [text for text in differences(normal(theirs), normal(our)) if not text.startswith(INTENDED)]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"Cmd": ["echo", "two words"], "Env": ["A=1", "FROM=own"], "Labels": {"mine": "1"}},
        {"Entrypoint": ["/bin/sleep"], "Cmd": ["1"], "User": "1000:1000", "WorkingDir": "/dev"},
        {"Entrypoint": ["sleep"]},
        {"Entrypoint": [""], "Cmd": ["ls"]},
        {"Tty": True, "OpenStdin": True, "StdinOnce": True, "AttachStdin": True},
        {"ExposedPorts": {"80/tcp": {}}, "HostConfig": {"PortBindings": {"80/tcp": [{"HostPort": "18080"}]}}},
        {"HostConfig": {"Memory": 64 << 20, "NanoCpus": 500_000_000, "CapAdd": ["NET_ADMIN"], "CapDrop": ["MKNOD"]}},
        {"HostConfig": {"NetworkMode": "none", "ReadonlyRootfs": True, "Tmpfs": {"/run": "size=1m"}}},
        {"HostConfig": {"ExtraHosts": ["db:10.0.0.1"], "Dns": ["10.0.0.53"], "ShmSize": 1 << 20}},
        {"HostConfig": {"Ulimits": [{"Name": "nofile", "Soft": 10, "Hard": 20}], "SecurityOpt": ["no-new-privileges"]}},
        {"StopSignal": "SIGINT", "StopTimeout": 3, "Healthcheck": {"Test": ["NONE"]}},
        {"Hostname": "h", "Domainname": "example.org", "MacAddress": "02:42:00:11:22:33"},
        {"NetworkDisabled": True, "OnBuild": ["RUN x"], "Shell": ["/bin/ash"], "ArgsEscaped": True},
        {"HostConfig": {"PidMode": "host", "IpcMode": "host", "UTSMode": "host"}},
        {"HostConfig": {"IpcMode": "shareable", "CgroupnsMode": "private"}},
        {"HostConfig": {"IpcMode": "none", "CgroupnsMode": "host", "NetworkMode": "host", "UsernsMode": "host"}},
        {"HostConfig": dict.fromkeys(("NetworkMode", "PidMode", "IpcMode"), "container:donor")},
        {
            "HostConfig": {
                "Devices": [{"PathOnHost": "/dev/null", "PathInContainer": "/dev/x", "CgroupPermissions": "r"}],
                "DeviceCgroupRules": ["c 1:3 mr", "b *:* r"],
            }
        },
        {"HostConfig": {"GroupAdd": ["55"], "OomScoreAdj": 500, "Sysctls": {"kernel.msgmax": "8192"}}},
        {"HostConfig": {"Init": False, "CgroupParent": "/mine"}},
        {"HostConfig": {"Init": True}},
        {"HostConfig": {"MaskedPaths": [], "ReadonlyPaths": ["/proc/sys"]}},
        {"HostConfig": {"SecurityOpt": ["seccomp=unconfined", "label=disable", "no-new-privileges:true"]}},
        {"HostConfig": {"SecurityOpt": ['seccomp={"defaultAction":"SCMP_ACT_ALLOW"}']}},
        {"HostConfig": {"Privileged": True}},
        {"HostConfig": {"CapAdd": ["CAP_NET_ADMIN", "sys_time", "ALL"], "CapDrop": ["cap_kill"]}},
        {"HostConfig": {"Binds": ["/usr:/b:ro"]}},
        {"HostConfig": {"Binds": ["/usr/../usr/lib:/d/../d2:rw,Z"]}},
        {
            "HostConfig": {
                "Mounts": [
                    {
                        "Type": "bind",
                        "Source": "/usr",
                        "Target": "/x",
                        "ReadOnly": True,
                        "Consistency": "cached",
                        "BindOptions": {"Propagation": "rprivate", "NonRecursive": True},
                    }
                ]
            }
        },
        {"HostConfig": {"Mounts": [{"Type": "tmpfs", "Target": "/x", "TmpfsOptions": {"SizeBytes": 4096}}]}},
        {"HostConfig": {"Isolation": "default", "VolumeDriver": "not-there"}},
        {"ExposedPorts": {"80/tcp": {}}, "HostConfig": {"PortBindings": {"80/tcp": [{"HostPort": "18100-18102"}]}}},
    ],
)
def test_a_created_container_is_inspected_alike(ours: Client, dockers: Client, body: dict[str, Any]) -> None:
    for client in (ours, dockers):
        if "donor" in str(body):
            client.create("donor", {"Cmd": ["sleep", "60"], "HostConfig": {"IpcMode": "shareable"}})
            client.ask("POST", "/containers/donor/start")
        client.create("inspected", body)
    our, theirs = both(ours, dockers, "GET", "/containers/inspected/json")
    for client in (ours, dockers):
        client.ask("DELETE", "/containers/donor?force=1")
    assert unintended(theirs.json, our.json) == []


@pytest.mark.parametrize(
    "body",
    [
        {"Hostname": "h", "HostConfig": {"NetworkMode": "container:x"}},
        {"Hostname": "h", "HostConfig": {"UTSMode": "host"}},
        {"HostConfig": {"NetworkMode": "container:x", "Dns": ["1.1.1.1"]}},
        {"HostConfig": {"NetworkMode": "container:x", "ExtraHosts": ["a:1.1.1.1"]}},
        {"HostConfig": {"NetworkMode": "container:x", "PublishAllPorts": True}},
        {"HostConfig": {"NetworkMode": "container:x"}, "ExposedPorts": {"80/tcp": {}}},
        {"HostConfig": {"NetworkMode": "container:"}},
        {"HostConfig": {"NetworkMode": "host"}, "MacAddress": "02:42:00:11:22:33"},
        {"HostConfig": {"CgroupnsMode": "bad"}},
        {"HostConfig": {"OomScoreAdj": 2000}},
        {"HostConfig": {"CapAdd": ["FLY"]}},
        {"HostConfig": {"Binds": ["/usr:/x", "/etc:/x"]}},
        {"HostConfig": {"Binds": ["/usr:/x"], "Tmpfs": {"/x": ""}}},
        {"HostConfig": {"Mounts": [{"Type": "bind", "Source": "/nothing-there", "Target": "/x"}]}},
        {"HostConfig": {"Mounts": [{"Type": "bind", "Source": "/usr"}]}},
        {"HostConfig": {"Mounts": [{"Type": "bind", "Target": "/x"}]}},
        {"HostConfig": {"Mounts": [{"Type": "what", "Source": "/usr", "Target": "/x"}]}},
        {"HostConfig": {"Mounts": [{"Type": "tmpfs", "Source": "/usr", "Target": "/x"}]}},
        {"HostConfig": {"Mounts": [{"Type": "tmpfs", "Target": "/x", "BindOptions": {}}]}},
        {"StopSignal": "NONSENSE"},
    ],
)
def test_a_request_that_cannot_be_is_refused_alike(ours: Client, dockers: Client, body: dict[str, Any]) -> None:
    our, theirs = both(ours, dockers, "POST", "/containers/create", {"Image": "conformance/busybox:1"} | body)
    assert our.status == theirs.status == 400
    # ours says which member before Docker's words; mode words are quoted
    words = theirs.json["message"].removeprefix("Invalid network mode: ")
    assert our.json["message"].replace("'", "").endswith(words.replace("'", ""))


def test_a_container_is_listed_and_inspected_alike_while_it_runs_and_after(ours: Client, dockers: Client) -> None:
    for client in (ours, dockers):
        client.create("lived", {"Cmd": ["sh", "-c", "trap 'exit 7' TERM; sleep 60 & wait"], "Labels": {"x": "y"}})
        assert client.ask("POST", "/containers/lived/start").status == 204
    filters = "?all=1&filters=%7B%22name%22%3A%5B%22lived%22%5D%7D"
    for path in ("/containers/lived/json", f"/containers/json{filters}"):
        our, theirs = both(ours, dockers, "GET", path)
        assert [
            text for text in unintended(theirs.json, our.json) if "NetworkMode" not in text and "Status" not in text
        ] == []
    for client in (ours, dockers):
        assert client.ask("POST", "/containers/lived/kill?signal=TERM").status == 204
        assert client.ask("POST", "/containers/lived/wait").json["StatusCode"] == 7
    our, theirs = both(ours, dockers, "GET", "/containers/lived/json")
    assert unintended(theirs.json["State"], our.json["State"]) == []
    assert our.json["State"]["ExitCode"] == 7


def test_published_ports_are_told_alike(ours: Client, dockers: Client) -> None:
    shown = []
    for client in (ours, dockers):
        body = {"Cmd": ["sleep", "60"], "HostConfig": {"PortBindings": {"80/tcp": [{"HostPort": "18081"}]}}}
        client.create("published", body | {"ExposedPorts": {"80/tcp": {}, "81/tcp": {}}})
        assert client.ask("POST", "/containers/published/start").status == 204
        ports = client.ask("GET", "/containers/published/json").json["NetworkSettings"]["Ports"]
        client.ask("DELETE", "/containers/published?force=1")
        shown.append({port: [one for one in bound or [] if one["HostIp"] != "::"] for port, bound in ports.items()})
    assert shown[0] == shown[1]


@pytest.mark.parametrize(
    "body", [{}, {"User": "1000"}, {"User": "1000:1001", "HostConfig": {"GroupAdd": ["5", "7"]}}], ids=str
)
def test_a_process_is_in_the_same_groups(ours: Client, dockers: Client, body: dict[str, Any]) -> None:
    found = []
    for client in (ours, dockers):
        assert client.run("groups", {"Cmd": ["grep", "^Groups", "/proc/self/status"]} | body) == 0
        found.append(client.ask("GET", "/containers/groups/logs?stdout=1").body)
    assert found[0] == found[1]
    assert found[0].split()[1:], "the primary group is one of them"


@pytest.mark.parametrize(
    ("argv", "code"),
    [(["true"], 0), (["false"], 1), (["sh", "-c", "exit 42"], 42), (["sh", "-c", "sh -c 'kill -9 $$'; exit $?"], 137)],
)
def test_exit_codes_are_alike(ours: Client, dockers: Client, argv: list[str], code: int) -> None:
    assert [client.run("exits", {"Cmd": argv}) for client in (ours, dockers)] == [code, code]


@pytest.mark.parametrize("argv", [["nothing-like-it"], ["/tmp"]])
def test_a_program_that_cannot_be_run_is_told_alike(ours: Client, dockers: Client, argv: list[str]) -> None:
    answers, codes = [], []
    for client in (ours, dockers):
        client.create("cannot", {"Cmd": argv})
        answers.append(client.ask("POST", "/containers/cannot/start"))
        codes.append(client.ask("GET", "/containers/cannot/json").json["State"]["ExitCode"])
    assert answers[0].status == answers[1].status == 400
    assert codes[0] == codes[1]
    words = "not found" if "nothing" in argv[0] else "permission denied"
    for answer in answers:
        assert words in answer.json["message"].lower()


@pytest.mark.parametrize(
    "query",
    [
        "stdout=1",
        "stderr=1",
        "stdout=1&stderr=1",
        "stdout=1&tail=1",
        "stdout=1&tail=0",
        "stdout=1&tail=all",
        "stdout=1&until=1",
        "stdout=1&since=0",
        "stdout=1&follow=1",
    ],
)
def test_logs_are_alike_but_for_how_many_lines_a_frame_holds(ours: Client, dockers: Client, query: str) -> None:
    script = "echo one; echo two; sleep 0.1; echo oops >&2; sleep 0.1; printf unended"
    for client in (ours, dockers):
        client.run("logged", {"Cmd": ["sh", "-c", script]})
    our, theirs = both(ours, dockers, "GET", f"/containers/logged/logs?{query}")
    assert (our.status, runs(our.body)) == (theirs.status, runs(theirs.body))


def runs(data: bytes) -> list[tuple[int, bytes]]:
    """Stream and output, frames of one stream in a row joined."""
    found: list[tuple[int, bytes]] = []
    while data:
        end = 8 + int.from_bytes(data[4:8], "big")
        before = found.pop()[1] if found and found[-1][0] == data[0] else b""
        found.append((data[0], before + data[8:end]))
        data = data[end:]
    return found


def test_a_terminals_log_is_raw_in_both(ours: Client, dockers: Client) -> None:
    for client in (ours, dockers):
        client.run("terminal", {"Cmd": ["echo", "hi"], "Tty": True})
    our, theirs = both(ours, dockers, "GET", "/containers/terminal/logs?stdout=1")
    assert theirs.body == b"hi\r\n"
    assert our.body == b"hi\r\n"


@pytest.mark.parametrize("body", [None, {"stream": True, "hijack": True}, ["of no use"]], ids=str)
def test_attach_answers_alike_whatever_its_body_says(ours: Client, dockers: Client, body: object) -> None:
    seen = []
    for client in (ours, dockers):
        client.create("attached", {"Cmd": ["cat"], "OpenStdin": True, "StdinOnce": True, "AttachStdin": True})
        client.ask("POST", "/containers/attached/start")
        path = "/containers/attached/attach?stream=1&stdin=1&stdout=1&stderr=1"
        head, stream = client.attach(path, b"typed at once\n", body)
        seen.append((head.split(b"\r\n")[0], b"raw-stream" in head, stream))
    assert seen[0] == seen[1]
    assert seen[0][2] == b"\x01\0\0\0\0\0\0\x0etyped at once\n"


def test_replay_gives_what_was_written(ours: Client, dockers: Client) -> None:
    streams = []
    for client in (ours, dockers):
        client.run("replayed", {"Cmd": ["echo", "past"]})
        streams.append(client.attach("/containers/replayed/attach?logs=1&stdout=1&stderr=1", b"")[1])
    assert streams[0] == streams[1]


def _events(client: Client, container_id: str) -> list[Any]:
    """All of a container that is being removed."""
    filters = quote(json.dumps({"container": [container_id]}))
    found: list[Any] = []

    def is_told() -> bool:
        found[:] = client.ask("GET", f"/events?since=0&until={time.time():.6f}&filters={filters}").lines
        return any(event["Action"] == "destroy" for event in found)

    until(is_told)
    return found


def test_events_of_a_life_are_alike(ours: Client, dockers: Client) -> None:
    lives = []
    for client in (ours, dockers):
        container_id = client.create("eventful", {"Cmd": ["true"]})
        client.ask("POST", "/containers/eventful/start")
        client.ask("POST", "/containers/eventful/wait")
        client.ask("DELETE", "/containers/eventful")
        events = _events(client, container_id)
        lives.append([(event["Type"], event["Action"], event["status"], event["from"]) for event in events])
    assert sorted(lives[0]) == sorted(lives[1])


# dockerd 20.10 answers 200 or 500 to these; newer ones as here
_NEWER = {"POST wait?condition=next-exitt": 400, "GET logs?stdout=1&since=x": 400, "POST unpause": 409}


@pytest.mark.parametrize(
    "steps",
    [
        ["POST start", "POST start"],
        ["POST stop"],
        ["POST kill"],
        ["POST kill?signal=NONSENSE"],
        ["POST pause"],
        ["POST unpause"],
        ["POST start", "POST pause", "POST pause"],
        ["POST start", "DELETE "],
        ["POST start", "POST rename?name=stepped"],
        ["POST rename?name=!"],
        ["POST rename?name="],
        ["POST wait?condition=next-exitt"],
        ["GET logs"],
        ["GET logs?stdout=1&since=x"],
        ["GET top"],
        ["POST resize?h=x&w=1"],
        ["GET json"],
        ["POST start", "POST stop?t=0", "POST stop", "POST start", "POST restart?t=0"],
    ],
)
def test_statuses_of_steps_are_alike(ours: Client, dockers: Client, steps: list[str]) -> None:
    statuses = []
    for client in (ours, dockers):
        client.create("stepped", {"Cmd": ["sleep", "60"]})
        paths = [step.split(" ") for step in steps]
        answers = [client.ask(method, f"/containers/stepped/{rest}".rstrip("/")).status for method, rest in paths]
        client.ask("DELETE", "/containers/stepped?force=1")
        statuses.append(answers)
    assert statuses[0] == [_NEWER.get(step, status) for step, status in zip(steps, statuses[1], strict=True)]


@pytest.mark.parametrize("columns", ["-o pid,comm", "-o comm,pid -w", "aux", "-eLf", "-o pid,comm -L", "m -o pid,comm"])
def test_processes_are_listed_alike(ours: Client, dockers: Client, columns: str) -> None:
    found = []
    for client in (ours, dockers):
        client.create("listed", {"Cmd": ["sh", "-c", "sleep 100 & sleep 100; true"]})
        client.ask("POST", "/containers/listed/start")
        until(lambda client=client: len(client.ask("GET", "/containers/listed/top").json["Processes"]) == 3)
        answer = client.ask("GET", f"/containers/listed/top?ps_args={quote(columns)}").json
        found.append((answer["Titles"], len(answer["Processes"]), [len(row) for row in answer["Processes"]]))
        client.ask("DELETE", "/containers/listed?force=1")
    assert found[0] == found[1]
    assert found[0][1] >= 3


def test_a_refusal_of_ps_says_why(ours: Client, dockers: Client) -> None:
    for client in (ours, dockers):
        client.create("listed", {"Cmd": ["sleep", "100"]})
        client.ask("POST", "/containers/listed/start")
        refusal = client.ask("GET", "/containers/listed/top?ps_args=-o%20pid,nothing").json["message"]
        assert 'unknown user-defined format specifier "nothing"' in refusal
        client.ask("DELETE", "/containers/listed?force=1")

"""Fingerprints: what they are of, what they are not of, and what a lock does not give away."""

import json
from typing import Any

import pytest

from console.capsules.locks.comparing import compared
from console.capsules.locks.document import Lock, parse_lock
from console.capsules.locks.environment import Environment, environment_of
from console.capsules.locks.hashing import canonical, digest_of
from console.capsules.locks.seen import Hints, Seen
from console.capsules.locks.service import below
from console.operations.errors import Invalid

SALT = "00" * 16
OTHER_SALT = "01" * 16
PASSWORD = "hunter2hunter2"
HINTS = {"web": Hints({"PASSWORD": "pw"}, ("/etc/c.conf",), {"/run/secrets/s": "s"})}


def container(number: int = 1, **more: Any) -> dict[str, Any]:
    """As engines tell of one, with what they make up."""
    engine_id = f"{number:064x}"
    marks = {
        "com.docker.compose.project": "shop",
        "com.docker.compose.service": "web",
        "com.docker.compose.container-number": str(number),
        "com.docker.compose.project.working_dir": "/srv/shop",
        "naru.release": "3",
        "team": "a",
    }
    return {
        "Id": engine_id,
        "Name": f"/shop-web-{number}",
        "Image": f"sha256:{'ab' * 32}",
        "Config": {
            "Hostname": engine_id[:12],
            "Env": ["PATH=/bin", f"PASSWORD={PASSWORD}", *more.get("env", [])],
            "Labels": marks,
            "Cmd": more.get("command", ["serve"]),
            "Healthcheck": {"Test": ["CMD", "true"], "Interval": 10**9, "Timeout": 0},
        },
        "HostConfig": {
            "Memory": 64 << 20,
            "MemorySwap": more.get("swap", 128 << 20),
            "PidsLimit": more.get("pids"),
            "ShmSize": 64 << 20,
            "NetworkMode": "shop_front",
            "IpcMode": more.get("ipc", "private"),
            "Runtime": more.get("runtime", "runc"),
            "CapAdd": more.get("capabilities", ["CAP_CHOWN"]),
            "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0},
            "PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": "8080"}]},
            "LogConfig": {"Type": "json-file", "Config": {}},
        },
        "Mounts": [
            {"Type": "volume", "Name": more.get("volume", "shop_data"), "Destination": "/data", "RW": True},
            {
                "Type": "bind",
                "Source": "/srv/shop/conf",
                "Destination": "/conf",
                "RW": False,
                "Propagation": "rprivate",
            },
        ],
        "NetworkSettings": {
            "Networks": {
                "shop_front": {
                    "Aliases": ["web", engine_id[:12], f"shop-web-{number}"],
                    "IPAddress": f"10.0.0.{number}",
                }
            }
        },
    }


def seen(*containers: dict[str, Any], project: str = "shop", content: bytes = b"config") -> Seen:
    marks = {"com.docker.compose.project": project}
    found = containers or (container(),)
    files = {}
    for one in found:
        files[one["Id"], "/etc/c.conf"] = content
        files[one["Id"], "/run/secrets/s"] = b"of a file"
    return Seen(
        project,
        tuple(found),
        ({"Name": f"{project}_front", "Driver": "bridge", "Labels": {**marks, "com.docker.compose.network": "front"}},),
        ({"Name": f"{project}_data", "Driver": "local", "Labels": {**marks, "com.docker.compose.volume": "data"}},),
        {"ab" * 32: "linux/amd64"},
        files,
    )


def observed(*containers: dict[str, Any], salt: str = SALT, **more: Any) -> Environment:
    return environment_of(seen(*containers, **more), salt=salt, hints=HINTS)


def lock_of(environment: Environment, salt: str = SALT) -> Lock:
    return Lock(salt, environment.document(), dict(environment.secrets), {"stack": "shop"})


def fingerprint(*containers: dict[str, Any], **more: Any) -> str:
    return lock_of(observed(*containers, **more)).fingerprint


def test_a_service_is_told_in_words_of_no_host() -> None:
    found = observed().document()
    web = found["services"]["web"]
    assert web["mounts"] == {
        "/data": {"type": "volume", "source": "data"},
        "/conf": {"type": "bind", "source": "./conf", "read_only": True},
    }
    assert web["networks"] == {"front": {"aliases": ["web"]}}
    assert web["labels"] == {"team": "a"}
    assert web["limits"] == {"memory_bytes": 64 << 20}
    assert web["ports"] == ["8080:80/tcp"]
    assert web["security"] == {"cap_add": ["CHOWN"]}
    assert web["env"]["PASSWORD"] == {"secret": "pw"}
    assert (web["secrets"], web["replicas"]) == ({"/run/secrets/s": "s"}, 1)
    assert {"host_name", "restart", "logging", "network_mode"} & web.keys() == set()
    assert found["networks"] == {"front": {"driver": "bridge"}}


def test_what_engines_choose_is_no_difference() -> None:
    same = fingerprint()
    for more in (
        {"runtime": "crun"},
        {"pids": 0},
        {"pids": -1},
        {"ipc": "shareable"},
        {"capabilities": ["CHOWN"]},
        {"swap": 0},
    ):
        assert fingerprint(container(**more)) == same, more
    again = container()
    again["Config"]["Labels"]["naru.release"] = "4"
    again["NetworkSettings"]["Networks"]["shop_front"]["IPAddress"] = "10.9.9.9"
    again["Config"]["Env"].reverse()
    assert fingerprint(again) == same


def test_what_people_choose_is_one() -> None:
    same = fingerprint()
    assert fingerprint(container(env=["A=1"])) != fingerprint(container(env=["A=2"]))
    assert fingerprint(container(command=["serve", "-v"])) != same
    assert fingerprint(container(volume="other")) != same
    assert fingerprint(content=b"other") != same
    assert fingerprint(container(1), container(2)) != same


def test_a_lock_holds_no_value_and_no_host() -> None:
    text = lock_of(observed(container(env=["TOKEN=very-secret-thing"]))).text()
    for hidden in (PASSWORD, "very-secret-thing", "of a file", "10.0.0.1", "/srv/shop", "shop-web-1", "0000000001"):
        assert hidden not in text


def test_secrets_are_compared_and_are_no_part_of_the_fingerprint() -> None:
    lock = lock_of(observed())
    other = container()
    other["Config"]["Env"][1] = "PASSWORD=another one"
    verdict = compared(lock, observed(other))
    assert (verdict.is_identical, verdict.other_secrets) == (True, ("pw",))
    assert compared(lock, observed()).other_secrets == ()


def test_differences_are_told_side_by_side_and_variables_by_name() -> None:
    lock = lock_of(observed(container(env=["A=one", "GONE=1"])))
    verdict = compared(lock, observed(container(env=["A=two", "NEW=1"], command=["serve", "-v"])))
    told = {(one.field, one.kind, one.locked, one.found) for one in verdict.differences}
    assert told == {
        ("command", "changed", "serve", "serve -v"),
        ("env.A", "changed", "", ""),
        ("env.GONE", "missing", "", ""),
        ("env.NEW", "added", "", ""),
    }
    assert "hmac" not in json.dumps(verdict.as_json())
    assert not verdict.is_identical


def test_a_container_that_is_not_like_the_first_is_a_difference() -> None:
    lock = lock_of(observed(container(1), container(2)))
    verdict = compared(lock, observed(container(1), container(2, command=["other"])))
    assert [str(one) for one in verdict.differences] == ["service web 2: command changed: serve → other"]
    assert verdict.fingerprint == verdict.locked_fingerprint
    assert not verdict.is_identical


def test_services_that_are_missing_or_more_are_differences() -> None:
    empty = Environment({}, {}, {}, {})
    assert [str(one) for one in compared(lock_of(observed()), empty).differences] == [
        "service web missing",
        "network front missing",
        "volume data missing",
    ]
    assert compared(Lock(SALT, empty.document()), observed()).differences[0].kind == "added"


def test_fingerprints_depend_on_the_salt_and_a_lock_carries_it() -> None:
    lock = lock_of(observed())
    assert lock_of(observed(salt=OTHER_SALT), OTHER_SALT).fingerprint != lock.fingerprint
    read = parse_lock(lock.text().encode())
    assert compared(read, observed(salt=read.salt)).is_identical


def test_the_canonical_form_is_as_it_is_described() -> None:
    assert canonical({"b": 1, "a": ["é", True, None]}) == '{"a":["é",true,null],"b":1}'.encode()
    document = {"format": "naru.env-lock/1", "salt": SALT, "environment": {"services": {}}}
    assert Lock(SALT, {"services": {}}).fingerprint == digest_of(canonical(document))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": "naru.env-lock/2"}, "naru.env-lock/1"),
        ({"salt": "zz"}, "salt"),
        ({"salt": 7}, "salt"),
        ({"environment": []}, "environment"),
        ({"environment": {"services": {}}}, "environment"),
        ({"environment": {"services": {"web": 1}, "networks": {}, "volumes": {}}}, "web"),
        ({"secrets": {"pw": 1}}, "secrets"),
        ({"about": None}, "about"),
        ({"fingerprint": "sha256:00"}, "changed"),
        ({"fingerprint": None}, "changed"),
        ({"environment": {"services": {}, "networks": {}, "volumes": {}}}, "changed"),
    ],
)
def test_a_lock_that_is_none_is_refused(change: dict[str, Any], words: str) -> None:
    document = {**lock_of(observed()).document(), **change}
    with pytest.raises(Invalid, match=words):
        parse_lock(json.dumps(document).encode())


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"[]",
        b"null",
        b'{"format": NaN}',
        b'{"format": 1, "format": 2}',
        b"[" * 200_000,
        b'{"a":' * 20 + b"1" + b"}" * 20,
        b" " * ((4 << 20) + 1),
    ],
)
def test_what_is_no_lock_at_all_is_refused(content: bytes) -> None:
    with pytest.raises(Invalid):
        parse_lock(content)


def test_paths_below_the_stacks_directory_are_told_from_there() -> None:
    assert below("/srv/shop", "/srv/shop/conf/a") == "./conf/a"
    assert below("/srv/shop/", "/srv/shop") == "."
    assert below("/srv/shop", "/srv/shopping") == "/srv/shopping"
    assert below("", "/etc") == "/etc"

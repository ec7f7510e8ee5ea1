"""Containers with an init, and with other wishes about how they are held."""

import json
from collections.abc import Iterator

import pytest

from tests.conformance.client import Client
from tests.engine.conftest import IMAGE, RunningEngine
from tests.engine.host.containers.shared_engine import engine_with_image, refusal, said

pytestmark = pytest.mark.host


@pytest.fixture(scope="module")
def engine(busybox_tar: bytes) -> Iterator[RunningEngine]:
    with engine_with_image(busybox_tar) as engine:
        yield engine


def test_an_init_is_process_1_and_passes_the_exit_code_on(engine: RunningEngine) -> None:
    done = engine.docker("run", "--rm", "--init", IMAGE, "sh", "-c", "cat /proc/1/comm; exit 7", check=False)
    assert (done.stdout, done.returncode) == (b"init\n", 7)


def test_an_init_buries_the_dead(engine: RunningEngine) -> None:
    """The grandchild's parent ends first; without an init nobody would wait for it."""
    script = """sh -c 'sh -c "exit 0" & echo $! > /tmp/pid'
        while kill -0 $(cat /tmp/pid) 2>/dev/null; do :; done; echo gone"""
    assert said(engine, "--init", IMAGE, "timeout", "10", "sh", "-c", script) == "gone"


def test_an_init_passes_signals_on(engine: RunningEngine) -> None:
    engine.docker("run", "-d", "--init", "--name", "obedient", IMAGE, "sleep", "1000")
    engine.docker("stop", "--time", "20", "obedient")
    assert engine.out("inspect", "--format", "{{.State.ExitCode}} {{.HostConfig.Init}}", "obedient") == "143 true"


PROFILE = {
    "defaultAction": "SCMP_ACT_ALLOW",
    "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]}],
    "syscalls": [
        {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28},
        {
            "names": ["rmdir"],
            "action": "SCMP_ACT_ERRNO",
            "errnoRet": 28,
            "includes": {"caps": ["CAP_NET_ADMIN"]},
        },
    ],
}


@pytest.mark.parametrize("arguments", [[], ["--privileged"]])
def test_a_profile_of_ones_own_is_the_filter(engine: RunningEngine, arguments: list[str]) -> None:
    path = engine.root / "profile.json"
    path.write_text(json.dumps(PROFILE, indent=2))
    option = f"seccomp={path}"
    script = "mkdir /tmp/x 2>&1; grep Seccomp: /proc/self/status"
    answer = said(engine, *arguments, "--security-opt", option, IMAGE, "sh", "-c", script)
    assert "No space left on device" in answer
    assert "2" in answer.splitlines()[-1]


def test_conditions_of_a_profile_look_at_the_containers_capabilities(engine: RunningEngine) -> None:
    path = engine.root / "conditional.json"
    path.write_text(json.dumps(PROFILE))
    script = "rmdir /var 2>&1; true"
    arguments = ["--security-opt", f"seccomp={path}"]
    assert said(engine, *arguments, IMAGE, "sh", "-c", script) == ""
    assert "No space" in said(engine, *arguments, "--cap-add", "NET_ADMIN", IMAGE, "sh", "-c", script)


def test_a_profile_that_is_none_is_refused_at_create(engine: RunningEngine) -> None:
    path = engine.root / "bad.json"
    path.write_text('{"defaultAction": "SCMP_ACT_EXPLODE"}')
    assert "SCMP_ACT_EXPLODE" in refusal(engine, "create", "--security-opt", f"seccomp={path}", IMAGE, "true")


def test_system_paths_can_be_shown(engine: RunningEngine) -> None:
    script = "wc -l < /proc/kallsyms; grep -c ' /proc/' /proc/mounts; true"
    assert said(engine, "--security-opt", "systempaths=unconfined", IMAGE, "sh", "-c", script).split()[1] == "0"
    assert said(engine, IMAGE, "sh", "-c", script).split()[0] == "0"


def test_annotations_are_kept_and_orders_to_the_runtime_refused(engine: RunningEngine) -> None:
    engine.docker("run", "--name", "noted", "--annotation", "note=x", IMAGE, "true")
    assert engine.out("inspect", "--format", "{{.HostConfig.Annotations.note}}", "noted") == "x"
    told = refusal(engine, "create", "--annotation", "run.oci.handler=krun", IMAGE, "true")
    assert "'run.oci.handler' would give orders to the runtime" in told


def test_a_signal_that_is_none_is_refused_at_create(engine: RunningEngine) -> None:
    assert "Invalid signal: NONSENSE" in refusal(engine, "create", "--stop-signal", "NONSENSE", IMAGE, "true")


def test_without_a_network_there_is_only_loopback(engine: RunningEngine) -> None:
    client = Client(engine.socket)
    body = {"Image": IMAGE, "Cmd": ["ls", "/sys/class/net"], "NetworkDisabled": True}
    assert client.ask("POST", "/containers/create?name=cut", body).status == 201
    assert engine.out("start", "-a", "cut") == "lo"
    assert client.ask("GET", "/containers/cut/json").json["Config"]["NetworkDisabled"] is True

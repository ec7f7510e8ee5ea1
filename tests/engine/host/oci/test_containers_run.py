"""Real containers by conmon with crun and runc, in an engine of their own; what they see and what is left of them."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.config import EngineConfig
from engine.host import mount_namespace

pytestmark = pytest.mark.host

_CHECKOUT = Path(__file__).parents[4]
_PROGRAM = Path(__file__).with_name("one_engine.py")
_STATUS = "id; cat /proc/self/uid_map; cat /proc/self/status; exit 37"

RUNS: dict[str, dict[str, Any]] = {
    "plain": {"argv": ["sh", "-c", _STATUS]},
    "files": {"argv": ["sh", "-c", "cat /etc/hostname; echo more >> /etc/hosts && touch /made; ls /sys/class/net"]},
    "user": {"argv": ["sh", "-c", "pwd; id; echo $HOME"], "spec": {"user": "ann", "working_dir": "/new/dir"}},
    "limits": {
        "argv": ["sh", "-c", "cat /proc/self/cgroup; ulimit -n; sleep 0.2"],
        "spec": {"resources": {"memory_bytes": 32 << 20, "nano_cpus": 500_000_000, "pids_limit": 20}},
        "read": {"memory": ["memory.limit_in_bytes", "memory.max"], "cpu": ["cpu.cfs_quota_us"], "pids": ["pids.max"]},
    },
    "memory": {"argv": ["tail", "/dev/zero"], "spec": {"resources": {"memory_bytes": 32 << 20}}},
    "forks": {
        "argv": ["sh", "-c", "for i in 1 2 3 4 5 6 7 8 9; do sleep 1 & done; wait"],
        "spec": {"resources": {"pids_limit": 4}},
    },
    "privileges": {"argv": ["sh", "-c", "mount -t tmpfs x /tmp; unshare -U true; echo c > /proc/sysrq-trigger; true"]},
    "sysctls": {
        "argv": ["sh", "-c", "cd /proc/sys/net/ipv4; cat ping_group_range ip_unprivileged_port_start ip_forward"],
        "spec": {"sysctls": {"net.ipv4.ip_forward": "1"}},
    },
    "strict": {
        "argv": ["sh", "-c", f"touch /x; touch /tmp/x && echo scratch; {_STATUS}"],
        "spec": {"profile": "strict"},
    },
    "compat": {"argv": ["sh", "-c", _STATUS], "spec": {"profile": "compat"}},
    "privileged": {
        "argv": ["sh", "-c", f"mount -t tmpfs x /tmp && echo mounted; {_STATUS}"],
        "spec": {"privileged": True},
    },
    "host network": {"argv": ["ls", "/sys/class/net"], "spec": {"network_mode": "host"}},
    "tmpfs": {
        "argv": ["sh", "-c", "grep ' /run ' /proc/mounts; grep ' /dev/shm ' /proc/mounts"],
        "spec": {"tmpfs": {"/run": "size=1m,exec"}, "shm_size_bytes": 1 << 20},
    },
    "no name": {"argv": ["nosuch"]},
    "no path": {"argv": ["/bin/nosuch"]},
    "no program": {"argv": ["/etc/data"]},
    "directory": {"argv": ["/etc"]},
    "paused": {"argv": ["sh", "-c", "trap 'exit 3' TERM; while :; do sleep 0.05; done"], "pause_then_kill": True},
}


@pytest.fixture(scope="module")
def root() -> Iterator[Path]:
    """Not below pytest's own directory: paths there are longer than a socket's name may be."""
    with tempfile.TemporaryDirectory(prefix="naru-", dir="/var/tmp") as directory:
        root = Path(directory)
        root.chmod(0o711)
        yield root


def _ask(root: Path, runtime: str, runs: list[dict[str, Any]]) -> dict[str, Any]:
    engine = root / runtime
    config = EngineConfig(data_root=engine / "data", run_root=engine / "run")
    request = json.dumps({"root": str(engine), "runtime": runtime, "runs": runs})
    environment = {**os.environ, "PYTHONPATH": str(_CHECKOUT)}
    try:
        done = subprocess.run(
            [sys.executable, _PROGRAM], input=request, env=environment, capture_output=True, text=True, timeout=100
        )
    finally:
        mount_namespace.forget(config.mount_pin)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer | {"config": config}


@pytest.fixture(scope="module", params=["crun", "runc"])
def engine(request: pytest.FixtureRequest, root: Path) -> dict[str, Any]:
    """All runs by one runtime; they are asked for once, each test looks at its own."""
    answer = _ask(root, request.param, list(RUNS.values()))
    return answer | {"runtime": request.param, "by_name": dict(zip(RUNS, answer["runs"], strict=True))}


def output(engine: dict[str, Any], name: str) -> str:
    assert "output" in engine["by_name"][name], engine["by_name"][name]
    return "\n".join(engine["by_name"][name]["output"])


def status(engine: dict[str, Any], name: str) -> dict[str, str]:
    fields = (line.split(":", 1) for line in engine["by_name"][name]["output"] if ":\t" in line)
    return {field: value.strip() for field, value in fields}


def test_the_exit_code_is_the_programs(engine: dict[str, Any]) -> None:
    assert engine["by_name"]["plain"]["exit"] == 37


def test_root_in_the_container_is_somebody_else_on_the_host(engine: dict[str, Any]) -> None:
    base = engine["by_name"]["plain"]["uid_base"]
    assert base >= 524288
    assert "uid=0(root) gid=0(root)" in output(engine, "plain")
    assert ["0", str(base), "65536"] in [line.split() for line in engine["by_name"]["plain"]["output"]]


@pytest.mark.parametrize(
    ("name", "seccomp", "no_new_privileges", "capabilities"),
    [
        ("plain", "2", "0", "00000000800425fb"),
        ("strict", "2", "1", "0000000000000000"),
        ("compat", "2", "0", "00000000a80425fb"),
    ],
)
def test_a_profile_confines_as_promised(
    engine: dict[str, Any], name: str, seccomp: str, no_new_privileges: str, capabilities: str
) -> None:
    seen = status(engine, name)
    assert (seen["Seccomp"], seen["NoNewPrivs"]) == (seccomp, no_new_privileges)
    assert seen["CapEff"] == seen["CapBnd"] == capabilities
    assert seen["CapInh"] == seen["CapAmb"] == "0" * 16


def test_the_compiled_filter_is_used_where_the_runtime_takes_it(engine: dict[str, Any]) -> None:
    assert engine["bpf"] is (engine["runtime"] == "crun")
    assert "a probe container ran" in engine["chosen"]


def test_files_of_the_engine_are_writable_and_changes_lie_unshifted(engine: dict[str, Any]) -> None:
    assert "hostname of the engine" in output(engine, "files")
    assert ["made", 0] in engine["by_name"]["files"]["upper"]


def test_a_new_network_has_only_loopback(engine: dict[str, Any]) -> None:
    assert engine["by_name"]["files"]["output"][-1] == "lo"


def test_a_user_has_groups_home_and_directory(engine: dict[str, Any]) -> None:
    assert output(engine, "user") == "/new/dir\nuid=1000(ann) gid=1000(ann) groups=1000(ann),2000(extra)\n/home/ann"


def test_limits_reach_the_kernel(engine: dict[str, Any]) -> None:
    read = engine["by_name"]["limits"]["read"]
    assert read["pids.max"] == "20"
    if "memory.limit_in_bytes" in read:
        assert (read["memory.limit_in_bytes"], read["cpu.cfs_quota_us"]) == (str(32 << 20), "50000")
    else:
        assert read["memory.max"] == str(32 << 20)
    assert "1024" in output(engine, "limits")


def test_a_container_sees_no_group_but_its_own(engine: dict[str, Any]) -> None:
    assert {line.rpartition(":")[2] for line in engine["by_name"]["limits"]["output"] if line.count(":") > 1} == {"/"}


def test_too_much_memory_is_killed_and_said(engine: dict[str, Any]) -> None:
    run = engine["by_name"]["memory"]
    assert (run["exit"], run["oom"]) == (137, True)


def test_too_many_processes_fail(engine: dict[str, Any]) -> None:
    assert "can't fork" in output(engine, "forks")


def test_root_may_not_mount_nor_make_namespaces(engine: dict[str, Any]) -> None:
    said = output(engine, "privileges")
    assert "mount: permission denied" in said
    assert "unshare" in said
    assert "Operation not permitted" in said


def test_everyone_may_ping_and_take_low_ports(engine: dict[str, Any]) -> None:
    assert engine["by_name"]["sysctls"]["output"] == ["0\t65535", "0", "1"]


def test_strict_writes_only_scratch(engine: dict[str, Any]) -> None:
    assert "/x: Read-only file system" in output(engine, "strict")
    assert "scratch" in output(engine, "strict")


def test_privileged_is_all_that_the_engine_has(engine: dict[str, Any]) -> None:
    own = dict(line.split(":\t") for line in Path("/proc/self/status").read_text().splitlines() if "Cap" in line)
    seen = status(engine, "privileged")
    assert (seen["CapEff"], seen["Seccomp"]) == (own["CapBnd"], "0")
    assert "mounted" in output(engine, "privileged")


def test_the_hosts_network_shows_the_hosts_links(engine: dict[str, Any]) -> None:
    assert set(engine["by_name"]["host network"]["output"]) >= {"lo"}
    assert engine["by_name"]["host network"]["uid_base"] is None


def test_tmpfs_and_shared_memory_have_their_sizes(engine: dict[str, Any]) -> None:
    run, shm = engine["by_name"]["tmpfs"]["output"]
    assert "size=1024k" in run
    assert "noexec" not in run
    assert "size=1024k" in shm


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("no name", 127, 'exec: "nosuch": executable file not found in $PATH'),
        ("no path", 127, 'exec: "/bin/nosuch": stat /bin/nosuch: no such file or directory'),
        ("no program", 126, "ermission denied"),
        ("directory", 126, '"/etc"'),
    ],
)
def test_a_program_that_cannot_run_is_dockers_error(engine: dict[str, Any], name: str, code: int, words: str) -> None:
    run = engine["by_name"][name]
    assert run["exit_code"] == code
    assert words in run["error"]


def test_a_paused_container_runs_on_and_takes_its_signal(engine: dict[str, Any]) -> None:
    run = engine["by_name"]["paused"]
    assert run["states"] == ["paused", "running"]
    assert run["exit"] == 3


def test_nothing_is_left(engine: dict[str, Any]) -> None:
    config: EngineConfig = engine["config"]
    assert engine["left"] == []
    assert [str(path) for path in Path("/sys/fs/cgroup").glob(f"**/{config.cgroup_parent}")] == []
    assert str(config.run_root) not in Path("/proc/self/mountinfo").read_text()
    assert _processes_that_mention(str(config.run_root)) == []


def _processes_that_mention(text: str) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if text in words and "pytest" not in words:
            found.append(words)
    return found

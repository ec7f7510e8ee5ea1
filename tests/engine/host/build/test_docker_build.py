"""``docker build`` with the classic builder, through the command line, on a real engine."""

import base64
import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.engine.conftest import RunningEngine, wait_until

pytestmark = pytest.mark.host


def project(directory: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return directory


def docker_build(
    engine: RunningEngine, directory: Path, *arguments: str, check: bool = True
) -> "subprocess.CompletedProcess[bytes]":
    done = subprocess.run(
        ["/usr/local/bin/docker", "build", *arguments, str(directory)],
        env={**engine.environment, "DOCKER_BUILDKIT": "0"},
        capture_output=True,
        timeout=60,
    )
    assert not check or done.returncode == 0, f"{done.stdout!r} {done.stderr!r}\n{engine.log}"
    return done


def test_what_is_built_runs(engine: RunningEngine, image: str, tmp_path: Path) -> None:
    files = {
        "Dockerfile": f"ARG V\nFROM {image}\nARG V\nCOPY . /app\nWORKDIR /app\nRUN echo made-$V > made\n"
        'ENV GREET=hello\nCMD ["sh", "-c", "echo $GREET; cat made; find . | sort"]\n',
        "f": "1",
        "d/g": "2",
        "secret": "3",
        ".dockerignore": "secret\n*ockerfile\n.dockerignore\n",
    }
    docker_build(engine, project(tmp_path, files), "-t", "built", "-t", "built:2", "--build-arg", "V=7")
    assert engine.out("run", "--rm", "built:2").split() == ["hello", "made-7", ".", "./d", "./d/g", "./f", "./made"]


def test_the_id_is_written_and_stays_the_same(engine: RunningEngine, image: str, tmp_path: Path) -> None:
    directory = project(tmp_path / "p", {"Dockerfile": f"FROM {image}\nRUN date > /d\n"})
    ids = []
    for number in range(2):
        docker_build(engine, directory, "--iidfile", str(tmp_path / f"{number}"))
        ids.append((tmp_path / f"{number}").read_text())
    assert ids[0] == ids[1]
    assert docker_build(engine, directory, "-q").stdout.decode().strip() == ids[0]
    assert engine.out("image", "inspect", "--format", "{{.Id}}", ids[0]) == ids[0]


def test_a_failing_step_is_the_exit_code(engine: RunningEngine, image: str, tmp_path: Path) -> None:
    directory = project(tmp_path, {"Dockerfile": f"FROM {image}\nRUN exit 3\n"})
    done = docker_build(engine, directory, "-t", "never", check=False)
    assert done.returncode == 3
    assert b"The command '/bin/sh -c exit 3' returned a non-zero code: 3" in done.stderr
    assert engine.out("images", "-q", "never") == ""


@pytest.mark.parametrize(
    ("dockerfile", "arguments", "message"),
    [
        ("FROM x\nFOO\n", (), b"dockerfile parse error line 2: unknown instruction: FOO"),
        ("FROM x\n", ("--target", "nope"), b"failed to reach build target nope in Dockerfile"),
    ],
)
def test_a_bad_request_is_an_error_of_the_daemon(
    dockerfile: str, arguments: tuple[str, ...], message: bytes, engine: RunningEngine, tmp_path: Path
) -> None:
    done = docker_build(engine, project(tmp_path, {"Dockerfile": dockerfile}), *arguments, check=False)
    assert done.returncode != 0
    assert message in done.stderr


def test_a_client_that_goes_away_leaves_nothing(engine: RunningEngine, image: str, tmp_path: Path) -> None:
    directory = project(tmp_path, {"Dockerfile": f"FROM {image}\nRUN echo started; sleep 300\n"})
    before = engine.out("images", "-aq")
    with subprocess.Popen(
        ["/usr/local/bin/docker", "build", str(directory)],
        env={**engine.environment, "DOCKER_BUILDKIT": "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as client:
        assert client.stdout is not None
        while client.stdout.readline() != b"started\n":
            pass
        assert engine.leftovers() != []
        client.kill()
    wait_until(lambda: engine.leftovers() == [], what="the step is gone")
    assert engine.out("images", "-aq") == before
    assert engine.out("ps", "-aq") == ""


def test_what_a_cache_mount_keeps_survives_a_restart_and_can_be_pruned(
    engine: RunningEngine, image: str, tmp_path: Path
) -> None:
    text = f"FROM {image}\nARG N\nRUN --mount=type=cache,target=/c echo $N >> /c/f; cat /c/f\n"
    directory = project(tmp_path, {"Dockerfile": text})
    docker_build(engine, directory, "--build-arg", "N=1")
    engine.stop()
    engine.start()
    assert b"\n1\n2\n" in docker_build(engine, directory, "--build-arg", "N=2").stdout
    assert "Build Cache" in engine.out("system", "df")
    listed = json.loads(engine.out("system", "df", "-v", "--format", "{{json .BuildCache}}"))
    assert [(one["CacheType"], one["UsageCount"], one["InUse"]) for one in listed] == [
        ("exec.cachemount", "2", "false")
    ]
    pruned = engine.out("builder", "prune", "-f")
    assert "Total reclaimed space: 4B" in pruned
    assert list((engine.data_root / "build-cache").iterdir()) == []
    assert b"\n1\n" not in docker_build(engine, directory, "--build-arg", "N=3").stdout


def test_a_label_spares_cache_mounts_which_have_none(engine: RunningEngine, image: str, tmp_path: Path) -> None:
    text = f"FROM {image}\nRUN --mount=type=cache,target=/c echo kept > /c/file\n"
    docker_build(engine, project(tmp_path, {"Dockerfile": text}))
    engine.docker("system", "prune", "-f", "--filter", "label=x")
    assert engine.out("system", "df", "--format", "{{.Type}} {{.TotalCount}}").splitlines()[-1] == "Build Cache 1"


def test_a_secret_is_sent_in_a_header(engine: RunningEngine, image: str, tmp_path: Path) -> None:
    text = f"FROM {image}\nRUN --mount=type=secret,id=token,required wc -c < /run/secrets/token\n"
    directory = project(tmp_path, {"Dockerfile": text})
    refused = docker_build(engine, directory, check=False)
    assert b"secret token: not found" in refused.stderr
    header = base64.b64encode(json.dumps({"token": base64.b64encode(b"hush-hush").decode()}).encode()).decode()
    settings = engine.root / "docker" / "config.json"
    settings.parent.mkdir(exist_ok=True)
    settings.write_text(json.dumps({"HttpHeaders": {"X-Build-Secrets": header}}))
    assert b"\n9\n" in docker_build(engine, directory, "-t", "with-secret").stdout
    assert "hush" not in engine.out("history", "--no-trunc", "with-secret") + engine.out("inspect", "with-secret")
    assert "hush" not in engine.log


def test_limits_and_hosts_of_a_build_reach_its_steps(engine: RunningEngine, image: str, tmp_path: Path) -> None:
    steps = "RUN ulimit -n; grep made /etc/hosts; grep second /etc/hosts; df -k /dev/shm | tail -1\n"
    limits = ("--ulimit", "nofile=77:78", "--shm-size", "1m", "--memory", "50m")
    hosts = ("--add-host", "made:10.9.8.7", "--add-host", "second:10.9.8.6")
    directory = project(tmp_path, {"Dockerfile": f"FROM {image}\n{steps}"})
    done = docker_build(engine, directory, *limits, *hosts).stdout.decode()
    assert "\n77\n10.9.8.7\tmade\n10.9.8.6\tsecond\nshm                       1024 " in done


def test_a_build_that_cannot_be_is_refused_before_it_begins(engine: RunningEngine, image: str, tmp_path: Path) -> None:
    directory = project(tmp_path / "c", {"Dockerfile": f"FROM {image}\nRUN echo never\n"})
    for arguments, message in (
        (("--memory", "1m"), b"Minimum memory limit allowed is 6MB"),
        (("--cpuset-cpus", "4000"), b"Requested CPUs are not available"),
        (("--security-opt", "x=y"), b"securityopt is not supported"),
    ):
        done = docker_build(engine, directory, *arguments, check=False)
        assert done.returncode != 0
        assert message in done.stderr
        assert b"Step" not in done.stdout

"""Attempts to get out of a container, made from inside by a probe that does no damage; none may succeed.

The probe also runs on the host itself, as the control: there the same questions must get the other answer.
"""

import errno
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from engine.host.capabilities import bounding_set
from tests.engine.conftest import REPOSITORY, RunningEngine
from tests.engine.host.isolation.attempts import ABSENT, ATTEMPTS, TITLES, Attempt
from tests.engine.host.isolation.conftest import PROBE_IMAGE

pytestmark = pytest.mark.host

PROFILES = ("default", "strict")
Answers = dict[str, int]


def answers(output: bytes) -> Answers:
    """Attempt → errno, 0 when allowed."""
    rows = (line.rpartition("\t") for line in output.decode().splitlines())
    return {name: int(number) for name, _, number in rows}


def words(engine: RunningEngine) -> tuple[str, str]:
    """What the probe looks for on the host: the engine's process and its socket."""
    assert engine.process is not None
    return str(engine.process.pid), str(engine.socket)


@pytest.fixture(scope="module")
def control(probe: Path, tmp_path_factory: pytest.TempPathFactory) -> Answers:
    """On the host, as root, in a mount namespace per attempt; with a descriptor that leaked, and a chroot to leave."""
    leak, other = os.pipe()
    words = [str(probe), str(os.getpid()), str(probe), "apart"]
    done = subprocess.run(words, stdout=subprocess.PIPE, check=True, pass_fds=[leak])
    os.close(leak)
    os.close(other)
    root = tmp_path_factory.mktemp("chroot")
    (root / "tmp").mkdir()
    shutil.copy(probe, root / "probe")
    left = subprocess.run(["chroot", str(root), "/probe", "chroot: leave"], stdout=subprocess.PIPE, check=True)
    return answers(done.stdout) | {"chroot: leave": int(left.stdout)}


@pytest.fixture(scope="module", params=PROFILES)
def inside(isolated: RunningEngine, request: pytest.FixtureRequest) -> Answers:
    """As the root of a container of the profile."""
    profile = ["--security-opt", f"profile={request.param}"]
    done = isolated.docker("run", "--rm", *profile, PROBE_IMAGE, "/bin/probe", *words(isolated))
    return answers(done.stdout) | {"profile": PROFILES.index(request.param)}


@pytest.fixture(scope="module")
def by_exec(isolated: RunningEngine) -> Answers:
    """As a privileged exec in a container of the default profile."""
    isolated.docker("run", "-d", "--name", "execs", PROBE_IMAGE, "/bin/sleep", "300")
    try:
        done = isolated.docker("exec", "--privileged", "execs", "/bin/probe", *words(isolated))
    finally:
        isolated.docker("rm", "-f", "execs")
    return answers(done.stdout)


def of(number: int) -> list[Attempt]:
    return [attempt for attempt in ATTEMPTS if attempt.number == number]


def wanted(attempt: Attempt, answer: int, control: Answers, *, strict: bool) -> bool:
    if attempt.strict_only and not strict:
        return answer == 0
    is_absent = attempt.may_lack and control[attempt.name] != 0
    return answer in attempt.refused or (is_absent and answer in ABSENT)


def named(numbers: Answers, attempts: list[Attempt]) -> dict[str, str]:
    return {one.name: errno.errorcode.get(numbers[one.name], "allowed") for one in attempts}


@pytest.mark.parametrize("number", list(TITLES), ids=list(TITLES.values()))
def test_no_attempt_succeeds(inside: Answers, control: Answers, number: int) -> None:
    strict = PROFILES[inside["profile"]] == "strict"
    succeeded = [one for one in of(number) if not wanted(one, inside[one.name], control, strict=strict)]
    assert named(inside, succeeded) == {}


@pytest.mark.parametrize("number", list(TITLES), ids=list(TITLES.values()))
def test_the_same_attempt_succeeds_where_nothing_stops_it(control: Answers, number: int) -> None:
    lacked = {one for one in of(number) if one.may_lack and control[one.name] in ABSENT}
    # this machine may itself be kept from its disks
    lacked |= {one for one in of(number) if one.name == "device: disk" and control[one.name] == errno.EPERM}
    unable = {one for one in of(number) if one.needs and one.needs not in bounding_set()}
    refused = [one for one in of(number) if control[one.name] != 0 and one not in lacked | unable]
    assert named(control, refused) == {}


def test_every_attempt_of_the_probe_is_in_the_table(control: Answers) -> None:
    assert set(control) == {one.name for one in ATTEMPTS}
    assert {one.number for one in ATTEMPTS} == set(TITLES)


def test_a_privileged_exec_stays_behind_the_containers_filter(by_exec: Answers, control: Answers) -> None:
    behind = [one for number in (7, 8, 9, 10, 13, 14, 15, 16, 17) for one in of(number)]
    succeeded = [one for one in behind if not wanted(one, by_exec[one.name], control, strict=False)]
    assert named(by_exec, succeeded) == {}
    assert by_exec["link: flags"] == 0  # it does have the capabilities, over what is the container's own


def test_the_documentation_says_how_many_are_left_open() -> None:
    text = (REPOSITORY / "docs" / "security.md").read_text()
    found = re.search(r"\| ours, `default` \| (\d+) of (\d+) \|", text)
    assert found
    assert (int(found[1]), int(found[2])) == (sum(one.strict_only for one in ATTEMPTS), len(ATTEMPTS))
    for number, title in TITLES.items():
        if number <= 30:
            assert f"| {number} | {title} |" in text

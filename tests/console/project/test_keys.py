"""Keys are made once, and are for their owner alone."""

import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from console.project.environment import Environment
from console.project.keys import ensure_secret_key, hand_out_host_key
from tests.console.project.conftest import ROOT

AT_ONCE = 4
MAKE_KEYS = """
import sys
from pathlib import Path
from console.project.keys import ensure_secret_key
print("ready", flush=True)
sys.stdin.readline()
for number in range(200):
    print(ensure_secret_key(Path(sys.argv[1]) / str(number)))
"""


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return tmp_path / "data" / "secret.key"


def test_a_key_is_made_for_its_owner_alone(key: Path) -> None:
    made = ensure_secret_key(key)
    assert len(made) >= 50
    assert key.read_text() == made
    assert (mode(key), mode(key.parent)) == (0o600, 0o700)
    assert list(key.parent.iterdir()) == [key]


def test_a_key_is_kept(key: Path) -> None:
    assert ensure_secret_key(key) == ensure_secret_key(key)


def test_two_instances_have_different_keys(tmp_path: Path) -> None:
    assert ensure_secret_key(tmp_path / "a") != ensure_secret_key(tmp_path / "b")


def test_an_empty_key_is_no_key(key: Path) -> None:
    key.parent.mkdir()
    key.touch()
    with pytest.raises(ImproperlyConfigured, match="is empty"):
        ensure_secret_key(key)


def test_processes_that_begin_at_once_get_the_same_key(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", MAKE_KEYS, str(tmp_path)]
    makers = [
        subprocess.Popen(argv, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(AT_ONCE)
    ]
    for maker in makers:
        assert maker.stdout
        maker.stdout.readline()
    for maker in makers:
        assert maker.stdin
        maker.stdin.write("\n")
        maker.stdin.flush()
    got = [maker.communicate(timeout=60)[0].split() for maker in makers]
    assert len(got[0]) == 200
    assert all(keys == got[0] for keys in got)


def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, host_name: str) -> Environment:
    monkeypatch.delenv("NARU_HOST_KEY_FILE", raising=False)
    monkeypatch.setenv("NARU_RUN", str(tmp_path / host_name))
    monkeypatch.setenv("NARU_HOST_NAME", host_name)
    return Environment.read()


def host_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, host_name: str, secret: str = "secret") -> str:
    found = environment(monkeypatch, tmp_path, host_name)
    hand_out_host_key(found, secret)
    return found.host_key_path.read_text()


def test_a_host_key_is_derived_from_the_secret_and_the_host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    one = host_key(monkeypatch, tmp_path, "b1")
    assert one == host_key(monkeypatch, tmp_path, "b1")
    assert one != host_key(monkeypatch, tmp_path, "b2")
    assert one != host_key(monkeypatch, tmp_path, "b1", secret="other")
    assert "secret" not in one


def test_a_host_key_is_for_its_owner_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = environment(monkeypatch, tmp_path, "b1")
    found.host_key_path.parent.mkdir()
    found.host_key_path.write_text("old")
    found.host_key_path.chmod(0o644)
    hand_out_host_key(found, "secret")
    assert mode(found.host_key_path) == 0o600
    assert list(found.host_key_path.parent.iterdir()) == [found.host_key_path]

"""What bad input must leave alone: an engine's objects, files, cgroups, memory and time."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.engine.conftest import IMAGE, RunningEngine
from tests.engine.host.api.raw_http import Answer, exchange, request

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
LONGEST_CPU_S = 1.0
MOST_EXTRA_KIB = 50 << 10


@dataclass
class Cost:
    """Of one request, in the engine's own processor time: what the rest of the machine does is not in it."""

    cpu_s: float


class WatchedEngine:
    """An engine with one running container, ``target``, and one exec in it that was never started."""

    def __init__(self, engine: RunningEngine) -> None:
        self.engine = engine
        self.target = ""
        self.exec_id = ""
        self._cgroups = next(iter(engine_cgroups(engine)), None)

    def send(self, data: bytes, *, method: str = "POST", has_ended: bool = False) -> tuple[Answer | None, Cost]:
        began = self._cpu_s()
        answer = exchange(self.engine.socket, data, method=method, has_ended=has_ended)
        return answer, Cost(self._cpu_s() - began)

    def ask(self, method: str, path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        answer = exchange(self.engine.socket, request(method, path, data), method=method, whole=True)
        assert answer is not None
        return json.loads(answer.body)

    def renew(self) -> None:
        """The target and its exec are there, whatever the request before did to them."""
        if not self._is_whole():
            self.engine.docker("rm", "-f", "target", check=False)
            self.target = self.engine.out(
                "run", "-d", "--name", "target", "--stop-signal", "KILL", IMAGE, "sleep", "3600"
            )
            self.exec_id = self.ask("POST", "/containers/target/exec", {"Cmd": ["true"]})["Id"]

    def _is_whole(self) -> bool:
        if not self.target:
            return False
        try:
            state = self.ask("GET", "/containers/target/json")
            return bool(
                state["State"]["Status"] == "running"
                and state["Id"] == self.target
                and self.ask("GET", f"/exec/{self.exec_id}/json")["ExitCode"] is None
            )
        except KeyError:
            return False

    def things(self) -> dict[str, object]:
        """Objects by the API, and what lies on disk of them."""
        root, run = self.engine.data_root, self.engine.run_root
        return {
            "containers": sorted(one["Id"] for one in self.ask("GET", "/containers/json?all=1")),
            "images": sorted((one["Id"], *one["RepoTags"]) for one in self.ask("GET", "/images/json?all=1")),
            "networks": sorted(one["Id"] for one in self.ask("GET", "/networks")),
            "execs": self.ask("GET", "/containers/target/json")["ExecIDs"],
            "container dirs": _names(root / "containers"),
            "layers": _names(root / "layers"),
            "blobs": _names(root / "blobs" / "sha256"),
            "spooled": _names(root / "tmp"),
            "bundles": _names(run / "containers"),
            "cgroups": _names(self._cgroups) if self._cgroups else [],
        }

    def memory_kib(self) -> int:
        return self._status("VmRSS")

    def peak_kib(self) -> int:
        return self._status("VmHWM")

    def forget_peak(self) -> None:
        (self._proc / "clear_refs").write_text("5")  # proc(5): resets VmHWM

    def _status(self, key: str) -> int:
        lines = (self._proc / "status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith(key)).split()[1])

    def _cpu_s(self) -> float:
        fields = (self._proc / "stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S

    @property
    def _proc(self) -> Path:
        assert self.engine.process is not None
        return Path(f"/proc/{self.engine.process.pid}")


def _names(path: Path) -> list[str]:
    return sorted(each.name for each in path.iterdir()) if path.is_dir() else []


def engine_cgroups(engine: RunningEngine) -> list[Path]:
    """Of one hierarchy each, the directory that holds the engine's containers."""
    return [path for path in Path("/sys/fs/cgroup").glob(f"*/{engine.cgroup_parent}") if path.is_dir()]

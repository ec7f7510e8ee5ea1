"""Control groups: where a container's are, what they tell, and their removal. Limits are set by the runtime.

Two layouts (cgroups(7)): *unified* (v2), one tree at /sys/fs/cgroup; *legacy* (v1), one tree per controller below
/sys/fs/cgroup. A hybrid host is legacy here: the engine's mount namespace hides its v2 part. All of an engine's
containers are below one group, its parent, at the root of each tree. Every method blocks.
"""

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from engine.model.errors import Unavailable

_ROOT = Path("/sys/fs/cgroup")
_REMOVE_TRIES = 50
_REMOVE_PAUSE_S = 0.01
_KILL_TIMEOUT_S = 5.0
_REALTIME_PERIOD_US = 1_000_000
_WARM_FOR_S = 0.03  # of the 50 ms, less what passes until the use
# extended attribute of groups that were made to hold a container's (kernfs keeps trusted ones)
_MARK = "trusted.naru"


class Cgroups:
    """The control groups of one engine. ``parent`` is a single name, unique on the host."""

    def __init__(self, parent: str, *, root: Path = _ROOT) -> None:
        self._parent = parent
        self._root = root
        self._prewarmed_at = 0.0
        self.unified = (root / "cgroup.controllers").exists()
        self._trees = {"": root} if self.unified else {tree.name: tree for tree in _legacy_trees(root)}
        if not self._trees:
            raise Unavailable(f"no control groups are mounted at {root}")
        self._elsewhere: dict[str, str] = {}

    def place(self, container_id: str, parent: str) -> None:
        """Have a container's group below another one: from the root of each tree if absolute, else below ours.

        Until ``remove``. Groups are made as needed and marked as ours (``_MARK``), to be removed with the last
        container in them.
        """
        path = parent.strip("/") if parent.startswith("/") else f"{self._parent}/{parent.strip('/')}"
        self._elsewhere[container_id] = path
        for tree in self._trees.values():
            group = tree
            for name in path.split("/"):
                group /= name
                self._make_marked(group)

    def path(self, container_id: str) -> str:
        """As the OCI configuration wants it: from the root of each tree."""
        return f"/{self._elsewhere.get(container_id, self._parent)}/{container_id}"

    def directory(self, container_id: str, controller: str) -> Path:
        """Where ``controller``'s files of a container are; need not exist. Raises Unavailable for an absent one."""
        tree = self._trees.get("" if self.unified else controller)
        if tree is None:
            raise Unavailable(f"the {controller} cgroup controller is not mounted")
        return tree / self._elsewhere.get(container_id, self._parent) / container_id

    def parent_directory(self, controller: str) -> Path | None:
        """Where ``controller``'s files of all containers together are; None when it is not mounted."""
        tree = self._trees.get("" if self.unified else controller)
        return None if tree is None else tree / self._parent

    def prepare(self) -> None:
        """Make the parent everywhere and, on v2, hand its children all controllers. Safe to repeat."""
        for tree in self._trees.values():
            (tree / self._parent).mkdir(exist_ok=True)
        cpuset = self._trees.get("cpuset")
        if cpuset is not None:  # a new v1 group may use no cpu at all (cpuset(7), "cpuset.cpus")
            _inherit_cpus(cpuset / self._parent)
        if self.unified:
            for group in (self._root, self._root / self._parent):
                _enable_controllers(group)

    def _make_marked(self, group: Path) -> None:
        try:
            group.mkdir()
        except FileExistsError:
            return
        os.setxattr(group, _MARK, self._parent.encode())
        if group.is_relative_to(self._trees.get("cpuset", Path("/"))):
            _inherit_cpus(group)
        if self.unified:
            _enable_controllers(group)

    def cools_down(self) -> bool:
        """Whether it is time for ``prewarm``, which the caller then calls: many who start something share one."""
        now = time.monotonic()
        is_cold = now - self._prewarmed_at > _WARM_FOR_S
        if is_cold:
            self._prewarmed_at = now
        return is_cold

    def prewarm(self) -> None:
        """Make the kernel's next moves of processes fast (10 ms less after 50 ms of idleness on v1; cgroups' rwsem).

        Moves this process to where it is already.
        """
        tree = self._trees.get("pids") or self._trees.get("")
        if tree is None:
            return
        with contextlib.suppress(OSError):
            own = _own_groups().get("" if self.unified else "pids", "/")
            (tree / own.lstrip("/") / "cgroup.procs").write_text(str(os.getpid()))

    def has_swap_limit(self) -> bool:
        """Whether the kernel accounts swap; if not, a runtime that is told a swap limit fails."""
        if self.unified:
            return any(self._root.glob("*/memory.swap.max"))
        return (self._trees.get("memory", self._root) / "memory.memsw.limit_in_bytes").exists()

    def lift(self, container_id: str, *, cpu_quota: bool, pids: bool, oom_kill_disable: bool) -> None:
        """Take these limits back from a running container. Raises Unavailable when the kernel refuses."""
        quota = ("cpu.max", "max") if self.unified else ("cpu.cfs_quota_us", "-1")
        lifts = (
            (cpu_quota, "cpu", quota),
            (pids, "pids", ("pids.max", "max")),
            (oom_kill_disable, "memory", ("memory.oom_control", "0")),
        )
        for is_lifted, controller, (name, value) in lifts:
            if is_lifted:
                _write(self.directory(container_id, controller) / name, value)

    def allow_realtime(self, *, runtime_us: int, period_us: int) -> None:
        """Let one more container have so much real-time scheduling: its parent must have what its children sum up to
        (sched-rt-group.rst). Raises Unavailable when the host has no more to give."""
        parent = self.parent_directory("cpu")
        if parent is None:
            raise Unavailable("the cpu cgroup controller is not mounted")
        shares = [_realtime_share(group) for group in parent.iterdir() if group.is_dir()]
        wanted_us = int((sum(shares) + runtime_us / (period_us or _REALTIME_PERIOD_US)) * _REALTIME_PERIOD_US) + 1
        if wanted_us / _REALTIME_PERIOD_US > _realtime_share(parent):
            _write(parent / "cpu.rt_period_us", str(_REALTIME_PERIOD_US))
            _write(parent / "cpu.rt_runtime_us", str(wanted_us))

    def oom_kills(self, container_id: str) -> int:
        """How often the kernel killed in the container for want of memory; 0 when its group is gone."""
        name = "memory.events" if self.unified else "memory.oom_control"
        try:
            lines = (self.directory(container_id, "memory") / name).read_text().splitlines()
        except (OSError, Unavailable):
            return 0
        return sum(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))

    def pids(self, container_id: str) -> list[int]:
        """Every process of the container, in groups that it made itself too; [] when its group is gone."""
        found: set[int] = set()
        controller = "pids" if "pids" in self._trees else next(iter(self._trees))
        for group in _groups_below(self.directory(container_id, controller)):
            with contextlib.suppress(OSError):
                found.update(int(line) for line in (group / "cgroup.procs").read_text().split())
        return sorted(found)

    def is_deserted(self, container_id: str) -> bool:
        """Its group is there, and nobody in it."""
        controller = "pids" if "pids" in self._trees else next(iter(self._trees))
        return self.directory(container_id, controller).is_dir() and not self.pids(container_id)

    def kill_all(self, container_id: str) -> None:
        """SIGKILL until no process is left. Raises Unavailable if some survive 5 s (in uninterruptible sleep)."""
        deadline = time.monotonic() + _KILL_TIMEOUT_S
        while pids := self.pids(container_id):
            if self.unified:
                with contextlib.suppress(OSError):  # 5.14
                    (self.directory(container_id, "") / "cgroup.kill").write_text("1")
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if time.monotonic() > deadline:
                raise Unavailable(f"processes {pids} of container {container_id[:12]} do not die")
            time.sleep(_REMOVE_PAUSE_S)

    def remove(self, container_id: str) -> None:
        """Remove the container's groups everywhere. Safe to repeat. Raises Unavailable while processes are in them."""
        parent = self._elsewhere.get(container_id)
        for tree in self._trees.values():
            for group in _groups_below(tree / (parent or self._parent) / container_id):
                _remove_group(group)
            if parent:
                _remove_marked(tree, tree / parent)
        self._elsewhere.pop(container_id, None)

    def remove_parent(self) -> None:
        """Remove the engine's own groups, when it owns no container any more. Safe to repeat."""
        for tree in self._trees.values():
            with contextlib.suppress(FileNotFoundError):
                (tree / self._parent).rmdir()


def _remove_marked(tree: Path, group: Path) -> None:
    """Upwards, as far as groups are ours and empty."""
    with contextlib.suppress(OSError):
        while group != tree and os.getxattr(group, _MARK):
            group.rmdir()
            group = group.parent


def _legacy_trees(root: Path) -> Iterator[Path]:
    """One per mounted tree; comounted controllers (cpu,cpuacct) are also reachable by links of their own names."""
    for entry in sorted(root.iterdir()) if root.is_dir() else ():
        if (entry / "cgroup.procs").exists() and not (entry / "cgroup.controllers").exists():
            yield entry


def _enable_controllers(group: Path) -> None:
    for controller in (group / "cgroup.controllers").read_text().split():
        with contextlib.suppress(OSError):  # one by one: cpu is refused while real-time processes are about
            (group / "cgroup.subtree_control").write_text(f"+{controller}")


def _write(path: Path, value: str) -> None:
    try:
        path.write_text(value)
    except OSError as error:
        raise Unavailable(f"cannot write {value} to {path.name}: {error.strerror}") from error


def _realtime_share(group: Path) -> float:
    try:
        runtime_us = int((group / "cpu.rt_runtime_us").read_text())
        return max(runtime_us, 0) / int((group / "cpu.rt_period_us").read_text())
    except FileNotFoundError:  # removed meanwhile
        return 0.0


def _inherit_cpus(group: Path) -> None:
    for name in ("cpuset.cpus", "cpuset.mems"):
        with contextlib.suppress(OSError):
            (group / name).write_text((group.parent / name).read_text())


def _own_groups() -> dict[str, str]:
    """Controller → path, "" for v2 (cgroups(7), /proc/PID/cgroup: id:controllers:path)."""
    groups = {}
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        groups.update(dict.fromkeys(controllers.split(","), path))
    return groups


def _groups_below(group: Path) -> list[Path]:
    """``group`` and its descendants, deepest first."""
    return [Path(path) for path, _, _ in os.walk(group, topdown=False)]


def _remove_group(group: Path) -> None:
    """A group stays busy for a moment after its last process was reaped."""
    for _ in range(_REMOVE_TRIES):
        try:
            group.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(_REMOVE_PAUSE_S)
        else:
            return
    raise Unavailable(f"cgroup {group} is still in use")

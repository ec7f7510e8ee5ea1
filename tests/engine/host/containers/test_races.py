"""Many clients at once, at the wrong moments: every answer is one Docker gives, and the engine agrees with itself."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from tests.engine.conftest import IMAGE, RunningEngine, running_engine, wait_until
from tests.engine.host.api.raw_http import Answer, exchange, request

pytestmark = pytest.mark.host

_SLEEPS = {"Image": IMAGE, "Cmd": ["sleep", "600"], "StopSignal": "KILL", "HostConfig": {"NetworkMode": "none"}}
_ENDS = {**_SLEEPS, "Cmd": ["true"]}


@pytest.fixture(scope="module")
def shared(busybox_tar: bytes) -> Iterator[RunningEngine]:
    with running_engine() as engine:
        engine.docker("import", "-", IMAGE, input=busybox_tar)
        yield engine
        wait_until(lambda: not engine.leftovers(), what="nothing of any container is left")


def ask(engine: RunningEngine, method: str, path: str, body: object = None) -> Answer:
    data = None if body is None else json.dumps(body).encode()
    answer = exchange(engine.socket, request(method, path, data), method=method, whole=True)
    assert answer is not None
    return answer


def at_once(*calls: Callable[[], Answer]) -> list[Answer]:
    """All of them begin together."""
    gate = threading.Barrier(len(calls))

    def call(one: Callable[[], Answer]) -> Answer:
        gate.wait(10)
        return one()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(call, calls))


def statuses(answers: list[Answer]) -> Counter[int]:
    return Counter(answer.status for answer in answers)


def remove(engine: RunningEngine, name: str) -> None:
    assert ask(engine, "DELETE", f"/containers/{name}?force=1").status in (204, 404)


def test_of_fifty_creates_with_one_name_one_succeeds(shared: RunningEngine) -> None:
    answers = at_once(*[lambda: ask(shared, "POST", "/containers/create?name=one", _SLEEPS)] * 50)
    assert statuses(answers) == {201: 1, 409: 49}
    assert len(json.loads(ask(shared, "GET", "/containers/json?all=1").body)) == 1
    remove(shared, "one")


@pytest.mark.parametrize(
    ("verb", "is_running", "expected"),
    [
        ("start", False, {204: 1, 304: 9}),
        ("stop", True, None),  # as many as came before it was down answer 204
        ("kill", True, None),
        ("pause", True, {204: 1, 409: 9}),
    ],
)
def test_the_same_from_ten_clients(
    shared: RunningEngine, verb: str, is_running: bool, expected: dict[int, int] | None
) -> None:
    ask(shared, "POST", "/containers/create?name=ten", _SLEEPS)
    if is_running:
        assert ask(shared, "POST", "/containers/ten/start").status == 204
    found = statuses(at_once(*[lambda: ask(shared, "POST", f"/containers/ten/{verb}")] * 10))
    if expected is not None:
        assert found == expected
    assert set(found) <= {204, 304, 409}
    assert found[204] >= 1
    remove(shared, "ten")


def test_of_ten_removes_one_succeeds(shared: RunningEngine) -> None:
    ask(shared, "POST", "/containers/create?name=ten", _SLEEPS)
    ask(shared, "POST", "/containers/ten/start")
    found = statuses(at_once(*[lambda: ask(shared, "DELETE", "/containers/ten?force=1")] * 10))
    assert found[204] >= 1
    assert set(found) <= {204, 404, 409}
    assert ask(shared, "GET", "/containers/ten/json").status == 404


@pytest.mark.parametrize("delay_s", [0, 0.01, 0.03, 0.06, 0.1])
def test_removing_what_ends_by_itself_leaves_nothing(shared: RunningEngine, delay_s: float) -> None:
    ask(shared, "POST", "/containers/create?name=brief", {**_ENDS, "Cmd": ["sleep", "0.05"]})
    assert ask(shared, "POST", "/containers/brief/start").status == 204
    time.sleep(delay_s)
    assert ask(shared, "DELETE", "/containers/brief?force=1").status == 204
    assert ask(shared, "GET", "/containers/brief/json").status == 404


@pytest.mark.parametrize("delay_s", [0, 0.01, 0.03, 0.06])
@pytest.mark.parametrize("auto_remove", [False, True])
def test_a_remove_during_a_start_wins_or_waits(shared: RunningEngine, delay_s: float, auto_remove: bool) -> None:
    body = {**_SLEEPS, "HostConfig": {"NetworkMode": "none", "AutoRemove": auto_remove}}
    ask(shared, "POST", "/containers/create?name=raced", body)

    def late() -> Answer:
        time.sleep(delay_s)
        return ask(shared, "DELETE", "/containers/raced?force=1")

    started, removed = at_once(lambda: ask(shared, "POST", "/containers/raced/start"), late)
    assert started.status in (204, 404, 409)
    assert removed.status == 204
    assert ask(shared, "GET", "/containers/raced/json").status == 404


@pytest.mark.parametrize("delay_s", [0, 0.01, 0.05])
def test_an_exec_during_a_stop_is_answered(shared: RunningEngine, delay_s: float) -> None:
    ask(shared, "POST", "/containers/create?name=busy", _SLEEPS)
    ask(shared, "POST", "/containers/busy/start")
    made = json.loads(ask(shared, "POST", "/containers/busy/exec", {"Cmd": ["sleep", "9"]}).body)["Id"]

    def late() -> Answer:
        time.sleep(delay_s)
        return ask(shared, "POST", f"/exec/{made}/start", {"Detach": True})

    stopped, begun = at_once(lambda: ask(shared, "POST", "/containers/busy/stop?t=0"), late)
    assert stopped.status == 204
    assert begun.status in (200, 400, 409), begun.body
    wait_until(lambda: not json.loads(ask(shared, "GET", f"/exec/{made}/json").body)["Running"])
    remove(shared, "busy")


def test_a_removed_container_ends_every_wait(shared: RunningEngine) -> None:
    body = {**_SLEEPS, "HostConfig": {"NetworkMode": "none", "AutoRemove": True}}
    ask(shared, "POST", "/containers/create?name=awaited", body)
    ask(shared, "POST", "/containers/awaited/start")

    def killed() -> Answer:
        time.sleep(0.2)
        return ask(shared, "POST", "/containers/awaited/kill")

    waits = [
        lambda condition=condition: ask(shared, "POST", f"/containers/awaited/wait?condition={condition}")
        for condition in ("not-running", "next-exit", "removed")
    ]
    *ends, _ = at_once(*waits, killed)
    assert [json.loads(end.body)["StatusCode"] for end in ends] == [137, 137, 137]
    assert ask(shared, "POST", "/containers/awaited/wait").status == 404


# -- a model of one container, and an engine that has to agree with it

_NAMES = ("model-a", "model-b")
_NEXT: dict[tuple[str, str], tuple[int, str]] = {
    # (state, verb): the answer, and the state afterwards
    ("created", "start"): (204, "running"),
    ("exited", "start"): (204, "running"),
    ("running", "start"): (304, "running"),
    ("paused", "start"): (409, "paused"),
    ("created", "stop"): (304, "created"),
    ("exited", "stop"): (304, "exited"),
    ("running", "stop"): (204, "exited"),
    ("paused", "stop"): (204, "exited"),
    ("created", "kill"): (409, "created"),
    ("exited", "kill"): (409, "exited"),
    ("running", "kill"): (204, "exited"),
    ("paused", "kill"): (204, "exited"),
    ("created", "pause"): (409, "created"),
    ("exited", "pause"): (409, "exited"),
    ("running", "pause"): (204, "paused"),
    ("paused", "pause"): (409, "paused"),
    ("created", "unpause"): (409, "created"),
    ("exited", "unpause"): (409, "exited"),
    ("running", "unpause"): (409, "running"),
    ("paused", "unpause"): (204, "running"),
    ("created", "restart"): (204, "running"),
    ("exited", "restart"): (204, "running"),
    ("running", "restart"): (204, "running"),
    ("paused", "restart"): (204, "running"),
}


class Lives(RuleBasedStateMachine):
    """Two names; what a request does to one leaves the other alone."""

    engine: RunningEngine

    def __init__(self) -> None:
        super().__init__()
        self.states: dict[str, str] = {}

    @rule(name=st.sampled_from(_NAMES))
    def create(self, name: str) -> None:
        status = ask(self.engine, "POST", f"/containers/create?name={name}", _SLEEPS).status
        assert status == (409 if name in self.states else 201)
        self.states.setdefault(name, "created")

    @rule(name=st.sampled_from(_NAMES), verb=st.sampled_from(sorted({verb for _, verb in _NEXT})))
    def do(self, name: str, verb: str) -> None:
        answer = ask(
            self.engine, "POST", f"/containers/{name}/{verb}" + ("?t=0" if verb in ("stop", "restart") else "")
        )
        if name not in self.states:
            assert answer.status == 404
            return
        status, self.states[name] = _NEXT[self.states[name], verb]
        assert answer.status == status, answer.body

    @rule(name=st.sampled_from(_NAMES), force=st.booleans())
    def delete(self, name: str, force: bool) -> None:
        status = ask(self.engine, "DELETE", f"/containers/{name}?force={int(force)}").status
        if name not in self.states:
            assert status == 404
        elif self.states[name] in ("running", "paused") and not force:
            assert status == 409
        else:
            assert status == 204
            del self.states[name]

    @precondition(lambda self: len(self.states) == 1)
    @rule()
    def rename(self) -> None:
        (old,) = self.states
        new = next(name for name in _NAMES if name != old)
        assert ask(self.engine, "POST", f"/containers/{old}/rename?name={new}").status == 204
        self.states[new] = self.states.pop(old)

    @precondition(lambda self: len(self.states) == 2)
    @rule()
    def rename_to_a_name_that_is_taken(self) -> None:
        assert ask(self.engine, "POST", f"/containers/{_NAMES[0]}/rename?name={_NAMES[1]}").status == 409

    @invariant()
    def the_engine_agrees(self) -> None:
        listed: list[Any] = json.loads(ask(self.engine, "GET", "/containers/json?all=1").body)
        assert {one["Names"][0][1:]: one["State"] for one in listed} == self.states
        # what removes itself at its end is off the record before its files are gone
        directory = self.engine.data_root / "containers"
        wait_until(lambda: len(list(directory.iterdir())) == len(self.states), what="files of the containers alone")

    def teardown(self) -> None:
        for name in _NAMES:
            remove(self.engine, name)


def test_lives_in_any_order_are_as_docker_has_them(shared: RunningEngine) -> None:
    class LivesHere(Lives):
        engine = shared

    run_state_machine_as_test(
        LivesHere,
        settings=settings(
            max_examples=8,
            stateful_step_count=25,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )

"""The same on the machine as it is, not in a namespace that plays its part: does its kernel setup do?"""

from contextlib import ExitStack
from pathlib import Path

import pytest

from engine.config import EngineConfig
from engine.model.ports import Port, PortBinding
from engine.store.state import State
from tests.engine.host.networks.conftest import Machine, Place, asks, make_engine, shell

pytestmark = pytest.mark.host

ONE, TWO = "1" * 64, "2" * 64


async def test_containers_reach_each_other_and_are_published_on_loopback(tmp_path: Path) -> None:
    engine = make_engine(EngineConfig(data_root=tmp_path), State(tmp_path / "state.db"))
    with ExitStack() as stack:
        stack.callback(engine.state.close)
        machine = Machine(Place(), Place(), stack)
        try:
            await engine.networks.start()
            one, two = machine.namespace(user=True), machine.namespace()
            bindings = engine.networks.reserve(ONE, (PortBinding(Port(80), "127.0.0.1"),))
            endpoint = await engine.networks.connect(ONE, pid=one.pid, bindings=bindings)
            await engine.networks.connect(TWO, pid=two.pid, bindings=())
            server = one.listen(80)
            asks(machine.host.connect("127.0.0.1", bindings[0].host_port), server)
            asks(two.connect(endpoint.ip_address, 80), server)
        finally:
            stack.callback(machine.host.close)
            await engine.networks.destroy()
    assert engine.config.bridge not in shell("ip", "-br", "link")

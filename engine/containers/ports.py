"""The ports that a container is to publish."""

from dataclasses import replace

from engine.model.container import Container
from engine.model.ports import PortBinding
from engine.model.sharing import group_of


def wanted_bindings(container: Container) -> tuple[PortBinding, ...]:
    """As asked for, and with ``--publish-all`` a free host port for each exposed port that has none.

    Those of a number are its group's, where it has one; what chance gives to one container is its alone.
    """
    spec = container.spec
    if not spec.is_bridged:
        return ()
    bindings = spec.port_bindings
    if group := group_of(spec.labels):
        bindings = tuple(replace(binding, group=group) if binding.host_port else binding for binding in bindings)
    if not spec.publish_all_ports:
        return bindings
    bound = {binding.container_port for binding in bindings}
    return (*bindings, *(PortBinding(port) for port in sorted(spec.exposed_ports - bound)))

"""The ports that a container is to publish."""

from engine.model.container import Container
from engine.model.ports import PortBinding


def wanted_bindings(container: Container) -> tuple[PortBinding, ...]:
    """As asked for, and with ``--publish-all`` a free host port for each exposed port that has none."""
    spec = container.spec
    if not spec.is_bridged:
        return ()
    if not spec.publish_all_ports:
        return spec.port_bindings
    bound = {binding.container_port for binding in spec.port_bindings}
    return (*spec.port_bindings, *(PortBinding(port) for port in sorted(spec.exposed_ports - bound)))

"""How a service's containers give way to new ones, as its ``deploy`` says. Pure."""

from console.stacks.compose.model import Project, Service
from console.stacks.compose.parts import Port, UpdateConfig

START_FIRST = "start-first"
ROLLBACK = "rollback"
CONTINUE = "continue"


def update_of(service: Service) -> UpdateConfig | None:
    """None: nothing is said, so they are replaced one after the other and nothing is waited for."""
    return service.deploy.update_config if service.deploy is not None else None


def way_back_of(service: Service) -> UpdateConfig | None:
    """How it goes back: as ``rollback_config`` says, or else as it came."""
    if service.deploy is None:
        return None
    return service.deploy.rollback_config or service.deploy.update_config


def width(config: UpdateConfig | None, count: int) -> int:
    """How many of ``count`` are replaced at the same time."""
    if config is None or config.parallelism is None:
        return 1
    return config.parallelism or max(count, 1)


def goes_back(project: Project) -> bool:
    """Whether a failed update of some service puts back what was there."""
    configs = [update_of(service) for service in project.services.values()]
    return any(config is not None and config.failure_action == ROLLBACK for config in configs)


def published(service: Service) -> list[Port]:
    return [port for port in service.ports if port.published not in ("", "0")]


def has_fixed_ports(service: Service) -> bool:
    """Ports of the host that only one container can have, unless the host shares them out."""
    return any(port.published.isdecimal() for port in published(service))


def starts_first(service: Service, *, shares_ports: bool) -> bool:
    """Two of them side by side, which fixed names, addresses and ports of the host do not allow."""
    config = update_of(service)
    if config is None or config.order != START_FIRST or service.container_name:
        return False
    has_address = any(one.ipv4_address or one.ipv6_address for one in service.networks.values())
    others = [port for port in published(service) if not (shares_ports and port.published.isdecimal())]
    return not has_address and not others


def wants_sharing(service: Service) -> bool:
    """Whether more than one container is to have the service's ports at the same time."""
    config = update_of(service)
    is_first = config is not None and config.order == START_FIRST
    return has_fixed_ports(service) and not service.container_name and (service.replicas > 1 or is_first)

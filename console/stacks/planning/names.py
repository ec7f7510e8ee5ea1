"""What things of a project are called on its host."""

from console.stacks.compose.model import Project, Service
from console.stacks.compose.parts import Port


def container_name(project: Project, name: str, service: Service, number: int) -> str:
    return service.container_name or f"{project.name}-{name}-{number}"


def first_name(project: Project, name: str) -> str:
    return container_name(project, name, project.services[name], 1)


def port_key(port: Port) -> str:
    return f"{port.target}/{port.protocol}"
